// A mailbox as an object of JMAP (RFC 8621 section 2).
#pragma once

#include "access/jmap/mailbox_tree.h"
#include "access/jmap/standard.h"
#include "catalog/sheet.h"

namespace posthouse::access::jmap {

// All properties.
json::object mailbox_object(const MailboxNode& node, const catalog::Sheet::Counts& counts);
// Whether it is the name of one.
bool is_mailbox_property(std::string_view name);

}  // namespace posthouse::access::jmap
