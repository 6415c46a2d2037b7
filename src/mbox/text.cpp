#include "mbox/text.h"

#include <algorithm>

#include "base/ascii.h"
#include "mbox/limits.h"

namespace posthouse::mbox {

namespace {

constexpr std::string_view kFrom = "From ";
constexpr size_t kLongestName = 20;  // none of ours is longer; blanks before the colon may follow

}  // namespace

bool needs_form(bool open, char first) {
  return open || is_wsp(first);
}

std::string form_line(bool open) {
  return open ? "X-Posthouse-Form: open\n" : "X-Posthouse-Form: plain\n";
}

namespace {

// Octets before the first CR or LF. Most lines have both only at their ends.
size_t plain_start(std::string_view text) {
  const size_t line = std::min(text.find('\n'), text.size());
  return std::min(text.substr(0, line).find('\r'), line);
}

}  // namespace

void Encoder::write(std::string_view piece, std::string& out) {
  while (!piece.empty()) {
    if (crs_ == 0 && !at_start_ && !naming_ && !dropping_ && !quoting_) {
      const size_t plain = plain_start(piece);
      out += piece.substr(0, plain);
      piece.remove_prefix(plain);
      if (piece.empty()) return;
    }
    const char c = piece.front();
    piece.remove_prefix(1);
    if (c == '\r') {
      if (crs_ == 2) {
        put('\r', out);
      } else {
        ++crs_;
      }
      continue;
    }
    exact_ = exact_ && (c != '\n' || crs_ > 0);
    // One CR before LF is the line end; of several all stay, because a reader leaves CR LF as it is.
    const int keep = c == '\n' && crs_ == 1 ? 0 : crs_;
    for (int i = 0; i < keep; ++i) put('\r', out);
    crs_ = 0;
    put(c, out);
  }
}

void Encoder::finish(std::string& out) {
  for (; crs_ > 0; --crs_) put('\r', out);
  if (!at_start_) {
    open_ = !dropping_;
    put('\n', out);
  }
}

void Encoder::put(char c, std::string& out) {
  if (at_start_) {
    at_start_ = false;
    naming_ = in_header_;
    name_.clear();
    match_ = 0;
    quoting_ = true;
    if (in_header_ && dropping_ && is_wsp(c)) {
      naming_ = false;  // goes on with the field that is left out
    } else {
      dropping_ = false;
    }
  }
  if (naming_) {
    name_ += c;
    const bool long_enough = name_.size() > kLongestName && !is_wsp(c);
    if (c == ':' || c == '\n' || long_enough || name_.size() >= kMaxHeaderLine) decide_field(out);
  } else if (!dropping_) {
    text(c, out);
  }
  if (c == '\n') at_start_ = true;
}

// A blank before the colon hides a name from nobody: such lines are told by name and colon, too.
void Encoder::decide_field(std::string& out) {
  naming_ = false;
  std::string_view name(name_);
  if (name == "\n" || name == "\r\n") in_header_ = false;
  const Field field = field_of(name, false);
  if (field != Field::none && in_header_) {
    dropping_ = true;
    exact_ = false;
    return;
  }
  for (char c : name_) text(c, out);
}

void Encoder::text(char c, std::string& out) {
  if (quoting_) {
    if (match_ == 0 && c == '>') {
      out += c;
      return;
    }
    if (c == kFrom[match_]) {
      if (++match_ == kFrom.size()) {
        out += '>';
        out += kFrom;
        quoting_ = false;
      }
      return;
    }
    out += kFrom.substr(0, match_);
    quoting_ = false;
  }
  out += c;
}

void Decoder::write(std::string_view piece, std::string& out) {
  piece = piece.substr(0, std::min<uint64_t>(piece.size(), record_.end - offset_));
  while (!piece.empty()) {
    while (hidden_ < record_.hidden.size() &&
           offset_ >= record_.hidden[hidden_].offset + record_.hidden[hidden_].length) {
      ++hidden_;
    }
    uint64_t length = piece.size();
    bool hide = false;
    if (hidden_ < record_.hidden.size()) {
      const HiddenLine& line = record_.hidden[hidden_];
      hide = offset_ >= line.offset;
      length = std::min<uint64_t>(length, (hide ? line.offset + line.length : line.offset) - offset_);
    }
    if (!hide) shown(piece.substr(0, length), out);
    offset_ += length;
    piece.remove_prefix(length);
  }
  if (!done()) return;
  release(out);
  line_end_ = {};  // of an open message the last one is not its own
}

void Decoder::shown(std::string_view piece, std::string& out) {
  while (!piece.empty()) {
    const size_t length = std::min(piece.find('\n'), piece.size() - 1) + 1;
    line_piece(piece.substr(0, length), out);
    piece.remove_prefix(length);
  }
}

// A piece of one line: LF only as its last octet.
void Decoder::line_piece(std::string_view piece, std::string& out) {
  out += std::exchange(line_end_, {});
  if (at_start_ && record_.unquote) piece.remove_prefix(quoted_prefix(piece, out));
  if (piece.empty()) return;
  at_start_ = false;
  if (piece.back() != '\n') {
    out += piece;
    last_ = piece.back();
    return;
  }
  piece.remove_suffix(1);
  out += piece;
  const char before = piece.empty() ? last_ : piece.back();
  (record_.open ? line_end_ : out) += before == '\r' ? "\n" : "\r\n";
  last_ = '\n';
  at_start_ = true;
}

// Of '>'s the last is held back until it is known whether "From " follows: then it was added by who wrote the
// file.
size_t Decoder::quoted_prefix(std::string_view piece, std::string& out) {
  size_t used = 0;
  for (; used < piece.size(); ++used) {
    const char c = piece[used];
    if (match_ == 0 && c == '>') {
      if (quote_) out += '>';
      quote_ = true;
      last_ = '>';
    } else if (quote_ && c == kFrom[match_]) {
      last_ = c;
      if (++match_ < kFrom.size()) continue;
      out += kFrom;
      quote_ = false;
      match_ = 0;
      at_start_ = false;
      return used + 1;
    } else {
      release(out);
      at_start_ = false;
      return used;
    }
  }
  return used;
}

void Decoder::release(std::string& out) {
  if (quote_) out += '>';
  out += kFrom.substr(0, match_);
  quote_ = false;
  match_ = 0;
}

}  // namespace posthouse::mbox
