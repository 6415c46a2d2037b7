#include "access/jmap/mailbox_object.h"

#include <algorithm>

namespace posthouse::access::jmap {
namespace {

constexpr std::string_view kProperties[] = {
    "id",           "name",         "parentId",      "role",     "sortOrder",    "totalEmails",
    "unreadEmails", "totalThreads", "unreadThreads", "myRights", "isSubscribed",
};

// All mailboxes are the caller's own. INBOX is one that has to be there.
json::object rights(const MailboxNode& node) {
  const bool inbox = node.info.role == store::Role::inbox;
  json::object out;
  for (const char* name : {"mayReadItems", "mayAddItems", "mayRemoveItems", "maySetSeen", "maySetKeywords",
                           "mayCreateChild", "maySubmit"})
    out[name] = true;
  out["mayRename"] = !inbox;
  out["mayDelete"] = !inbox;
  return out;
}

}  // namespace

json::object mailbox_object(const MailboxNode& node, const catalog::Sheet::Counts& counts) {
  json::object out;
  out["id"] = format_mailbox_id(node.info.id);
  out["name"] = node.name;
  out["parentId"] = node.parent ? json::value(format_mailbox_id(*node.parent)) : json::value(nullptr);
  const std::string_view role = role_name(node.info.role);
  out["role"] = role.empty() ? json::value(nullptr) : json::value(role);
  out["sortOrder"] = node.sort_order;
  out["totalEmails"] = counts.emails;
  out["unreadEmails"] = counts.unread_emails;
  out["totalThreads"] = counts.threads;
  out["unreadThreads"] = counts.unread_threads;
  out["myRights"] = rights(node);
  out["isSubscribed"] = node.info.subscribed;
  return out;
}

bool is_mailbox_property(std::string_view name) {
  return std::ranges::find(kProperties, name) != std::end(kProperties);
}

}  // namespace posthouse::access::jmap
