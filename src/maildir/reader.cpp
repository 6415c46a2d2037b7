#include "maildir/reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "maildir/limits.h"

namespace posthouse::maildir {

Reader::Reader(File file, uint64_t file_size, SystemTime date)
    : file_(std::move(file)), file_size_(file_size), date_(date) {}

Result<Reader> Reader::open(File file) {
  struct stat facts{};
  if (::fstat(file.fd(), &facts) != 0) return os_fault("stat", "message");
  if (!S_ISREG(facts.st_mode)) return fail(FaultKind::syntax, "a message is a regular file");
  return Reader(std::move(file), static_cast<uint64_t>(facts.st_size),
                SystemTime(milliseconds(milliseconds_of(facts.st_mtim))));
}

Result<Reader> Reader::open(const std::string& path) {
  Result<File> file = open_file_in(AT_FDCWD, path);
  if (!file) return std::unexpected(file.error());
  return open(std::move(*file));
}

// What is in the file from there on, as far as one buffer goes; empty at its end.
Result<std::string_view> Reader::bytes_at(uint64_t offset) {
  if (offset < buffer_at_ || offset >= buffer_at_ + buffer_.size()) {
    // Most messages are smaller than the buffer, and clearing it takes longer than reading them.
    const uint64_t left = file_size_ > offset ? file_size_ - offset : 0;
    buffer_.resize(static_cast<size_t>(std::clamp<uint64_t>(left, kLeastRead, kReadBuffer)));
    ssize_t got = 0;
    do {
      got = ::pread(file_.fd(), buffer_.data(), buffer_.size(), static_cast<off_t>(offset));
    } while (got < 0 && errno == EINTR);
    const int error = errno;
    buffer_.resize(got > 0 ? static_cast<size_t>(got) : 0);
    buffer_at_ = offset;
    errno = error;
    if (got < 0) return os_fault("read", "message");
  }
  return std::string_view(buffer_).substr(offset - buffer_at_);
}

void Reader::go_back(uint64_t offset) {
  if (here_.message <= offset) {
    // Perhaps a known place lies nearer.
    const Spot& last = spots_.back();
    if (last.message > here_.message && last.message <= offset) here_ = last;
    return;
  }
  const auto after = std::upper_bound(spots_.begin(), spots_.end(), offset,
                                      [](uint64_t at, const Spot& spot) { return at < spot.message; });
  here_ = *(after - 1);
}

// Converts at most one buffer; false at the end of the file.
Result<bool> Reader::step(size_t limit, std::string& out) {
  const Result<std::string_view> bytes = bytes_at(here_.file);
  if (!bytes) return std::unexpected(bytes.error());
  if (bytes->empty()) {
    message_size_ = here_.message;
    return false;
  }
  const uint64_t to_spot = spots_.back().file + kCheckpointEvery;
  const uint64_t some = here_.file < to_spot ? to_spot - here_.file : bytes->size();
  const size_t before = out.size();
  if (as_it_is_) {
    out += bytes->substr(0, std::min<uint64_t>(some, limit));
    here_.file += out.size() - before;
  } else {
    FromFile convert(here_.after_cr);
    here_.file += convert.convert(bytes->substr(0, some), limit, out);
    here_.after_cr = convert.after_cr();
  }
  here_.message += out.size() - before;
  if (here_.file >= to_spot) spots_.push_back(here_);
  return true;
}

Result<bool> Reader::begins_with_crlf() {
  bool after_cr = false;
  for (uint64_t at = 0;;) {
    const Result<std::string_view> bytes = bytes_at(at);
    if (!bytes) return std::unexpected(bytes.error());
    if (bytes->empty()) return false;
    const size_t end = bytes->find('\n');
    if (end != bytes->npos) return end == 0 ? after_cr : (*bytes)[end - 1] == '\r';
    after_cr = bytes->back() == '\r';
    at += bytes->size();
  }
}

Result<std::string> Reader::read(uint64_t offset, size_t length) {
  go_back(offset);
  std::string out;
  while (here_.message < offset) {
    out.clear();
    const Result<bool> more =
        step(static_cast<size_t>(std::min<uint64_t>(offset - here_.message, kReadBuffer)), out);
    if (!more) return std::unexpected(more.error());
    if (!*more) return std::string();
  }
  out.clear();
  while (out.size() < length) {
    const Result<bool> more = step(length - out.size(), out);
    if (!more) return std::unexpected(more.error());
    if (!*more) break;
  }
  return out;
}

Result<uint64_t> Reader::size_with_crlf() {
  if (!message_size_) {
    go_back(UINT64_MAX);
    std::string out;
    for (;;) {
      out.clear();
      const Result<bool> more = step(kReadBuffer, out);
      if (!more) return std::unexpected(more.error());
      if (!*more) break;
    }
  }
  return *message_size_;
}

}  // namespace posthouse::maildir
