#include "access/imap/fetch_decoded.h"

#include <algorithm>

#include "access/imap/limits.h"
#include "message/transfer.h"
#include "wire/imap/encode.h"

namespace posthouse::access::imap {

namespace {

// The octets of a section without their encoding, in order, a piece at a time. Costs nothing to begin anew.
class DecodedReader {
 public:
  DecodedReader(const store::Entry& entry, const std::string* whole, Extent extent,
                message::TransferEncoding encoding)
      : entry_(entry),
        whole_(whole),
        at_(extent.offset),
        end_(extent.offset + extent.length),
        decoder_(encoding) {}

  bool done() const { return done_; }

  // Perhaps "", which is not the end.
  Task<Result<std::string>> next(Session& s) {
    std::string out;
    if (at_ >= end_) {
      decoder_.finish(out);
      done_ = true;
      co_return out;
    }
    const uint64_t want = std::min<uint64_t>(end_ - at_, kBodyPiece);
    if (whole_ != nullptr) {
      take(std::string_view(*whole_).substr(at_, want), out);
    } else {
      Result<std::string> read = co_await s.store().read(s.view->account, entry_, at_, want);
      if (!read) co_return std::unexpected(read.error());
      if (read->size() != want) co_return fail(FaultKind::corrupt, "message shorter than its entry says");
      take(*read, out);
    }
    at_ += want;
    co_return out;
  }

 private:
  void take(std::string_view octets, std::string& out) {
    if (decoder_.changes()) {
      decoder_.feed(octets, out);
    } else {
      out = octets;
    }
  }

  const store::Entry& entry_;
  const std::string* whole_;
  uint64_t at_;
  uint64_t end_;
  message::TransferDecoder decoder_;
  bool done_ = false;
};

// The part of what is read that is wanted, told apart piece by piece.
class Window {
 public:
  explicit Window(const std::optional<wire::imap::FetchItem::Partial>& partial) {
    if (!partial) return;
    begin_ = partial->offset;
    end_ = begin_ + partial->length;
  }
  std::string_view take(std::string_view piece) {
    const uint64_t from = std::clamp(begin_, at_, at_ + piece.size()) - at_;
    const uint64_t to = std::clamp(end_, at_, at_ + piece.size()) - at_;
    at_ += piece.size();
    return piece.substr(from, to - from);
  }
  bool passed() const { return at_ >= end_; }

 private:
  uint64_t at_ = 0, begin_ = 0, end_ = UINT64_MAX;
};

struct Source {
  Extent extent;
  message::TransferEncoding encoding = message::TransferEncoding::identity;
  std::optional<uint64_t> size;  // without the encoding, if that is known
};

// Nothing if there is no such part. The whole message, and multiparts, have no encoding to take away.
std::optional<Source> find_source(const FetchPart& part, const message::Summary* summary, uint64_t size) {
  const std::optional<Extent> extent = locate(part.section, summary, size);
  if (!extent) return std::nullopt;
  Source source;
  source.extent = *extent;
  source.size = extent->length;
  if (part.section.part.empty()) return source;
  const message::Part* node = message::find_part(*summary, part.section.part);
  if (node == nullptr || node->is_multipart()) return source;
  source.encoding = message::transfer_encoding(node->encoding);
  source.size = node->content_size();
  return source;
}

struct Look {
  uint64_t size = 0;
  bool has_nul = false;
};

// What there is to be told before the first octet is sent: it takes a pass of its own, in which only what is
// in hand is kept.
Task<Result<Look>> look(Session& s, DecodedReader& reader, Window window) {
  Look found;
  while (!reader.done() && !window.passed()) {
    Result<std::string> piece = co_await reader.next(s);
    if (!piece) co_return std::unexpected(piece.error());
    const std::string_view wanted = window.take(*piece);
    found.size += wanted.size();
    found.has_nul = found.has_nul || wanted.find('\0') != std::string_view::npos;
  }
  co_return found;
}

// A client that was promised octets can't be told of an error any more.
Task<void> stream(Session& s, DecodedReader& reader, Window window, uint64_t left) {
  while (left > 0 && !reader.done()) {
    if (s.wants_flush()) co_await s.flush();
    Result<std::string> piece = co_await reader.next(s);
    if (!piece) throw SessionEnd{"", piece.error()};
    const std::string_view wanted = window.take(*piece);
    s.out += wanted;
    left -= wanted.size();
  }
  if (left > 0) throw SessionEnd{"", Fault{FaultKind::corrupt, "a part changed while it was read"}};
}

}  // namespace

Task<Result<void>> write_decoded(Session& s, const FetchPart& part, const store::Entry& entry,
                                 const message::Summary* summary, const std::string* whole) {
  const bool only_size = part.type == wire::imap::FetchItem::binary_size;
  if (whole != nullptr && whole->size() != entry.size) whole = nullptr;
  const std::optional<Source> source = find_source(part, summary, entry.size);
  s.out += part.label;
  s.out += ' ';
  const bool unknown = source && source->encoding == message::TransferEncoding::unknown;
  if (!source || unknown) {
    s.out += only_size ? "0" : "NIL";
    if (unknown) co_return fail(FaultKind::permanent, "a transfer encoding that is not known");
    co_return Result<void>();
  }
  if (only_size && source->size) {
    s.out += std::to_string(*source->size);
    co_return Result<void>();
  }
  DecodedReader reader(entry, whole, source->extent, source->encoding);
  const Window window(part.partial);
  DecodedReader first_pass = reader;
  const Result<Look> found = co_await look(s, first_pass, window);
  if (!found) {
    s.out += only_size ? "0" : "NIL";
    co_return std::unexpected(found.error());
  }
  if (only_size) {
    s.out += std::to_string(found->size);
    co_return Result<void>();
  }
  // A string says that there is no NUL in it (section 4.3).
  if (found->has_nul) s.out += '~';
  wire::imap::append_literal_header(s.out, found->size);
  co_await stream(s, reader, window, found->size);
  co_return Result<void>();
}

}  // namespace posthouse::access::imap
