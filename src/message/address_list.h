// The addresses of a header field such as From or To.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "message/address.h"

namespace posthouse::message {

// An address as an IMAP ENVELOPE has it. Raw bytes of the header (encoded words stay encoded). A group starts
// with an entry whose host is absent and whose mailbox is the group's name, and ends with one where both are
// absent.
struct EnvelopeAddress {
  std::string name;     // display name, unquoted
  std::string route;    // obsolete source route (adl)
  std::string mailbox;  // local part, unquoted
  std::string host;     // "" (and has_host) where a mailbox stands without a domain
  bool has_name = false, has_route = false, has_mailbox = false, has_host = false;
  bool operator==(const EnvelopeAddress&) const = default;
  bool is_group_start() const { return !has_host && has_mailbox; }
  bool is_group_end() const { return !has_host && !has_mailbox; }
};

// Reads address lists one entry after another: RFC 5322 section 3.4 with groups, comments, quoted strings,
// the obsolete forms of section 4.4, UTF-8 (RFC 6532), and the damage of RFC 7103 section 7.1 read as it
// advises. A name in a comment behind a bare address counts as its display name (RFC 5322 section 3.4, last
// paragraph). Never fails; what is no address at all is left out. Linear in the length of the value.
class AddressListReader {
 public:
  // `value`: raw, folding included; must outlive the reader.
  explicit AddressListReader(std::string_view value) : text_(value) {}
  // The next address or group mark, or false at the end.
  bool next(EnvelopeAddress& out);
  // Of the address next() gave: offset in the value behind its local part, for putting in a missing domain.
  size_t local_end() const { return local_end_; }

 private:
  enum class End { comma, semicolon, colon, text };
  struct Draft;
  void skip_blanks(Draft& draft);
  void skip_comment(Draft& draft);
  bool take_quoted(std::string& out);
  void take_word(std::string& out);
  void take_domain(Draft& draft);
  void take_angle(Draft& draft);
  void take_route(Draft& draft);
  bool another_follows(Draft& draft);
  End take_entry(Draft& draft);
  bool finish(Draft& draft, EnvelopeAddress& out);

  std::string_view text_;
  size_t at_ = 0;
  size_t local_end_ = 0;
  bool in_group_ = false;
  bool group_end_due_ = false;
  bool quotes_broken_ = false;    // from here on no quoted string is closed
  bool comments_broken_ = false;  // the same for comments
};

// At most `limit` entries; `truncated` (may be null) is set when there were more.
std::vector<EnvelopeAddress> parse_address_list(std::string_view value, size_t limit,
                                                bool* truncated = nullptr);

// The mailboxes of a field, groups opened, as addresses; entries without a domain keep it "".
std::vector<Address> mailboxes(std::string_view value);

// "Name" <local@domain> as a header has it; `name` is quoted, encoded (RFC 2047) or left as UTF-8 as needed.
// Line ends and NUL in any field are dropped.
std::string format_address(std::string_view name, const Address& address, bool utf8);

// The value with "@domain" put behind every mailbox that has none (RFC 6409 section 8: a submission server
// may complete addresses); nothing if no one lacked it.
std::optional<std::string> complete_addresses(std::string_view value, std::string_view domain);

}  // namespace posthouse::message
