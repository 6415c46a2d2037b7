// Text with what was looked for marked in it, as HTML (RFC 8621 section 5).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace posthouse::access::jmap {

// All of the text; nothing where none of the words is in it. `words`: UTF-8, compared as SEARCH does it.
std::optional<std::string> highlight(std::string_view text, const std::vector<std::string>& words);

// The place of the first of them, with what is around it: `most` octets of HTML at most, blanks put together.
std::optional<std::string> highlight_part(std::string_view text, const std::vector<std::string>& words,
                                          size_t most);

}  // namespace posthouse::access::jmap
