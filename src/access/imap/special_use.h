// Special uses of mailboxes by their attributes (RFC 6154).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/types.h"

namespace posthouse::access::imap {

// "" for none.
std::string_view special_use(store::Role role);
// Role::none of no use. Nothing if there is no such use, or too many: a mailbox has one.
std::optional<store::Role> role_of(const std::vector<std::string>& uses);

}  // namespace posthouse::access::imap
