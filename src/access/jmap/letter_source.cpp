#include "access/jmap/letter_source.h"

#include "access/jmap/limits.h"

namespace posthouse::access::jmap {

Task<Result<std::string>> LetterSource::read(uint64_t offset, uint64_t length) const {
  if (offset > size_ || length > size_ - offset)
    co_return fail(FaultKind::corrupt, "a letter is shorter than it was");
  if (length == 0) co_return std::string();
  if (account_ == 0) co_return octets_.substr(begin_ + offset, length);
  if (upload_ != 0) {
    Result<std::string> part = co_await services_.uploads->read(account_, upload_, begin_ + offset, length);
    if (part && part->size() != length)
      co_return fail(FaultKind::corrupt, "an upload is shorter than it was");
    co_return part;
  }
  Result<std::string> read = co_await services_.store.read(account_, entry_, begin_ + offset, length);
  if (read && read->size() != length)
    co_return fail(FaultKind::corrupt, "a letter is shorter than its entry says");
  co_return read;
}

Task<Result<message::Summary>> summarize(const LetterSource& source) {
  message::Summarizer summarizer;
  for (uint64_t at = 0; at < source.size();) {
    const uint64_t length = std::min<uint64_t>(source.size() - at, kBlobPiece);
    Result<std::string> piece = co_await source.read(at, length);
    if (!piece) co_return std::unexpected(piece.error());
    summarizer.feed(*piece);
    at += length;
  }
  co_return summarizer.finish();
}

}  // namespace posthouse::access::jmap
