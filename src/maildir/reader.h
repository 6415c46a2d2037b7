// Reads a message's file as the message: LF becomes CRLF, a CRLF stays; or as it is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "maildir/file.h"
#include "maildir/line_ends.h"

namespace posthouse::maildir {

// Holds a buffer of 64 KiB and never the message. Remembers its place: reading on costs no more than the
// bytes read, and going back at most 256 KiB. Keeps its file open, so renames and removals by others don't
// matter. Not thread-safe.
class Reader {
 public:
  // From Folder::open_message(), or any other regular file.
  static Result<Reader> open(File file);
  static Result<Reader> open(const std::string& path);

  // Whether the first line end is a CRLF; not of a file without any. Reads up to there.
  Result<bool> begins_with_crlf();
  // From now on every octet is what it is in the file. Before anything is read.
  void take_as_it_is() { as_it_is_ = true; }
  // Up to `length` bytes of the message from `offset` on; fewer only at its end.
  Result<std::string> read(uint64_t offset, size_t length);
  // The size of the message. Reads on to the end of the file, once.
  Result<uint64_t> size_with_crlf();
  uint64_t file_size() const { return file_size_; }
  SystemTime date() const { return date_; }  // the file's time

 private:
  struct Spot {
    uint64_t message = 0;  // offset in the message
    uint64_t file = 0;     // offset in the file
    bool after_cr = false;
  };

  Reader(File file, uint64_t file_size, SystemTime date);
  Result<std::string_view> bytes_at(uint64_t offset);
  void go_back(uint64_t offset);
  Result<bool> step(size_t limit, std::string& out);

  File file_;
  uint64_t file_size_;
  SystemTime date_;
  bool as_it_is_ = false;
  Spot here_;
  std::vector<Spot> spots_{Spot{}};  // where one can go back to, in order
  std::string buffer_;
  uint64_t buffer_at_ = 0;
  std::optional<uint64_t> message_size_;
};

}  // namespace posthouse::maildir
