// Mailbox/set (RFC 8621 section 2.5).
#include <algorithm>
#include <map>
#include <set>

#include "access/jmap/mailbox_object.h"
#include "access/jmap/mailbox_wish.h"
#include "access/jmap/methods.h"
#include "access/jmap/states.h"
#include "base/id.h"

namespace posthouse::access::jmap {
namespace {

using Object = std::pair<std::string, const json::object*>;
using catalog::Sheet;

// One call while it is worked on.
struct MailboxSet {
  Call& call;
  SetRequest request;
  bool remove_emails = false;
  MailboxTree tree{{}, {}};  // as it is now
  std::map<store::MailboxId, Sheet::Counts> counts{};
  SetResponse response{};

  store::AccountId account() const { return call.caller.account; }
  store::MailStore& store() const { return call.services.store; }
  const MailboxNode* named(std::string_view text) const {
    const std::optional<std::string> id = created_id(call, text);
    const std::optional<store::MailboxId> mailbox = id ? parse_mailbox_id(*id) : std::nullopt;
    return mailbox ? tree.find(*mailbox) : nullptr;
  }
  Sheet::Counts counts_of(store::MailboxId id) const {
    const auto at = counts.find(id);
    return at == counts.end() ? Sheet::Counts() : at->second;
  }
};

Task<Result<void>> read_again(MailboxSet& set) {
  Result<MailboxTree> tree = co_await read_tree(set.call.services, set.account());
  if (!tree) co_return std::unexpected(tree.error());
  set.tree = std::move(*tree);
  co_return Result<void>();
}

Task<Result<void>> put_order(MailboxSet& set, store::MailboxId id, std::optional<uint32_t> order,
                             std::optional<store::Role> role) {
  std::vector<store::AnnotationChange> changes;
  if (order) {
    changes.push_back({std::string(kSortOrderEntry), std::nullopt});
    if (*order != 0) changes.back().value = std::to_string(*order);
  }
  if (changes.empty() && !role) co_return Result<void>();
  Result<store::MailStore::Annotated> done =
      co_await set.store().annotate(set.account(), id, std::move(changes), role);
  if (!done) co_return std::unexpected(done.error());
  co_return Result<void>();
}

// ---- create

// A new mailbox below one that is new, too, comes behind that.
bool waits_for_parent(const MailboxSet& set, const Object& object, const std::vector<Object>& others) {
  const json::value* parent = object.second->if_contains("parentId");
  if (parent == nullptr || !parent->is_string()) return false;
  const std::string_view id = parent->get_string();
  if (!id.starts_with('#') || created_id(set.call, id)) return false;
  return std::ranges::any_of(others, [&](const Object& other) { return other.first == id.substr(1); });
}

json::object server_set(const MailboxNode& node, const json::object& asked) {
  json::object out = mailbox_object(node, {});
  for (const auto& one : asked) out.erase(one.key());
  out["id"] = format_mailbox_id(node.info.id);
  return out;
}

Task<Result<void>> make(MailboxSet& set, std::string name, MailboxWish wish) {
  const store::Role role = wish.role.value_or(store::Role::none);
  Result<store::MailboxInfo> made = co_await set.store().create_mailbox(set.account(), name, role);
  if (!made) co_return std::unexpected(made.error());
  Result<void> done = co_await put_order(set, made->id, wish.sort_order, std::nullopt);
  if (done) done = co_await set.store().subscribe(set.account(), name, wish.subscribed.value_or(true));
  co_return done;
}

Task<void> create_one(MailboxSet& set, Object object) {
  const std::string& key = object.first;
  const auto wish = read_wish(set.call, set.tree, *object.second, nullptr, {});
  if (!wish) {
    set.response.not_created(key, wish.error());
    co_return;
  }
  std::string name;
  if (auto wrong = conflict(set.tree, *wish, nullptr, name)) {
    set.response.not_created(key, std::move(*wrong));
    co_return;
  }
  Result<void> made = co_await make(set, name, *wish);
  if (made) made = co_await read_again(set);
  const MailboxNode* node = made ? set.tree.find_name(name) : nullptr;
  if (node == nullptr) {
    set.response.not_created(key, made ? set_error("serverFail") : set_error_of(made.error()));
  } else {
    set.response.created(set.call, key, server_set(*node, *object.second));
  }
}

Task<void> create_all(MailboxSet& set) {
  std::vector<Object> waiting = set.request.create;
  while (!waiting.empty()) {
    const auto ready = std::ranges::find_if(
        waiting, [&](const Object& object) { return !waits_for_parent(set, object, waiting); });
    // Those that wait for each other fail by their parents.
    const auto next = ready == waiting.end() ? waiting.begin() : ready;
    const Object object = *next;
    waiting.erase(next);
    co_await create_one(set, object);
  }
}

// ---- update

enum class Updated { done, refused, blocked };  // blocked: by another, which may give way

Task<Result<void>> change(MailboxSet& set, const MailboxNode& before, std::string name, MailboxWish wish) {
  Result<void> done;
  if (name != before.info.name) {
    done = co_await set.store().rename_mailbox(set.account(), before.info.name, name);
    // For IMAP the old name stays subscribed until the client takes it off; here a name is the mailbox's.
    if (done && before.info.subscribed)
      done = co_await set.store().subscribe(set.account(), before.info.name, false);
  }
  if (done && wish.subscribed && *wish.subscribed != before.info.subscribed)
    done = co_await set.store().subscribe(set.account(), name, *wish.subscribed);
  if (!done) co_return done;
  std::optional<store::Role> role;
  if (wish.role && *wish.role != before.info.role) role = wish.role;
  if (wish.sort_order == before.sort_order) wish.sort_order.reset();
  co_return co_await put_order(set, before.info.id, wish.sort_order, role);
}

Task<Updated> update_one(MailboxSet& set, Object object) {
  const std::string& key = object.first;
  const MailboxNode* node = set.named(key);
  if (node == nullptr) {
    set.response.not_updated(key, set_error("notFound"));
    co_return Updated::refused;
  }
  const MailboxNode before = *node;
  const json::object now = mailbox_object(before, set.counts_of(before.info.id));
  const auto wish = read_wish(set.call, set.tree, *object.second, node, now);
  if (!wish) {
    set.response.not_updated(key, wish.error());
    co_return Updated::refused;
  }
  std::string name;
  if (auto wrong = conflict(set.tree, *wish, node, name)) {
    set.response.not_updated(key, std::move(*wrong));
    co_return Updated::blocked;
  }
  Result<void> done = co_await change(set, before, name, *wish);
  Result<void> read = co_await read_again(set);
  if (!done || !read) {
    set.response.not_updated(key, set_error_of(done ? read.error() : done.error()));
    co_return Updated::refused;
  }
  set.response.updated(format_mailbox_id(before.info.id));
  co_return Updated::done;
}

// Two that want each other's names: the first gets one that nobody has, for a moment.
Task<bool> step_aside(MailboxSet& set, std::vector<Object> blocked, std::set<store::MailboxId>& aside) {
  for (const Object& object : blocked) {
    const MailboxNode* node = set.named(object.first);
    if (node == nullptr || !object.second->contains("name") || node->info.role == store::Role::inbox)
      continue;
    if (!aside.insert(node->info.id).second) continue;
    const std::string name =
        "." + format_mailbox_id(node->info.id) + "-" + format_id(set.call.services.ids.next());
    Result<void> moved = co_await set.store().rename_mailbox(set.account(), node->info.name, name);
    if (moved) moved = co_await read_again(set);
    co_return moved.has_value();
  }
  co_return false;
}

Task<void> put_back(MailboxSet& set, const std::map<store::MailboxId, std::string>& names) {
  for (const auto& [id, name] : names) {
    const MailboxNode* node = set.tree.find(id);
    if (node == nullptr || !node->info.name.starts_with("." + format_mailbox_id(id) + "-")) continue;
    const Result<void> moved = co_await set.store().rename_mailbox(set.account(), node->info.name, name);
    if (moved) (void)co_await read_again(set);
  }
}

// The final state has to be possible, not all between (RFC 8620 section 5.3): what is blocked is tried again
// as long as others give way.
Task<void> update_all(MailboxSet& set) {
  std::map<store::MailboxId, std::string> names;
  for (const MailboxNode& node : set.tree.nodes()) names.emplace(node.info.id, node.info.name);
  std::set<store::MailboxId> aside;
  std::vector<Object> waiting = set.request.update;
  while (!waiting.empty()) {
    std::vector<Object> blocked;
    for (const Object& object : waiting) {
      const Updated updated = co_await update_one(set, object);
      if (updated == Updated::blocked) blocked.push_back(object);
    }
    bool again = blocked.size() < waiting.size();
    if (!again && blocked.size() > 1) again = co_await step_aside(set, blocked, aside);
    if (!again) break;
    for (const Object& object : blocked) set.response.forget_not_updated(object.first);
    waiting = std::move(blocked);
  }
  if (!aside.empty()) co_await put_back(set, names);
}

// ---- destroy

std::optional<json::object> why_not_destroyed(const MailboxSet& set, const MailboxNode* node) {
  if (node == nullptr) return set_error("notFound");
  if (node->info.role == store::Role::inbox) return set_error("forbidden", "the inbox stays");
  if (set.tree.has_children(node->info.id)) return set_error("mailboxHasChild");
  if (!set.remove_emails && set.counts_of(node->info.id).emails != 0) return set_error("mailboxHasEmail");
  return std::nullopt;
}

Task<void> destroy_all(MailboxSet& set) {
  std::vector<std::string> ids = set.request.destroy;
  // Children before their parents.
  std::ranges::sort(ids, std::greater(), [&](const std::string& id) {
    const MailboxNode* node = set.named(id);
    return node == nullptr ? size_t{0} : set.tree.depth(*node);
  });
  for (const std::string& id : ids) {
    const MailboxNode* node = set.named(id);
    if (auto why = why_not_destroyed(set, node)) {
      set.response.not_destroyed(id, std::move(*why));
      continue;
    }
    const std::string name = node->info.name, told = format_mailbox_id(node->info.id);
    Result<void> done = co_await set.store().delete_mailbox(set.account(), name);
    // Nobody sees a subscription without a mailbox here, and the next of that name is another one.
    if (done && node->info.subscribed) done = co_await set.store().subscribe(set.account(), name, false);
    if (done) done = co_await read_again(set);
    if (done) set.response.destroyed(told);
    if (!done) set.response.not_destroyed(id, set_error_of(done.error()));
  }
}

Task<Result<std::string>> look(MailboxSet& set) {
  Result<std::shared_ptr<const Sheet>> sheet = co_await set.call.services.sheets.of(set.account());
  if (!sheet) co_return std::unexpected(sheet.error());
  Result<void> read = co_await read_again(set);
  if (!read) co_return std::unexpected(read.error());
  set.counts = (*sheet)->counts(set.tree.trash());
  co_return format_state((*sheet)->position());
}

}  // namespace

Task<Outcome> mailbox_set(Call& call) {
  Arguments arguments(call.arguments);
  if (auto wrong = wrong_account(arguments, call)) co_return std::unexpected(std::move(*wrong));
  auto request = take_set(arguments);
  if (!request) co_return std::unexpected(std::move(request.error()));
  const bool remove_emails = arguments.boolean("onDestroyRemoveEmails", false);
  if (auto fault = arguments.fault()) co_return std::unexpected(std::move(*fault));
  MailboxSet set{call, std::move(*request), remove_emails};
  Result<std::string> old_state = co_await look(set);
  if (!old_state) co_return std::unexpected(call_error(old_state.error()));
  if (set.request.if_in_state && *set.request.if_in_state != *old_state) co_return refusal("stateMismatch");
  co_await create_all(set);
  co_await update_all(set);
  co_await destroy_all(set);
  Result<catalog::Position> now = co_await call.services.catalog.refresh(call.caller.account);
  if (!now) co_return std::unexpected(call_error(now.error()));
  co_return set.response.finish(call, std::move(*old_state), format_state(*now));
}

}  // namespace posthouse::access::jmap
