// Lines on their way to a descriptor whose reader may be slow, or may have stopped: the journal, a pipe.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace posthouse {

// Not thread-safe. Nothing here waits but flush(), and that no longer than it is told.
class LineWriter {
 public:
  static constexpr size_t kBacklog = 1024 * 1024;  // kept for a reader that has stopped

  explicit LineWriter(int fd) : fd_(fd) {}

  // Takes a line, to be written by flush(). False when the backlog has no room for it: it is lost.
  bool add(std::string_view line);
  // Writes what is there, as whole lines, as far as the reader takes it; waits for him up to `patience`, but
  // only once until he takes something again. On an error all is dropped: there is nobody to tell.
  void flush(std::chrono::milliseconds patience);
  size_t waiting() const { return text_.size(); }

 private:
  bool takes_more(std::chrono::milliseconds patience);

  int fd_;
  std::string text_;
  bool stopped_ = false;  // the reader, when last waited for
};

}  // namespace posthouse
