// What people type to find letters (RFC 8621 section 4.4.1).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace posthouse::access::jmap {

// Words, all of which have to be there, and phrases in single or double quotes, in which a backslash makes
// the next character count as itself. A quote without its other is a character like others. At most
// kMaxQueryWords; what is behind them is one more.
std::vector<std::string> query_words(std::string_view text);

}  // namespace posthouse::access::jmap
