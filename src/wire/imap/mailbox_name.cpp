#include "wire/imap/mailbox_name.h"

#include "base/ascii.h"
#include "base/modified_utf7.h"
#include "base/utf8.h"
#include "wire/imap/grammar.h"

namespace posthouse::wire::imap {

std::string encode_mailbox_name(std::string_view utf8) {
  return to_modified_utf7(utf8);
}

std::optional<std::string> decode_mailbox_name(std::string_view text) {
  return from_modified_utf7(text);
}

std::optional<std::string> read_mailbox_name(std::string_view text, bool utf8) {
  if (!utf8 && !has_8bit(text)) return decode_mailbox_name(text);
  if (!is_utf8(text)) return std::nullopt;
  return std::string(text);
}

bool is_net_unicode(std::string_view utf8) {
  if (!is_utf8(utf8)) return false;
  for (size_t i = 0; i < utf8.size(); i++) {
    if (is_control(utf8[i])) return false;
    const std::string_view rest = utf8.substr(i);
    if (rest.starts_with('\xc2') && static_cast<unsigned char>(rest[1]) < 0xa0) return false;
    if (rest.starts_with("\u2028") || rest.starts_with("\u2029")) return false;
  }
  return true;
}

bool is_inbox(std::string_view name) {
  return iequals(name, "INBOX");
}

}  // namespace posthouse::wire::imap
