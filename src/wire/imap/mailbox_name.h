// Mailbox names on the wire: modified UTF-7 (RFC 3501 section 5.1.3) outside, UTF-8 inside.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace posthouse::wire::imap {

// UTF-8 as modified UTF-7. Bytes that are not UTF-8 become U+FFFD.
std::string encode_mailbox_name(std::string_view utf8);

// Modified UTF-7 as UTF-8; nothing unless the text is in the one canonical form (no needless or unfinished
// shifts, no lone surrogates, no 8-bit), so that every name has exactly one spelling.
std::optional<std::string> decode_mailbox_name(std::string_view text);

// True for INBOX in any case (RFC 3501 section 5.1).
bool is_inbox(std::string_view name);

}  // namespace posthouse::wire::imap
