// What a FETCH asks for, worked out once for all its messages.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "message/summary.h"
#include "store/types.h"
#include "wire/imap/command.h"

namespace posthouse::access::imap {

// One item of the answer.
struct FetchPart {
  wire::imap::FetchItem::Type type = wire::imap::FetchItem::flags;
  std::string label;            // as the response names it: "BODY[HEADER]<0>"
  wire::imap::Section section;  // of those with octets of the message
  std::optional<wire::imap::FetchItem::Partial> partial;

  bool has_octets() const;
  bool is_decoded() const;  // RFC 3516
  bool selects_fields() const;
};

struct FetchPlan {
  std::vector<FetchPart> parts;
  bool needs_entry = false;    // something else than UID, flags and MODSEQ
  bool needs_summary = false;  // the cached shape of the messages
  bool needs_ids = false;      // what names it elsewhere: EMAILID, SAVEDATE
  bool needs_octets = false;   // something of the messages themselves
  bool sets_seen = false;      // RFC 3501 section 6.4.5: BODY[...] without PEEK
  bool tells_flags = false;
  bool tells_uid = false;
  bool tells_modseq = false;
};

// `uid`: UID is added if it wasn't asked for (RFC 3501 section 6.4.8).
FetchPlan plan_fetch(const std::vector<wire::imap::FetchItem>& items, bool uid);

// HEADER.FIELDS and HEADER.FIELDS.NOT.
bool is_of_fields(const wire::imap::Section& section);

// Where in the stored message a section stands.
struct Extent {
  uint64_t offset = 0;
  uint64_t length = 0;
};
// Nothing if the message has no such part. `summary` may be null where needs_summary is not set for the
// section.
std::optional<Extent> locate(const wire::imap::Section& section, const message::Summary* summary,
                             uint64_t size);
// True if locate() needs the summary.
bool needs_shape(const wire::imap::Section& section);

// The piece of `length` octets that the client asked for, as [offset, offset + length) of it.
Extent cut(const std::optional<wire::imap::FetchItem::Partial>& partial, uint64_t length);

}  // namespace posthouse::access::imap
