// The mailboxes of an account as JMAP has them: a forest (RFC 8621 section 2). Names of the store have their
// levels in them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/jmap/server.h"

namespace posthouse::access::jmap {

struct MailboxNode {
  store::MailboxInfo info;
  std::string name;  // without its parents'; it has "/" in it where one of them is no mailbox
  std::optional<store::MailboxId> parent;
  uint32_t sort_order = 0;
};

class MailboxTree {
 public:
  MailboxTree(std::vector<store::MailboxInfo> mailboxes, const std::map<store::MailboxId, uint32_t>& orders);

  const std::vector<MailboxNode>& nodes() const { return nodes_; }  // by name, INBOX first
  const MailboxNode* find(store::MailboxId id) const;
  const MailboxNode* find_name(std::string_view whole_name) const;  // as the store has it
  const MailboxNode* with_role(store::Role role) const;
  store::MailboxId trash() const;  // 0: there is none
  bool has_children(store::MailboxId id) const;
  size_t depth(const MailboxNode& node) const;  // how many parents it has
  // Whether `node` is `above` or anywhere below it.
  bool is_within(const MailboxNode& node, store::MailboxId above) const;

 private:
  std::vector<MailboxNode> nodes_;
  std::map<store::MailboxId, size_t> by_id_;
};

Task<Result<MailboxTree>> read_tree(const Services& services, store::AccountId account);

// "inbox" and so on; "" for none.
std::string_view role_name(store::Role role);
std::optional<store::Role> parse_role(std::string_view name);

// The annotation that holds a mailbox's sortOrder.
inline constexpr std::string_view kSortOrderEntry = catalog::kSortOrderEntry;

}  // namespace posthouse::access::jmap
