#include "transport/body.h"

namespace posthouse::transport {

Task<Result<void>> Body::prepare() {
  const uint64_t length = std::min<uint64_t>(size_, engine::kBlobChunk);
  Result<std::string> piece = co_await engine::fetch_blob(engine_, blob_, offset_, length);
  if (!piece) {
    fault_ = piece.error();
    co_return std::unexpected(piece.error());
  }
  first_ = std::move(*piece);
  if (first_.size() != length) {
    fault_ = Fault{FaultKind::corrupt, "the stored letter is shorter than its envelope says"};
    co_return std::unexpected(*fault_);
  }
  co_return Result<void>();
}

smtp::BodySource Body::source() {
  position_ = 0;
  return [this] { return next(); };
}

Task<Result<std::string>> Body::next() {
  if (position_ >= size_) co_return std::string();
  if (position_ == 0) {
    position_ = first_.size();
    co_return first_;
  }
  const uint64_t length = std::min<uint64_t>(size_ - position_, engine::kBlobChunk);
  Result<std::string> piece = co_await engine::fetch_blob(engine_, blob_, offset_ + position_, length);
  if (piece && piece->size() != length) piece = fail(FaultKind::corrupt, "the stored letter is cut short");
  if (!piece) {
    fault_ = piece.error();
  } else {
    position_ += piece->size();
  }
  co_return piece;
}

Task<Result<std::string>> read_front(engine::Engine& engine, queue::Letter letter, uint64_t most) {
  std::string out;
  const uint64_t want = std::min(most, letter.size);
  while (out.size() < want) {
    const uint64_t length = std::min<uint64_t>(want - out.size(), engine::kBlobChunk);
    Result<std::string> piece =
        co_await engine::fetch_blob(engine, letter.blob, letter.offset + out.size(), length);
    if (!piece) co_return piece;
    if (piece->empty()) co_return fail(FaultKind::corrupt, "the stored letter is cut short");
    out += *piece;
  }
  co_return out;
}

}  // namespace posthouse::transport
