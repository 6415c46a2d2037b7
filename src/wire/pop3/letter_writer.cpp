#include "wire/pop3/letter_writer.h"

#include <algorithm>

namespace posthouse::wire::pop3 {

namespace {

void append_without_nul(std::string& out, std::string_view octets) {
  const size_t begin = out.size();
  out += octets;
  if (octets.find('\0') == std::string_view::npos) return;
  std::replace(out.begin() + static_cast<ptrdiff_t>(begin), out.end(), '\0', '\x80');
}

}  // namespace

void LetterWriter::end_line() {
  if (header_) {
    if (blank_) {
      header_ = false;
      full_ = left_ == 0;
    }
  } else if (left_) {
    full_ = --*left_ == 0;
  }
  ends_well_ = has_cr_;
  at_start_ = true;
  blank_ = true;
  has_cr_ = false;
}

bool LetterWriter::feed(std::string_view octets, std::string& out) {
  while (!octets.empty() && !full_) {
    if (at_start_ && octets[0] == '.') out += '.';
    const size_t end = octets.find('\n');
    const std::string_view text = octets.substr(0, end);
    if (!text.empty()) {
      if (text != "\r" || !at_start_) blank_ = false;
      has_cr_ = text.back() == '\r';
      at_start_ = false;
      ends_well_ = false;
    }
    if (end == std::string_view::npos) {
      append_without_nul(out, text);
      break;
    }
    append_without_nul(out, octets.substr(0, end + 1));
    octets.remove_prefix(end + 1);
    end_line();
  }
  return !full_;
}

void LetterWriter::finish(std::string& out) {
  if (!ends_well_) out += "\r\n";
  if (header_) out += "\r\n";
  out += ".\r\n";
}

}  // namespace posthouse::wire::pop3
