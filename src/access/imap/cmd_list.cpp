// LIST and LSUB (RFC 3501 sections 6.3.8 and 6.3.9; RFC 9051 section 6.3.9: LIST-EXTENDED (RFC 5258),
// LIST-STATUS (RFC 5819), LIST-METADATA (RFC 9590), LIST-MYRIGHTS (RFC 8440), CHILDREN (RFC 3348),
// SPECIAL-USE (RFC 6154)).
#include <algorithm>
#include <set>

#include "access/imap/annotations.h"
#include "access/imap/commands.h"
#include "access/imap/list_tree.h"
#include "access/imap/names_of_others.h"
#include "access/imap/special_use.h"
#include "base/log.h"
#include "message/unicode_text.h"
#include "wire/imap/list_pattern.h"
#include "wire/imap/mailbox_name.h"

namespace posthouse::access::imap {

namespace {

using Patterns = std::vector<wire::imap::ListPattern>;

// Reference and pattern are one name, simply joined; one that no mailbox can match is left out.
void add_pattern(const Session& s, const std::string& reference, const std::string& pattern, Patterns& out) {
  auto joined = wire::imap::read_mailbox_name(reference + pattern, s.utf8());
  if (!joined) return;
  // Names that are not normalised stand beside normalised ones (RFC 9051 section 5.1).
  const std::string normal = s.utf8() ? message::normalize_nfc(*joined) : *joined;
  if (normal != *joined) out.emplace_back(normal);
  out.emplace_back(std::move(*joined));
}

bool matches(const Patterns& patterns, const std::string& name) {
  const size_t ahead = size_of_prefix(name);
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const wire::imap::ListPattern& pattern) { return pattern.matches(name, ahead); });
}

// Whether a pattern may match names that begin with a prefix, or the levels above. What is behind the first
// wildcard is not looked at.
WantedPrefix wanted_by(const Patterns& patterns) {
  return [&patterns](std::string_view prefix) {
    return std::ranges::any_of(patterns, [prefix](const wire::imap::ListPattern& pattern) {
      const std::string_view text = pattern.text();
      const std::string_view plain = text.substr(0, text.find_first_of("*%"));
      return plain.starts_with(prefix) || prefix.starts_with(plain);
    });
  };
}

// RFC 9051 sections 6.3.9.1 and 6.3.9.3.
void select(Nodes& nodes, const wire::imap::List& c, const Patterns& patterns) {
  const bool all = !c.select.subscribed && !c.select.special_use;
  std::vector<std::string> selected;
  for (auto& [name, node] : nodes) {
    const bool used = node.mailbox != nullptr && !special_use(node.mailbox->info.role).empty();
    node.selected = all ? node.mailbox != nullptr || node.children
                        : (!c.select.subscribed || node.subscribed) && (!c.select.special_use || used);
    if (node.selected) selected.push_back(name);
  }
  for (const std::string& name : selected) {
    const bool hidden = c.recursive && !matches(patterns, name);
    for_superiors(nodes, name, [&](Node& above) {
      above.below = true;
      above.hidden_below = above.hidden_below || hidden;
    });
  }
}

// What a mailbox's LIST line is followed by. RFC 9051 section 6.3.9.2, RFC 9590 section 3, RFC 8440 section
// 3: without an answer, or the right to it, the name is listed all the same.
Task<void> tell_beside(Session& s, const wire::imap::List& c, const Located& mailbox,
                       const wire::imap::GetMetadata& metadata) {
  if (!c.status.empty() && (mailbox.rights & store::kMayRead) != 0) {
    Result<void> told = co_await tell_status(s, mailbox.account, mailbox.info, c.status);
    if (!told) log::warn("imap.no_status", {{"sid", s.id}, {"what", told.error().what}});
  }
  if (!metadata.entries.empty() && satisfies(mailbox.rights, kReadsAnnotations)) {
    uint64_t longest = 0;
    Result<void> told = co_await tell_annotations(s, &mailbox, metadata, longest);
    if (!told) log::warn("imap.no_metadata", {{"sid", s.id}, {"what", told.error().what}});
  }
  if (c.my_rights) tell_rights(s, mailbox.info.name, mailbox.rights);
}

// What the LIST line of a node ends with (RFC 9051 section 6.3.9.6).
constexpr std::string_view kChildInfo = " (\"CHILDINFO\" (\"SUBSCRIBED\"))";

// Of the mailboxes of others LSUB tells those that LIST tells (RFC 4314 section 4).
Task<Result<void>> leave_out_unseen(Session& s, std::vector<std::string>& subscriptions) {
  if (std::ranges::none_of(subscriptions, is_shared_name)) co_return Result<void>();
  WantedPrefix wanted = [&](std::string_view prefix) {
    return std::ranges::any_of(subscriptions,
                               [prefix](const std::string& name) { return name.starts_with(prefix); });
  };
  const Result<std::vector<Located>> all = co_await visible_mailboxes(s, std::move(wanted));
  if (!all) co_return std::unexpected(all.error());
  std::set<std::string> seen;
  for (const Located& mailbox : *all) seen.insert(mailbox.info.name);
  std::erase_if(subscriptions,
                [&](const std::string& name) { return is_shared_name(name) && !seen.contains(name); });
  co_return Result<void>();
}

}  // namespace

Task<Reply> cmd_list(Session& s, wire::imap::List& c) {
  if (c.pattern.empty() && !c.extended) {
    // Asks for the separator and the root of the reference.
    append_list_line(s, "LIST", "\\Noselect", "");
    co_return ok("LIST done");
  }
  if (asks_for_modseq(c.status)) enable_condstore(s);
  if (!c.extended) c.patterns.push_back(std::move(c.pattern));
  Patterns patterns;
  for (const std::string& pattern : c.patterns) add_pattern(s, c.reference, pattern, patterns);
  if (patterns.empty()) co_return ok("LIST done");
  WantedPrefix wanted = wanted_by(patterns);
  const Result<std::vector<Located>> all = co_await visible_mailboxes(s, std::move(wanted));
  if (!all) co_return refuse(all.error());
  Nodes nodes = nodes_of(*all);
  if (c.select.subscribed) {
    const Result<std::vector<std::string>> names = co_await s.store().subscriptions(s.account);
    if (!names) co_return refuse(names.error());
    for (const std::string& name : *names) {
      const bool hidden = is_shared_name(name) && has_dot_level(name) && !nodes.contains(name);
      if (!hidden) nodes[name].subscribed = true;
    }
  }
  select(nodes, c, patterns);
  const bool subscribed = c.select.subscribed || c.tell.subscribed;
  wire::imap::GetMetadata metadata;
  metadata.entries = std::move(c.metadata);
  for (const auto& [name, node] : nodes) {
    if (!node.selected && !(c.recursive && node.hidden_below)) continue;
    if (!matches(patterns, name)) continue;
    append_list_line(s, "LIST", list_attributes(node, c.extended || s.rev2, subscribed), name,
                     c.recursive && node.below ? kChildInfo : "");
    if (node.mailbox != nullptr) co_await tell_beside(s, c, *node.mailbox, metadata);
    if (s.wants_flush()) co_await s.flush();
  }
  co_return ok("LIST done");
}

Task<Reply> cmd_lsub(Session& s, wire::imap::Lsub& c) {
  Patterns patterns;
  add_pattern(s, c.reference, c.pattern, patterns);
  if (patterns.empty()) co_return ok("LSUB done");
  Result<std::vector<std::string>> all = co_await s.store().subscriptions(s.account);
  if (!all) co_return refuse(all.error());
  Result<void> known = co_await leave_out_unseen(s, *all);
  if (!known) co_return refuse(known.error());
  Nodes nodes;
  for (const std::string& name : *all) {
    nodes[name].subscribed = true;
    for_superiors(nodes, name, [](Node&) {});
  }
  // A superior that isn't subscribed itself is told, as \Noselect, where "%" hides its inferiors.
  const bool levels = patterns.back().text().find('%') != std::string::npos;
  for (const auto& [name, node] : nodes) {
    if ((!node.subscribed && !levels) || !matches(patterns, name)) continue;
    append_list_line(s, "LSUB", node.subscribed ? "" : "\\Noselect", name);
    if (s.wants_flush()) co_await s.flush();
  }
  co_return ok("LSUB done");
}

}  // namespace posthouse::access::imap
