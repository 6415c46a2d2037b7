// LIST and LSUB (RFC 3501 sections 6.3.8 and 6.3.9; RFC 9051 section 6.3.9: LIST-EXTENDED (RFC 5258),
// LIST-STATUS (RFC 5819), LIST-METADATA (RFC 9590), CHILDREN (RFC 3348), SPECIAL-USE (RFC 6154)).
#include <algorithm>
#include <map>

#include "access/imap/annotations.h"
#include "access/imap/commands.h"
#include "access/imap/special_use.h"
#include "base/log.h"
#include "wire/imap/encode.h"
#include "wire/imap/list_pattern.h"
#include "wire/imap/mailbox_name.h"

namespace posthouse::access::imap {

namespace {

using wire::imap::kSeparator;

struct Node {
  const store::MailboxInfo* info = nullptr;  // nothing: only a level above others, or a subscription
  bool children = false;
  bool subscribed = false;
  bool selected = false;      // by the selection options
  bool below = false;         // something below is selected
  bool hidden_below = false;  // and does not match the patterns
};

// "/" sorts before all other characters, so that inferiors come right behind their superior.
struct NameOrder {
  bool operator()(const std::string& a, const std::string& b) const {
    auto rank = [](char c) { return c == kSeparator ? 0u : static_cast<unsigned char>(c) + 1u; };
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                        [&](char x, char y) { return rank(x) < rank(y); });
  }
};

using Nodes = std::map<std::string, Node, NameOrder>;

template <class F>
void for_superiors(Nodes& nodes, const std::string& name, F visit) {
  for (size_t at = name.rfind(kSeparator); at != std::string::npos && at > 0;
       at = name.rfind(kSeparator, at - 1)) {
    visit(nodes[name.substr(0, at)]);
  }
}

// Mailboxes and the levels above them that are none.
Nodes nodes_of(const std::vector<store::MailboxInfo>& mailboxes) {
  Nodes nodes;
  for (const store::MailboxInfo& info : mailboxes) {
    Node& node = nodes[info.name];
    node.info = &info;
    node.subscribed = info.subscribed;
    for_superiors(nodes, info.name, [](Node& above) { above.children = true; });
  }
  return nodes;
}

void append_line(std::string& out, std::string_view command, const std::string& attributes,
                 std::string_view name, std::string_view extended = "") {
  out += "* ";
  out += command;
  out += " (";
  out += attributes;
  out += ") \"";
  out += kSeparator;
  out += "\" ";
  wire::imap::append_mailbox(out, name);
  out += extended;
  out += "\r\n";
}

std::string list_attributes(const Node& node, bool extended, bool subscribed) {
  std::string out;
  if (node.info == nullptr) out = extended ? "\\NonExistent " : "\\Noselect ";
  out += node.children ? "\\HasChildren" : "\\HasNoChildren";
  if (subscribed && node.subscribed) out += " \\Subscribed";
  const std::string_view use = node.info == nullptr ? "" : special_use(node.info->role);
  if (!use.empty()) {
    out += ' ';
    out += use;
  }
  return out;
}

using Patterns = std::vector<wire::imap::ListPattern>;

// Reference and pattern are one name, simply joined; one that no mailbox can match is left out.
void add_pattern(const std::string& reference, const std::string& pattern, Patterns& out) {
  auto joined = wire::imap::decode_mailbox_name(reference + pattern);
  if (joined) out.emplace_back(std::move(*joined));
}

bool matches(const Patterns& patterns, const std::string& name) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const wire::imap::ListPattern& pattern) { return pattern.matches(name); });
}

// RFC 9051 sections 6.3.9.1 and 6.3.9.3.
void select(Nodes& nodes, const wire::imap::List& c, const Patterns& patterns) {
  const bool all = !c.select.subscribed && !c.select.special_use;
  std::vector<std::string> selected;
  for (auto& [name, node] : nodes) {
    const bool used = node.info != nullptr && !special_use(node.info->role).empty();
    node.selected = all ? node.info != nullptr || node.children
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

// What the LIST line of a node ends with (RFC 9051 section 6.3.9.6).
constexpr std::string_view kChildInfo = " (\"CHILDINFO\" (\"SUBSCRIBED\"))";

}  // namespace

Task<Reply> cmd_list(Session& s, wire::imap::List& c) {
  if (c.pattern.empty() && !c.extended) {
    // Asks for the separator and the root of the reference.
    append_line(s.out, "LIST", "\\Noselect", "");
    co_return ok("LIST done");
  }
  if (asks_for_modseq(c.status)) enable_condstore(s);
  if (!c.extended) c.patterns.push_back(std::move(c.pattern));
  Patterns patterns;
  for (const std::string& pattern : c.patterns) add_pattern(c.reference, pattern, patterns);
  if (patterns.empty()) co_return ok("LIST done");
  const Result<std::vector<store::MailboxInfo>> all = co_await s.store().mailboxes(s.account);
  if (!all) co_return refuse(all.error());
  Nodes nodes = nodes_of(*all);
  if (c.select.subscribed) {
    const Result<std::vector<std::string>> names = co_await s.store().subscriptions(s.account);
    if (!names) co_return refuse(names.error());
    for (const std::string& name : *names) nodes[name].subscribed = true;
  }
  select(nodes, c, patterns);
  const bool subscribed = c.select.subscribed || c.tell.subscribed;
  wire::imap::GetMetadata metadata;
  metadata.entries = std::move(c.metadata);
  uint64_t longest = 0;
  for (const auto& [name, node] : nodes) {
    if (!node.selected && !(c.recursive && node.hidden_below)) continue;
    if (!matches(patterns, name)) continue;
    append_line(s.out, "LIST", list_attributes(node, c.extended, subscribed), name,
                c.recursive && node.below ? kChildInfo : "");
    if (!c.status.empty() && node.info != nullptr) {
      // RFC 9051 section 6.3.9.2: without an answer the name is listed all the same
      Result<void> told = co_await tell_status(s, *node.info, c.status);
      if (!told) log::warn("imap.no_status", {{"sid", s.id}, {"what", told.error().what}});
    }
    if (!metadata.entries.empty() && node.info != nullptr) {
      // RFC 9590 section 3: the same holds here
      Result<void> told = co_await tell_annotations(s, node.info, metadata, longest);
      if (!told) log::warn("imap.no_metadata", {{"sid", s.id}, {"what", told.error().what}});
    }
    if (s.wants_flush()) co_await s.flush();
  }
  co_return ok("LIST done");
}

Task<Reply> cmd_lsub(Session& s, wire::imap::Lsub& c) {
  Patterns patterns;
  add_pattern(c.reference, c.pattern, patterns);
  if (patterns.empty()) co_return ok("LSUB done");
  const Result<std::vector<std::string>> all = co_await s.store().subscriptions(s.account);
  if (!all) co_return refuse(all.error());
  Nodes nodes;
  for (const std::string& name : *all) {
    nodes[name].subscribed = true;
    for_superiors(nodes, name, [](Node&) {});
  }
  // A superior that isn't subscribed itself is told, as \Noselect, where "%" hides its inferiors.
  const bool levels = patterns.front().text().find('%') != std::string::npos;
  for (const auto& [name, node] : nodes) {
    if ((!node.subscribed && !levels) || !matches(patterns, name)) continue;
    append_line(s.out, "LSUB", node.subscribed ? "" : "\\Noselect", name);
    if (s.wants_flush()) co_await s.flush();
  }
  co_return ok("LSUB done");
}

}  // namespace posthouse::access::imap
