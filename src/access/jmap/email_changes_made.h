// Carries out what clients want of letters, many at once.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "access/jmap/email_patch.h"

namespace posthouse::access::jmap {

// One letter with what is to become of it, and why that failed.
struct EmailChange {
  Letter letter;
  EmailPatch patch;
  bool destroy = false;
  std::optional<Fault> fault{};
};

// What can be refused comes first (copies, for the quota), so that a letter is changed as a whole or not at
// all unless the store fails. Letters that are treated alike are treated together.
Task<void> carry_out(const Services& services, store::AccountId account, const MailboxTree& tree,
                     std::vector<EmailChange>& changes);

}  // namespace posthouse::access::jmap
