// What several tests of the message room need.
#pragma once

#include <cctype>
#include <string>
#include <string_view>

#include "message/summary.h"

namespace posthouse::message {

inline std::string crlf(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\n') out += '\r';
    out += c;
  }
  return out;
}

inline std::string body_of(const Part& part, const std::string& message) {
  return message.substr(part.body_begin, part.body_end - part.body_begin);
}

inline std::string envelope_of(const std::string& message, bool utf8 = false) {
  std::string out;
  append_imap_envelope(out, encode(summarize(message)), utf8);
  return out;
}

inline std::string structure_of(const std::string& message, bool extended = false, bool utf8 = false) {
  std::string out;
  append_imap_bodystructure(out, encode(summarize(message)), extended, utf8);
  return out;
}

// Whether `text` is one balanced list of quoted strings, atoms and lists as IMAP writes them, ASCII unless
// `utf8`, without CR, LF and NUL.
inline bool is_imap_list(std::string_view text, bool utf8) {
  int depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\0' || c == '\r' || c == '\n' || (!utf8 && (c & 0x80) != 0)) return false;
    if (c == '"') {
      for (++i; i < text.size() && text[i] != '"'; ++i) {
        if (text[i] == '\\' && (++i == text.size() || (text[i] != '"' && text[i] != '\\'))) return false;
        if (text[i] == '\0' || text[i] == '\r' || text[i] == '\n' || (!utf8 && (text[i] & 0x80) != 0))
          return false;
      }
      if (i == text.size()) return false;
    } else if (c == '(') {
      ++depth;
    } else if (c == ')') {
      if (--depth < 0 || (depth == 0 && i + 1 != text.size())) return false;
    } else if (c != ' ' && std::isalnum(static_cast<unsigned char>(c)) == 0) {
      return false;
    }
  }
  return depth == 0 && text.starts_with('(') && text.ends_with(')');
}

inline Summary summarize_in_pieces(std::string_view message, size_t piece) {
  Summarizer summarizer;
  for (size_t at = 0; at < message.size(); at += piece) summarizer.feed(message.substr(at, piece));
  return summarizer.finish();
}

}  // namespace posthouse::message
