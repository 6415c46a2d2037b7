#include "message/record_view.h"

#include "message/message_ids.h"
#include "message/overview_record.h"
#include "message/record_format.h"

namespace posthouse::message {
namespace {

using record::Reader;

// The texts before the lists of addresses.
struct EnvelopeTexts {
  std::string_view subject, in_reply_to, message_id;
};

EnvelopeTexts read_texts(Reader& r) {
  EnvelopeTexts out;
  const uint64_t flags = r.number();
  if (flags & record::kDate) r.text();
  if (flags & record::kSubject) out.subject = r.text();
  if (flags & record::kInReplyTo) out.in_reply_to = r.text();
  if (flags & record::kMessageId) out.message_id = r.text();
  return out;
}

RecordView::Address read_address(Reader& r) {
  RecordView::Address out;
  const uint64_t flags = r.number();
  out.has_mailbox = (flags & record::kMailbox) != 0;
  out.has_host = (flags & record::kHost) != 0;
  if (flags & record::kName) out.name = r.text();
  if (flags & record::kRoute) r.text();
  if (out.has_mailbox) out.mailbox = r.text();
  if (out.has_host) out.host = r.text();
  return out;
}

}  // namespace

RecordView::RecordView(std::string_view bytes) {
  Reader r(bytes);
  const uint64_t version = r.number();
  if (version != record::kVersion && version != record::kFirstVersion) return;
  const uint64_t flags = r.number();
  r.number();  // size
  r.number();  // Received fields
  const int64_t date = r.signed_number();
  r.signed_number();  // its zone
  const std::string_view envelope = r.text();
  const std::string_view overview = version == record::kVersion ? r.text() : std::string_view();
  if (!r.good()) return;
  has_date_ = (flags & record::kHasReadableDate) != 0;
  date_seconds_ = date;
  envelope_ = envelope;
  overview_ = overview;
  has_overview_ = version == record::kVersion;
}

std::string RecordView::base_subject() const {
  if (!has_overview_) {
    Reader r(envelope_);
    return message::base_subject(read_texts(r).subject).text;
  }
  Reader r(overview_);
  while (!r.at_end()) {
    const uint64_t item = r.number();
    const std::string_view content = r.text();
    if (!r.good()) break;
    if (item != record::kBaseSubjectItem) continue;
    Reader subject(content);
    return std::string(record::read_shared(subject, envelope_));
  }
  return {};
}

std::optional<RecordView::Address> RecordView::first_of(List wanted) const {
  Reader r(envelope_);
  read_texts(r);
  for (int list = kFrom; list <= kBcc && r.good(); ++list) {
    const uint64_t count = r.count();
    for (uint64_t i = 0; i < count && r.good(); ++i) {
      const Address address = read_address(r);
      if (list == wanted && r.good()) return address;
    }
    if (list == wanted) break;
  }
  return std::nullopt;
}

ThreadBase RecordView::thread_base() const {
  Reader r(envelope_);
  const EnvelopeTexts texts = read_texts(r);
  std::optional<Overview> overview;
  if (has_overview_) overview = record::read_overview(overview_, envelope_);
  if (!overview) {
    overview.emplace();
    overview->subject = message::base_subject(texts.subject);
    if (auto ids = parse_message_ids(texts.message_id); !ids.empty())
      overview->message_id = std::move(ids.front());
  }
  return overview->thread_base(texts.in_reply_to);
}

}  // namespace posthouse::message
