// The search index: which letters of a mailbox have a key in their subject, addresses, header or body.
//
// It only helps. What it says is what a look at the letters would say, or it says that somebody has to look:
// at letters that came lately, and at those of which terms don't tell enough. It can be thrown away at any
// time, and is where it is damaged; search/indexer.h makes it anew. Rows of an account are in a partition of
// their own, by mailbox and UID: nothing of another account is ever looked at (docs/adr/0015).
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "engine/engine.h"
#include "search/builder.h"
#include "search/merge.h"
#include "search/rows.h"

namespace posthouse::search {

enum class Truth : uint8_t { no, yes, unknown };

// A key for which SEARCH looks in the texts of one of these fields, or of several.
struct Question {
  std::vector<Field> fields;
  std::string text;        // UTF-8, not folded, not empty
  bool fuzzy = false;      // by search/fuzzy.h; it has words
  bool documents = false;  // of a fuzzy one: also in the text of attached documents, which only the index has
};

struct Answer {
  std::vector<Uid> uids;                     // letters that are indexed, rising; some may be expunged
  std::vector<std::vector<Truth>> truths;    // to each question, for each of them
  std::vector<std::vector<uint8_t>> scores;  // to fuzzy questions: how well those fit that are `yes`
};

struct Totals {
  uint64_t mailboxes = 0, segments = 0, letters = 0;
  uint64_t bytes = 0;  // of the index, before the database packs it
  uint64_t text = 0;   // octets of text that are indexed

  void add(const Totals& other);
};

// Thread-safe; every task comes back on its caller's executor. Only one at a time may change what belongs to
// an account (Indexer sees to that). Faults are those of the engine, and corrupt.
class Index {
 public:
  explicit Index(engine::Engine& engine) : engine_(engine) {}

  // Nothing where the mailbox is not indexed, or was when it had another UIDVALIDITY. Runs on the engine's
  // reading threads.
  Task<Result<std::optional<Answer>>> ask(AccountId account, MailboxId mailbox, uint32_t uid_validity,
                                          std::vector<Question> questions);

  // ---- for the indexer
  Task<Result<std::optional<MailboxState>>> state(AccountId account, MailboxId mailbox);
  // The mailboxes of which there are rows.
  Task<Result<std::vector<MailboxId>>> mailboxes(AccountId account);
  Task<Result<std::vector<AccountId>>> accounts();
  // Puts a segment, made for state.next_segment, at the end; all letters through `through` are in then.
  Task<Result<void>> append(AccountId account, MailboxId mailbox, MailboxState& state, BuiltSegment built,
                            Uid through);
  // Makes one of segments [begin, end) of the state. `between` is awaited now and then.
  using Breath = std::function<Task<bool>(uint64_t bytes)>;  // false: stop
  Task<Result<void>> merge(AccountId account, MailboxId mailbox, MailboxState& state, size_t begin,
                           size_t end, store::UidList present, Breath between);
  // Everything of a mailbox, or of an account.
  Task<Result<void>> forget(AccountId account, MailboxId mailbox);
  Task<Result<void>> forget(AccountId account);
  Task<Result<Totals>> totals(AccountId account);
  uint64_t free_space() const { return engine_.free_space(); }
  // Mailboxes whose rows could not be read since this was asked last: to be forgotten.
  std::vector<std::pair<AccountId, MailboxId>> take_damaged();

 private:
  Task<Result<void>> put_state(AccountId account, MailboxId mailbox, const MailboxState& state,
                               std::vector<Row> rows);
  Task<Result<void>> put_rows(AccountId account, std::vector<Row> rows);
  Task<Result<void>> erase_rows(AccountId account, std::string prefix);
  Task<Result<void>> erase_leaving(AccountId account, MailboxId mailbox, MailboxState& state);

  engine::Engine& engine_;
  std::mutex damaged_mutex_;
  std::set<std::pair<AccountId, MailboxId>> damaged_;
};

// The index with its database in a folder of its own.
class StoredIndex {
 public:
  struct Options {
    std::string directory;
    uint64_t memory = 32ull << 20;
    uint64_t space_reserve = 0;  // nothing is written when the disk has less free
  };
  // Makes it where there is none, and in the place of one that is damaged or of another version.
  static Result<std::unique_ptr<StoredIndex>> open(const Options& options);
  // While it is not open.
  static Result<void> remove(const std::string& directory);
  static uint64_t size_on_disk(const std::string& directory);
  Index& index() { return index_; }

 private:
  explicit StoredIndex(std::unique_ptr<engine::Engine> opened)
      : engine_(std::move(opened)), index_(*engine_) {}
  std::unique_ptr<engine::Engine> engine_;
  Index index_;
};

}  // namespace posthouse::search
