#include "message/fold.h"

#include "base/ascii.h"
#include "message/encoded_word.h"
#include "message/limits.h"
#include "message/unicode_text.h"

namespace posthouse::message {
namespace {

// Longest piece of a word that is put on one line, octets: room for the field's name and the folding blank.
constexpr size_t kLongestWord = 900;

// How much of `word` goes on this line: all, or up to a character's start.
size_t piece_size(std::string_view word) {
  if (word.size() <= kLongestWord) return word.size();
  size_t n = kLongestWord;
  while (n > kLongestWord - 4 && (static_cast<unsigned char>(word[n]) & 0xC0) == 0x80) --n;
  return n;
}

// Where the word at the start of `text` ends: at the next blank. One that holds a quoted string goes to
// behind it if it is short: a fold inside is allowed (RFC 5322 section 3.2.4), but some readers keep its line
// end.
size_t word_end(std::string_view text) {
  constexpr size_t kLongestQuoted = limits::kPreferredLine - 2;
  const size_t plain = std::min(text.find(' '), text.size());
  bool quoted = false;
  for (size_t i = 0; i < text.size() && i <= kLongestQuoted; ++i) {
    if (text[i] == ' ' && !quoted) return i;
    if (text[i] == '"') quoted = !quoted;
    if (text[i] == '\\') ++i;
  }
  return quoted || text.size() > kLongestQuoted ? plain : text.size();
}

bool has_long_word(std::string_view text) {
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    if (end - begin > kLongestWord / 2) return true;
    begin = end + 1;
  }
  return false;
}

}  // namespace

bool needs_encoded_words(std::string_view text, bool utf8) {
  const size_t word = text.find("=?");
  const bool looks_encoded =
      word != std::string_view::npos && text.find("?=", word + 2) != std::string_view::npos;
  return (!utf8 && has_8bit(text)) || looks_encoded || has_long_word(text);
}

std::string one_line(std::string_view text, bool utf8) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const char c = text[0];
    const size_t n = is_8bit(c) ? utf8_sequence(text) : 1;
    if (is_8bit(c)) {
      out.append(!utf8 ? "?" : n == 0 ? "\xEF\xBF\xBD" : text.substr(0, n));
    } else if (c != '\0') {
      out += static_cast<unsigned char>(c) < ' ' || c == 127 ? ' ' : c;
    }
    text.remove_prefix(n == 0 ? 1 : n);
  }
  return out;
}

void append_field(std::string& out, std::string_view name, std::string_view raw_value, bool utf8) {
  const std::string line = one_line(raw_value, utf8);
  std::string_view value = trim(line);
  out.append(name).append(":");
  size_t width = name.size() + 1;
  while (!value.empty()) {
    const size_t blanks = value.find_first_not_of(' ');
    const size_t word_size = word_end(value.substr(blanks));
    const size_t take = piece_size(value.substr(blanks, word_size));
    if (width + 1 + take > limits::kPreferredLine && (width > name.size() + 1 || take > kLongestWord / 2)) {
      out += "\r\n";
      width = 0;
    }
    // Blanks of the value are kept; one stands between the colon, or a fold, and a word.
    const size_t gap = std::clamp<size_t>(blanks, 1, limits::kPreferredLine);
    out.append(gap, ' ').append(value.substr(blanks, take));
    width += gap + take;
    value.remove_prefix(blanks + take);
  }
  out += "\r\n";
}

void append_text_field(std::string& out, std::string_view name, std::string_view text, bool utf8) {
  const std::string line = one_line(text, true);
  const bool encode = needs_encoded_words(line, utf8);
  append_field(out, name, encode ? force_encoded_words(to_valid_utf8(line)) : line, utf8);
}

}  // namespace posthouse::message
