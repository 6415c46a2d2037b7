// What a file looks like from its first bytes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace posthouse::app::moving {

inline constexpr size_t kLookBytes = 64 * 1024;

// A From_ line comes first.
bool begins_as_mbox(std::string_view begin);
// Fields come first, and one is among them that letters have: many files consist of lines with a colon.
bool begins_as_letter(std::string_view begin);
// The same for a file.
bool is_mbox_file(const std::string& path);

}  // namespace posthouse::app::moving
