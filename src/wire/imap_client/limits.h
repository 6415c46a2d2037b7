// Every limit of what an IMAP server may say to us, in one place.
#pragma once

#include <cstddef>
#include <cstdint>

namespace posthouse::wire::imap_client {

constexpr size_t kMaxResponse = 64 * 1024;  // octets of one response, literals included but for a body's
constexpr size_t kMaxLiteral = 16 * 1024;   // of one literal that is no body
constexpr size_t kMaxNesting = 32;          // parentheses
constexpr size_t kMaxWords = 2'000;         // of one list: capabilities, attributes, flags

}  // namespace posthouse::wire::imap_client
