#include "base/line_writer.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace posthouse {

namespace {
// What a pipe or socket that poll() calls writable takes without making us wait (PIPE_BUF), so the
// descriptor, which others share, need not be made non-blocking.
constexpr size_t kPiece = 4096;

// Whole lines, at least one, and no more than a piece if they allow it: processes that share a descriptor
// must not cut each other's lines.
std::string_view first_piece(std::string_view text) {
  if (text.size() <= kPiece) return text;
  size_t end = text.rfind('\n', kPiece - 1);
  if (end == std::string_view::npos) end = text.find('\n', kPiece);
  return text.substr(0, end == std::string_view::npos ? text.size() : end + 1);
}
}  // namespace

bool LineWriter::add(std::string_view line) {
  if (text_.size() + line.size() >= kBacklog) return false;
  text_.append(line).push_back('\n');
  return true;
}

bool LineWriter::takes_more(std::chrono::milliseconds patience) {
  pollfd writable{fd_, POLLOUT, 0};
  const int wait = stopped_ ? 0 : static_cast<int>(patience.count());
  int ready = 0;
  do {
    ready = poll(&writable, 1, wait);
  } while (ready < 0 && errno == EINTR);
  stopped_ = ready == 0;
  return ready != 0;  // also on an error, which write() tells
}

void LineWriter::flush(std::chrono::milliseconds patience) {
  std::string_view left = text_;
  while (!left.empty() && takes_more(patience)) {
    const ssize_t n = ::write(fd_, left.data(), first_piece(left).size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;  // somebody made it non-blocking
    left.remove_prefix(n <= 0 ? left.size() : static_cast<size_t>(n));
  }
  text_.erase(0, text_.size() - left.size());
}

}  // namespace posthouse
