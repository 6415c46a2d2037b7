// Letters without their marks, for matching that is not exact.
#pragma once

#include <string>
#include <string_view>

namespace posthouse::message {

// Text that casemap() has folded, by characters: without marks (accents, vowel points), and letters that
// Unicode does not decompose as two or by their nearest plain one (SS, AE, O, L). Ill-formed bytes are left
// out. Appends to `out`.
void append_plain_letters(std::string_view casemapped, std::u32string& out);

}  // namespace posthouse::message
