// What a client wants to change of a letter: an update of Email/set (RFC 8621 section 4.6). Only its
// mailboxes and keywords can change.
#pragma once

#include <map>
#include <set>
#include <string>

#include "access/jmap/letters.h"
#include "access/jmap/mailbox_tree.h"
#include "access/jmap/standard_set.h"

namespace posthouse::access::jmap {

struct EmailPatch {
  std::set<std::string> add_keywords, remove_keywords;  // lower case
  std::set<store::MailboxId> add_mailboxes, remove_mailboxes;
};

// `patch`: the whole of "keywords" or "mailboxIds", or some of them ("keywords/$seen": true or null). A
// SetError for what can't be: invalidPatch, invalidProperties, tooManyKeywords; a letter in no mailbox.
std::expected<EmailPatch, json::object> read_patch(const Call& call, const MailboxTree& tree,
                                                   const Letter& letter, const json::object& patch);

// {"$seen": true} to the names; nothing where a value is not true, or a name is no keyword.
std::optional<std::set<std::string>> read_keywords_object(const json::value& value);
// The same of mailboxes, which have to be there.
std::optional<std::set<store::MailboxId>> read_mailboxes_object(const Call& call, const MailboxTree& tree,
                                                                const json::value& value);

}  // namespace posthouse::access::jmap
