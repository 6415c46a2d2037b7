#include "wire/imap/encode.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/utf8.h"
#include "wire/imap/grammar.h"
#include "wire/imap/mailbox_name.h"

namespace posthouse::wire::imap {

namespace {
constexpr size_t kMaxQuoted =
    1'000;  // longer ones go as literals: some clients read lines into small buffers
}

bool is_quotable(std::string_view text, bool utf8) {
  if (text.size() > kMaxQuoted || text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos)
    return false;
  return utf8 ? is_utf8(text) : !has_8bit(text);
}

void append_literal_header(std::string& out, uint64_t size) {
  out += '{';
  out += std::to_string(size);
  out += "}\r\n";
}

void append_string(std::string& out, std::string_view text, bool utf8) {
  if (!is_quotable(text, utf8)) {
    append_literal_header(out, text.size());
    out += text;
    return;
  }
  out += '"';
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

void append_octets(std::string& out, std::string_view octets) {
  if (octets.find('\0') != std::string_view::npos) out += '~';
  append_string(out, octets);
}

namespace {

void append_astring(std::string& out, std::string_view text, bool utf8) {
  const bool atom =
      !text.empty() && std::all_of(text.begin(), text.end(), is_astring_char) && !iequals(text, "NIL");
  if (atom) {
    out += text;
  } else {
    append_string(out, text, utf8);
  }
}

}  // namespace

void append_astring(std::string& out, std::string_view text) {
  append_astring(out, text, false);
}

void append_mailbox(std::string& out, std::string_view name, bool utf8) {
  if (utf8) return append_astring(out, name, true);
  append_astring(out, encode_mailbox_name(name));
}

void append_text(std::string& out, std::string_view text) {
  for (char c : text) out += is_8bit(c) || static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
}

}  // namespace posthouse::wire::imap
