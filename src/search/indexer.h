// Keeps the search index up to date in the background: looks round at all accounts, indexes what has come in
// portions, merges, and forgets what is gone. Reads at a limited rate, and works on a thread of its own of
// the lowest priority: delivery and sessions never wait for it.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <set>

#include "base/pool.h"
#include "base/task.h"
#include "base/turnstile.h"
#include "search/index.h"
#include "search/text_extractor.h"
#include "store/mail_store.h"

namespace posthouse::search {

// Lives on one loop.
class Indexer {
 public:
  struct Options {
    uint64_t rate = 0;  // octets of letters that are read in a second, at most; 0: as fast as can be
    uint64_t largest_letter = 0;  // larger ones are looked through when they are searched; 0: none
    uint32_t tail = 0;            // so many new letters are worth the work; 0: limits.h
    // For attached documents; nullptr: these are not indexed. Outlives the indexer.
    TextExtractor* extractor = nullptr;
    // Awaits so much time; false: everything stops. Without it nothing is awaited.
    std::function<Task<bool>(milliseconds)> sleep;
    // Whether everything stops: then not even the letter at hand is read to its end.
    std::function<bool()> stopping;
  };
  Indexer(Index& index, store::MailStore& store, Options options);
  ~Indexer();

  // What has come to the account's mailboxes; what is left of mailboxes that are gone goes. Faults of single
  // letters don't count.
  Task<Result<void>> look_at(AccountId account);
  // Rows of accounts that are not among `accounts` go, and those that were damaged.
  Task<Result<void>> tidy(std::vector<AccountId> accounts);
  // Makes the index of an account anew, from the next look on.
  Task<Result<void>> forget(AccountId account);

 private:
  Task<Result<void>> look_at(AccountId account, const store::MailboxInfo& mailbox);
  // The state, if it holds: else what is there is forgotten.
  Task<Result<MailboxState>> checked_state(AccountId account, const store::MailboxInfo& mailbox);
  Task<Result<bool>> still_holds(AccountId account, const store::MailboxInfo& mailbox,
                                 const MailboxState& state);
  Task<Result<bool>> has_enough(AccountId account, const store::MailboxInfo& mailbox,
                                const MailboxState& state);
  Task<Result<void>> add_letters(AccountId account, const store::MailboxInfo& mailbox, MailboxState& state);
  // Whether an attached document waits among the letters that are not indexed, or so many letters.
  Task<Result<bool>> has_documents(AccountId account, const store::MailboxInfo& mailbox,
                                   const MailboxState& state);
  // A letter that is read piece by piece, or has documents. Gives the octets that were read.
  Task<uint64_t> add_one(SegmentBuilder& builder, AccountId account, const store::Entry& entry);
  bool has_known_documents(const store::Entry& entry) const;
  Task<bool> add_some(SegmentBuilder& builder, AccountId account, const std::vector<store::Entry>& entries,
                      size_t& at, bool& waits);
  Task<Result<void>> flush(SegmentBuilder& builder, AccountId account, MailboxId mailbox, MailboxState& state,
                           Uid through);
  Task<Result<void>> merge(AccountId account, const store::MailboxInfo& mailbox, MailboxState& state);
  Task<Result<void>> merge_segments(AccountId account, MailboxId mailbox, MailboxState& state);
  Task<bool> rest(uint64_t bytes);

  Index& index_;
  store::MailStore& store_;
  Options options_;
  Pool pool_;
  Turnstile turns_;
  SteadyTime rested_{};  // up to here the rate is kept
  // Mailboxes whose letters that are not indexed have no documents, up to the UID; only to save looks.
  std::map<std::pair<AccountId, MailboxId>, Uid> plain_;
};

// Which neighbouring segments are to become one; begin == end: none. `wasted` says of a segment whether most
// of its letters are gone.
std::pair<size_t, size_t> segments_to_merge(const std::vector<Segment>& segments,
                                            const std::function<bool(const Segment&)>& wasted);

}  // namespace posthouse::search
