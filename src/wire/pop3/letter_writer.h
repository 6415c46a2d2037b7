// A letter as it goes over the wire after "+OK": lines that begin with a dot get another, and a line of one
// dot ends it (RFC 1939 section 3).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace posthouse::wire::pop3 {

// Fed in pieces of any size. What it adds to a letter beyond the dots is only what the end needs: an end of
// the last line, and the blank line of a header that has none, without which some clients wait or take the
// header for nothing. NUL goes out as 0x80, for clients that stop at it; octets stay as many.
//
// A dot after a bare LF is doubled too: a client that takes LF for a line end would see the end of the letter
// there, and the rest as answers to its next commands.
class LetterWriter {
 public:
  // `body_lines`: header, blank line and so many lines of the body (TOP); all if absent.
  explicit LetterWriter(std::optional<uint64_t> body_lines = {}) : left_(body_lines) {}

  // Adds to `out`. False once nothing more is wanted.
  bool feed(std::string_view octets, std::string& out);
  void finish(std::string& out);

 private:
  void end_line();

  std::optional<uint64_t> left_;
  bool header_ = true;
  bool full_ = false;
  bool at_start_ = true;   // of a line
  bool blank_ = true;      // the line has at most a CR so far
  bool has_cr_ = false;    // and has one, right before this place
  bool ends_well_ = true;  // what went out ends with CRLF, or is nothing
};

}  // namespace posthouse::wire::pop3
