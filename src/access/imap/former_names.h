// The UIDVALIDITYs by which a client knows mailboxes that are not there any more (RFC 5465 section 5.1): the
// next mailbox of such a name is another one, and the client has to be told so before it takes its UIDs for
// those it knows.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "access/imap/limits.h"

namespace posthouse::access::imap {

// Belongs to one session; at most kFormerNames are remembered.
class FormerNames {
 public:
  // A mailbox has this name no more. What is remembered already is what the client was told last.
  void add(const std::string& name, uint32_t uid_validity) {
    if (known_.size() >= kFormerNames && !known_.contains(name)) {
      known_.clear();
      forgot_ = true;
    }
    known_.emplace(name, uid_validity);
  }

  // The client is told of a mailbox of this name now. What it takes the UIDVALIDITY for; 0, which none is, if
  // that was forgotten. Nothing: it knows no other. `newly`: the mailbox did not have this name until now.
  std::optional<uint32_t> take(const std::string& name, bool newly) {
    const auto found = known_.find(name);
    if (found == known_.end()) return newly && forgot_ ? std::optional<uint32_t>(0) : std::nullopt;
    const uint32_t uid_validity = found->second;
    known_.erase(found);
    return uid_validity;
  }

 private:
  std::map<std::string, uint32_t> known_;
  bool forgot_ = false;
};

}  // namespace posthouse::access::imap
