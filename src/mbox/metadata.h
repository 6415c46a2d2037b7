// What mutt, alpine and Dovecot keep about a message in header lines of its own: flags, keywords, UID.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace posthouse::mbox {

// The header fields that belong to the file and not to the message. All are hidden from readers of the
// message.
enum class Field : uint8_t {
  none,            // any other
  status,          // Status: R read, O not new
  x_status,        // X-Status: A answered, F flagged, D deleted, T draft
  keywords,        // X-Keywords: words
  uid,             // X-UID
  base,            // X-IMAPbase: UIDVALIDITY, the last UID given, all keywords; in the first message
  imap,            // X-IMAP: the same in the message that c-client puts first for itself
  content_length,  // Content-Length: octets of the body
  lines,           // Lines, directly behind Content-Length: mutt writes both
  form,            // X-Posthouse-Form: how the message differs from what the format can say
};

// By the line's name; a blank before the colon is forgiven. `lines` only when `after_length`.
Field field_of(std::string_view line, bool after_length);
// What is behind the colon, without blanks at its ends.
std::string_view value_of(std::string_view line);

struct Flags {
  bool seen = false;      // R
  bool old = false;       // O: not \Recent any more
  bool answered = false;  // A
  bool flagged = false;   // F
  bool deleted = false;   // D
  bool draft = false;     // T
  bool operator==(const Flags&) const = default;
};

struct Metadata {
  Flags flags;
  std::vector<std::string> keywords;
  uint32_t uid = 0;  // 0: none
  bool operator==(const Metadata&) const = default;
};

// The file's own data: kept in its first message.
struct Base {
  uint32_t validity = 0;
  uint32_t last_uid = 0;  // UIDs up to this one were given
  std::vector<std::string> keywords;
  bool operator==(const Base&) const = default;
};

// The flags that stand in a value of Status and of X-Status; others' letters are passed over.
void read_status(std::string_view value, Flags& flags);
std::vector<std::string> read_keywords(std::string_view value);
std::optional<Base> read_base(std::string_view value);
// A keyword that can be written: an IMAP atom (RFC 9051 section 9) within the limit.
bool is_keyword(std::string_view word);

std::string status_value(const Flags& flags);
std::string x_status_value(const Flags& flags);
std::string keywords_value(const std::vector<std::string>& keywords);
std::string base_value(const Base& base);

// Makes the file's data cover a message's: its UID and its keywords. True when that changed something.
bool cover(Base& base, const Metadata& metadata);

// The lines that we put behind a From_ line, padded so that later values fit.
std::string metadata_block(const Metadata& metadata, const Base* base);

}  // namespace posthouse::mbox
