#include "access/imap/fetch_plan.h"

#include <algorithm>

#include "wire/imap/encode.h"

namespace posthouse::access::imap {

namespace {

using wire::imap::FetchItem;
using wire::imap::Section;

// section as the client wrote it: "1.2.HEADER.FIELDS (From To)"
std::string section_label(const Section& section) {
  std::string out;
  for (const uint32_t number : section.part) {
    if (!out.empty()) out += '.';
    out += std::to_string(number);
  }
  if (section.kind == Section::none) return out;
  if (!out.empty()) out += '.';
  switch (section.kind) {
    case Section::none:
      break;
    case Section::header:
      return out + "HEADER";
    case Section::text:
      return out + "TEXT";
    case Section::mime:
      return out + "MIME";
    case Section::header_fields:
      out += "HEADER.FIELDS";
      break;
    case Section::header_fields_not:
      out += "HEADER.FIELDS.NOT";
      break;
  }
  std::string_view before = " (";
  for (const std::string& field : section.fields) {
    out += before;
    wire::imap::append_astring(out, field);
    before = " ";
  }
  return out + ")";
}

std::string label(const FetchItem& item) {
  switch (item.type) {
    case FetchItem::flags:
      return "FLAGS";
    case FetchItem::uid:
      return "UID";
    case FetchItem::internal_date:
      return "INTERNALDATE";
    case FetchItem::rfc822_size:
      return "RFC822.SIZE";
    case FetchItem::envelope:
      return "ENVELOPE";
    case FetchItem::body_structure:
      return "BODYSTRUCTURE";
    case FetchItem::body_shape:
      return "BODY";
    case FetchItem::rfc822:
      return "RFC822";
    case FetchItem::rfc822_header:
      return "RFC822.HEADER";
    case FetchItem::rfc822_text:
      return "RFC822.TEXT";
    case FetchItem::modseq:
      return "MODSEQ";
    case FetchItem::email_id:
      return "EMAILID";
    case FetchItem::thread_id:
      return "THREADID";
    case FetchItem::save_date:
      return "SAVEDATE";
    case FetchItem::preview:
      return "PREVIEW";
    case FetchItem::binary_size:
      return "BINARY.SIZE[" + section_label(item.section) + "]";
    case FetchItem::binary:
    case FetchItem::body:
      break;
  }
  std::string out =
      (item.type == FetchItem::binary ? "BINARY[" : "BODY[") + section_label(item.section) + "]";
  // Only the origin octet is told (RFC 3501 section 7.4.2).
  if (item.partial) out += "<" + std::to_string(item.partial->offset) + ">";
  return out;
}

bool marks_seen(const FetchItem& item) {
  // RFC822.HEADER is the same as BODY.PEEK[HEADER] (section 6.4.5).
  return item.type == FetchItem::rfc822 || item.type == FetchItem::rfc822_text ||
         ((item.type == FetchItem::body || item.type == FetchItem::binary) && !item.peek);
}

FetchPart part_of(const FetchItem& item) {
  FetchPart part;
  part.type = item.type;
  part.label = label(item);
  part.section = item.section;
  part.partial = item.partial;
  if (item.type == FetchItem::rfc822_header) part.section.kind = Section::header;
  if (item.type == FetchItem::rfc822_text) part.section.kind = Section::text;
  return part;
}

}  // namespace

bool FetchPart::has_octets() const {
  return type == FetchItem::body || type == FetchItem::rfc822 || type == FetchItem::rfc822_header ||
         type == FetchItem::rfc822_text || is_decoded();
}

bool FetchPart::is_decoded() const {
  return type == FetchItem::binary || type == FetchItem::binary_size;
}

bool FetchPart::selects_fields() const {
  return is_of_fields(section);
}

bool is_of_fields(const Section& section) {
  return section.kind == Section::header_fields || section.kind == Section::header_fields_not;
}

FetchPlan plan_fetch(const std::vector<FetchItem>& items, bool uid) {
  FetchPlan plan;
  auto has = [&](FetchItem::Type type) {
    return std::any_of(plan.parts.begin(), plan.parts.end(),
                       [&](const FetchPart& part) { return part.type == type; });
  };
  if (uid) plan.parts.push_back(part_of(FetchItem{FetchItem::uid, false, {}, {}}));
  for (const FetchItem& item : items) {
    plan.sets_seen |= marks_seen(item);
    FetchPart part = part_of(item);
    const bool twice = std::any_of(plan.parts.begin(), plan.parts.end(),
                                   [&](const FetchPart& have) { return have.label == part.label; });
    // The same data twice in one answer helps nobody; partials may differ in length under one label.
    if (twice && !item.partial) continue;
    plan.needs_entry |= part.type != FetchItem::flags && part.type != FetchItem::uid &&
                        part.type != FetchItem::modseq && part.type != FetchItem::thread_id;
    plan.needs_ids |= part.type == FetchItem::email_id || part.type == FetchItem::save_date;
    plan.needs_octets |= part.has_octets();
    plan.needs_summary |= part.type == FetchItem::envelope || part.type == FetchItem::body_structure ||
                          part.type == FetchItem::body_shape || part.type == FetchItem::preview ||
                          (part.has_octets() && needs_shape(part.section));
    plan.parts.push_back(std::move(part));
  }
  plan.tells_flags = has(FetchItem::flags);
  plan.tells_uid = has(FetchItem::uid);
  plan.tells_modseq = has(FetchItem::modseq);
  return plan;
}

bool needs_shape(const Section& section) {
  return !section.part.empty() || section.kind != Section::none;
}

std::optional<Extent> locate(const Section& section, const message::Summary* summary, uint64_t size) {
  if (!needs_shape(section)) return Extent{0, size};
  if (summary == nullptr) return std::nullopt;
  auto between = [&](uint64_t begin, uint64_t end) -> std::optional<Extent> {
    end = std::min(end, size);
    begin = std::min(begin, end);
    return Extent{begin, end - begin};
  };
  const message::Part* part =
      section.part.empty() ? &summary->root : message::find_part(*summary, section.part);
  if (part == nullptr) return std::nullopt;
  if (section.kind == Section::none) return between(part->body_begin, part->body_end);
  if (section.kind == Section::mime) return between(part->header_begin, part->body_begin);
  if (section.part.empty()) {
    if (section.kind == Section::text) return between(part->body_begin, size);
    return between(part->header_begin, part->body_begin);
  }
  // HEADER and TEXT of a part are those of the message it holds (RFC 3501 section 6.4.5).
  if (!part->is_message() || part->children.empty()) return std::nullopt;
  const message::Part& inner = part->children.front();
  if (section.kind == Section::text) return between(inner.body_begin, inner.body_end);
  return between(inner.header_begin, inner.body_begin);
}

Extent cut(const std::optional<FetchItem::Partial>& partial, uint64_t length) {
  if (!partial) return {0, length};
  const uint64_t begin = std::min<uint64_t>(partial->offset, length);
  return {begin, std::min<uint64_t>(partial->length, length - begin)};
}

}  // namespace posthouse::access::imap
