// The inside of the mirror. Not for other rooms.
#pragma once

#include <atomic>
#include <list>
#include <map>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <unordered_map>
#include <unordered_set>

#include "base/begun.h"
#include "base/log.h"
#include "base/pool.h"
#include "base/turnstile.h"
#include "mbox/waiters.h"
#include "mirror/driver.h"
#include "mirror/kept_back.h"
#include "mirror/limits.h"
#include "mirror/mirror.h"
#include "mirror/troubles.h"
#include "mirror/watcher.h"
#include "store/account_edit.h"
#include "store/account_view.h"
#include "store/file_rows.h"

namespace posthouse::mirror {

// For who asked: that files may not be read or written (rights, a link in their place) is nothing that he may
// not do, but trouble of ours that an operator can mend. RFC 5530: UNAVAILABLE, not CANNOT.
template <class T>
Result<T> as_trouble(Result<T> result) {
  if (!result && result.error().kind == FaultKind::policy) result.error().kind = FaultKind::io;
  return result;
}

using store::AccountId;
using store::MailboxId;
using store::Uid;

// Troubles, as the log has them.
inline constexpr std::string_view kLocked = "mirror.locked";
inline constexpr std::string_view kFilesWait = "mirror.files_wait";
inline constexpr std::string_view kUnseen = "mirror.unseen";
inline constexpr std::string_view kUnreadable = "mirror.unreadable";
inline constexpr std::string_view kNotNoted = "mirror.uids_not_noted";

// What is kept of an account while it is in use.
struct Account {
  AccountId id = 0;
  std::unique_ptr<Driver> driver;
  Turnstile turns;
  std::atomic<bool> left{
      false};  // it went back to the database: who waited for a turn has nothing to do here
  std::mutex names_mutex;
  std::map<MailboxId, std::string> old_names;  // in the files, of mailboxes whose renaming waits
  // Under a turn:
  uint64_t first_effect = 0;  // the outbox has no row below: what was taken from it is not gone through again
  uint64_t again_to = UINT64_MAX;  // rows of the outbox up to this may have been done before a crash
  KeptBack kept_back;              // by the last pass over the outbox
  std::set<MailboxId> undone;      // of which something could not be done by it
  bool stuck = false;              // for another reason than locks
  struct Locked {
    SteadyTime again_at{};  // when to try again
    std::string name;
  };
  std::set<MailboxId> waited_for;            // of which nothing could be read in time
  std::map<MailboxId, Locked> locked;        // whose files other programs keep from being changed
  std::map<MailboxId, std::string> states;   // as last looked at
  std::map<MailboxId, std::string> lasting;  // the same as the index has it, for after a restart
  struct Looked {
    SteadyTime end{};
    SteadyTime::duration took{};
    size_t messages = 0;
  };
  std::map<MailboxId, SteadyTime> unread;  // letters that others have to give us rights to: when to try again
  std::map<MailboxId, Looked> looked;      // looks that went through the files
  std::unordered_set<uint64_t> told;       // rows of the outbox that the files have no room for
  std::map<MailboxId, Fault> stopped;      // where a letter has to wait, while the outbox is gone through
};

// An account and the turn to work on it.
struct Held {
  std::shared_ptr<Account> account;
  Turnstile::Turn turn;  // goes first
};

// One row of the outbox, with what is needed to carry it out.
struct Effect {
  uint64_t number = 0;
  store::EffectRow row;
  std::string mailbox;  // the name; empty: the mailbox is gone
  uint32_t uid_validity = 0;
  Uid uid_next = 0;
  size_t messages = 0;  // in the mailbox
  bool there = false;   // put, flags: the message is there, and this is how:
  store::FlagRow message;
  store::FlagSet flags;
  std::string location;  // "" : not in the files yet
  // How it went.
  Result<void> done;
  store::FlagSet now;
  bool exact = true;  // put: the file gives back the very bytes of the blob
};

// Rows of the outbox that are carried out together.
struct Round {
  std::vector<Effect> effects;
  std::map<MailboxId, std::pair<std::string, Driver::Uids>> anew;  // see note_put()
  bool part = false;                                               // there may be more
  // A rename or removal of a mailbox is alone in its round, and what came before is recorded for good by
  // then: so that after a crash it is clear whether it was done.
  bool cut = false;
};

struct Mirror::Impl : std::enable_shared_from_this<Mirror::Impl> {
  Impl(engine::Engine& engine, const Clock& clock, Random& random, IdSource& ids, Options options);

  engine::Engine& engine;
  const Clock& clock;
  Random& random;
  IdSource& ids;
  mbox::Waiters waiters;  // among them, for locks of other programs
  Pool files;             // blocking work on files
  Watcher watcher;
  Troubles troubles;

  mutable std::shared_mutex kept_mutex;
  std::unordered_set<AccountId> kept;
  std::mutex accounts_mutex;
  std::unordered_map<AccountId, std::shared_ptr<Account>> accounts;
  uint64_t leaves = 0;                    // how many accounts went back to the database
  std::unordered_set<AccountId> waiting;  // whose outbox waits for somebody to carry it out
  std::unordered_set<AccountId> later;    // it could not be done just now
  size_t carriers = 0;                    // who do so
  std::atomic<bool> ending = false;       // nothing is begun unasked any more
  std::atomic<size_t> at_work = 0;        // who look or carry out unasked at the moment
  net::Loop* attended = nullptr;          // on which somebody carries out behind those who change flags
  std::unordered_map<AccountId, size_t> behind;  // for whom somebody does so now, and how many changes
  std::mutex looking_mutex;
  struct Looking {
    std::unordered_set<MailboxId> now, locked;
  };
  std::unordered_map<AccountId, Looking> looking;  // to be looked into unasked

  // Bytes of messages that were read lately.
  struct Open {
    AccountId account = 0;
    MailboxId mailbox = 0;
    Uid uid = 0;
    std::shared_ptr<Bytes> bytes;
  };
  std::mutex open_mutex;
  std::list<Open> open;  // the latest first

  bool is_kept(AccountId id) const {
    const std::shared_lock lock(kept_mutex);
    return kept.contains(id);
  }
  // hold() failed: of an account that went back to the database meanwhile nothing is left to do.
  Result<void> unless_it_left(AccountId id, const Fault& fault) const {
    if (is_kept(id)) return std::unexpected(fault);
    return {};
  }
  Task<Result<std::shared_ptr<Account>>> account(AccountId id);
  // The account as it is once it is our turn.
  Task<Result<Held>> hold(AccountId id);
  // After a fault: waits a little before the next of so many attempts if the lock of another program was the
  // reason, without a thread and without a turn. False: it was not, or it has lasted too long.
  Task<bool> nap_if_locked(Fault fault, int& naps);
  bool is_attended();
  Task<Result<std::string>> mailbox_name(AccountId account, MailboxId mailbox);
  // The name that it has in the files.
  Task<Result<std::string>> file_name(Account& account, MailboxId mailbox);
  Task<Result<Bytes>> open_message(std::shared_ptr<Account> account, MailboxId mailbox, Uid uid);

  // ---- outbox.cpp; under the account's turn
  // Carries out all there is. Fails with the first thing that could not be done; the others are done.
  // `begun`: that much of it was done in the files already.
  Task<Result<void>> carry_out(Account& account, std::optional<Round> begun = std::nullopt);
  // In the files, the rows of the outbox from `from` on, as many as are done together.
  Task<Result<void>> do_in_files(Account& account, uint64_t from, Round& round);
  Task<void> work_off(Account& account, Round& round);
  // What that put is on disk then. Those of which it is not are not done.
  Task<void> flush(Account& account, Round& round);
  // Then those that are done leave the outbox. `all`: the first that was not. True: there may be more.
  Task<Result<bool>> take_from_outbox(Account& account, Round& round, Result<void>& all);
  Task<void> take_behind(Account& account, Round& round, Result<void>& all, Begun<Result<bool>> more);
  // The same, while the files get what comes next, if it does not depend on it: `next`, not flushed.
  Task<Result<bool>> take_and_go_on(Account& account, Round& round, Result<void>& all,
                                    std::optional<Round>& next);
  Task<Result<std::vector<Effect>>> read_outbox(Account& account, uint64_t from, bool& cut);
  void begin_pass(Account& account);
  void keep_back(Account& account, const Effect& effect);
  // Gives the fault to tell, if any. `doubtful`: the last row that failed and may have been begun.
  Result<void> end_pass(Account& account, const Result<void>& all, uint64_t doubtful);
  // The UIDs of what was put into the files, for formats that want them noted. Those of the mailboxes that
  // are to be noted anew are given back.
  static void note_put(Driver& driver, const std::vector<Effect>& effects,
                       std::map<MailboxId, std::pair<std::string, Driver::Uids>>& anew);
  // True: the outbox has got more by that.
  Task<Result<bool>> record(AccountId account, std::vector<Effect>& effects, bool durable);

  // ---- look.cpp; under the account's turn
  Task<Result<void>> look_at_mailboxes(Account& account);
  Task<Result<void>> look_into_all(Account& account);
  Task<void> look_into_new(Account& account);
  Task<Result<void>> look_into(Account& account, MailboxId mailbox);
  // What was known before a restart, if that may be believed still.
  Task<Result<std::string>> last_state(Account& account, MailboxId mailbox);
  Task<Result<void>> keep_state(Account& account, MailboxId mailbox, std::string lasting);
  // Whether it is time to try again what could not be read for lack of rights.
  bool is_due(const Account& account, MailboxId mailbox) const;
  // Whether going through the files took long, and was only just now.
  bool rests(const Account& account, MailboxId mailbox) const;
  Task<void> watch(Account& account, MailboxId mailbox, bool by_session);
  // What kept us from reading some of it; nothing: all could be read.
  Task<Result<std::optional<FaultKind>>> take_in(Account& account, MailboxId mailbox, const std::string& name,
                                                 Driver::Look look);
  Task<Result<void>> take_changes(Account& account, MailboxId mailbox, const Driver::Look& look);
  // The same of new letters. `misnamed`: one has another UID than the files say.
  Task<Result<std::optional<FaultKind>>> take_new(Account& account, MailboxId mailbox,
                                                  const std::string& name, Driver::Look& look,
                                                  bool& misnamed);
  Task<Result<std::optional<FaultKind>>> take_fresh(Account& account, MailboxId mailbox,
                                                    const std::string& name, Driver::Look& look,
                                                    bool& misnamed);
  // UIDVALIDITY and the next UID that the files say a mailbox without messages has.
  Task<Result<void>> take_uid_base(Account& account, MailboxId mailbox, const Driver::Look& look);
  // ---- settle.cpp; under the account's turn
  // Index and files come to say the same UIDs.
  Task<Result<void>> settle_uids(Account& account, MailboxId mailbox, std::string name);
  Task<Result<void>> note_all_uids(Account& account, MailboxId mailbox, std::string name);
  void tell_noted(const Account& account, MailboxId mailbox, const std::string& name,
                  const Result<void>& noted);
  Task<void> note_uids(Account& account, MailboxId mailbox, std::string name, Driver::Uids uids);

  // ---- attend.cpp
  static void carry_out_waiting(const std::shared_ptr<Impl>& self);
  static Task<void> carry_out_some(std::shared_ptr<Impl> self);
  static Task<void> carry_out_behind(std::shared_ptr<Impl> self, net::Loop& loop, AccountId id);
  // False: nothing more is to be done behind.
  Task<bool> carry_out_told(AccountId id);
  bool is_behind(AccountId id);
  bool is_behind();  // any account
  bool has_many_behind(AccountId id);
  Task<Result<void>> take_turn_and_carry_out(AccountId id);
  // The same for somebody who wants to know when it is in the files only.
  Task<Result<void>> carry_out_for_caller(AccountId id);
  Task<bool> is_converting(AccountId id);
  // What is left to do for a round that is done in the files, while nobody waits for it. False: nobody is
  // there to do it.
  bool finish_behind(Held& held, Round& round);
  static Task<void> finish_round(std::shared_ptr<Impl> self, Held held, Round round);
  // A session need not wait for what another program keeps locked.
  Task<Result<void>> look_for_session(AccountId id, MailboxId mailbox);
  // `unread`: nothing is known of its files, and nobody has waited for them. `last`: somebody did now.
  Task<Result<void>> look_with_turn(AccountId id, MailboxId mailbox, bool last, bool& unread);
  void look_later(Watcher::Which which);
  Task<bool> never_had_messages(Watcher::Which which);
  static Task<void> look_beside(std::shared_ptr<Impl> self, net::Loop& loop, Watcher::Which which);
  // The next one of the account to look into; 0: those that are left are locked. Nothing: none is left.
  std::optional<MailboxId> next_to_look(AccountId id);
  Task<Result<void>> look_unasked(Watcher::Which which);
  static Task<void> follow(std::shared_ptr<Impl> self, net::Loop& loop, int fd);
};

}  // namespace posthouse::mirror
