#include "access/jmap/mailbox_wish.h"

#include <algorithm>

#include "access/jmap/mailbox_object.h"
#include "store/names.h"

namespace posthouse::access::jmap {
namespace {

constexpr int64_t kMaxSortOrder = (int64_t{1} << 31) - 1;  // RFC 8621 section 2

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == '\x7f';
}

void read_name(const json::value& value, MailboxWish& wish, WrongProperties& wrong) {
  const json::string* name = value.if_string();
  if (name == nullptr || name->empty()) {
    wrong.add("name", "is no name");
  } else if (std::ranges::any_of(*name, is_control) || name->find('/') != json::string::npos) {
    wrong.add("name", "has a character in it that names here don't have");
  } else {
    wish.name = std::string(*name);
  }
}

void read_parent(const Call& call, const MailboxTree& tree, const json::value& value, MailboxWish& wish,
                 WrongProperties& wrong) {
  if (value.is_null()) {
    wish.parent.emplace(std::nullopt);
    return;
  }
  const std::optional<std::string> id =
      value.is_string() ? created_id(call, value.get_string()) : std::nullopt;
  const std::optional<store::MailboxId> parent = id ? parse_mailbox_id(*id) : std::nullopt;
  if (!parent || tree.find(*parent) == nullptr) {
    wrong.add("parentId", "is no mailbox");
  } else {
    wish.parent.emplace(parent);
  }
}

void read_role(const json::value& value, MailboxWish& wish, WrongProperties& wrong) {
  if (value.is_null()) {
    wish.role = store::Role::none;
    return;
  }
  wish.role = value.is_string() ? parse_role(value.get_string()) : std::nullopt;
  if (!wish.role) wrong.add("role", "is none that mailboxes here have");
}

// Nothing but what the server has set may be said of what only the server sets.
bool says_what_is(const json::object& now, std::string_view path, const json::value& value) {
  const size_t slash = path.find('/');
  const json::value* found = now.if_contains(path.substr(0, slash));
  if (found != nullptr && slash != std::string_view::npos)
    found = found->is_object() ? found->get_object().if_contains(path.substr(slash + 1)) : nullptr;
  return found != nullptr && *found == value;
}

void read_field(const Call& call, const MailboxTree& tree, std::string_view name, const json::value& value,
                const json::object& now, MailboxWish& wish, WrongProperties& wrong) {
  if (name == "name") return read_name(value, wish, wrong);
  if (name == "parentId") return read_parent(call, tree, value, wish, wrong);
  if (name == "role") return read_role(value, wish, wrong);
  if (name == "sortOrder") {
    const std::optional<int64_t> order = value.is_null() ? 0 : integer_of(value);
    if (!order || *order < 0 || *order > kMaxSortOrder) return wrong.add(name, "is no such number");
    wish.sort_order = static_cast<uint32_t>(*order);
  } else if (name == "isSubscribed") {
    if (!value.is_bool()) return wrong.add(name, "is neither true nor false");
    wish.subscribed = value.get_bool();
  } else if (!says_what_is(now, name, value)) {
    const bool known = is_mailbox_property(name.substr(0, name.find('/')));
    wrong.add(name, known ? "is for the server to set" : "is no property of mailboxes");
  }
}

// INBOX is where letters go, whatever clients want.
void check_inbox(const MailboxNode& node, const MailboxWish& wish, WrongProperties& wrong) {
  if (node.info.role != store::Role::inbox) return;
  if (wish.name && *wish.name != node.name) wrong.add("name", "of the inbox stays");
  if (wish.parent && *wish.parent != node.parent) wrong.add("parentId", "of the inbox stays");
  if (wish.role && *wish.role != node.info.role) wrong.add("role", "of the inbox stays");
}

}  // namespace

std::expected<MailboxWish, json::object> read_wish(const Call& call, const MailboxTree& tree,
                                                   const json::object& fields, const MailboxNode* node,
                                                   const json::object& now) {
  MailboxWish wish;
  WrongProperties wrong;
  for (const auto& one : fields) read_field(call, tree, one.key(), one.value(), now, wish, wrong);
  if (node == nullptr && !fields.contains("name")) wrong.add("name", "is missing");
  if (node != nullptr) check_inbox(*node, wish, wrong);
  if (wrong.any()) return std::unexpected(wrong.error());
  return wish;
}

std::optional<json::object> conflict(const MailboxTree& tree, const MailboxWish& wish,
                                     const MailboxNode* node, std::string& name) {
  WrongProperties wrong;
  const std::optional<store::MailboxId> parent =
      wish.parent ? *wish.parent : (node != nullptr ? node->parent : std::nullopt);
  const MailboxNode* above = parent ? tree.find(*parent) : nullptr;
  if (parent && above == nullptr) wrong.add("parentId", "is no mailbox");
  if (above != nullptr && node != nullptr && tree.is_within(*above, node->info.id))
    wrong.add("parentId", "is the mailbox itself, or within it");
  const bool stays = node != nullptr && (!wish.name || *wish.name == node->name) &&
                     (!wish.parent || *wish.parent == node->parent);
  name = stays ? node->info.name
               : (above != nullptr ? above->info.name + store::kSeparator : std::string()) +
                     (wish.name ? *wish.name : node->name);
  const Result<std::string> checked = store::check_name(name);
  if (!checked) wrong.add("name", checked.error().what);
  if (checked) name = *checked;
  const MailboxNode* other = tree.find_name(name);
  if (other != nullptr && other != node) wrong.add("name", "is that of another mailbox there");
  if (wish.role && *wish.role != store::Role::none) {
    const MailboxNode* has_it = tree.with_role(*wish.role);
    if (has_it != nullptr && has_it != node) wrong.add("role", "is that of another mailbox");
  }
  if (wrong.any()) return wrong.error();
  return std::nullopt;
}

}  // namespace posthouse::access::jmap
