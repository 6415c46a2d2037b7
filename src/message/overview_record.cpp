#include "message/overview_record.h"

#include <cstring>

#include "message/record_format.h"

namespace posthouse::message {
namespace record {
namespace {

constexpr size_t kWorthSharing = 4;  // octets; shorter texts are written

// Mostly a text is the end of a field: a subject without "Re:", an identifier without its brackets. Where it
// begins in the envelope, or nullptr.
const char* find_at_end(std::string_view text, std::string_view envelope) {
  Reader r(envelope);
  const uint64_t flags = r.number();
  for (const uint64_t flag : {kDate, kSubject, kInReplyTo, kMessageId}) {
    if ((flags & flag) == 0) continue;
    auto field = r.text();
    if (field.ends_with('>') && !text.ends_with('>')) field.remove_suffix(1);
    if (field.ends_with(text)) return field.data() + field.size() - text.size();
  }
  return nullptr;
}

const void* find_shared(std::string_view text, std::string_view envelope) {
  if (text.size() < kWorthSharing || text.size() > envelope.size()) return nullptr;
  if (const char* at = find_at_end(text, envelope); at != nullptr) return at;
  return memmem(envelope.data(), envelope.size(), text.data(), text.size());
}

// A text, or where it stands in the envelope: twice its length and itself, or twice its offset plus one and
// its length.
void write_shared(Writer& w, std::string_view text, std::string_view envelope) {
  const void* at = find_shared(text, envelope);
  if (at == nullptr) return w.text_twice(text);
  w.number(static_cast<uint64_t>(static_cast<const char*>(at) - envelope.data()) << 1 | 1);
  w.number(text.size());
}

void write_item(Writer& w, uint64_t item, std::string_view content) {
  w.number(item);
  w.text(content);
}

std::string shared(std::string_view text, std::string_view envelope) {
  std::string out;
  Writer w(out);
  write_shared(w, text, envelope);
  return out;
}

// The last one is mostly that of In-Reply-To; others are seldom there.
std::string write_references(const std::vector<std::string>& ids, std::string_view envelope) {
  std::string out;
  Writer w(out);
  w.number(ids.size());
  for (const auto& id : ids) write_shared(w, id, &id == &ids.back() ? envelope : std::string_view());
  return out;
}

bool read_item(uint64_t item, std::string_view content, std::string_view envelope, Overview& overview) {
  Reader r(content);
  switch (item) {
    case kPreviewItem:
      overview.preview = content;
      return true;
    case kBaseSubjectItem:
      overview.subject.text = read_shared(r, envelope);
      break;
    case kMessageIdItem:
      overview.message_id = read_shared(r, envelope);
      break;
    case kReferencesItem:
      for (uint64_t n = r.count(); n > 0 && r.good(); --n)
        overview.references.emplace_back(read_shared(r, envelope));
      break;
    case kReplyItem:
      overview.subject.reply_or_forward = true;
      return true;
    default:
      return true;  // of a later version
  }
  return r.good() && r.at_end();
}

}  // namespace

std::string_view read_shared(Reader& r, std::string_view envelope) {
  const uint64_t n = r.number();
  if ((n & 1) == 0) return r.bytes(n >> 1);
  const uint64_t offset = n >> 1, size = r.number();
  if (offset > envelope.size() || size > envelope.size() - offset) {
    r.spoil();
    return {};
  }
  return envelope.substr(offset, size);
}

std::string write_overview(const Overview& overview, std::string_view envelope) {
  std::string out;
  out.reserve(overview.preview.size() + 64);
  Writer w(out);
  if (!overview.preview.empty()) write_item(w, kPreviewItem, overview.preview);
  if (!overview.subject.text.empty())
    write_item(w, kBaseSubjectItem, shared(overview.subject.text, envelope));
  if (!overview.message_id.empty()) write_item(w, kMessageIdItem, shared(overview.message_id, envelope));
  if (!overview.references.empty())
    write_item(w, kReferencesItem, write_references(overview.references, envelope));
  if (overview.subject.reply_or_forward) write_item(w, kReplyItem, {});
  return out;
}

std::optional<Overview> read_overview(std::string_view bytes, std::string_view envelope) {
  Overview overview;
  Reader r(bytes);
  while (!r.at_end()) {
    const uint64_t item = r.number();
    const auto content = r.text();
    if (!r.good() || !read_item(item, content, envelope, overview)) return std::nullopt;
  }
  if (!r.good()) return std::nullopt;
  return overview;
}

}  // namespace record

std::optional<Overview> read_overview(std::string_view bytes) {
  record::Reader r(bytes);
  if (r.number() != record::kVersion) return std::nullopt;
  const uint64_t flags = r.number();
  for (int i = 0; i < 4; ++i) r.number();  // size, received, date, offset
  const auto envelope = r.text();
  const auto content = r.text();
  if (!r.good()) return std::nullopt;
  auto overview = record::read_overview(content, envelope);
  if (overview) overview->has_attachment = (flags & record::kHasAttachment) != 0;
  return overview;
}

}  // namespace posthouse::message
