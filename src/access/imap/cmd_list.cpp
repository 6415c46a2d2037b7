// LIST and LSUB (RFC 3501 sections 6.3.8 and 6.3.9), with CHILDREN (RFC 3348) and SPECIAL-USE (RFC 6154).
#include <map>

#include "access/imap/commands.h"
#include "wire/imap/encode.h"
#include "wire/imap/list_pattern.h"
#include "wire/imap/mailbox_name.h"

namespace posthouse::access::imap {

namespace {

using wire::imap::kSeparator;

struct Node {
  bool exists = false;  // else only a level above others
  bool children = false;
  store::Role role = store::Role::none;
};

// "/" sorts before all other characters, so that inferiors come right behind their superior.
struct NameOrder {
  bool operator()(const std::string& a, const std::string& b) const {
    auto rank = [](char c) { return c == kSeparator ? 0u : static_cast<unsigned char>(c) + 1u; };
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                        [&](char x, char y) { return rank(x) < rank(y); });
  }
};

// Mailboxes and the levels above them that are none.
class Tree {
 public:
  void add(const std::string& name, store::Role role) {
    Node& node = nodes_[name];
    node.exists = true;
    node.role = role;
    for (size_t at = name.rfind(kSeparator); at != std::string::npos && at > 0;
         at = name.rfind(kSeparator, at - 1)) {
      nodes_[name.substr(0, at)].children = true;
    }
  }
  const std::map<std::string, Node, NameOrder>& nodes() const { return nodes_; }

 private:
  std::map<std::string, Node, NameOrder> nodes_;
};

std::string_view special_use(store::Role role) {
  switch (role) {
    case store::Role::drafts:
      return "\\Drafts";
    case store::Role::sent:
      return "\\Sent";
    case store::Role::junk:
      return "\\Junk";
    case store::Role::trash:
      return "\\Trash";
    case store::Role::archive:
      return "\\Archive";
    case store::Role::none:
    case store::Role::inbox:
      break;
  }
  return "";
}

void append_line(std::string& out, std::string_view command, const std::string& attributes,
                 std::string_view name) {
  out += "* ";
  out += command;
  out += " (";
  out += attributes;
  out += ") \"";
  out += kSeparator;
  out += "\" ";
  wire::imap::append_mailbox(out, name);
  out += "\r\n";
}

std::string list_attributes(const Node& node) {
  std::string out = node.exists ? "" : "\\Noselect ";
  out += node.children ? "\\HasChildren" : "\\HasNoChildren";
  if (std::string_view use = special_use(node.role); !use.empty()) {
    out += ' ';
    out += use;
  }
  return out;
}

// Reference and pattern are one name, simply joined; nothing if no mailbox can match.
std::optional<wire::imap::ListPattern> pattern_of(const std::string& reference, const std::string& pattern) {
  auto joined = wire::imap::decode_mailbox_name(reference + pattern);
  if (!joined) return std::nullopt;
  return wire::imap::ListPattern(std::move(*joined));
}

}  // namespace

Task<Reply> cmd_list(Session& s, wire::imap::List& c) {
  if (c.pattern.empty()) {
    // Asks for the separator and the root of the reference.
    append_line(s.out, "LIST", "\\Noselect", "");
    co_return ok("LIST done");
  }
  const auto pattern = pattern_of(c.reference, c.pattern);
  if (!pattern) co_return ok("LIST done");
  Result<std::vector<store::MailboxInfo>> all = co_await s.store().mailboxes(s.account);
  if (!all) co_return refuse(all.error());
  Tree tree;
  for (const store::MailboxInfo& info : *all) tree.add(info.name, info.role);
  for (const auto& [name, node] : tree.nodes()) {
    if (!pattern->matches(name)) continue;
    append_line(s.out, "LIST", list_attributes(node), name);
    if (s.wants_flush()) co_await s.flush();
  }
  co_return ok("LIST done");
}

Task<Reply> cmd_lsub(Session& s, wire::imap::Lsub& c) {
  const auto pattern = pattern_of(c.reference, c.pattern);
  if (!pattern) co_return ok("LSUB done");
  Result<std::vector<std::string>> all = co_await s.store().subscriptions(s.account);
  if (!all) co_return refuse(all.error());
  Tree tree;
  for (const std::string& name : *all) tree.add(name, store::Role::none);
  // A superior that isn't subscribed itself is told, as \Noselect, where "%" hides its inferiors.
  const bool levels = pattern->text().find('%') != std::string::npos;
  for (const auto& [name, node] : tree.nodes()) {
    if ((!node.exists && !levels) || !pattern->matches(name)) continue;
    append_line(s.out, "LSUB", node.exists ? "" : "\\Noselect", name);
    if (s.wants_flush()) co_await s.flush();
  }
  co_return ok("LSUB done");
}

}  // namespace posthouse::access::imap
