// Text of any charset to UTF-8. Mislabelling that mailers are known for is read as what is meant.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace posthouse::message {

// Streaming. ISO-8859-1 is read as windows-1252, GB2312 as GB18030, KS C 5601 as windows-949, and so on (the
// WHATWG encoding labels); UTF-8, US-ASCII, "unknown-8bit", "" and names nobody knows are read as UTF-8, and
// as windows-1252 where a byte is no part of well-formed UTF-8 (RFC 7103 section 7.6). What a charset does
// not define becomes U+FFFD. The output is always valid UTF-8 and at most 4 times the input.
class CharsetDecoder {
 public:
  explicit CharsetDecoder(std::string_view charset);
  ~CharsetDecoder();
  CharsetDecoder(CharsetDecoder&&) noexcept;
  CharsetDecoder& operator=(CharsetDecoder&&) noexcept;
  // Appends to `out`; keeps an unfinished character for the next call.
  void feed(std::string_view bytes, std::string& out);
  void finish(std::string& out);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

std::string to_utf8(std::string_view bytes, std::string_view charset);

// Whether the name means something to us (SEARCH CHARSET answers BADCHARSET if not). US-ASCII and UTF-8 do.
bool is_known_charset(std::string_view charset);

}  // namespace posthouse::message
