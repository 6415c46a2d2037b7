// Addresses as we write them into headers.
#include "base/ascii.h"
#include "message/address_list.h"
#include "message/encoded_word.h"
#include "message/fold.h"
#include "message/lexical.h"
#include "message/unicode_text.h"

namespace posthouse::message {
namespace {

// Control characters have no place in a header field.
std::string without_controls(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (static_cast<unsigned char>(c) >= ' ' && c != 127) out += c;
  }
  return out;
}

// A phrase that needs no quotes: atoms with single blanks between (RFC 5322 section 3.2.5).
bool is_phrase(std::string_view text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ') return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == ' ' && text[i + 1] == ' ') return false;
    if (c != ' ' && !is_alnum(c) && !is_8bit(c) &&
        std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) == std::string_view::npos) {
      return false;
    }
  }
  return text.find("=?") == std::string_view::npos;
}

}  // namespace

std::string format_address(std::string_view name, const Address& address, bool utf8) {
  Address written = address;
  // A domain has another form in ASCII (RFC 5891 section 4); a local part has none.
  if (!utf8 && has_8bit(address.domain)) {
    if (auto ascii = domain_to_ascii(address.domain)) written.domain = std::move(*ascii);
  }
  const std::string mailbox = without_controls(written.to_string());
  std::string shown = without_controls(name);
  if (shown.empty()) return mailbox;
  if (needs_encoded_words(shown, utf8)) {
    shown = force_encoded_words(is_utf8(shown) ? shown : decode_words(shown));
  } else {
    if (has_8bit(shown)) shown = to_valid_utf8(shown);
    if (!is_phrase(shown)) shown = quoted_string(shown);
  }
  return shown + " <" + mailbox + ">";
}

}  // namespace posthouse::message
