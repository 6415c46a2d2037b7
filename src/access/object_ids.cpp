#include "access/object_ids.h"

#include <charconv>

#include "base/id.h"

namespace posthouse::access {
namespace {

std::optional<uint64_t> behind_letter(char letter, std::string_view text) {
  if (!text.starts_with(letter)) return std::nullopt;
  return parse_id(text.substr(1));
}

}  // namespace

std::string format_account_id(store::AccountId account) {
  return "A" + std::to_string(account);
}

std::string format_mailbox_id(store::MailboxId mailbox) {
  return "F" + std::to_string(mailbox);
}

std::string format_email_id(uint64_t email) {
  return "M" + format_id(email);
}

std::string format_thread_id(uint64_t thread) {
  return "T" + format_id(thread);
}

std::optional<store::MailboxId> parse_mailbox_id(std::string_view text) {
  store::MailboxId id = 0;
  const char* end = text.data() + text.size();
  if (text.size() < 2 || text[0] != 'F' || text[1] == '0') return std::nullopt;
  const auto [at, error] = std::from_chars(text.data() + 1, end, id);
  if (error != std::errc() || at != end) return std::nullopt;
  return id;
}

std::optional<uint64_t> parse_email_id(std::string_view text) {
  return behind_letter('M', text);
}

std::optional<uint64_t> parse_thread_id(std::string_view text) {
  return behind_letter('T', text);
}

}  // namespace posthouse::access
