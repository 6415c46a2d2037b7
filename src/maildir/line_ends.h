// Line ends: LF in files, CRLF in messages.
//
// In a file, LF stands for CRLF, and so does a CRLF that is there already. So a CRLF that follows another CR
// is written as it is, and reading gives back the very bytes of any message whose every LF has its CR.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace posthouse::maildir {

// CRLF to LF, in pieces of any size.
class ToFile {
 public:
  // Appends what is certain of `bytes` to `out`; a CR at the end waits for what follows it.
  void convert(std::string_view bytes, std::string& out);
  void finish(std::string& out);

  uint64_t size() const { return size_; }            // bytes in the file so far
  uint64_t crlf_size() const { return crlf_size_; }  // what a reader will make of them
  bool exact() const { return exact_; }              // which are the very bytes that came

 private:
  void put(std::string_view bytes, std::string& out);
  void put_line_end(std::string& out);

  bool waiting_ = false;   // a CR
  bool after_cr_ = false;  // the last byte put out was a CR
  uint64_t size_ = 0;
  uint64_t crlf_size_ = 0;
  bool exact_ = true;
};

// LF to CRLF, in pieces of any size.
class FromFile {
 public:
  // Appends to `out` what `bytes` are, but no more than `limit` bytes; returns how many of `bytes` were used.
  // A line end may be given in halves.
  size_t convert(std::string_view bytes, size_t limit, std::string& out);

  bool after_cr() const { return after_cr_; }  // the last byte given out was a CR: the next LF has its own
  explicit FromFile(bool after_cr = false) : after_cr_(after_cr) {}

 private:
  bool after_cr_;
};

}  // namespace posthouse::maildir
