// The message store: mailboxes of accounts and the messages in them. All names, UIDs and counters of RFC 9051
// section 2.3.1 live here; protocols and delivery see plain values only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/begun.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/random.h"
#include "base/result.h"
#include "base/task.h"
#include "engine/blob.h"
#include "engine/engine.h"
#include "store/files.h"
#include "store/flag_sheet.h"
#include "store/limits.h"
#include "store/rights.h"
#include "store/types.h"

namespace posthouse::store {

// One message to be put into a mailbox; its bytes are (being) written as a blob.
struct NewMessage {
  engine::BlobId blob = 0;
  uint64_t size = 0;
  std::string summary;  // message::encode(Summary)
  SystemTime internal_date{};
  FlagSet flags;
};

// Where it went; filled when the transaction is done.
struct Placed {
  MailboxId mailbox = 0;
  uint32_t uid_validity = 0;
  Uid uid = 0;
  // Of the mailbox, before and after it was put there; only append_all() tells.
  ModSeq before = 0, modseq = 0;
};

enum class FlagChange { set, add, remove };

// Which flags somebody may change or bring (RFC 4314 section 4).
struct FlagMask {
  uint8_t system = 0xff;  // bits of Flag
  bool keywords = true;
  bool everything() const { return system == 0xff && keywords; }
};

struct FlagUpdate {
  FlagChange change = FlagChange::set;
  FlagSet flags;
  FlagMask may{};                         // all others stay as they are
  std::optional<ModSeq> unchanged_since;  // RFC 7162 section 3.1.3
  bool tell = true;                       // the entries are wanted
};

struct Copied {
  MailboxId mailbox = 0;
  uint32_t uid_validity = 0;
  std::vector<Uid> from;  // those that were there, rising
  std::vector<Uid> to;    // their new UIDs, same order
};

// How a quota is told to the store: nothing is unlimited.
struct Quota {
  std::optional<uint64_t> bytes;
  std::optional<uint64_t> messages;
  std::optional<uint64_t> group_bytes{};  // of all accounts of the group together
  std::optional<uint64_t> group_messages{};

  // Whether an account with so many messages of so many bytes may get another one of `size`; says nothing of
  // the group.
  bool has_room(uint64_t used_messages, uint64_t used_bytes, uint64_t size) const {
    return (!messages || used_messages < *messages) &&
           (!bytes || (size <= *bytes && used_bytes <= *bytes - size));
  }
};

// An expunged message that may come back.
struct KeptMessage {
  KeptPlace place;
  std::string mailbox;  // where it would go: its mailbox as that is called now, or was when it went
  FlagSet flags;
  SystemTime internal_date{};
  uint64_t size = 0;
  engine::BlobId blob = 0;
  uint64_t delivery = 0;
  std::string summary;
};

// Which of them; what is not given does not matter.
struct KeptFilter {
  std::string mailbox;
  std::optional<SystemTime> since;  // expunged then or later
  std::vector<Uid> uids;            // as they were in the mailbox
};

struct Restored {
  uint64_t messages = 0;
  uint64_t bytes = 0;
};

// Thread-safe; every task comes back on its caller's executor. `account` is always the first argument and
// part of every key: no call can reach another account's rows. Faults: not_found (account, mailbox), exists,
// over_quota, no_space, io, corrupt (the record is set aside and counted; other messages are not affected).
class MailStore {
 public:
  // `kept_expunges`: how many expunged messages the log of changes of a mailbox names at least.
  // `keep_expunged`: expunged messages may come back until purge_kept() takes them.
  MailStore(engine::Engine& engine, const Clock& clock, Random& random,
            uint32_t kept_expunges = kKeptExpunges, bool keep_expunged = false);
  ~MailStore();

  // Accounts kept in files are in step with them from now on. Before any other call; `files` lives longer.
  void use_files(Files* files);

  // ---- accounts
  // Where the data directory is now (an absolute path without a slash at its end). Accounts whose files were
  // in it are led to them when it was moved since the last start. To be called before use_files' files are
  // used.
  Task<Result<void>> follow_directory(std::string path);

  // Makes INBOX, Drafts, Sent, Junk, Trash and Archive, subscribed. Repeatable. `group`: with which accounts
  // it is counted (its domain); "" for none.
  // `place`: where it keeps its mail if not in the database; what is in these files already becomes the
  // account's.
  // (Overloads, not default arguments: GCC 12 destroys those of an awaited call twice.)
  Task<Result<void>> create_account(AccountId account, std::string group, FilePlace place);
  Task<Result<void>> create_account(AccountId account, std::string group);
  Task<Result<void>> create_account(AccountId account);
  // Where the account keeps its mail.
  Task<Result<FilePlace>> place(AccountId account);
  // Moves the account to another format, while it is in use: names, UIDs, flags and MODSEQs stay. An
  // interrupted one is named by conversions(), and goes on with another call, which also may have another
  // place. Files that the account leaves stay as they are. `place`: nothing may be there yet; that is for
  // `check` to see, which is called once no other conversion of the account is under way, if it is to go to
  // files of another format. From one format of files to another it goes by way of the database.
  using Progress = std::function<void(uint64_t done, uint64_t total)>;
  using Check = std::function<Task<Result<void>>()>;
  Task<Result<void>> convert(AccountId account, FilePlace place, Progress progress, Check check);
  Task<Result<void>> convert(AccountId account, FilePlace place, Progress progress);
  Task<Result<void>> convert(AccountId account, FilePlace place);
  struct Conversion {
    AccountId account = 0;
    bool to_files = false;
    std::optional<FilePlace> place{};  // where it goes, if it is not there yet
  };
  Task<Result<std::vector<Conversion>>> conversions();
  // Goes on with an interrupted one, if it still is.
  Task<Result<void>> finish_conversion(AccountId account);
  // Repeatable; blobs go with the next sweep. Nothing of it can be brought back.
  Task<Result<void>> remove_account(AccountId account);
  Task<Result<Usage>> usage(AccountId account);
  // Of the account's last change of any kind.
  Task<Result<ModSeq>> modseq(AccountId account);

  // ---- groups: what the accounts of a domain hold together, counted in the same transactions
  // The account with all it holds goes over to `group`. Repeatable.
  Task<Result<void>> set_group(AccountId account, std::string group);
  Task<Result<Usage>> group_usage(std::string group);
  // Counts anew, in one transaction that reads one row of each member. `members`: all accounts of the group.
  Task<Result<Usage>> recount_group(std::string group, std::vector<AccountId> members);
  // Whether all accounts have their groups: those made by earlier versions get them when this one first runs.
  Task<Result<bool>> has_groups();
  Task<Result<void>> note_groups();

  // ---- mailboxes. Names: 1 to 255 bytes of UTF-8, no control characters, no empty level, at most 32 levels;
  // INBOX in any case. CREATE of "a/b" makes "a" as well (RFC 9051 section 6.3.4).
  Task<Result<std::vector<MailboxInfo>>> mailboxes(AccountId account);  // sorted by name, INBOX first
  Task<Result<MailboxInfo>> mailbox(AccountId account, std::string name);
  Task<Result<MailboxInfo>> mailbox(AccountId account, MailboxId id);
  Task<Result<MailboxInfo>> create_mailbox(AccountId account, std::string name, Role role = Role::none);
  // Inferiors move along, also those of a name that is no mailbox itself. Where a name was subscribed the new
  // one is from now on; the old one stays so (RFC 3501 section 6.3.6: who unsubscribes is the client).
  // RENAME INBOX moves its messages to the new name.
  Task<Result<void>> rename_mailbox(AccountId account, std::string from, std::string to);
  // Refuses INBOX (policy). A mailbox with inferiors goes, they stay.
  Task<Result<void>> delete_mailbox(AccountId account, std::string name);
  // A name may be subscribed without existing (RFC 9051 section 6.3.7).
  Task<Result<void>> subscribe(AccountId account, std::string name, bool subscribed);
  Task<Result<std::vector<std::string>>> subscriptions(AccountId account);

  // ---- annotations (RFC 5464): small values with names, of a mailbox or (mailbox 0) of the account. They go
  // with their mailbox, follow its renames, and are copied by that of INBOX.
  Task<Result<std::vector<Annotation>>> annotations(AccountId account, MailboxId mailbox);  // by name
  // Which there are, and the MODSEQ of each; nothing if none changed since `known`.
  struct AnnotationNames {
    ModSeq modseq = 0;
    std::map<std::pair<MailboxId, std::string>, ModSeq> all;
  };
  Task<Result<std::optional<AnnotationNames>>> annotation_names(AccountId account, ModSeq known);
  // All changes or none. Names and values must keep to limits.h; `over_quota` when there would be too many.
  // `role`: the mailbox's special use from now on; who had it loses it. `policy`: INBOX has its own.
  struct Annotated {
    ModSeq modseq = 0;                 // of the changes
    std::optional<MailboxId> loser{};  // had the role before
  };
  Task<Result<Annotated>> annotate(AccountId account, MailboxId mailbox,
                                   std::vector<AnnotationChange> changes, std::optional<Role> role);

  // ---- rights of others (RFC 4314; store/rights.h). They go with their mailbox, follow its renames, and a
  // new mailbox has those of its superior. The owner has all rights and no entry.
  // By account, kAnyone first.
  Task<Result<std::vector<RightsEntry>>> rights_entries(AccountId owner, MailboxId mailbox);
  // Durable on return. `not_found`: no such mailbox; `over_quota`: too many entries (kMaxRights).
  Task<Result<void>> change_rights(AccountId owner, MailboxId mailbox, AccountId who, bool denied,
                                   RightsChange change, Rights rights);
  // What `who` has; `as_anyone`: with what everybody has. None of a mailbox that is not there.
  Task<Result<Rights>> rights_of(AccountId owner, MailboxId mailbox, AccountId who, bool as_anyone);
  // The same of all mailboxes where that is anything.
  Task<Result<std::map<MailboxId, Rights>>> all_rights_of(AccountId owner, AccountId who, bool as_anyone);
  // Who has entries for the account, or for everybody, in some of its mailboxes. Rising.
  struct Sharer {
    AccountId owner = 0;
    bool with_account = false, with_anyone = false;
  };
  // Of those that give to everybody only those that are counted in the same group as the account.
  Task<Result<std::vector<Sharer>>> sharers(AccountId who);
  // The same of one, whatever its group is; without both if it has no such entries.
  Task<Result<Sharer>> sharer(AccountId who, AccountId owner);
  // Puts the rows in order by which sharers() goes. `accounts`: all there are. Repeatable.
  Task<Result<void>> settle_shares(std::vector<AccountId> accounts);

  // ---- putting messages in
  // The steps that place a message, for the transaction that also seals its blob (with blob_reference() as
  // one of its references) and writes queue rows. `placed` must live until the transaction is done. An
  // unknown mailbox name in delivery falls back to INBOX. To let the blob be sealed with the right reference
  // before the UID is known, the reference names a delivery: a fresh id from IdSource.
  std::vector<engine::Step> stage(AccountId account, std::string mailbox, NewMessage message,
                                  uint64_t delivery_id, Quota quota, Placed* placed);
  static std::string blob_reference(AccountId account, uint64_t delivery_id);
  // After a transaction with steps of stage() for the account: returns when the letter is in its files too,
  // if it keeps any. What can't be done now is tried again later; the letter is the account's in any case.
  Task<void> carry_out(AccountId account);
  void carry_out_soon(AccountId account);  // the same, later

  // IMAP APPEND: one message whose blob `writer` has taken all bytes.
  Task<Result<Placed>> append(AccountId account, std::string mailbox, engine::BlobWriter& writer,
                              NewMessage message, Quota quota);

  // Many at once, all or none: for letters that move in, and APPEND of several.
  struct Arriving {
    engine::BlobWriter* writer = nullptr;
    NewMessage message;
  };
  // `more` follow: the files, if the account is kept in some, may stay a little behind.
  Task<Result<std::vector<Placed>>> append_all(AccountId account, std::string mailbox,
                                               std::vector<Arriving> messages, Quota quota,
                                               bool more = false);

  // ---- reading
  // All UIDs of a mailbox, and which of them are recent for a session that opens it now (from first_recent
  // on); `claim_recent`: they are not recent for later sessions (SELECT, not EXAMINE).
  struct Opened {
    MailboxInfo info;
    UidList uids;
    uint32_t first_unseen = 0;          // sequence number; 0: none
    std::vector<std::string> keywords;  // in use in the mailbox
  };
  Task<Result<Opened>> open(AccountId account, MailboxId mailbox, bool claim_recent);
  // A read-write session was told of all messages below `next`: no later session sees them as recent.
  Task<Result<void>> claim_recent(AccountId account, MailboxId mailbox, Uid next);

  // Entries with first <= uid <= last, rising, at most `most`; with summaries if asked.
  Task<Result<std::vector<Entry>>> entries(AccountId account, MailboxId mailbox, Uid first, Uid last,
                                           size_t most, bool with_summary);
  // The same for a list of UIDs; those that are not there are left out. For FETCH: reads many in one hop.
  Task<Result<std::vector<Entry>>> entries(AccountId account, MailboxId mailbox, std::vector<Uid> uids,
                                           bool with_summary);
  // The flags of all messages as they are now, from memory where that is possible; for who asks for `asked`
  // of them. nullptr where entries() is as good: the mailbox is small, or these are few.
  // `keep_sheets`, before any other call: from how many messages on a mailbox is large.
  void keep_sheets(size_t from);
  Task<Result<std::shared_ptr<const FlagSheet>>> flags(AccountId account, MailboxId mailbox, size_t asked);
  Task<Result<Changes>> changes(AccountId account, MailboxId mailbox, ModSeq since);
  // The same for who put `own` into the mailbox, without keywords, by one call: quicker if that is all that
  // happened. Entries of `own` may have no more than UID and MODSEQ.
  Task<Result<Changes>> changes(AccountId account, MailboxId mailbox, ModSeq since, std::vector<Placed> own);

  // Bytes of a message. `entry` names it; checks that the message still is the account's.
  Task<Result<std::string>> read(AccountId account, const Entry& entry, uint64_t offset, uint64_t length);
  // What begin_reading() began.
  using Reading = Begun<Result<std::vector<std::string>>>;
  // Begins read_whole() for whoever comes back for it later, or never; nothing when some of them are in
  // files, which are read in order.
  std::optional<Reading> begin_reading(AccountId account, const std::vector<Entry>& entries,
                                       uint64_t most_bytes);
  // The whole of several messages in one hop, stopping once `most_bytes` is passed (at least one).
  Task<Result<std::vector<std::string>>> read_whole(AccountId account, std::vector<Entry> entries,
                                                    uint64_t most_bytes);

  // ---- changing. Durable on return. Large sets are done in parts of some thousand, each atomic.
  // What those that were there have now: UID, flags and MODSEQ, and without flags; those that failed
  // `unchanged_since` are in `refused`.
  struct Updated {
    std::vector<Entry> entries;
    std::vector<std::pair<Uid, ModSeq>> updated;
    std::vector<Uid> refused;
    // The mailbox's highest MODSEQs before and after, if nobody else changed anything in between (else both
    // are 0): who knew all up to `before` now knows all up to `after`.
    ModSeq before = 0;
    ModSeq after = 0;
  };
  Task<Result<Updated>> update_flags(AccountId account, MailboxId mailbox, std::vector<Uid> uids,
                                     FlagUpdate update);
  // Removes those of `uids` that have \Deleted; returns which went. They may come back, see below.
  Task<Result<std::vector<Uid>>> expunge(AccountId account, MailboxId mailbox, std::vector<Uid> uids);
  // The same whatever flags they have: for POP3, where nobody else shall see what is only marked. All or
  // none: what a crash leaves the next sweep(true) removes, and what a fault leaves the next sweep() or
  // remove().
  Task<Result<std::vector<Uid>>> remove(AccountId account, MailboxId mailbox, std::vector<Uid> uids);
  // All of `uids` or none (RFC 9051 section 6.4.7). Flags and dates are kept. Bodies are shared, not copied.
  // `breath`: called between parts of large sets, with how many messages are done.
  using Breath = std::function<Task<void>(uint64_t done)>;
  Task<Result<Copied>> copy(AccountId account, MailboxId from, std::vector<Uid> uids, std::string to,
                            Quota quota, Breath breath);
  Task<Result<Copied>> copy(AccountId account, MailboxId from, std::vector<Uid> uids, std::string to,
                            Quota quota);
  // The same into a mailbox of any account, with the flags that may come along. `quota` is that account's.
  struct Target {
    AccountId account = 0;
    std::string mailbox;
    FlagMask may{};
  };
  Task<Result<Copied>> copy(AccountId account, MailboxId from, std::vector<Uid> uids, Target to, Quota quota,
                            Breath breath);
  Task<Result<Copied>> move(AccountId account, MailboxId from, std::vector<Uid> uids, Target to, Quota quota,
                            Breath breath);
  // One atomic step for each message (RFC 6851 section 3.3).
  Task<Result<Copied>> move(AccountId account, MailboxId from, std::vector<Uid> uids, std::string to,
                            Breath breath);
  Task<Result<Copied>> move(AccountId account, MailboxId from, std::vector<Uid> uids, std::string to);

  // One message takes the place of another, which goes whatever flags it has, in the same transaction, and
  // gives its room in the quota free (RFC 8508 section 3.4); also in another account. `not_found` without
  // anything having been done when either is not there; `gone` says if it is the old message that is missing.
  Task<Result<Placed>> replace(AccountId account, MailboxId from, Uid old, Target to, Arriving message,
                               Quota quota, bool& gone);

  // ---- expunged messages that may come back (`keep_expunged`). They don't count to the quota.
  // In the order in which they went, from the first behind `after` on, at most `most`.
  Task<Result<std::vector<KeptMessage>>> kept(AccountId account, KeptFilter filter,
                                              std::optional<KeptPlace> after, size_t most);
  // Puts those of `places` that are still there back into their mailboxes, which are made again where they
  // are gone: with new UIDs, without \Deleted. In parts, each atomic. `over_quota` when the rest doesn't fit;
  // `done` says what was put back, also then.
  Task<Result<void>> undelete(AccountId account, std::vector<KeptPlace> places, Quota quota, Restored& done);
  // Removes for good what was expunged before `before`, at most `most` messages in one transaction. Call
  // again while it gives that many.
  Task<Result<Restored>> purge_kept(AccountId account, SystemTime before, size_t most);
  // Those that perhaps have some.
  Task<Result<std::vector<AccountId>>> accounts_with_kept();

  // ---- watching: `changed` is called (from another thread; only post from it) after any change in the
  // account.
  std::unique_ptr<engine::Watch> watch(AccountId account, std::function<void()> changed);

  // ---- care
  struct CheckReport {
    uint64_t accounts = 0, mailboxes = 0, messages = 0, kept = 0, blobs = 0;
    std::vector<std::string> problems;  // one line each, at most 1,000
  };
  // Who expunges many messages does not wait until their rows are removed: `wake` is called with the account,
  // on any thread, and then somebody has to call finish_expunges(). Without it EXPUNGE does that itself.
  // Before any other call.
  // `later`: the same for the rows of messages whose flags changed, which may wait some seconds.
  void on_hidden(std::function<void(AccountId)> wake, size_t from = kHiddenFrom,
                 std::function<void(AccountId)> later = nullptr);
  // For all accounts. What can't be done now is tried again by sweep().
  Task<Result<void>> finish_expunges();
  // The server ends: who is at it stops behind what is under way. Any thread.
  void end_finishing();
  // Removes blobs without references (engine::sweep_blobs); `at_start`, before any session: also ends what a
  // crash interrupted (removed accounts and mailboxes). Returns how many blobs went; call again while it is
  // not 0.
  Task<Result<size_t>> sweep(bool at_start);
  // After damaged files were mended (engine::Engine::lost), before any session: puts in order what is left of
  // the account's rows. Its mailboxes get new UIDVALIDITYs, so that no UID ever names two messages; messages
  // of which half is there are completed, and mailboxes without a name get one. Repeatable.
  Task<Result<void>> settle(AccountId account);
  // After the whole store was restored from a backup: all mailboxes of the account get new UIDVALIDITYs,
  // above any that was given meanwhile. Repeatable.
  Task<Result<void>> renew_validity(AccountId account);
  // The same for bodies: those in `lost` may have forgotten that messages of the account refer to them, and
  // would be swept with the last who still does.
  Task<Result<void>> restore_references(AccountId account, std::vector<engine::PartitionRange> lost);
  // Bodies that no message knows, though an account of `into` should have one: its rows were lost. They come
  // back as messages of its mailbox "Recovered", with the date on which they were received. `known`: all
  // accounts. What becomes of the others says `unowned`: all are left; those that can be read, and whose
  // account is not among `into`, are; none is. Before any session. Repeatable.
  enum class Unowned { all_left, sound_left, removed };
  struct Adopted {
    uint64_t restored = 0, removed = 0, left = 0;
  };
  Task<Result<Adopted>> adopt_bodies(std::vector<AccountId> known, std::vector<AccountId> into,
                                     Unowned unowned);
  // Whether check() would find nothing wrong with the account's rows; at least one line if it would.
  Task<Result<std::vector<std::string>>> check_account(AccountId account);
  // Reads every row and every chunk, and every letter that is in a file. `progress(done, total)` may be
  // called from another thread.
  Task<Result<CheckReport>> check(std::vector<AccountId> accounts,
                                  std::function<void(uint64_t, uint64_t)> progress);

 private:
  Task<Result<void>> move_places(std::string from, std::string to);  // both end in "/"

  Task<Result<void>> check_files(AccountId account, CheckReport& report);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace posthouse::store
