// How many octets a body has when its transfer encoding is undone, without undoing it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "message/transfer.h"

namespace posthouse::message {

// Counts what a TransferDecoder would give, for base64 and quoted-printable. Takes pieces of any size.
class DecodedSize {
 public:
  explicit DecodedSize(TransferEncoding encoding) : encoding_(encoding), decoder_(encoding) {}
  TransferEncoding encoding() const { return encoding_; }
  void feed(std::string_view bytes);
  uint64_t finish();

  // Of base64 at the start of a line: octets of the lines at the start of `bytes` that are as long as the one
  // before, end in CRLF and hold digits alone. They are counted, and no delimiter can be among them: whoever
  // looks for delimiters need not look at them again. `lines` is how many they are.
  size_t take_regular_lines(std::string_view bytes, uint64_t& lines);

 private:
  void feed_base64(std::string_view bytes);
  void feed_quoted(std::string_view bytes);
  bool count_quoted_line(std::string_view line);
  void decode(std::string_view bytes);
  void end_group();

  TransferEncoding encoding_;
  TransferDecoder decoder_;  // of quoted-printable, for lines that are not simple
  bool inside_line_ = false;
  uint64_t size_ = 0;
  uint64_t digits_ = 0;  // of base64, since the last padding
  size_t line_ = 0;      // digits of the last line of base64 that was whole, if they were all of it
  std::string scratch_;
};

}  // namespace posthouse::message
