#include "access/imap/fetch_octets.h"

#include <algorithm>
#include <utility>

#include "access/imap/limits.h"
#include "message/headers.h"
#include "wire/imap/encode.h"

namespace posthouse::access::imap {

namespace {

// A literal has no NUL (RFC 3501 section 9, CHAR8), and some clients stop at one: they become 0x80, so that
// all sizes stay true.
void append_without_nul(std::string& out, std::string_view octets) {
  const size_t begin = out.size();
  out += octets;
  if (octets.find('\0') == std::string_view::npos) return;
  std::replace(out.begin() + static_cast<ptrdiff_t>(begin), out.end(), '\0', '\x80');
}

void append_literal(std::string& out, std::string_view octets) {
  wire::imap::append_literal_header(out, octets.size());
  append_without_nul(out, octets);
}

constexpr size_t kHeldPieces = 4;  // of kBodyPiece, kept from the check until they are written

Task<Result<std::string>> read_piece(Session& s, const store::Entry& entry, uint64_t offset,
                                     uint64_t length) {
  Result<std::string> piece = co_await s.store().read(s.view->account, entry, offset, length);
  if (piece && piece->size() != length)
    co_return fail(FaultKind::corrupt, "message shorter than its entry says");
  co_return piece;
}

// The octets of a literal. A client that was promised octets can't be told of an error any more, and one that
// loses its connection at the same letter every time gets none that come after it: so all are read before the
// literal is announced. The first pieces, which is all of most letters, are kept; only the others are read
// once more.
class Octets {
 public:
  Octets(Session& s, const store::Entry& entry, uint64_t offset, uint64_t length)
      : s_(s), entry_(entry), at_(offset), end_(offset + length) {}

  Task<Result<void>> check() {
    for (uint64_t at = at_; at < end_; at += kBodyPiece) {
      Result<std::string> piece = co_await read_piece(s_, entry_, at, size_at(at));
      if (!piece) co_return std::unexpected(piece.error());
      if (held_.size() < kHeldPieces) held_.push_back(std::move(*piece));
    }
    co_return Result<void>();
  }

  // After it, and the header.
  Task<void> write() {
    for (size_t i = 0; at_ < end_; ++i) {
      if (i > 0 && s_.wants_flush()) co_await s_.flush();
      Result<std::string> piece;
      if (i < held_.size()) {
        piece = std::exchange(held_[i], std::string());
      } else {
        piece = co_await read_piece(s_, entry_, at_, size_at(at_));
      }
      if (!piece) throw SessionEnd{"", piece.error()};
      append_without_nul(s_.out, *piece);
      at_ += piece->size();
    }
  }

 private:
  uint64_t size_at(uint64_t at) const { return std::min<uint64_t>(end_ - at, kBodyPiece); }

  Session& s_;
  const store::Entry& entry_;
  uint64_t at_;
  const uint64_t end_;
  std::vector<std::string> held_;
};

// The blank line belongs to every header that is fetched, except where a message without a body has none (RFC
// 3501 section 6.4.5).
bool lacks_blank_line(std::string_view header) {
  if (header.empty() || header == "\r\n" || header == "\n") return false;
  return !header.ends_with("\n\r\n") && !header.ends_with("\n\n");
}

}  // namespace

Task<Result<std::string>> read_fields(Session& s, store::AccountId account,
                                      const wire::imap::Section& section, const store::Entry& entry,
                                      Extent header, const std::string* whole) {
  const bool whole_header = header.length <= kHeaderForFields;
  header.length = std::min(header.length, kHeaderForFields);
  std::string read;
  std::string_view block;
  if (whole != nullptr) {
    block = std::string_view(*whole).substr(header.offset, header.length);
  } else {
    Result<std::string> got = co_await s.store().read(account, entry, header.offset, header.length);
    if (!got) co_return std::unexpected(got.error());
    read = std::move(*got);
    block = read;
  }
  const bool inverse = section.kind == wire::imap::Section::header_fields_not;
  std::string fields = message::select_fields(block, section.fields, inverse);
  if (whole_header && lacks_blank_line(block)) fields.resize(fields.size() - 2);
  co_return fields;
}

std::vector<store::Uid> uids_of(const std::vector<store::Entry>& messages) {
  std::vector<store::Uid> out;
  out.reserve(messages.size());
  for (const store::Entry& entry : messages) out.push_back(entry.uid);
  return out;
}

namespace {

// What is to be read together from `step` on, which moves behind it; in the order of the course. Nothing of
// them but what reading takes.
std::vector<store::Entry> some_of(const Course& course, size_t& step) {
  std::vector<store::Entry> out;
  uint64_t octets = 0;
  for (; step < course.size() && octets < kReadTogether; ++step) {
    const store::Entry& entry = course.at(step);
    if (entry.size > kSmallMessage) continue;
    octets += entry.size;
    store::Entry& one = out.emplace_back();
    one.uid = entry.uid;
    one.mailbox = entry.mailbox;
    one.size = entry.size;
    one.blob = entry.blob;
    one.delivery = entry.delivery;
  }
  return out;
}

}  // namespace

bool ReadAhead::begin(Session& s, store::AccountId account, const Course& course, size_t& step) {
  std::vector<store::Entry> some = some_of(course, step);
  if (some.empty()) return false;
  const store::Uid last = some.back().uid;
  if (course.from_end) std::reverse(some.begin(), some.end());
  std::optional<store::MailStore::Reading> reading = s.store().begin_reading(account, some, kReadTogether);
  if (!reading) return false;
  begun_.push_back({uids_of(some), std::move(*reading)});
  begun_to_ = last;
  return true;
}

void ReadAhead::begin_more(Session& s, store::AccountId account, const Course& course, size_t step) {
  const auto is_begun = [&](store::Uid uid) { return course.from_end ? uid >= begun_to_ : uid <= begun_to_; };
  while (step < course.size() && is_begun(course.at(step).uid)) ++step;
  while (begun_.size() < kPartsAhead && begin(s, account, course, step)) continue;
}

Task<void> ReadAhead::fill(Session& s, store::AccountId account, const Course& course, size_t step) {
  const store::Entry& wanted = course.at(step);
  if (wanted.size > kSmallMessage || find(wanted.uid) != nullptr) co_return;
  uids_.clear();
  messages_.clear();
  const auto has_it = [&](const Part& part) { return std::ranges::binary_search(part.uids, wanted.uid); };
  while (!begun_.empty() && !has_it(begun_.front())) begun_.pop_front();
  size_t behind = step;
  Result<std::vector<std::string>> read = std::vector<std::string>();
  std::vector<store::Uid> uids;
  if (!begun_.empty() || begin(s, account, course, behind)) {
    const Part first = std::move(begun_.front());
    begun_.pop_front();
    begin_more(s, account, course, step);
    read = co_await first.reading.take();
    uids = first.uids;
  } else {
    behind = step;
    std::vector<store::Entry> some = some_of(course, behind);
    if (course.from_end) std::reverse(some.begin(), some.end());
    uids = uids_of(some);
    read = co_await s.store().read_whole(account, std::move(some), kReadTogether);
  }
  if (!read) co_return;
  messages_ = std::move(*read);
  uids.resize(std::min(uids.size(), messages_.size()));
  uids_ = std::move(uids);
}

const std::string* ReadAhead::find(store::Uid uid) const {
  const auto found = std::lower_bound(uids_.begin(), uids_.end(), uid);
  if (found == uids_.end() || *found != uid) return nullptr;
  return &messages_[static_cast<size_t>(found - uids_.begin())];
}

void append_fields(std::string& out, const FetchPart& part, std::string_view fields) {
  out += part.label;
  out += ' ';
  const Extent some = cut(part.partial, fields.size());
  append_literal(out, fields.substr(some.offset, some.length));
}

Task<Result<void>> write_octets(Session& s, const FetchPart& part, const store::Entry& entry,
                                const message::Summary* summary, const std::string* whole,
                                std::optional<std::string>& picked) {
  s.out += part.label;
  s.out += ' ';
  if (whole != nullptr && whole->size() != entry.size) whole = nullptr;
  const std::optional<Extent> extent = locate(part.section, summary, entry.size);
  if (!extent) {
    s.out += "NIL";
    co_return Result<void>();
  }
  if (part.selects_fields()) {
    Result<std::string> fields =
        co_await read_fields(s, s.view->account, part.section, entry, *extent, whole);
    if (!fields) {
      s.out += "NIL";
      co_return std::unexpected(fields.error());
    }
    const Extent some = cut(part.partial, fields->size());
    append_literal(s.out, std::string_view(*fields).substr(some.offset, some.length));
    picked = std::move(*fields);
    co_return Result<void>();
  }
  const Extent wanted = cut(part.partial, extent->length);
  const uint64_t offset = extent->offset + wanted.offset;
  if (whole != nullptr) {
    append_literal(s.out, std::string_view(*whole).substr(offset, wanted.length));
    co_return Result<void>();
  }
  Octets octets(s, entry, offset, wanted.length);
  Result<void> readable = co_await octets.check();
  if (!readable) {
    s.out += "NIL";
    co_return readable;
  }
  wire::imap::append_literal_header(s.out, wanted.length);
  co_await octets.write();
  co_return Result<void>();
}

}  // namespace posthouse::access::imap
