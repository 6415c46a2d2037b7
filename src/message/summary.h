// The shape of a message, found in one pass while its bytes stream by, and kept as a compact record beside
// it, so that listing a mailbox never parses again: envelope (RFC 9051 section 7.5.2), MIME structure with
// the place of every part, and what else listings want.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "message/address_list.h"
#include "message/content_field.h"
#include "message/overview.h"

namespace posthouse::message {

struct Envelope {
  std::string date, subject, in_reply_to, message_id;  // unfolded raw values
  bool has_date = false, has_subject = false, has_in_reply_to = false, has_message_id = false;
  std::vector<EnvelopeAddress> from, sender, reply_to, to, cc, bcc;  // sender and reply_to as in the header
};

// One node of the MIME tree. Offsets are octets from the start of the stored message.
struct Part {
  std::string type, subtype;  // as written; "TEXT"/"PLAIN" by default
  Parameters parameters;
  std::string id, description, encoding, md5, disposition, location;  // "" where absent
  Parameters disposition_parameters;
  std::vector<std::string> languages;  // Content-Language
  uint64_t header_begin = 0;           // of the part's MIME header (for the root: the message header)
  uint64_t body_begin = 0;             // after the empty line
  uint64_t body_end = 0;               // before the line end that belongs to the boundary
  uint32_t body_lines = 0;
  // Octets without the transfer encoding: of parts in base64 or quoted-printable that have no parts
  // themselves. Absent there in records of version 1, and where a limit was hit.
  std::optional<uint64_t> decoded_size;
  std::vector<Part> children;          // of a multipart, or the one root of an embedded message
  std::unique_ptr<Envelope> envelope;  // of message/rfc822 (and message/global): the embedded one's
  // What JMAP calls the size of a part (RFC 8621 section 4.1.4); nothing if it is not known.
  std::optional<uint64_t> content_size() const;
  bool is_multipart() const;
  bool is_message() const;  // message/rfc822 or message/global with one child
};

struct Summary {
  Envelope envelope;
  Part root;
  uint64_t size = 0;
  uint32_t received_count = 0;      // Received fields, for loop detection
  bool has_date = false;            // there is a Date and it can be read
  int64_t date_seconds = 0;         // Date as seconds since 1970; 0 if unreadable
  int32_t date_offset_minutes = 0;  // the zone it was written in: SENTON compares its own day
  bool has_8bit_header = false;
  bool has_8bit_body = false;
  bool truncated = false;            // a limit of message/limits.h was hit: the rest was not looked at
  std::optional<Overview> overview;  // absent in records of version 1
};

// Feed a message in pieces of any size, then finish. Bounded memory: keeps the header fields it needs, not
// bodies. Never fails: damaged input gives what could be read.
class Summarizer {
 public:
  Summarizer();
  ~Summarizer();
  Summarizer(Summarizer&&) noexcept;
  Summarizer& operator=(Summarizer&&) noexcept;
  void feed(std::string_view bytes);
  Summary finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

Summary summarize(std::string_view whole_message);

// The compact record (docs/formats/message-record.md; the store adds the checksum). decode() reads all
// versions and fails with `corrupt`; encode() writes the newest, or version 1 where there is no overview.
std::string encode(const Summary& summary);
Result<Summary> decode(std::string_view record);
// The same without the parts: for lists of many messages.
Result<Summary> decode_header(std::string_view record);
// What a message is gathered into conversations by. Records of version 1 had no References: of those it is
// the envelope alone.
ThreadBase thread_base(const Summary& summary);

// IMAP text straight from the record, without building the tree: "(date subject ...)" and "(...)".
// `extended`: BODYSTRUCTURE, else BODY. `utf8`: 8-bit text may be sent as it is; else it becomes an encoded
// word or "?" (clients break on raw 8-bit, see docs).
void append_imap_envelope(std::string& out, std::string_view record, bool utf8);
void append_imap_bodystructure(std::string& out, std::string_view record, bool extended, bool utf8);

// The node for an IMAP section number such as {2,1} (RFC 9051 section 6.4.5.1), or nullptr.
const Part* find_part(const Summary& summary, const std::vector<uint32_t>& section);

}  // namespace posthouse::message
