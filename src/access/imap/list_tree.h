// The mailboxes of an account as LIST tells of them (RFC 9051 section 7.3.1).
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "access/imap/sharing.h"
#include "access/imap/state.h"
#include "wire/imap/list_pattern.h"

namespace posthouse::access::imap {

struct Node {
  const Located* mailbox = nullptr;  // nothing: only a level above others, or a subscription
  bool children = false;
  bool subscribed = false;
  bool selected = false;      // by the selection options
  bool below = false;         // something below is selected
  bool hidden_below = false;  // and does not match the patterns
};

// "/" sorts before all other characters, so that inferiors come right behind their superior.
struct NameOrder {
  bool operator()(const std::string& a, const std::string& b) const;
};

using Nodes = std::map<std::string, Node, NameOrder>;

template <class F>
void for_superiors(Nodes& nodes, const std::string& name, F visit) {
  using wire::imap::kSeparator;
  for (size_t at = name.rfind(kSeparator); at != std::string::npos && at > 0;
       at = name.rfind(kSeparator, at - 1)) {
    visit(nodes[name.substr(0, at)]);
  }
}

// Mailboxes and the levels above them that are none. They point into `mailboxes`.
Nodes nodes_of(const std::vector<Located>& mailboxes);

// `extended`: what is no mailbox is \NonExistent, else \Noselect, as one is that may not be read.
// `subscribed`: that is told, too.
std::string list_attributes(const Node& node, bool extended, bool subscribed);

// "* LIST (attributes) "/" name" and what is told beside.
void append_list_line(Session& s, std::string_view command, const std::string& attributes,
                      std::string_view name, std::string_view extended = "");

}  // namespace posthouse::access::imap
