#include "access/jmap/mailbox_tree.h"

#include <algorithm>
#include <charconv>

#include "store/names.h"

namespace posthouse::access::jmap {
namespace {

// The special uses of RFC 6154 and RFC 8457, as the registry names them in lower case.
constexpr std::pair<store::Role, std::string_view> kRoles[] = {
    {store::Role::inbox, "inbox"},         {store::Role::drafts, "drafts"}, {store::Role::sent, "sent"},
    {store::Role::junk, "junk"},           {store::Role::trash, "trash"},   {store::Role::archive, "archive"},
    {store::Role::important, "important"},
};

uint32_t parse_order(std::string_view text) {
  uint32_t order = 0;
  std::from_chars(text.data(), text.data() + text.size(), order);
  return order;
}

// Of those mailboxes that have one.
Task<Result<std::map<store::MailboxId, uint32_t>>> read_orders(const Services& services,
                                                               store::AccountId account) {
  std::map<store::MailboxId, uint32_t> orders;
  Result<std::optional<store::MailStore::AnnotationNames>> names =
      co_await services.store.annotation_names(account, 0);
  if (!names) co_return std::unexpected(names.error());
  if (!*names) co_return orders;
  for (const auto& [key, modseq] : (*names)->all) {
    if (key.first == 0 || key.second != kSortOrderEntry) continue;
    Result<std::vector<store::Annotation>> found = co_await services.store.annotations(account, key.first);
    if (!found) continue;  // it went meanwhile
    for (const store::Annotation& one : *found) {
      if (one.name == kSortOrderEntry) orders[key.first] = parse_order(one.value);
    }
  }
  co_return orders;
}

}  // namespace

MailboxTree::MailboxTree(std::vector<store::MailboxInfo> mailboxes,
                         const std::map<store::MailboxId, uint32_t>& orders) {
  std::map<std::string, store::MailboxId, std::less<>> by_name;
  for (const store::MailboxInfo& mailbox : mailboxes) by_name.emplace(mailbox.name, mailbox.id);
  for (store::MailboxInfo& mailbox : mailboxes) {
    MailboxNode node;
    node.name = mailbox.name == store::kInbox ? "Inbox" : mailbox.name;
    // The nearest of its superiors that there is: in IMAP they may go before their inferiors.
    for (const std::string& superior : store::superiors(mailbox.name)) {
      const auto at = by_name.find(superior);
      if (at == by_name.end()) continue;
      node.parent = at->second;
      node.name = mailbox.name.substr(superior.size() + 1);
    }
    const auto order = orders.find(mailbox.id);
    if (order != orders.end()) node.sort_order = order->second;
    node.info = std::move(mailbox);
    by_id_.emplace(node.info.id, nodes_.size());
    nodes_.push_back(std::move(node));
  }
}

const MailboxNode* MailboxTree::find(store::MailboxId id) const {
  const auto at = by_id_.find(id);
  return at == by_id_.end() ? nullptr : &nodes_[at->second];
}

const MailboxNode* MailboxTree::find_name(std::string_view whole_name) const {
  const auto at =
      std::ranges::find_if(nodes_, [&](const auto& node) { return node.info.name == whole_name; });
  return at == nodes_.end() ? nullptr : &*at;
}

const MailboxNode* MailboxTree::with_role(store::Role role) const {
  const auto at = std::ranges::find_if(nodes_, [&](const auto& node) { return node.info.role == role; });
  return at == nodes_.end() ? nullptr : &*at;
}

store::MailboxId MailboxTree::trash() const {
  const MailboxNode* node = with_role(store::Role::trash);
  return node == nullptr ? 0 : node->info.id;
}

bool MailboxTree::has_children(store::MailboxId id) const {
  return std::ranges::any_of(nodes_, [id](const auto& node) { return node.parent == id; });
}

size_t MailboxTree::depth(const MailboxNode& node) const {
  size_t depth = 0;
  for (const MailboxNode* at = &node; at->parent; at = find(*at->parent)) ++depth;
  return depth;
}

bool MailboxTree::is_within(const MailboxNode& node, store::MailboxId above) const {
  const MailboxNode* at = &node;
  while (at->info.id != above) {
    if (!at->parent) return false;
    at = find(*at->parent);
  }
  return true;
}

Task<Result<MailboxTree>> read_tree(const Services& services, store::AccountId account) {
  Result<std::vector<store::MailboxInfo>> mailboxes = co_await services.store.mailboxes(account);
  if (!mailboxes) co_return std::unexpected(mailboxes.error());
  Result<std::map<store::MailboxId, uint32_t>> orders = co_await read_orders(services, account);
  if (!orders) co_return std::unexpected(orders.error());
  co_return MailboxTree(std::move(*mailboxes), *orders);
}

std::string_view role_name(store::Role role) {
  const auto at = std::ranges::find(kRoles, role, [](const auto& one) { return one.first; });
  return at == std::end(kRoles) ? std::string_view() : at->second;
}

std::optional<store::Role> parse_role(std::string_view name) {
  const auto at = std::ranges::find(kRoles, name, [](const auto& one) { return one.second; });
  if (at == std::end(kRoles)) return std::nullopt;
  return at->first;
}

}  // namespace posthouse::access::jmap
