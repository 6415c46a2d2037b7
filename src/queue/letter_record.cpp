#include "queue/letter_record.h"

#include "base/id.h"
#include "engine/record.h"
#include "queue/limits.h"

namespace posthouse::queue {

namespace {

constexpr uint8_t kVersion = 1;
constexpr uint8_t kEightBit = 1;
constexpr uint8_t kUtf8 = 2;
constexpr size_t kSmallestRecipient = 8;  // one byte for each of its fields at least

uint64_t to_millis(SystemTime t) {
  const auto count = t.time_since_epoch().count();
  return count < 0 ? 0 : static_cast<uint64_t>(count);
}

SystemTime from_millis(uint64_t ms) {
  constexpr uint64_t kMost = static_cast<uint64_t>(milliseconds::max().count());
  return SystemTime(milliseconds(static_cast<int64_t>(std::min(ms, kMost))));
}

bool plain(std::string_view text) {
  return text.size() <= kMaxPathBytes &&
         text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

void write_recipient(engine::RecordWriter& out, const Recipient& r) {
  out.bytes(r.address).bytes(r.original).bytes(r.domain);
  out.u8(static_cast<uint8_t>(r.state)).u8(r.delay_warned ? 1 : 0);
  out.varint(r.attempts).varint(to_millis(r.next_attempt));
  out.bytes(r.last_reply).bytes(r.last_status).bytes(r.last_host);
}

bool read_recipient(engine::RecordReader& in, Recipient& r) {
  r.address = in.bytes();
  r.original = in.bytes();
  r.domain = in.bytes();
  const uint8_t state = in.u8();
  r.delay_warned = in.u8() != 0;
  r.attempts = static_cast<uint32_t>(in.varint());
  r.next_attempt = from_millis(in.varint());
  r.last_reply = in.bytes();
  r.last_status = in.bytes();
  r.last_host = in.bytes();
  if (state > static_cast<uint8_t>(RecipientState::failed)) return false;
  r.state = static_cast<RecipientState>(state);
  return in.ok();
}

}  // namespace

Result<void> check_letter(const Letter& letter) {
  if (letter.recipients.empty()) return fail(FaultKind::syntax, "a letter without recipients");
  if (letter.recipients.size() > kMaxRecipients) return fail(FaultKind::syntax, "too many recipients");
  if (!plain(letter.reverse_path) || !plain(letter.submitter) || !plain(letter.envelope_id))
    return fail(FaultKind::syntax, "the envelope holds a line end, NUL or too long a field");
  for (const Recipient& r : letter.recipients) {
    if (r.address.empty() || !plain(r.address) || !plain(r.original) || !plain(r.domain))
      return fail(FaultKind::syntax, "a recipient is empty, too long, or holds a line end or NUL");
  }
  return {};
}

std::string clean_reply(std::string_view reply) {
  std::string out(reply.substr(0, kMaxReplyBytes));
  for (char& c : out) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) c = ' ';
  }
  return out;
}

std::string encode_letter(const Letter& letter) {
  engine::RecordWriter out(kVersion);
  out.varint(letter.id).bytes(letter.reverse_path);
  out.varint(letter.blob).varint(letter.offset).varint(letter.size);
  out.varint(to_millis(letter.accepted)).varint(to_millis(letter.expires));
  out.u8(static_cast<uint8_t>((letter.eight_bit ? kEightBit : 0) | (letter.utf8 ? kUtf8 : 0)));
  out.bytes(letter.submitter).bytes(letter.envelope_id);
  out.varint(letter.recipients.size());
  for (const Recipient& r : letter.recipients) write_recipient(out, r);
  return out.finish();
}

Result<Letter> decode_letter(LetterId id, std::string_view record) {
  const std::string what = "queued letter " + format_id(id);
  if (record.size() > kMaxRecordBytes) return fail(FaultKind::corrupt, what + ": the record is too long");
  engine::RecordReader in(record, kVersion);
  Letter letter;
  letter.id = in.varint();
  letter.reverse_path = in.bytes();
  letter.blob = in.varint();
  letter.offset = in.varint();
  letter.size = in.varint();
  letter.accepted = from_millis(in.varint());
  letter.expires = from_millis(in.varint());
  const uint8_t flags = in.u8();
  letter.eight_bit = (flags & kEightBit) != 0;
  letter.utf8 = (flags & kUtf8) != 0;
  letter.submitter = in.bytes();
  letter.envelope_id = in.bytes();
  const uint64_t count = in.varint();
  if (!in.ok()) return std::unexpected(in.fault(what));
  if (letter.id != id) return fail(FaultKind::corrupt, what + ": the record is another letter's");
  if (count > record.size() / kSmallestRecipient)
    return fail(FaultKind::corrupt, what + ": impossible count");
  letter.recipients.resize(count);
  for (Recipient& r : letter.recipients) {
    if (!read_recipient(in, r)) {
      return in.ok() ? fail(FaultKind::corrupt, what + ": unknown state") : std::unexpected(in.fault(what));
    }
  }
  if (!in.at_end()) return fail(FaultKind::corrupt, what + ": bytes after the end");
  return letter;
}

}  // namespace posthouse::queue
