// Mailbox names: what they may be and how their levels hang together.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/types.h"

namespace posthouse::store {

inline constexpr std::string_view kInbox = "INBOX";
inline constexpr char kSeparator = '/';

// The name as it is stored: a first level "inbox" in any case becomes "INBOX" (RFC 9051 section 5.1). Fails
// with `policy` on what MailStore says a name may not be.
Result<std::string> check_name(std::string_view name);

// "a", "a/b" of "a/b/c".
std::vector<std::string> superiors(std::string_view name);

// Whether `name` lies below `above`.
bool is_inferior(std::string_view name, std::string_view above);

// The mailboxes that every account has at first.
struct UsualMailbox {
  std::string_view name;
  Role role;
};
inline constexpr std::array<UsualMailbox, 6> kUsualMailboxes{{
    {"INBOX", Role::inbox},
    {"Drafts", Role::drafts},
    {"Sent", Role::sent},
    {"Junk", Role::junk},
    {"Trash", Role::trash},
    {"Archive", Role::archive},
}};
Role usual_role(std::string_view checked_name);

}  // namespace posthouse::store
