// Every limit of the POP3 grammar, in one place.
#pragma once

#include <cstddef>

namespace posthouse::wire::pop3 {

constexpr size_t kMaxLine = 255;  // of a command with its line end (RFC 2449 section 4; RFC 5034 section 4)
// A base64 line that answers a challenge: what the mechanisms need, whatever the limit of other lines is (RFC
// 5034 section 4).
constexpr size_t kMaxAuthLine = 12'288;
constexpr size_t kMaxDiscard = 64 * 1024;  // of a line that is too long, read and thrown away

}  // namespace posthouse::wire::pop3
