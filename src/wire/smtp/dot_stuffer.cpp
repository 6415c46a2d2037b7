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
  while (at < text.size()) {
    if (line_start_ && text[at] == '.') out += '.';
    size_t stop = text.find_first_of("\r\n", at);
    if (stop == std::string_view::npos) stop = text.size();
    out.append(text.data() + at, stop - at);
    line_start_ = line_start_ && stop == at;
    at = stop;
    if (at == text.size()) return;
    if (text[at] == '\r' && at + 1 == text.size()) {
      cr_ = true;
      return;
    }
    const bool crlf = text[at] == '\r' && text[at + 1] == '\n';
    if (!crlf) ++mended_;
    out += "\r\n";
    line_start_ = true;
    at += crlf ? 2 : 1;
  }
}

void DotStuffer::finish(std::string& out) {
  if (cr_) mend_pending_cr(out);
  if (!line_start_) out += "\r\n";
  out += ".\r\n";
}

}  // namespace posthouse::wire::smtp
