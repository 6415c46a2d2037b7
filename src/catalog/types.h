// The letters of an account as JMAP sees them: by the names they have for ever, wherever they are.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "store/types.h"

namespace posthouse::catalog {

using store::AccountId;
using store::MailboxId;
using store::ModSeq;
using store::Uid;
using EmailId = uint64_t;   // the store's Entry::email
using ThreadId = uint64_t;  // that of the first letter of the conversation

// The annotation (RFC 5464) that holds the place of a mailbox among its siblings: a decimal number.
inline constexpr std::string_view kSortOrderEntry = "/private/vendor/posthouse/sortorder";

struct Place {
  MailboxId mailbox = 0;
  Uid uid = 0;
  auto operator<=>(const Place&) const = default;
};

struct Email {
  EmailId id = 0;
  ThreadId thread = 0;        // never changes
  std::vector<Place> places;  // rising, at least one
};

// How far somebody knows an account: all that happened up to `modseq`. Of another epoch nothing is known.
struct Position {
  uint64_t epoch = 0;
  ModSeq modseq = 0;
  // Who is told in pages knows of what happened later, as it was at `goal` (0: this is no page), the changes
  // up to that of the letter `upto` at `at`.
  ModSeq goal = 0, at = 0;
  EmailId upto = 0;
  auto operator<=>(const Position&) const = default;
};

// What happened since, net: what came and went is in none of them.
struct Changes {
  std::vector<uint64_t> created, updated, destroyed;  // rising
  Position now;
  bool more = false;  // there is more behind `now`
};

// The same of mailboxes.
struct MailboxChanges {
  std::vector<MailboxId> created, updated, destroyed;
  bool only_counts = true;  // of those updated nothing but the number of letters and conversations changed
  Position now;
};

}  // namespace posthouse::catalog
