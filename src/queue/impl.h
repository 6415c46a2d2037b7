// The inside of Queue, shared by its source files.
#pragma once

#include "base/metrics.h"
#include "queue/lease_book.h"
#include "queue/queue.h"
#include "queue/rows.h"

namespace posthouse::queue {

// Rows that a reader found wrong, to be looked after by one transaction.
struct Repairs {
  struct Bad {
    std::string key;
    std::string reason;
    std::optional<Place> place;  // of its schedule row, if that is known
  };
  std::vector<Bad> bad;
  std::vector<std::string> dangling;  // schedule rows without a letter
  bool empty() const { return bad.empty() && dangling.empty(); }
};

struct Queue::Impl {
  Impl(engine::Engine& e, const Clock& c)
      : engine(e),
        clock(c),
        book(std::make_shared<LeaseBook>()),
        set_aside_count("posthouse_queue_set_aside_total",
                        "Rows of the queue moved aside because they can't be read") {}

  engine::Engine& engine;
  const Clock& clock;
  std::shared_ptr<LeaseBook> book;
  metrics::Counter set_aside_count;
  std::mutex rewind_mutex;
  SteadyTime last_rewind{};

  void rewind_now_and_then();
  // Reads the letters at `places` that are due then, in that order; others are dropped, bad rows go to
  // `repairs`.
  Result<void> load_places(const engine::Reader& reader, const std::vector<Place>& places, uint64_t now,
                           std::vector<Letter>& letters, Repairs& repairs) const;
  // Moves bad rows aside, logs and counts them.
  Task<void> repair(Repairs repairs);

  Task<Result<void>> write_result(std::vector<engine::Step> steps, bool delivered);

  // Reads letters that match, in order of age.
  Task<Result<std::vector<Letter>>> find_letters(Filter filter);
  // Changes matching recipients of the letters in transactions of kVerbBatch; `change` says whether it did
  // anything.
  using Change = bool (*)(Recipient& recipient, SystemTime now);
  Task<Result<size_t>> change_letters(Filter filter, Change change);
  Task<Result<void>> change_batch(const std::vector<Letter>& batch, const Filter& filter, Change change,
                                  size_t& changed);
};

// Lets go of the letter's bytes.
engine::Step drop_blob(const Letter& letter);

// A step that runs only if an earlier step of the same transaction set the flag.
engine::Step only_if(std::shared_ptr<const bool> flag, engine::Step step);

}  // namespace posthouse::queue
