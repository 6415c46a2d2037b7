#include "wire/imap/mailbox_name.h"

#include "base/ascii.h"
#include "base/modified_utf7.h"

namespace posthouse::wire::imap {

std::string encode_mailbox_name(std::string_view utf8) {
  return to_modified_utf7(utf8);
}

std::optional<std::string> decode_mailbox_name(std::string_view text) {
  return from_modified_utf7(text);
}

bool is_inbox(std::string_view name) {
  return iequals(name, "INBOX");
}

}  // namespace posthouse::wire::imap
