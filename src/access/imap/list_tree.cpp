#include "access/imap/list_tree.h"

#include "access/imap/commands.h"
#include "access/imap/special_use.h"
#include "wire/imap/encode.h"

namespace posthouse::access::imap {

using wire::imap::kSeparator;

bool NameOrder::operator()(const std::string& a, const std::string& b) const {
  auto rank = [](char c) { return c == kSeparator ? 0u : static_cast<unsigned char>(c) + 1u; };
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                      [&](char x, char y) { return rank(x) < rank(y); });
}

Nodes nodes_of(const std::vector<Located>& mailboxes) {
  Nodes nodes;
  for (const Located& mailbox : mailboxes) {
    Node& node = nodes[mailbox.info.name];
    node.mailbox = &mailbox;
    node.subscribed = mailbox.info.subscribed;
    for_superiors(nodes, mailbox.info.name, [](Node& above) { above.children = true; });
  }
  return nodes;
}

std::string list_attributes(const Node& node, bool extended, bool subscribed) {
  std::string out;
  if (node.mailbox == nullptr) {
    out = extended ? "\\NonExistent " : "\\Noselect ";
  } else if ((node.mailbox->rights & store::kMayRead) == 0) {
    out = "\\Noselect ";  // SELECT needs "r" (RFC 4314 section 4)
  }
  out += node.children ? "\\HasChildren" : "\\HasNoChildren";
  if (subscribed && node.subscribed) out += " \\Subscribed";
  const std::string_view use = node.mailbox == nullptr ? "" : special_use(node.mailbox->info.role);
  if (!use.empty()) {
    out += ' ';
    out += use;
  }
  return out;
}

void append_list_line(Session& s, std::string_view command, const std::string& attributes,
                      std::string_view name, std::string_view extended) {
  s.out += "* ";
  s.out += command;
  s.out += " (";
  s.out += attributes;
  s.out += ") \"";
  s.out += kSeparator;
  s.out += "\" ";
  append_mailbox(s, name);
  s.out += extended;
  s.out += "\r\n";
}

Task<void> tell_listed(Session& s, std::string name, std::string old_name) {
  if (!s.rev2) co_return;
  WantedPrefix wanted = around(name);
  const Result<std::vector<Located>> all = co_await visible_mailboxes(s, std::move(wanted));
  if (!all) co_return;  // the command that this belongs to has succeeded; LIST tells of what is wrong
  Nodes nodes = nodes_of(*all);
  // One that is not listed may be open to who knows of it.
  Result<Located> unlisted = fail(FaultKind::not_found, "listed");
  if (nodes[name].mailbox == nullptr) unlisted = co_await locate(s, name);
  if (unlisted) nodes[name].mailbox = &*unlisted;
  std::string extended;
  if (!old_name.empty() && old_name != name) {
    extended = " (\"OLDNAME\" (";
    wire::imap::append_mailbox(extended, old_name, true);
    extended += "))";
  }
  append_list_line(s, "LIST", list_attributes(nodes[name], true, true), name, extended);
}

}  // namespace posthouse::access::imap
