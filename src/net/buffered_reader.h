// Reads lines and blocks from a Stream with a bounded buffer that is only there while it holds bytes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "net/stream.h"

namespace posthouse::net {

// One per connection, on the stream's loop. Holds a reference to the stream. The buffer (16 KiB, or as much
// as the longest line asked for) is given back whenever it runs empty, so an idle session costs none.
class BufferedReader {
 public:
  static constexpr size_t kBufferSize = 16 * 1024;

  explicit BufferedReader(Stream& stream) : stream_(stream) {}
  BufferedReader(const BufferedReader&) = delete;
  BufferedReader& operator=(const BufferedReader&) = delete;

  // The next line including its line end; valid until the next call. Ends at LF, whatever is before it: the
  // grammars decide what a bare LF or CR means. Fails with `syntax` when more than `limit` bytes come without
  // LF (the bytes stay buffered; call skip_line to resynchronise), with `closed` at the end of the
  // connection.
  Task<Result<std::string_view>> read_line(size_t limit);

  // Throws away input up to and including the next LF, at most `limit` bytes, in constant memory.
  Task<Result<void>> skip_line(size_t limit);

  // What is buffered now, reading once if there is nothing; at least one byte, at most `limit`. Empty at the
  // end of the connection. Take what was used with consume().
  Task<Result<std::string_view>> read_available(size_t limit);
  void consume(size_t n);

  // Bytes received and not yet taken. STARTTLS with buffered() != 0 means injection: drop.
  size_t buffered() const { return end_ - begin_; }

  // The memory held now, 0 while there is nothing buffered and somebody waits.
  size_t capacity() const { return buffer_.capacity() > kInObject ? buffer_.capacity() : 0; }
  std::string_view peek() const { return {buffer_.data() + begin_, end_ - begin_}; }

 private:
  static constexpr size_t kInObject = 31;  // what a string may hold without memory of its own

  Task<Result<size_t>> fill(size_t room);
  void make_room(size_t room);
  void release_if_empty();

  Stream& stream_;
  std::string buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace posthouse::net
