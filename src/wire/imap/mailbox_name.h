// Mailbox names on the wire: modified UTF-7 (RFC 3501 section 5.1.3), or UTF-8 for clients that enabled it
// (RFC 9051 section 5.1, RFC 6855 section 3). Inside they are UTF-8.
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

// The name that a client has sent. `utf8`: it has enabled UTF-8, and "&" is a character like others. For all
// others a name with 8-bit characters is one in UTF-8, too (RFC 6855 section 3). Nothing if it is no name.
std::optional<std::string> read_mailbox_name(std::string_view text, bool utf8);

// True if all characters may be in a mailbox name by RFC 6855 section 3: UTF-8 without control characters,
// U+2028 and U+2029.
bool is_net_unicode(std::string_view utf8);

// True for INBOX in any case (RFC 3501 section 5.1).
bool is_inbox(std::string_view name);

}  // namespace posthouse::wire::imap
