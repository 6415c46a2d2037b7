#include "submission/address_text.h"

#include "base/ascii.h"
#include "submission/limits.h"

namespace posthouse::submission {

std::string fold_list(std::string_view value) {
  std::string out;
  bool quoted = false;
  size_t comments = 0, line = 0;
  for (size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    out += c;
    line = c == '\n' ? 0 : line + 1;
    if (c == '\\' && i + 1 < value.size()) {
      out += value[++i];
      ++line;
    } else if (c == '"' && comments == 0) {
      quoted = !quoted;
    } else if (!quoted && c == '(') {
      ++comments;
    } else if (!quoted && c == ')' && comments > 0) {
      --comments;
    }
    if (c != ',' || quoted || comments > 0 || line < kFoldedLine || i + 1 == value.size()) continue;
    if (value[i + 1] == '\r') continue;
    out += is_wsp(value[i + 1]) ? "\r\n" : "\r\n ";
    line = 0;
  }
  return out;
}

bool has_double_entry(std::string_view value) {
  bool quoted = false, bracketed = false;
  size_t comments = 0, at_signs = 0;
  for (size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (c == '\\') {
      ++i;
    } else if (c == '"' && comments == 0) {
      quoted = !quoted;
    } else if (quoted) {
      continue;
    } else if (c == '(') {
      ++comments;
    } else if (comments > 0) {
      comments -= c == ')' ? 1 : 0;
    } else if (c == ',' || c == ';' || c == ':') {
      if (at_signs > 1 && !bracketed) return true;
      at_signs = 0;
      bracketed = false;
    } else {
      at_signs += c == '@' ? 1 : 0;
      bracketed = bracketed || c == '<';
    }
  }
  return at_signs > 1 && !bracketed;
}

bool has_long_line(std::string_view text) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    if (end > kMaxLine) return true;
    text.remove_prefix(end);
  }
  return false;
}

}  // namespace posthouse::submission
