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

// The rest of a literal whose header is out. A client that was promised octets can't be told of an error any
// more.
Task<void> stream(Session& s, const store::Entry& entry, uint64_t offset, uint64_t length) {
  while (length > 0) {
    if (s.wants_flush()) co_await s.flush();
    const uint64_t want = std::min<uint64_t>(length, kBodyPiece);
    Result<std::string> piece = co_await s.store().read(s.view->account, entry, offset, want);
    if (!piece) throw SessionEnd{"", piece.error()};
    if (piece->size() != want)
      throw SessionEnd{"", Fault{FaultKind::corrupt, "message shorter than its entry says"}};
    append_without_nul(s.out, *piece);
    offset += want;
    length -= want;
  }
}

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

namespace {

std::vector<store::Uid> uids_of(const std::vector<store::Entry>& messages) {
  std::vector<store::Uid> out;
  for (const store::Entry& entry : messages) out.push_back(entry.uid);
  return out;
}

}  // namespace

ReadAhead::Some ReadAhead::some_of(const std::vector<store::Entry>& entries, size_t at, bool from_end) {
  Some out;
  uint64_t octets = 0;
  const size_t left = from_end ? at + 1 : entries.size() - at;
  for (; out.next < left && octets < kReadTogether; ++out.next) {
    const store::Entry& entry = entries[from_end ? at - out.next : at + out.next];
    if (entry.size > kSmallMessage) continue;
    octets += entry.size;
    out.messages.push_back(entry);
    out.messages.back().summary.clear();
  }
  if (from_end) std::reverse(out.messages.begin(), out.messages.end());
  return out;
}

void ReadAhead::begin_next(Session& s, store::AccountId account, const std::vector<store::Entry>& entries,
                           size_t at, bool from_end) {
  if (from_end ? at == SIZE_MAX : at >= entries.size()) return;
  const Some some = some_of(entries, at, from_end);
  if (some.messages.empty()) return;
  next_uids_ = uids_of(some.messages);
  next_ = s.store().begin_reading(account, some.messages, kReadTogether);
}

Task<void> ReadAhead::fill(Session& s, store::AccountId account, const std::vector<store::Entry>& entries,
                           size_t at, bool from_end) {
  if (find(entries[at].uid) != nullptr || entries[at].size > kSmallMessage) co_return;
  Some some = some_of(entries, at, from_end);
  std::vector<store::Uid> uids = uids_of(some.messages);
  uids_.clear();
  messages_.clear();
  const std::optional<store::MailStore::Reading> begun = std::exchange(next_, std::nullopt);
  Result<std::vector<std::string>> read = std::vector<std::string>();
  if (begun && next_uids_ == uids) {
    read = co_await begun->take();
  } else {
    read = co_await s.store().read_whole(account, std::move(some.messages), kReadTogether);
  }
  begin_next(s, account, entries, from_end ? at - some.next : at + some.next, from_end);
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

Task<Result<void>> write_octets(Session& s, const FetchPart& part, const store::Entry& entry,
                                const message::Summary* summary, const std::string* whole) {
  s.out += part.label;
  s.out += ' ';
  if (whole != nullptr && whole->size() != entry.size) whole = nullptr;
  const std::optional<Extent> extent = locate(part.section, summary, entry.size);
  if (!extent) {
    s.out += "NIL";
    co_return Result<void>();
  }
  if (part.selects_fields()) {
    const Result<std::string> fields =
        co_await read_fields(s, s.view->account, part.section, entry, *extent, whole);
    if (!fields) {
      s.out += "NIL";
      co_return std::unexpected(fields.error());
    }
    const Extent some = cut(part.partial, fields->size());
    append_literal(s.out, std::string_view(*fields).substr(some.offset, some.length));
    co_return Result<void>();
  }
  const Extent wanted = cut(part.partial, extent->length);
  const uint64_t offset = extent->offset + wanted.offset;
  if (whole != nullptr) {
    append_literal(s.out, std::string_view(*whole).substr(offset, wanted.length));
    co_return Result<void>();
  }
  // The first piece is read before the literal is announced: most damage shows there.
  const uint64_t first = std::min<uint64_t>(wanted.length, kBodyPiece);
  std::string piece;
  if (first > 0) {
    Result<std::string> read = co_await s.store().read(s.view->account, entry, offset, first);
    if (read && read->size() != first) read = fail(FaultKind::corrupt, "message shorter than its entry says");
    if (!read) {
      s.out += "NIL";
      co_return std::unexpected(read.error());
    }
    piece = std::move(*read);
  }
  wire::imap::append_literal_header(s.out, wanted.length);
  append_without_nul(s.out, piece);
  std::string().swap(piece);
  co_await stream(s, entry, offset + first, wanted.length - first);
  co_return Result<void>();
}

}  // namespace posthouse::access::imap
