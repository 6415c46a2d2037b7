// The catalog: which letters an account has, by the names they have for ever; which conversations they make
// up; and what changed since when, also of letters that are gone. What JMAP needs beyond what the store has
// (docs/adr/0019).
//
// It only says what the store says, and is brought up to date from there before it is asked: it can be thrown
// away, and has another epoch then. Rows of an account are in a partition of its own.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/task.h"
#include "base/turnstile.h"
#include "catalog/rows.h"
#include "catalog/types.h"
#include "engine/engine.h"
#include "store/mail_store.h"

namespace posthouse::catalog {

// Letters that are marked \Deleted are not there.
//
// Thread-safe; every task comes back on its caller's executor. Faults are those of the engine and the store,
// and corrupt: then forget() the account.
class Catalog {
 public:
  Catalog(engine::Engine& engine, store::MailStore& store, Random& random)
      : engine_(engine), store_(store), random_(random) {}

  // Brings the account's catalog up to date and says how far it is. The first time it reads all letters. One
  // at a time for an account; others wait.
  Task<Result<Position>> refresh(AccountId account);

  // Those that are there, in the order of `ids`.
  Task<Result<std::vector<Email>>> emails(AccountId account, std::vector<EmailId> ids);
  // Of all letters, rising.
  Task<Result<std::vector<EmailId>>> all_ids(AccountId account);
  // The letters of each conversation, rising; none of one that is not there.
  Task<Result<std::vector<std::vector<EmailId>>>> threads(AccountId account, std::vector<ThreadId> ids);
  // Those of a mailbox, by UID.
  Task<Result<std::vector<std::pair<Uid, EmailId>>>> of_mailbox(AccountId account, MailboxId mailbox);

  // What changed since; at most `most` changes, of which none is told twice by calls that go on from `now`.
  // Nothing when that can't be said: the position is of another epoch, from the future, or too long ago.
  Task<Result<std::optional<Changes>>> email_changes(AccountId account, Position since, size_t most);
  Task<Result<std::optional<Changes>>> thread_changes(AccountId account, Position since, size_t most);
  Task<Result<std::optional<MailboxChanges>>> mailbox_changes(AccountId account, Position since);

  // Of an account that is gone, or whose rows are damaged.
  Task<Result<void>> forget(AccountId account);

 private:
  struct Round;

  Task<Result<Head>> head_of(AccountId account);
  Task<Result<Position>> catch_up(AccountId account, Head head);
  Task<Result<void>> take_mailbox(Round& round, store::MailboxInfo mailbox);
  Task<Result<void>> take_all(Round& round, store::MailboxInfo mailbox);
  Task<Result<void>> take_changes(Round& round, store::MailboxInfo mailbox, ModSeq since);
  Task<Result<void>> take_some(Round& round, MailboxId mailbox, std::vector<Uid> uids);
  Task<Result<void>> add(Round& round, std::vector<store::Entry> entries);
  Task<Result<void>> find_vanished(Round& round, MailboxId mailbox);
  Task<Result<void>> drop_mailbox(Round& round, MailboxId mailbox);
  Task<Result<void>> remove_vanished(Round& round);
  Task<Result<void>> finish(Round& round);
  Task<Result<std::optional<Head>>> head_for(AccountId account, Position since);

  Turnstile& turnstile(AccountId account) { return turnstiles_[account % turnstiles_.size()]; }

  engine::Engine& engine_;
  store::MailStore& store_;
  Random& random_;
  std::array<Turnstile, 64> turnstiles_;
};

}  // namespace posthouse::catalog
