// What a client wants a mailbox to be: an object of Mailbox/set, checked (RFC 8621 section 2.5).
#pragma once

#include <optional>
#include <string>

#include "access/jmap/mailbox_tree.h"
#include "access/jmap/standard_set.h"

namespace posthouse::access::jmap {

// What is not there stays as it is, or is what a new mailbox has.
struct MailboxWish {
  std::optional<std::string> name;
  std::optional<std::optional<store::MailboxId>> parent;
  std::optional<store::Role> role;
  std::optional<uint32_t> sort_order;
  std::optional<bool> subscribed;
};

// `fields`: of a new mailbox, or a patch of `node` (nullptr: it is new), which is `now` as an object. A
// SetError where it cannot be: wrong types, properties that are the server's, names with "/", a parent that
// is not there.
std::expected<MailboxWish, json::object> read_wish(const Call& call, const MailboxTree& tree,
                                                   const json::object& fields, const MailboxNode* node,
                                                   const json::object& now);

// Why it cannot be so among the others; nothing if it can. `name`: what it would be called, whole.
std::optional<json::object> conflict(const MailboxTree& tree, const MailboxWish& wish,
                                     const MailboxNode* node, std::string& name);

}  // namespace posthouse::access::jmap
