#include "net/buffered_reader.h"

#include <algorithm>
#include <cstring>

namespace posthouse::net {

namespace {
// One buffer a thread is kept for the next reader that needs one, so that a busy session does not allocate at
// every line and an idle one holds nothing.
thread_local std::string spare;
}  // namespace

void BufferedReader::release_if_empty() {
  if (begin_ != end_) return;
  begin_ = end_ = 0;
  if (buffer_.size() == kBufferSize && spare.empty()) spare.swap(buffer_);
  std::string().swap(buffer_);
}

void BufferedReader::make_room(size_t room) {
  if (begin_ != 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  const size_t wanted = std::max(room, kBufferSize);
  if (buffer_.size() >= wanted) return;
  if (buffer_.empty() && wanted == kBufferSize && !spare.empty()) {
    buffer_.swap(spare);
    return;
  }
  buffer_.resize_and_overwrite(wanted, [](char*, size_t size) { return size; });
}

// Reads once, into a buffer that could hold `room` bytes in all; there must be fewer now. Gives what came, 0
// at the end.
Task<Result<size_t>> BufferedReader::fill(size_t room) {
  release_if_empty();
  if (buffer_.empty()) {
    const Result<void> ready = co_await stream_.wait_readable();
    if (!ready) co_return std::unexpected(ready.error());
  }
  if (end_ == buffer_.size() || begin_ == end_) make_room(room);
  const std::span<char> free(buffer_.data() + end_, buffer_.size() - end_);
  const Result<size_t> got = co_await stream_.read_some(free);
  if (got) end_ += *got;
  co_return got;
}

Task<Result<std::string_view>> BufferedReader::read_line(size_t limit) {
  size_t searched = 0;
  for (;;) {
    const std::string_view seen = peek().substr(0, limit);
    const size_t at = seen.find('\n', searched);
    if (at != std::string_view::npos) {
      begin_ += at + 1;
      co_return seen.substr(0, at + 1);
    }
    if (seen.size() == limit)
      co_return fail(FaultKind::syntax, "line longer than " + std::to_string(limit) + " bytes");
    searched = seen.size();
    const Result<size_t> got = co_await fill(limit);
    if (!got) co_return std::unexpected(got.error());
    if (*got == 0) co_return fail(FaultKind::closed, "connection ended");
  }
}

Task<Result<void>> BufferedReader::skip_line(size_t limit) {
  for (;;) {
    const std::string_view seen = peek().substr(0, limit);
    const size_t at = seen.find('\n');
    const size_t skipped = at == std::string_view::npos ? seen.size() : at + 1;
    begin_ += skipped;
    if (at != std::string_view::npos) co_return Result<void>();
    limit -= skipped;
    if (limit == 0) co_return fail(FaultKind::syntax, "no line end");
    const Result<size_t> got = co_await fill(kBufferSize);
    if (!got) co_return std::unexpected(got.error());
    if (*got == 0) co_return fail(FaultKind::closed, "connection ended");
  }
}

Task<Result<std::string_view>> BufferedReader::read_available(size_t limit) {
  if (begin_ == end_) {
    const Result<size_t> got = co_await fill(kBufferSize);
    if (!got) co_return std::unexpected(got.error());
  }
  co_return peek().substr(0, limit);
}

void BufferedReader::consume(size_t n) {
  begin_ += std::min(n, end_ - begin_);
}

}  // namespace posthouse::net
