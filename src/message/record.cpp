#include "base/ascii.h"
#include "message/limits.h"
#include "message/overview_record.h"
#include "message/record_format.h"
#include "message/summary.h"
#include "message/transfer.h"

namespace posthouse::message {
namespace {

using record::Reader;
using record::Writer;

void write_addresses(Writer& w, const std::vector<EnvelopeAddress>& list) {
  w.number(list.size());
  for (const auto& a : list) {
    w.number((a.has_name ? record::kName : 0) | (a.has_route ? record::kRoute : 0) |
             (a.has_mailbox ? record::kMailbox : 0) | (a.has_host ? record::kHost : 0));
    if (a.has_name) w.text(a.name);
    if (a.has_route) w.text(a.route);
    if (a.has_mailbox) w.text(a.mailbox);
    if (a.has_host) w.text(a.host);
  }
}

std::string write_envelope(const Envelope& e) {
  std::string out;
  out.reserve(512);
  Writer w(out);
  w.number((e.has_date ? record::kDate : 0) | (e.has_subject ? record::kSubject : 0) |
           (e.has_in_reply_to ? record::kInReplyTo : 0) | (e.has_message_id ? record::kMessageId : 0));
  if (e.has_date) w.text(e.date);
  if (e.has_subject) w.text(e.subject);
  if (e.has_in_reply_to) w.text(e.in_reply_to);
  if (e.has_message_id) w.text(e.message_id);
  for (const auto* list : {&e.from, &e.sender, &e.reply_to, &e.to, &e.cc, &e.bcc}) write_addresses(w, *list);
  return out;
}

void write_parameters(Writer& w, const Parameters& parameters) {
  w.number(parameters.size());
  for (const auto& [name, value] : parameters) {
    w.text(name);
    w.text(value);
  }
}

uint64_t part_flags(const Part& p) {
  return (p.parameters.empty() ? 0 : record::kParameters) | (p.id.empty() ? 0 : record::kId) |
         (p.description.empty() ? 0 : record::kDescription) | (p.encoding.empty() ? 0 : record::kEncoding) |
         (p.md5.empty() ? 0 : record::kMd5) | (p.disposition.empty() ? 0 : record::kDisposition) |
         (p.languages.empty() ? 0 : record::kLanguages) | (p.location.empty() ? 0 : record::kLocation) |
         (p.envelope ? record::kEnvelope : 0) | (p.children.empty() ? 0 : record::kChildren) |
         (p.decoded_size ? record::kDecodedSize : 0);
}

void write_part(Writer& w, const Part& p) {
  const uint64_t flags = part_flags(p);
  w.number(flags);
  w.text(p.type);
  w.text(p.subtype);
  if (flags & record::kParameters) write_parameters(w, p.parameters);
  if (flags & record::kId) w.text(p.id);
  if (flags & record::kDescription) w.text(p.description);
  if (flags & record::kEncoding) w.text(p.encoding);
  if (flags & record::kMd5) w.text(p.md5);
  if (flags & record::kDisposition) {
    w.text(p.disposition);
    write_parameters(w, p.disposition_parameters);
  }
  if (flags & record::kLanguages) {
    w.number(p.languages.size());
    for (const auto& tag : p.languages) w.text(tag);
  }
  if (flags & record::kLocation) w.text(p.location);
  if (flags & record::kEnvelope) w.text(write_envelope(*p.envelope));
  w.number(p.header_begin);
  w.number(p.body_begin - p.header_begin);
  w.number(p.body_end - p.body_begin);
  w.number(p.body_lines);
  if (flags & record::kDecodedSize) w.number(*p.decoded_size);
  if (flags & record::kChildren) {
    w.number(p.children.size());
    for (const auto& child : p.children) write_part(w, child);
  }
}

void read_text(Reader& r, std::string& slot, bool& has) {
  has = true;
  slot = r.text();
}

void read_addresses(Reader& r, std::vector<EnvelopeAddress>& list) {
  for (uint64_t n = r.count(); n > 0 && r.good(); --n) {
    const uint64_t flags = r.number();
    auto& a = list.emplace_back();
    if (flags & record::kName) read_text(r, a.name, a.has_name);
    if (flags & record::kRoute) read_text(r, a.route, a.has_route);
    if (flags & record::kMailbox) read_text(r, a.mailbox, a.has_mailbox);
    if (flags & record::kHost) read_text(r, a.host, a.has_host);
  }
}

bool read_envelope(std::string_view bytes, Envelope& e) {
  Reader r(bytes);
  const uint64_t flags = r.number();
  if (flags & record::kDate) read_text(r, e.date, e.has_date);
  if (flags & record::kSubject) read_text(r, e.subject, e.has_subject);
  if (flags & record::kInReplyTo) read_text(r, e.in_reply_to, e.has_in_reply_to);
  if (flags & record::kMessageId) read_text(r, e.message_id, e.has_message_id);
  for (auto* list : {&e.from, &e.sender, &e.reply_to, &e.to, &e.cc, &e.bcc}) read_addresses(r, *list);
  return r.good() && r.at_end();
}

void read_parameters(Reader& r, Parameters& parameters) {
  for (uint64_t n = r.count(); n > 0 && r.good(); --n) {
    std::string name(r.text());
    parameters.emplace_back(std::move(name), std::string(r.text()));
  }
}

void read_part(Reader& r, Part& p, size_t depth) {
  const uint64_t flags = r.number();
  if (flags > record::kKnownPartFlags) return r.spoil();
  p.type = r.text();
  p.subtype = r.text();
  if (flags & record::kParameters) read_parameters(r, p.parameters);
  if (flags & record::kId) p.id = r.text();
  if (flags & record::kDescription) p.description = r.text();
  if (flags & record::kEncoding) p.encoding = r.text();
  if (flags & record::kMd5) p.md5 = r.text();
  if (flags & record::kDisposition) {
    p.disposition = r.text();
    read_parameters(r, p.disposition_parameters);
  }
  if (flags & record::kLanguages) {
    for (uint64_t n = r.count(); n > 0 && r.good(); --n) p.languages.emplace_back(r.text());
  }
  if (flags & record::kLocation) p.location = r.text();
  if (flags & record::kEnvelope) {
    p.envelope = std::make_unique<Envelope>();
    if (!read_envelope(r.text(), *p.envelope)) r.spoil();
  }
  p.header_begin = r.number();
  p.body_begin = p.header_begin + r.number();
  p.body_end = p.body_begin + r.number();
  p.body_lines = static_cast<uint32_t>(r.number());
  if (flags & record::kDecodedSize) p.decoded_size = r.number();
  if (p.body_begin < p.header_begin || p.body_end < p.body_begin) r.spoil();
  if ((flags & record::kChildren) == 0) return;
  if (depth >= limits::kNesting) return r.spoil();
  for (uint64_t n = r.count(); n > 0 && r.good(); --n) read_part(r, p.children.emplace_back(), depth + 1);
}

}  // namespace

std::string encode(const Summary& s) {
  std::string out;
  out.reserve(768);
  Writer w(out);
  w.number(s.overview ? record::kVersion : record::kFirstVersion);
  w.number((s.has_8bit_header ? record::kHas8bitHeader : 0) | (s.has_8bit_body ? record::kHas8bitBody : 0) |
           (s.truncated ? record::kTruncated : 0) | (s.has_date ? record::kHasReadableDate : 0) |
           (s.overview && s.overview->has_attachment ? record::kHasAttachment : 0));
  w.number(s.size);
  w.number(s.received_count);
  w.signed_number(s.date_seconds);
  w.signed_number(s.date_offset_minutes);
  const std::string envelope = write_envelope(s.envelope);
  w.text(envelope);
  if (s.overview) w.text(record::write_overview(*s.overview, envelope));
  write_part(w, s.root);
  return out;
}

namespace {

// All that stands before the parts.
bool read_head(Reader& r, Summary& s) {
  const uint64_t version = r.number();
  if (version != record::kVersion && version != record::kFirstVersion) return false;
  const uint64_t flags = r.number();
  s.has_8bit_header = (flags & record::kHas8bitHeader) != 0;
  s.has_8bit_body = (flags & record::kHas8bitBody) != 0;
  s.truncated = (flags & record::kTruncated) != 0;
  s.has_date = (flags & record::kHasReadableDate) != 0;
  s.size = r.number();
  s.received_count = static_cast<uint32_t>(r.number());
  s.date_seconds = r.signed_number();
  s.date_offset_minutes = static_cast<int32_t>(r.signed_number());
  const auto envelope = r.text();
  if (!read_envelope(envelope, s.envelope)) r.spoil();
  if (version != record::kFirstVersion) {
    s.overview = record::read_overview(r.text(), envelope);
    if (!s.overview) r.spoil();
    if (s.overview) s.overview->has_attachment = (flags & record::kHasAttachment) != 0;
  }
  return r.good();
}

}  // namespace

Result<Summary> decode(std::string_view bytes) {
  Reader r(bytes);
  Summary s;
  if (!read_head(r, s)) return fail(FaultKind::corrupt, "damaged summary record, or one of a later version");
  read_part(r, s.root, 0);
  if (!r.good() || !r.at_end()) return fail(FaultKind::corrupt, "damaged summary record");
  return s;
}

Result<Summary> decode_header(std::string_view bytes) {
  Reader r(bytes);
  Summary s;
  if (!read_head(r, s)) return fail(FaultKind::corrupt, "damaged summary record, or one of a later version");
  return s;
}

std::optional<uint64_t> Part::content_size() const {
  const TransferEncoding coded = transfer_encoding(encoding);
  if (decoded_size || coded == TransferEncoding::base64 || coded == TransferEncoding::quoted_printable)
    return decoded_size;
  return body_end - body_begin;
}

bool Part::is_multipart() const {
  return iequals(type, "multipart");
}

bool Part::is_message() const {
  return children.size() == 1 && iequals(type, "message") &&
         (iequals(subtype, "rfc822") || iequals(subtype, "global"));
}

const Part* find_part(const Summary& summary, const std::vector<uint32_t>& section) {
  const Part* part = &summary.root;
  // Whether `part` is the root of a message that no number has named yet: if it is no multipart, 1 names it
  // itself.
  bool unnamed_root = true;
  for (uint32_t number : section) {
    if (!unnamed_root && part->is_message()) {
      part = &part->children.front();
      unnamed_root = true;
    }
    if (part->is_multipart()) {
      if (number == 0 || number > part->children.size()) return nullptr;
      part = &part->children[number - 1];
    } else if (!unnamed_root || number != 1) {
      return nullptr;
    }
    unnamed_root = false;
  }
  return part;
}

}  // namespace posthouse::message
