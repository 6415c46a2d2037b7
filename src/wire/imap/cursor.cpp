#include "wire/imap/cursor.h"

#include "base/ascii.h"
#include "base/utf8.h"
#include "wire/imap/command.h"
#include "wire/imap/grammar.h"
#include "wire/imap/limits.h"
#include "wire/imap/partial.h"
#include "wire/imap/sequence_set.h"

namespace posthouse::wire::imap {

bool Cursor::fail(const char* why) {
  if (!error_) error_ = why;
  return false;
}

bool Cursor::eat(char c) {
  if (!next_is(c)) return false;
  at_++;
  return true;
}

bool Cursor::eat_word(std::string_view word) {
  if (!iequals(rest().substr(0, word.size()), word)) return false;
  at_ += word.size();
  return true;
}

bool Cursor::space() {
  return eat(' ') || fail("A space is missing");
}

bool Cursor::expect(char c) {
  if (eat(c)) return true;
  return fail(c == '(' ? "( expected" : c == ')' ? ") expected" : "Unexpected character");
}

bool Cursor::end() {
  return at_end() || fail("Unexpected text at the end of the command");
}

bool Cursor::tag(std::string& out) {
  size_t n = 0;
  std::string_view text = rest();
  while (n < text.size() && is_tag_char(text[n])) n++;
  if (n == 0) return fail("A tag is missing");
  if (n > kMaxTag) return fail("Tag too long");
  out = text.substr(0, n);
  at_ += n;
  return true;
}

bool Cursor::atom(std::string_view& out) {
  size_t n = 0;
  std::string_view text = rest();
  while (n < text.size() && is_atom_char(text[n])) n++;
  if (n == 0) return fail("Atom expected");
  out = text.substr(0, n);
  at_ += n;
  return true;
}

std::string_view Cursor::word() {
  size_t n = 0;
  std::string_view text = rest();
  while (n < text.size() && (is_alnum(text[n]) || text[n] == '.' || text[n] == '-')) n++;
  at_ += n;
  return text.substr(0, n);
}

bool Cursor::quoted(std::string& out) {
  if (!eat('"')) return fail("Quoted string expected");
  out.clear();
  while (at_ < text_.size()) {
    char c = text_[at_++];
    if (c == '"') return !utf8_ || is_utf8(out) || fail("Quoted strings are in UTF-8");
    if (c == '\\') {
      // quoted-specials: only these two may be escaped
      if (at_ >= text_.size() || (text_[at_] != '"' && text_[at_] != '\\'))
        return fail("Bad escape in a quoted string");
      c = text_[at_++];
    }
    if (c == '\r' || c == '\n' || c == '\0') return fail("Unfinished quoted string");
    // UTF-8 is RFC 9051's grammar; RFC 3501 wants a literal for 8-bit, but clients quote names, passwords and
    // search keys as they are.
    out += c;
  }
  return fail("Unfinished quoted string");
}

bool Cursor::literal_header(uint64_t& size, bool& synchronizing) {
  if (!eat('{')) return fail("Literal expected");
  std::string_view text = rest();
  size_t n = 0;
  while (n < text.size() && is_digit(text[n])) n++;
  auto value = parse_uint(text.substr(0, n));
  if (!value) return fail("Bad literal");
  at_ += n;
  synchronizing = !eat('+');
  if (!eat('}') || !eat('\r') || !eat('\n')) return fail("Bad literal");
  size = *value;
  return true;
}

bool Cursor::any_literal(std::string& out) {
  uint64_t size = 0;
  bool synchronizing = false;
  if (!literal_header(size, synchronizing)) return false;
  if (size > text_.size() - at_) return fail("Literal too short");
  out = text_.substr(at_, size);
  at_ += size;
  return true;
}

// literal = "{" number "}" CRLF *CHAR8, and CHAR8 is any octet but NUL
bool Cursor::literal(std::string& out) {
  return any_literal(out) && (out.find('\0') == std::string::npos || fail("NUL in a literal"));
}

bool Cursor::literal8(std::string& out) {
  return (eat('~') || fail("literal8 expected")) && any_literal(out);
}

bool Cursor::open_literal(uint64_t& size, bool& synchronizing) {
  if (!literal_header(size, synchronizing)) return false;
  return rest().empty() || fail("Unexpected text after the message");
}

bool Cursor::open_message(AppendPart& out) {
  out.binary = eat('~');
  return open_literal(out.size, out.synchronizing);
}

bool Cursor::string(std::string& out) {
  if (next_is('"')) return quoted(out);
  if (next_is('{')) return literal(out);
  return fail("String expected");
}

bool Cursor::astring(std::string& out) {
  if (next_is('"') || next_is('{')) return string(out);
  std::string_view text = rest();
  size_t n = 0;
  while (n < text.size() && is_astring_char(text[n])) n++;
  if (n == 0) return fail("String expected");
  out = text.substr(0, n);
  at_ += n;
  return true;
}

bool Cursor::nstring(std::optional<std::string>& out) {
  if (next_is('"') || next_is('{')) return string(out.emplace());
  std::string_view text;
  if (!atom(text)) return false;
  if (!iequals(text, "NIL")) return fail("String or NIL expected");
  out.reset();
  return true;
}

bool Cursor::list_mailbox(std::string& out) {
  if (next_is('"') || next_is('{')) return string(out);
  std::string_view text = rest();
  size_t n = 0;
  while (n < text.size() && is_list_char(text[n])) n++;
  if (n == 0) return fail("Pattern expected");
  out = text.substr(0, n);
  at_ += n;
  return true;
}

bool Cursor::number(uint32_t& out) {
  uint64_t value = 0;
  if (!digits(value, UINT32_MAX)) return fail("Number expected");
  out = static_cast<uint32_t>(value);
  return true;
}

bool Cursor::non_zero(uint32_t& out) {
  if (next_is('0')) return fail("Number must not start with 0");
  return number(out);
}

bool Cursor::digits(uint64_t& out, uint64_t most) {
  std::string_view text = rest();
  size_t n = 0;
  while (n < text.size() && is_digit(text[n])) n++;
  auto value = parse_uint(text.substr(0, n));
  if (!value || *value > most) return false;
  out = *value;
  at_ += n;
  return true;
}

bool Cursor::number64(uint64_t& out) {
  return digits(out, uint64_t{INT64_MAX}) || fail("Number expected");
}

bool Cursor::modseq(uint64_t& out) {
  return digits(out, uint64_t{INT64_MAX}) || fail("Mod-sequence expected");
}

bool Cursor::set_or_saved(SequenceSet& out) {
  if (!eat('$')) return set(out);
  out.ranges.clear();
  out.saved = true;
  return true;
}

bool Cursor::partial(PartialRange& out) {
  out.from_end = eat('-');
  if (!non_zero(out.first) || !expect(':')) return false;
  if (eat('-') != out.from_end) return fail("Bad range of results");
  return non_zero(out.last);
}

bool Cursor::set(SequenceSet& out) {
  std::string_view text = rest();
  size_t n = 0;
  auto belongs = [](char c) { return is_digit(c) || c == ':' || c == ',' || c == '*'; };
  while (n < text.size() && belongs(text[n])) n++;
  if (!parse_sequence_set(text.substr(0, n), out)) return fail("Bad sequence set");
  at_ += n;
  return true;
}

}  // namespace posthouse::wire::imap
