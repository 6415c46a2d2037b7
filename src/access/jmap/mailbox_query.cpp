// Mailbox/query and Mailbox/queryChanges (RFC 8621 sections 2.3 and 2.4).
#include <algorithm>
#include <map>
#include <set>

#include "access/jmap/filter_tree.h"
#include "access/jmap/limits.h"
#include "access/jmap/mailbox_tree.h"
#include "access/jmap/methods.h"
#include "access/jmap/standard.h"
#include "access/jmap/standard_query.h"
#include "access/jmap/states.h"
#include "message/unicode_text.h"

namespace posthouse::access::jmap {
namespace {

using Ids = std::vector<store::MailboxId>;

struct MailboxQuery {
  std::optional<FilterTree> filter;
  std::vector<Comparator> sort;
  bool sort_as_tree = false, filter_as_tree = false;
  // What a mailbox has to do with others' place is told by no change of its own.
  bool can_calculate_changes() const { return !sort_as_tree && !filter_as_tree; }
};

std::optional<CallError> wrong_condition(const FilterTree& filter) {
  for (const FilterTree& part : filter.parts) {
    if (auto wrong = wrong_condition(part)) return wrong;
  }
  if (filter.kind != FilterTree::Kind::condition) return std::nullopt;
  for (const auto& one : *filter.condition) {
    const std::string_view name = one.key();
    const json::value& value = one.value();
    const bool text_or_null = value.is_string() || value.is_null();
    const bool good = ((name == "parentId" || name == "role") && text_or_null) ||
                      (name == "name" && value.is_string()) ||
                      ((name == "hasAnyRole" || name == "isSubscribed") && value.is_bool());
    if (!good) return CallError{"unsupportedFilter", fmt::format("not by such a \"{}\"", name)};
  }
  return std::nullopt;
}

std::expected<MailboxQuery, CallError> take_query(Arguments& arguments) {
  MailboxQuery out;
  if (const json::object* filter = arguments.object("filter")) {
    auto parsed = parse_filter(*filter);
    if (!parsed) return std::unexpected(std::move(parsed.error()));
    if (auto wrong = wrong_condition(*parsed)) return std::unexpected(std::move(*wrong));
    out.filter = std::move(*parsed);
  }
  auto sort = take_sort(arguments);
  if (!sort) return std::unexpected(std::move(sort.error()));
  for (const Comparator& one : *sort) {
    if (one.property != "name" && one.property != "sortOrder" && one.property != "parentId")
      return refusal("unsupportedSort", "not by " + one.property);
  }
  out.sort = std::move(*sort);
  out.sort_as_tree = arguments.boolean("sortAsTree", false);
  out.filter_as_tree = arguments.boolean("filterAsTree", false);
  return out;
}

json::value text_or_null(std::string_view text) {
  if (text.empty()) return nullptr;
  return json::value(text);
}

std::string parent_id(const MailboxNode& node) {
  return node.parent ? format_mailbox_id(*node.parent) : std::string();
}

bool holds(const json::object& condition, const MailboxNode& node) {
  return std::ranges::all_of(condition, [&](const auto& one) {
    const std::string_view name = one.key();
    if (name == "parentId") return one.value() == text_or_null(parent_id(node));
    if (name == "role") return one.value() == text_or_null(role_name(node.info.role));
    if (name == "hasAnyRole") return one.value() == (node.info.role != store::Role::none);
    if (name == "isSubscribed") return one.value() == node.info.subscribed;
    return message::casemap(node.name).contains(message::casemap(std::string_view(one.value().get_string())));
  });
}

// One mailbox of many that are sorted, with what is looked at again and again.
struct Sorted {
  const MailboxNode* node;
  std::string folded;
};

std::strong_ordering compare(const Sorted& a, const Sorted& b, const std::vector<Comparator>& sort) {
  for (const Comparator& by : sort) {
    std::strong_ordering order = std::strong_ordering::equal;
    if (by.property == "sortOrder") order = a.node->sort_order <=> b.node->sort_order;
    if (by.property == "name") order = a.folded <=> b.folded;
    if (by.property == "parentId") order = parent_id(*a.node) <=> parent_id(*b.node);
    if (order != 0) return by.ascending ? order : 0 <=> order;
  }
  return a.node->info.id <=> b.node->info.id;
}

// Each behind its parent, whatever the filter will leave out.
using Children = std::map<std::optional<store::MailboxId>, std::vector<const MailboxNode*>>;
void add_children(const Children& children, std::optional<store::MailboxId> parent,
                  std::vector<const MailboxNode*>& out) {
  const auto of = children.find(parent);
  if (of == children.end()) return;
  for (const MailboxNode* node : of->second) {
    out.push_back(node);
    add_children(children, node->info.id, out);
  }
}

Ids results_of(const MailboxTree& tree, const MailboxQuery& query) {
  std::vector<Sorted> all;
  for (const MailboxNode& node : tree.nodes()) all.push_back({&node, message::casemap(node.name)});
  std::ranges::sort(all, [&](const Sorted& a, const Sorted& b) { return compare(a, b, query.sort) < 0; });
  std::vector<const MailboxNode*> ordered;
  Children children;
  for (const Sorted& one : all) {
    if (query.sort_as_tree) children[one.node->parent].push_back(one.node);
    if (!query.sort_as_tree) ordered.push_back(one.node);
  }
  add_children(children, std::nullopt, ordered);
  const auto matches = [&](const MailboxNode& node) {
    return !query.filter ||
           query.filter->matches([&](const json::object& condition) { return holds(condition, node); });
  };
  Ids out;
  for (const MailboxNode* node : ordered) {
    bool in = matches(*node);
    for (const MailboxNode* at = node; in && query.filter_as_tree && at->parent;) {
      at = tree.find(*at->parent);
      in = matches(*at);
    }
    if (in) out.push_back(node->info.id);
  }
  return out;
}

std::optional<size_t> index_of(const Ids& results, std::string_view id) {
  const std::optional<store::MailboxId> mailbox = parse_mailbox_id(id);
  const auto at = mailbox ? std::ranges::find(results, *mailbox) : results.end();
  if (at == results.end()) return std::nullopt;
  return static_cast<size_t>(at - results.begin());
}

}  // namespace

Task<Outcome> mailbox_query(Call& call) {
  Arguments arguments(call.arguments);
  if (auto wrong = wrong_account(arguments, call)) co_return std::unexpected(std::move(*wrong));
  const auto query = take_query(arguments);
  if (!query) co_return std::unexpected(query.error());
  const QueryWindow window = take_window(arguments);
  if (auto fault = arguments.fault()) co_return std::unexpected(std::move(*fault));
  // The position comes first: what happens behind it is told as a change.
  Result<catalog::Position> now = co_await call.services.catalog.refresh(call.caller.account);
  if (!now) co_return std::unexpected(call_error(now.error()));
  Result<MailboxTree> tree = co_await read_tree(call.services, call.caller.account);
  if (!tree) co_return std::unexpected(call_error(tree.error()));
  const Ids ids = results_of(*tree, *query);
  const QueryResults results{ids.size(), [&](std::string_view id) { return index_of(ids, id); },
                             [&](size_t at) { return format_mailbox_id(ids[at]); }};
  co_return query_response(call, window, results, format_state(*now), query->can_calculate_changes());
}

// All that changed goes out and, where it is among the results now, comes in again.
Task<Outcome> mailbox_query_changes(Call& call) {
  Arguments arguments(call.arguments);
  if (auto wrong = wrong_account(arguments, call)) co_return std::unexpected(std::move(*wrong));
  const auto query = take_query(arguments);
  if (!query) co_return std::unexpected(query.error());
  const std::string since = arguments.required_string("sinceQueryState");
  const std::optional<uint64_t> most = arguments.unsigned_integer("maxChanges");
  arguments.string("upToId");  // names and orders can change
  const bool calculate_total = arguments.boolean("calculateTotal", false);
  if (auto fault = arguments.fault()) co_return std::unexpected(std::move(*fault));
  const std::optional<catalog::Position> position = parse_state(since);
  if (!position || !query->can_calculate_changes()) co_return refusal("cannotCalculateChanges");
  Result<catalog::Position> now = co_await call.services.catalog.refresh(call.caller.account);
  if (!now) co_return std::unexpected(call_error(now.error()));
  Result<MailboxTree> tree = co_await read_tree(call.services, call.caller.account);
  if (!tree) co_return std::unexpected(call_error(tree.error()));
  Result<std::optional<catalog::MailboxChanges>> changes =
      co_await call.services.catalog.mailbox_changes(call.caller.account, *position);
  if (!changes) co_return std::unexpected(call_error(changes.error()));
  if (!*changes) co_return refusal("cannotCalculateChanges");
  std::set<store::MailboxId> changed((*changes)->updated.begin(), (*changes)->updated.end());
  json::array removed, added;
  for (const auto* some : {&(*changes)->updated, &(*changes)->destroyed}) {
    for (const store::MailboxId id : *some) removed.emplace_back(format_mailbox_id(id));
  }
  changed.insert((*changes)->created.begin(), (*changes)->created.end());
  const Ids ids = results_of(*tree, *query);
  for (size_t at = 0; at < ids.size(); ++at) {
    if (changed.contains(ids[at]))
      added.push_back(json::object{{"id", format_mailbox_id(ids[at])}, {"index", at}});
  }
  if (most && removed.size() + added.size() > *most) co_return refusal("tooManyChanges");
  json::object out;
  out["accountId"] = account_id(call.caller.account);
  out["oldQueryState"] = since;
  out["newQueryState"] = format_state((*changes)->now);
  if (calculate_total) out["total"] = ids.size();
  out["removed"] = std::move(removed);
  out["added"] = std::move(added);
  co_return out;
}

}  // namespace posthouse::access::jmap
