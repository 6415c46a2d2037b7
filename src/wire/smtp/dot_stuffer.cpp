#include "wire/smtp/dot_stuffer.h"

namespace posthouse::wire::smtp {

void DotStuffer::mend_pending_cr(std::string& out) {
  out += "\r\n";
  cr_ = false;
  line_start_ = true;
  ++mended_;
}

void DotStuffer::add(std::string_view text, std::string& out) {
  size_t at = 0;
  if (cr_ && !text.empty()) {
    if (text[0] == '\n') {
      out += "\r\n";
      cr_ = false;
      line_start_ = true;
      at = 1;
    } else {
      mend_pending_cr(out);
    }
  }
  while (at < text.size()) at = add_line(text, at, out);
}

// One line, or what there is of it, from `at`; gives where the next begins.
size_t DotStuffer::add_line(std::string_view text, size_t at, std::string& out) {
  if (line_start_ && text[at] == '.') out += '.';
  const size_t lf = std::min(text.find('\n', at), text.size());
  const size_t cr = std::min(text.substr(0, lf).find('\r', at), lf);
  line_start_ = cr != text.size();
  if (!line_start_) {  // no line end yet
    out.append(text, at);
    return text.size();
  }
  if (cr + 1 == lf && lf != text.size()) {  // CRLF: as it should be
    out.append(text, at, lf + 1 - at);
    return lf + 1;
  }
  out.append(text, at, cr - at);
  if (text[cr] == '\r' && cr + 1 == text.size()) {  // its LF may come with the next piece
    line_start_ = false;
    cr_ = true;
    return text.size();
  }
  out += "\r\n";
  ++mended_;
  return cr + 1;
}

void DotStuffer::finish(std::string& out) {
  if (cr_) mend_pending_cr(out);
  if (!line_start_) out += "\r\n";
  out += ".\r\n";
}

}  // namespace posthouse::wire::smtp
