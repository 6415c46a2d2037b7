// Plain values of the message store: what mailboxes and messages look like from outside.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "engine/blob.h"

namespace posthouse::store {

using AccountId = uint64_t;  // never reused
using MailboxId = uint32_t;  // within an account, never reused
using Uid = uint32_t;        // RFC 9051 section 2.3.1.1; 0 is none
using ModSeq = uint64_t;     // RFC 7162; one counter per account numbers all its changes

// Special-use roles (RFC 6154, important: RFC 8457); at most one mailbox of an account has each.
enum class Role : uint8_t { none, inbox, drafts, sent, junk, trash, archive, important };

// System flags (RFC 9051 section 2.3.2) as bits. \Recent is not stored: it belongs to a session.
enum Flag : uint8_t {
  kSeen = 1,
  kAnswered = 2,
  kFlagged = 4,
  kDeleted = 8,
  kDraft = 16,
};

struct FlagSet {
  uint8_t system = 0;  // bits of Flag
  std::vector<std::string>
      keywords;  // sorted without regard to case, each once; spelling of the first use kept
  bool operator==(const FlagSet&) const = default;
};

struct MailboxInfo {
  MailboxId id = 0;
  std::string name;  // UTF-8 as the client wrote it, "/" between levels; "INBOX" in capitals for the inbox
  Role role = Role::none;
  bool subscribed = false;
  uint32_t uid_validity = 0;
  Uid uid_next = 1;
  ModSeq highest_modseq = 0;  // of changes in this mailbox
  uint32_t exists = 0;
  uint32_t unseen = 0;    // messages without \Seen
  uint32_t deleted = 0;   // messages with \Deleted
  uint64_t bytes = 0;     // sum of RFC822.SIZE
  uint32_t expunges = 0;  // that the log of changes still names
  ModSeq forgotten = 0;   // expunges up to here are perhaps not in the log any more: who knows only what was
                          // before has to compare all UIDs (RFC 7162 section 3.2.5.1)
  Uid first_recent = 1;   // messages from here on were never shown to a read-write session (RFC 3501 2.3.2)
};

// A message in a mailbox. `summary` is the parsed shape (message/summary.h), encoded; it is only filled when
// asked.
struct Entry {
  Uid uid = 0;
  MailboxId mailbox = 0;
  ModSeq modseq = 0;
  FlagSet flags;
  SystemTime internal_date{};
  uint64_t size = 0;        // RFC822.SIZE, octets
  engine::BlobId blob = 0;  // 0: the bytes are in a file
  uint64_t delivery = 0;    // names the reference to the blob, see MailStore::blob_reference()
  SystemTime saved{};       // when it came into the mailbox (RFC 8514 SAVEDATE); 0: not known
  uint64_t email = 0;       // the same for all copies of a message, for ever (RFC 8474 EMAILID)
  std::string summary;
};

// UIDs in rising order as runs: a big mailbox without gaps costs a few bytes. Also a sequence number map:
// the n-th UID (1-based) is sequence number n.
class UidList {
 public:
  void append(Uid uid);  // larger than all before
  void append_run(Uid first, uint32_t count);
  bool remove(Uid uid);
  uint32_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  bool contains(Uid uid) const { return sequence(uid) != 0; }
  uint32_t sequence(Uid uid) const;     // 0: not there
  uint32_t lower_bound(Uid uid) const;  // sequence number of the first UID >= uid; size()+1 if none
  Uid at(uint32_t sequence) const;      // 1 <= sequence <= size()
  Uid last() const;                     // 0 when empty

  struct Run {
    Uid first;
    uint32_t count;
    uint32_t before;  // how many UIDs come before this run
  };
  const std::vector<Run>& runs() const { return runs_; }

 private:
  std::vector<Run> runs_;
  uint32_t size_ = 0;
};

// Those of `list` that are not `gone`, which rises.
UidList without(const UidList& list, const std::vector<Uid>& gone);

// What happened in a mailbox after some MODSEQ, net: a message that came and went is neither changed nor
// vanished.
struct Changes {
  ModSeq highest = 0;
  std::vector<Entry> changed;  // new messages and changed flags, rising UID, without summary
  std::vector<Uid> vanished;   // expunged or moved away, rising
  std::vector<Uid> passed;     // came and went, rising
  bool forgetful = false;      // some of those may be missing: they are too long ago
  bool mailbox_gone = false;   // the mailbox was deleted
};

// Where an expunged message stands in the order of expunges. Also its name: none comes twice.
struct KeptPlace {
  SystemTime when{};
  MailboxId mailbox = 0;
  Uid uid = 0;
  auto operator<=>(const KeptPlace&) const = default;
};

// A named value of a mailbox, or of an account as a whole (RFC 5464). Names are in lower case.
struct Annotation {
  std::string name;
  std::string value;
};
struct AnnotationChange {
  std::string name;
  std::optional<std::string> value;  // nothing: it goes
};

struct Usage {
  uint64_t messages = 0;
  uint64_t bytes = 0;
  uint64_t kept_messages = 0;  // expunged ones that may come back; not counted above
  uint64_t kept_bytes = 0;
  std::string group;  // of an account: with which others it is counted
};

}  // namespace posthouse::store
