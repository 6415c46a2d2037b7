// Content-Transfer-Encoding (RFC 2045 section 6), streaming and forgiving.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace posthouse::message {

enum class TransferEncoding { identity, base64, quoted_printable, unknown };

// 7bit, 8bit, binary and "" are identity. `unknown`: FETCH BINARY answers UNKNOWN-CTE, searching reads it as
// it is.
TransferEncoding transfer_encoding(std::string_view name);

// Takes pieces of any size. Damage gives what can be read: base64 skips what is not in its alphabet and goes
// on behind padding (RFC 2045 section 6.8), quoted-printable keeps a "=" that begins no code (section 6.7).
class TransferDecoder {
 public:
  explicit TransferDecoder(TransferEncoding encoding) : encoding_(encoding) {}
  // Whether what comes out is not what goes in.
  bool changes() const {
    return encoding_ == TransferEncoding::base64 || encoding_ == TransferEncoding::quoted_printable;
  }
  void feed(std::string_view bytes, std::string& out);
  void finish(std::string& out);

 private:
  void feed_base64(std::string_view bytes, std::string& out);
  void feed_quoted(std::string_view bytes, std::string& out);
  void end_padding(std::string& out);

  TransferEncoding encoding_;
  uint32_t bits_ = 0;  // of base64: digits seen since the last whole group
  int digits_ = 0;
  std::string held_;  // of quoted-printable: "=", "=4", or blanks that may end a line
};

std::string decode_base64(std::string_view text);
std::string decode_quoted_printable(std::string_view text);

// base64 in lines of 76 characters and CRLF (RFC 2045 section 6.8), also behind the last line.
void append_base64_lines(std::string& out, std::string_view bytes);
// Lines of at most 76 characters, CRLF for every line end of `text` (CRLF or LF).
std::string encode_quoted_printable(std::string_view text);

// The byte of two hexadecimal digits, or -1.
int hex_byte(char high, char low);

}  // namespace posthouse::message
