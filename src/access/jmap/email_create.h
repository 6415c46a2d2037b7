// New letters: "create" of Email/set (RFC 8621 section 4.6).
#pragma once

#include "access/jmap/mailbox_tree.h"
#include "access/jmap/standard_set.h"

namespace posthouse::access::jmap {

// Makes one; the response tells what became of it.
Task<void> create_email(Call& call, const MailboxTree& tree, const std::string& name,
                        const json::object& email, SetResponse& response);

// What of a letter is the store's, as a client wants it: of "create" and of Email/import.
struct Placement {
  std::set<store::MailboxId> mailboxes{};
  store::FlagSet flags{};
  SystemTime received{};
};
std::expected<Placement, json::object> read_placement(const Call& call, const MailboxTree& tree,
                                                      const json::object& email);

// What is told of a letter that was made: id, blobId, threadId and size. The catalog is brought up to date.
Task<Result<json::object>> tell_created(const Call& call, uint64_t email);

}  // namespace posthouse::access::jmap
