// A queue on a fresh engine in memory, with time and letters to fill it.
#pragma once

#include "engine/blob.h"
#include "engine/memory_engine.h"
#include "queue/queue.h"
#include "queue/rows.h"
#include "support/fake_clock.h"
#include "support/manual_executor.h"

namespace posthouse::queue::testing {

inline Recipient waiting(std::string address, SystemTime next) {
  Recipient r;
  r.address = std::move(address);
  r.domain = r.address.substr(r.address.find('@') + 1);
  r.next_attempt = next;
  return r;
}

class House {
 public:
  Letter letter(LetterId id, std::vector<std::string> addresses = {"a@one.test"}) const {
    Letter out;
    out.id = id;
    out.blob = id;
    out.size = 10;
    out.reverse_path = "sender@here.test";
    out.accepted = clock.now();
    out.expires = clock.now() + seconds(1000);
    for (std::string& a : addresses) out.recipients.push_back(waiting(std::move(a), clock.now()));
    return out;
  }

  // Writes a blob for the letter and stages both.
  Result<void> stage(Letter in) { return executor.run(write(in, engine.get(), queue.get())); }

  Result<void> transact(engine::Step step) {
    std::vector<engine::Step> steps{std::move(step)};
    return executor.run(engine->transact(std::move(steps)));
  }
  // Puts a row of the shard as it is, past the queue.
  void put_row(std::string key, std::string value) {
    const Result<void> done = transact({shard_of(0), [key, value](engine::Transaction& rows) -> Result<void> {
                                          rows.put(key, value);
                                          return {};
                                        }});
    EXPECT_TRUE(done);
  }
  bool has_row(const std::string& key) { return engine->get(shard_of(0), key)->has_value(); }
  size_t count_rows(std::string_view begin, std::string_view end) {
    size_t n = 0;
    EXPECT_TRUE(engine->scan(shard_of(0), begin, end, [&n](std::string_view, std::string_view) {
      ++n;
      return true;
    }));
    return n;
  }

  std::vector<LetterId> due(size_t most = 100, std::vector<LetterId> skip = {}) {
    return ids(executor.run(queue->due(clock.now(), most, std::move(skip))));
  }
  std::vector<LetterId> lease(size_t most = 100) {
    return ids(executor.run(queue->lease(clock.now(), most)));
  }
  std::optional<SystemTime> next_due() { return executor.run(queue->next_due()).value(); }
  Queue::Totals totals() { return executor.run(queue->totals()).value(); }
  std::optional<Letter> find(LetterId id) { return executor.run(queue->find(id)).value(); }
  Result<void> record(Queue::Outcome outcome) { return executor.run(queue->record(std::move(outcome))); }
  Result<void> finish(LetterId id, std::string address, RecipientState state) {
    Queue::Outcome outcome;
    outcome.id = id;
    outcome.recipients.push_back(waiting(std::move(address), clock.now()));
    outcome.recipients[0].state = state;
    return record(std::move(outcome));
  }
  Result<void> defer(LetterId id, std::string address, seconds by) {
    Queue::Outcome outcome;
    outcome.id = id;
    outcome.recipients.push_back(waiting(std::move(address), clock.now() + by));
    outcome.recipients[0].attempts = 1;
    return record(std::move(outcome));
  }
  bool blob_readable(engine::BlobId id) {
    return executor.run(engine::fetch_blob(*engine, id, 0, 10)).has_value();
  }
  void sweep() { EXPECT_TRUE(executor.run(engine::sweep_blobs(*engine, false))); }
  void restart() { queue = std::make_unique<Queue>(*engine, clock); }

  test::FakeClock clock;
  test::ManualExecutor executor;
  std::unique_ptr<engine::Engine> engine = engine::make_memory_engine();
  std::unique_ptr<Queue> queue = std::make_unique<Queue>(*engine, clock);

 private:
  static Task<Result<void>> write(Letter in, engine::Engine* engine, Queue* queue) {
    engine::BlobWriter writer(*engine, in.blob);
    Result<void> wrote = co_await writer.append("0123456789");
    if (!wrote) co_return wrote;
    std::vector<std::string> references{Queue::blob_reference(in.id)};
    std::vector<engine::Step> steps;
    steps.push_back(writer.seal(std::move(references)));
    steps.push_back(queue->stage(std::move(in)));
    Result<void> done = co_await engine->transact(std::move(steps));
    co_return done;
  }
  static std::vector<LetterId> ids(const Result<std::vector<Letter>>& letters) {
    std::vector<LetterId> out;
    EXPECT_TRUE(letters);
    if (letters) {
      for (const Letter& l : *letters) out.push_back(l.id);
    }
    return out;
  }
};

}  // namespace posthouse::queue::testing
