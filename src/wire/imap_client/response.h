// What an IMAP server says, as values: the responses that a client needs who lists mailboxes and fetches
// letters (RFC 3501 section 7, RFC 9051 section 7). All else is Other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "wire/imap/flags.h"

namespace posthouse::wire::imap_client {

struct Status {
  enum Kind : uint8_t { ok, no, bad, bye, preauth };
  Kind kind = ok;
  std::string tag;         // "": untagged
  std::string code;        // in capitals: "UIDVALIDITY"
  std::string code_value;  // "1400000000"
  std::string text;        // for people
};
struct Continuation {  // "+ ..."
  std::string text;
};
struct Capabilities {
  std::vector<std::string> names;  // in capitals
  bool has(std::string_view name) const;
};
struct Enabled {
  std::vector<std::string> names;  // in capitals
};
struct Listed {                         // LIST, and XLIST of old
  std::vector<std::string> attributes;  // "\Noselect", as written
  char separator = 0;                   // 0: no levels
  std::string name;                     // as it came
  bool is(std::string_view attribute) const;
};
struct Namespaces {  // RFC 2342
  struct One {
    std::string prefix;
    char separator = 0;
  };
  std::vector<One> personal, others, shared;
};
struct Exists {
  uint32_t count = 0;
};
struct MailboxStatus {  // STATUS
  std::string name;
  std::optional<uint64_t> messages;
};
struct Fetched {
  enum Body : uint8_t { none, nil, inside, streamed };
  uint32_t sequence = 0;
  std::optional<uint32_t> uid;
  std::optional<uint64_t> size;  // RFC822.SIZE
  std::optional<int64_t> date;   // INTERNALDATE, seconds since 1970
  bool has_flags = false;
  imap::Flags flags;  // without \Recent and such
  Body body = none;   // of BODY[]; streamed: it went through take_body()
  std::string text;   // inside: the body
};
struct Other {};

using Response = std::variant<Status, Continuation, Capabilities, Enabled, Listed, Namespaces, Exists,
                              MailboxStatus, Fetched, Other>;

}  // namespace posthouse::wire::imap_client
