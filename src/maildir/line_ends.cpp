#include "maildir/line_ends.h"

namespace posthouse::maildir {

void ToFile::put(std::string_view bytes, std::string& out) {
  if (bytes.empty()) return;
  out += bytes;
  size_ += bytes.size();
  crlf_size_ += bytes.size();
  after_cr_ = bytes.back() == '\r';
}

void ToFile::put_line_end(std::string& out) {
  // A CR before this line end's own would become its CR when it is read: then both stay.
  if (waiting_ && after_cr_) put("\r", out);
  exact_ = exact_ && waiting_;
  waiting_ = false;
  if (!after_cr_) ++crlf_size_;
  put("\n", out);
}

void ToFile::convert(std::string_view bytes, std::string& out) {
  while (!bytes.empty()) {
    if (bytes[0] == '\n') {
      put_line_end(out);
      bytes.remove_prefix(1);
      continue;
    }
    if (waiting_) put("\r", out);
    waiting_ = bytes[0] == '\r';
    if (waiting_) {
      bytes.remove_prefix(1);
      continue;
    }
    const size_t plain = std::min(bytes.find_first_of("\r\n"), bytes.size());
    put(bytes.substr(0, plain), out);
    bytes.remove_prefix(plain);
  }
}

void ToFile::finish(std::string& out) {
  if (waiting_) put("\r", out);
  waiting_ = false;
}

size_t FromFile::convert(std::string_view bytes, size_t limit, std::string& out) {
  const size_t all = bytes.size();
  while (!bytes.empty() && limit > 0) {
    if (bytes[0] == '\n') {
      const bool second_half = after_cr_;
      out += second_half ? '\n' : '\r';
      after_cr_ = !second_half;  // the LF itself comes next, as after a CR of the file
      --limit;
      if (second_half) bytes.remove_prefix(1);
      continue;
    }
    const size_t plain = std::min({bytes.find('\n'), bytes.size(), limit});
    out += bytes.substr(0, plain);
    after_cr_ = bytes[plain - 1] == '\r';
    bytes.remove_prefix(plain);
    limit -= plain;
  }
  return all - bytes.size();
}

}  // namespace posthouse::maildir
