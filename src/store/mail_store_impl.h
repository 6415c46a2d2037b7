// What the parts of MailStore share.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "base/id.h"
#include "base/turnstile.h"
#include "store/account_edit.h"
#include "store/account_view.h"
#include "store/counted_edit.h"
#include "store/files.h"
#include "store/flag_sheets.h"
#include "store/hiding.h"
#include "store/limits.h"
#include "store/listing.h"
#include "store/mail_store.h"
#include "store/mailbox_cache.h"
#include "store/sources.h"
#include "store/survey.h"

namespace posthouse::store {

// The message that goes in a replace(), as the look found it.
struct Leaving {
  MailboxId mailbox = 0;
  Source source;
  std::string summary;               // of one that is kept
  std::optional<PlacesToBe> places;  // none: no accounts are kept in files
};

// Of a message that comes. Keywords that no longer fit are left away: the letter counts.
Result<std::vector<uint8_t>> keyword_numbers(AccountEdit& edit, MailboxId mailbox,
                                             const std::vector<std::string>& names);

// What an update means for each message; keywords that are new get their numbers.
Result<FlagsEdit> plan_update(AccountEdit& edit, MailboxId mailbox, const FlagUpdate& update);
// What one more part of an update did; `first`: nothing was done before.
void add_part(MailStore::Updated part, bool first, MailStore::Updated& all);

struct MailStore::Impl {
  Impl(engine::Engine& e, const Clock& c, Random& random, uint32_t expunges, bool keep)
      : engine(e), clock(c), ids(c, random), kept_expunges(expunges), keep_expunged(keep) {}

  engine::Engine& engine;
  const Clock& clock;
  IdSource ids;
  uint32_t kept_expunges;
  Files* files = nullptr;
  MailboxCache<Listing> listings{kListings, kListedRuns};   // weighed in runs
  MailboxCache<FlagSheet> sheets{kSheets, kSheetMessages};  // weighed in messages
  size_t sheets_from = kSheetFrom;
  Hiding hiding;

  bool in_files(AccountId account) const;
  // Of a message in a file; nothing when it can be read, or others have just taken it away.
  Task<std::string> what_is_wrong(AccountId account, const Entry& entry);
  // Brings files and index together, for accounts kept in files; at once for all others.
  // From where `entry` says that they are.
  Task<Result<std::string>> read_there(AccountId account, const Entry& entry, uint64_t offset,
                                       uint64_t length);
  Task<void> carry_out(AccountId account);
  // Flags: `changes` of them are in the index, and come to the files soon.
  Task<void> follow(AccountId account, size_t changes);
  Task<void> look(AccountId account, std::optional<MailboxId> mailbox = {});
  Task<void> look_at_all(AccountId account);
  // Gives those of `messages` whose bytes are in a file a blob beside it, for a while (or `for_good`).
  // `temporary` when one of them changed meanwhile.
  Task<Result<void>> load_bodies(AccountId account, MailboxId mailbox, std::vector<Source>& messages,
                                 bool for_good = false);
  Task<Result<void>> load_bodies(AccountId account, MailboxId mailbox, std::vector<Uid> uids);
  // The same for sources that were read some time ago: `temporary` also when one of them is gone.
  Task<Result<void>> load_to_copy(AccountId account, MailboxId mailbox, std::vector<Source>& messages);
  // Of messages that are about to be removed, for good. Gives those that got one now, or tried to: who stays
  // lets go of it again.
  Task<Result<std::vector<Uid>>> load_bodies_to_keep(AccountId account, MailboxId mailbox,
                                                     std::vector<Uid> uids);
  Task<Result<void>> load_part(AccountId account, MailboxId mailbox, std::vector<Source*> part,
                               bool for_good);
  // Of a mailbox that is about to be deleted, so that its messages may come back.
  Task<Result<void>> load_all_bodies(AccountId account, std::string mailbox);
  bool keep_expunged;  // messages that are expunged may come back

  // One edit of one account, durable on return.
  Task<Result<void>> edit(AccountId account, std::function<Result<void>(AccountEdit&)> work);
  // Runs `look` on a consistent view on the reading threads.
  Task<Result<void>> view(AccountId account, std::function<Result<void>(const AccountView&)> look);
  // MailStore::mailbox(), row by row: without a hop where they are in memory.
  Task<Result<MailboxInfo>> mailbox_info(AccountId account, MailboxId id);
  Task<std::optional<Changes>> changes_at_hand(AccountId account, MailboxId mailbox, ModSeq since,
                                               const std::vector<Placed>& own);
  Task<Result<MailboxInfo>> mailbox_info(AccountId account, std::string checked_name);

  // Which messages the mailbox has. `write`: its row is to be written anew.
  Result<std::shared_ptr<const Listing>> listing(const engine::Reader& reader, AccountId account,
                                                 const MailboxInfo& info, bool& write);
  // Fills `opened` as well, if the listing is remembered as it is now; else it is nullptr.
  Task<Result<void>> open_at_hand(AccountId account, MailboxId mailbox, Opened& opened,
                                  std::shared_ptr<const Listing>& listing);
  std::shared_ptr<const Listing> remember(AccountId account, const MailboxInfo& info, Listing listing);
  // The sheet of a mailbox, for who wants `asked` of its messages; nullptr: not worth it, or not possible.
  void remember(AccountId account, MailboxId mailbox, std::shared_ptr<const FlagSheet> sheet);
  Result<std::shared_ptr<const FlagSheet>> sheet(const AccountView& seen, AccountId account,
                                                 const MailboxInfo& info, size_t asked);
  Task<void> write_listing(AccountId account, MailboxId mailbox, const Listing& listing);

  // `fall_back`: an unknown name stands for INBOX; else it is `not_found`.
  std::vector<engine::Step> place_steps(AccountId account, std::string mailbox, NewMessage message,
                                        uint64_t delivery, Quota quota, bool fall_back, Placed* placed);

  // See Files; none of an account that is not kept in files. For the transaction that removes them.
  Task<Result<PlacesToBe>> places_to_be(AccountId account, MailboxId mailbox, std::vector<Uid> uids);
  // Whether to look again, as the account became one of files meanwhile.
  template <class T>
  static bool look_again(const Result<T>& done, int attempt) {
    return !done && done.error().kind == FaultKind::temporary && attempt + 1 < kMaxAttempts;
  }
  // Those of `uids` that are there, rising.
  Task<Result<std::vector<Source>>> sources(AccountId account, MailboxId mailbox, std::vector<Uid> uids,
                                            bool with_record);
  // Removes those of `uids` (at most kPart) that are there and, if so asked, have \Deleted. Gives those that
  // went.
  Task<Result<std::vector<Uid>>> remove_part(AccountId account, MailboxId mailbox, std::vector<Uid> uids,
                                             bool only_deleted);
  // Removes them behind the answer, if they are not too scattered (then nothing is done, and nullopt). Gives
  // those that went.
  Task<Result<std::optional<std::vector<Uid>>>> hide_part(AccountId account, MailboxId mailbox,
                                                          const std::vector<Uid>& uids, bool only_deleted);
  Task<Result<void>> load_hidden(AccountId account, MailboxId mailbox, std::vector<Source>& messages,
                                 std::vector<Uid>& waits);
  // STORE of many behind the answer, while that is allowed. `uids` has those that are left then, `all` what
  // was done (`first`: nothing yet).
  Task<Result<void>> update_behind(AccountId account, MailboxId mailbox, std::vector<Uid>& uids,
                                   const FlagUpdate& update, Updated& all, bool& first);
  // Writes the rows of messages whose flags are not in them yet. Repeatable, and by several at once.
  Task<Result<void>> finish_flags(AccountId account);
  // Removes what is hidden so far, and keeps it where that was wanted. Repeatable, and by several at once.
  Task<Result<void>> finish_expunges(AccountId account);
  Task<Result<void>> finish_part(AccountId account, MailboxId mailbox, SystemTime when, bool keep,
                                 const std::vector<Uid>& uids, const std::vector<Entry>& entries,
                                 const std::vector<Source>& messages);
  Task<Result<void>> try_finish(AccountId account, MailboxId mailbox, SystemTime when, bool keep,
                                const std::vector<Uid>& uids, const std::vector<Entry>& entries,
                                const std::vector<Source>& messages);
  // Removes those of `uids` (any number) at once, as expunge() does those that can't be hidden.
  Task<Result<void>> expunge_now(AccountId account, MailboxId mailbox, std::vector<Uid> uids,
                                 bool only_deleted, std::vector<Uid>& went);
  // MailStore::expunge(), and remove() in parts.
  Task<Result<std::vector<Uid>>> expunge(AccountId account, MailboxId mailbox, std::vector<Uid> uids,
                                         bool only_deleted);
  // See MailStore::remove(): what a crash or a fault left of one, and of all.
  Task<Result<void>> finish_removal(AccountId account);
  Task<Result<void>> finish_removals();
  Task<Result<std::vector<Uid>>> remove_all(AccountId account, MailboxId mailbox, std::vector<Uid> uids);
  size_t removed_at_once(AccountId account) const;
  // Removes those of `uids` (at most kExpungePart) that are there and, if so asked, have \Deleted; and keeps
  // them as expunged now.
  // `missed` grows by those that have no bytes in the database any more, so they are still there; `rest`:
  // not looked at yet, as they would have been too much for one transaction.
  Task<Result<std::vector<Uid>>> keep_part(AccountId account, MailboxId mailbox, std::vector<Uid> uids,
                                           bool only_deleted, std::vector<Uid>& missed,
                                           std::vector<Uid>& rest);
  Task<Result<std::vector<Uid>>> try_remove(AccountId account, MailboxId mailbox, std::vector<Uid> uids,
                                            bool only_deleted);
  Task<Result<std::vector<Uid>>> try_keep(AccountId account, MailboxId mailbox, std::vector<Uid> uids,
                                          bool only_deleted, std::vector<Uid>& missed,
                                          std::vector<Uid>& rest);
  // Messages of one part.
  size_t copied_together(AccountId account) const;
  // The part at hand; `out` grows. `from` and `to` may be the same mailbox.
  Task<Result<void>> copy_part(AccountId account, MailboxId from, SourceParts& parts, Target to, Quota quota,
                               Copied& out);
  Task<Result<void>> move_part(AccountId account, MailboxId from, SourceParts& parts, Target to, Quota quota,
                               Copied& out);
  // The same into another account.
  Task<Result<void>> try_move_across(AccountId account, MailboxId from, SourceParts& parts, Target to,
                                     Quota quota, Copied& out);
  // Once the log of changes names too many expunged messages it forgets the oldest. What fails is done by the
  // next expunge.
  bool remembers_too_much(const MailboxRow& mailbox) const {
    return mailbox.expunges > uint64_t{kept_expunges} + kept_expunges / 10;
  }
  Task<void> forget_expunges(AccountId account, MailboxId mailbox);
  Task<void> forget_part(AccountId account, MailboxId mailbox, bool& again);
  Task<Result<void>> try_move(AccountId account, MailboxId from, SourceParts& parts, Target to, Copied& out);
  Task<Result<void>> move_all(AccountId account, MailboxId from, std::string to);

  // See replace(). Nothing: the message is not there. `loaded`: its bytes were in a file, and are here now.
  Task<Result<std::optional<Leaving>>> look_at_leaving(AccountId account, MailboxId from, Uid uid,
                                                       bool& loaded);
  Task<void> let_go(AccountId account, MailboxId mailbox, Uid uid);
  // The one transaction: `steps`, then the message goes, then `put` edits `into`, within `limits`. `gone`:
  // there was no message.
  Task<Result<void>> exchange(AccountId account, const Leaving& leaving, std::vector<engine::Step> steps,
                              AccountId into, std::function<Result<void>(AccountEdit&)> put,
                              GroupLimits limits, bool& gone);

  // See settle().
  Task<Result<Survey>> survey(AccountId account);
  // `strays`: those of find_strays(), else the half ones.
  Task<Result<void>> repair_messages(AccountId account, Survey& seen, bool strays);

  // See adopt_bodies().
  Task<Result<void>> adopt(AccountId account, engine::BlobId blob, uint64_t delivery);

  // Erases a range of an account's rows, some at a time.
  Task<Result<void>> erase_range(AccountId account, std::string begin, std::string end);
  // Removes what deleted mailboxes (or the whole account) left. Repeatable.
  Task<Result<void>> purge_mailbox(AccountId account, MailboxId mailbox, DyingRow left);
  Task<Result<bool>> purge_messages(AccountId account, MailboxId mailbox, DyingRow left);
  Task<Result<Restored>> purge_kept(AccountId account, SystemTime before, size_t most);
  Task<Result<void>> purge_dying(AccountId account);
  Task<Result<void>> purge_account(AccountId account);
  Task<Result<void>> forget_shares(AccountId account);

  // ---- convert()
  std::mutex converting_mutex;
  std::unordered_map<AccountId, std::weak_ptr<Turnstile>> converting;
  std::shared_ptr<Turnstile> conversions_of(AccountId account);
  // `before`: where it is now. In its turn.
  Task<Result<void>> convert(AccountId account, FilePlace before, FilePlace place,
                             MailStore::Progress progress);
  Task<Result<std::vector<AccountId>>> hinted(std::string_view prefix);
  Task<Result<void>> enter_files(AccountId account, FilePlace place, const MailStore::Progress& progress);
  Task<Result<void>> leave_files(AccountId account, const FilePlace& next,
                                 const MailStore::Progress& progress);
  using LastUids = std::map<MailboxId, Uid>;
  Task<Result<void>> put_all(AccountId account, const MailStore::Progress& progress);
  Task<Result<void>> put_on_the_way(AccountId account, const std::vector<std::pair<MailboxId, Uid>>& part);
  Task<Result<bool>> let_late_ones_in(AccountId account, const LastUids& listed);
  Task<Result<void>> load_everything(AccountId account, const MailStore::Progress& progress);
  Task<Result<void>> forget_files(AccountId account, bool done_with_it);
  Task<Result<std::optional<bool>>> unfinished(AccountId account);  // whether it goes to files
  Task<Result<std::vector<std::pair<MailboxId, Uid>>>> messages_in(AccountId account, bool files,
                                                                   LastUids* listed = nullptr);
};

// The system partition of what is kept for all accounts together; engine/engine.h has the others.
inline constexpr uint64_t kStoreSystemId = 2;
inline constexpr engine::Partition kStorePartition{engine::PartitionKind::system, kStoreSystemId};

// Hints that lead sweep() to accounts with a purge that did not end.
inline constexpr std::string_view kPurgeHint = "store.p";   // + account: has dying mailboxes
inline constexpr std::string_view kRemoveHint = "store.r";  // + account: is being removed
inline constexpr std::string_view kFilesHint =
    "store.f";  // + account: keeps its mail in files, as long as it is there
inline constexpr std::string_view kConvertHint = "store.c";  // + account: changes its format
inline constexpr std::string_view kToOtherFiles =
    "x";  // its value: by way of the database; then where they are
// + account: messages of it are to be removed, all of them (its value: store/removal_row.h).
inline constexpr std::string_view kRemovalHint = "store.d";
// One that leads purge_kept()'s caller to accounts with expunged messages that may come back.
inline constexpr std::string_view kKeptHint = "store.k";  // + account
std::string hint_key(std::string_view prefix, AccountId account);
// The accounts that have one.
Result<std::vector<AccountId>> hinted_accounts(const engine::Reader& reader, std::string_view prefix);

// Those of `candidates` with what is kept of them, as far as that fits one transaction. The others, if any,
// go over to `rest`.
Result<std::vector<Entry>> with_summaries(const AccountView& seen, MailboxId mailbox,
                                          std::vector<Uid>& candidates, std::vector<Uid>& rest);
// "" for one that is not among them.
std::string_view summary_of(const std::vector<Entry>& rising, Uid uid);

// Told by a step when a message went between the look and the step: look again.
std::unexpected<Fault> changed_meanwhile();
// One more reference to a blob. One that lost its last reference has gone with its message, too.
// `message`: of `account`, whose body it is.
engine::Step refer(AccountId account, const Source& message, std::string reference);
// `over_quota`: the messages are more than the account may get.
Result<void> check_quota(const HeadRow& head, const std::vector<Source>& messages, const Quota& quota);
void add_to(Copied& all, Copied part);

}  // namespace posthouse::store
