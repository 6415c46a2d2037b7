// Names of mailboxes in modified UTF-7 (RFC 3501 section 5.1.3): on the wire, and of files and folders on
// disk.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace posthouse {

// Printable ASCII stands for itself, but for what `never_direct` names; what is not UTF-8 becomes U+FFFD.
std::string to_modified_utf7(std::string_view utf8, std::string_view never_direct = {});

// Nothing unless the text is what to_modified_utf7() writes (no needless or unfinished shifts, no lone
// surrogates, no 8-bit): every name has exactly one spelling.
std::optional<std::string> from_modified_utf7(std::string_view text, std::string_view never_direct = {});

}  // namespace posthouse
