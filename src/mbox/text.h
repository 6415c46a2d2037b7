// Between a message as IMAP knows it and the lines that stand for it in the file. Both ways in pieces of any
// size, with bounded memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "mbox/scan.h"

namespace posthouse::mbox {

// Message to file: CRLF becomes LF (a CR that stands before CRLF keeps both), "From " at the start of a line,
// also behind '>'s, gets one more '>' (mboxrd), and header fields that would be taken for the file's own are
// left out.
class Encoder {
 public:
  // Appends to `out`.
  void write(std::string_view piece, std::string& out);
  // The rest, and the line end that the last line may lack. `open()` tells whether it did.
  void finish(std::string& out);
  bool open() const { return open_; }
  // The Decoder gives back the very octets: nothing was left out, and no LF came without its CR.
  bool exact() const { return exact_; }

 private:
  void put(char c, std::string& out);
  void start_line(std::string& out);
  void text(char c, std::string& out);
  void decide_field(std::string& out);

  bool in_header_ = true;
  bool dropping_ = false;  // within a field that is left out
  bool at_start_ = true;   // of a line
  bool open_ = false;
  bool exact_ = true;
  int crs_ = 0;       // CRs held back, at most two
  std::string name_;  // start of a header line, until its name is known
  bool naming_ = true;
  size_t match_ = 0;  // octets of "From " that may have to be quoted
  bool quoting_ = true;
};

// Where a line that begins with a blank comes first, the fields before it must not be continued by it, and a
// message without a last line end must say so: then this field is the last of the file's own.
bool needs_form(bool open, char first);
std::string form_line(bool open);

// File to message: the lines of `record` from `start` to `end`, without the hidden ones.
class Decoder {
 public:
  explicit Decoder(const Record& record) : record_(record), offset_(record.start) {}

  // `piece` continues at offset(); appends to `out`. The piece that reaches the record's end finishes.
  void write(std::string_view piece, std::string& out);
  uint64_t offset() const { return offset_; }
  bool done() const { return offset_ >= record_.end; }

 private:
  void shown(std::string_view piece, std::string& out);
  void line_piece(std::string_view piece, std::string& out);
  size_t quoted_prefix(std::string_view piece, std::string& out);
  void release(std::string& out);

  const Record& record_;
  uint64_t offset_;
  size_t hidden_ = 0;     // the next hidden line
  bool at_start_ = true;  // of a line, or within '>'s and "From "
  bool quote_ = false;    // one '>' is held back
  size_t match_ = 0;      // octets of "From " held back
  char last_ = '\n';
  std::string line_end_;  // held back while it may be the last
};

}  // namespace posthouse::mbox
