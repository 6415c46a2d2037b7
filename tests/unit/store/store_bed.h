// A store on an engine, with a clock that stands still and everything run to its end on the test's thread.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../engine/engines.h"
#include "mirror/mirror.h"
#include "store/mail_store.h"
#include "store/rows.h"
#include "support/fake_clock.h"
#include "support/manual_executor.h"
#include "support/seeded_random.h"

namespace posthouse::store {

class StoreBed {
 public:
  explicit StoreBed(const std::string& engine_kind = "memory", uint32_t kept_expunges = kKeptExpunges,
                    bool keep_expunged = false)
      : engine(make(engine_kind)), store(*engine, clock, random, kept_expunges, keep_expunged) {
    if (format() == Format::database) return;
    mirror.emplace(*engine, clock, random, ids);
    store.use_files(&*mirror);
  }

  // What the tests run on: POSTHOUSE_TEST_STORE names a format.
  static Format format() {
    const char* const name = std::getenv("POSTHOUSE_TEST_STORE");
    return parse_format(name == nullptr ? "database" : name).value();
  }
  // Files are flushed one by one: a tenth of the work has to do.
  static int operations(int wanted) { return format() == Format::database ? wanted : wanted / 10; }
  // Where an account of that format keeps its files.
  FilePlace place(AccountId account) {
    FilePlace out;
    out.format = format();
    if (out.format == Format::database) return out;
    out.inbox = dir.path() + "/files/" + std::to_string(account) + "/inbox";
    out.folders = dir.path() + "/files/" + std::to_string(account) + "/folders";
    return out;
  }

  template <class T>
  T run(Task<T> task) {
    return loop.run(std::move(task));
  }
  // The value of a Result, or a failed test.
  template <class T>
  T must(Task<Result<T>> task) {
    Result<T> done = loop.run(std::move(task));
    if (!done) {
      ADD_FAILURE() << to_string(done.error().kind) << ": " << done.error().what;
      throw std::runtime_error(done.error().what);
    }
    if constexpr (!std::is_void_v<T>) return std::move(*done);
  }
  template <class T>
  FaultKind fault(Task<Result<T>> task) {
    Result<T> done = loop.run(std::move(task));
    EXPECT_FALSE(done.has_value());
    return done ? FaultKind::permanent : done.error().kind;
  }

  Result<Placed> append(AccountId account, std::string mailbox, std::string body, FlagSet flags = {},
                        Quota quota = {}) {
    engine::BlobWriter writer(*engine, ids.next());
    must(writer.append(body));
    NewMessage message;
    message.flags = std::move(flags);
    message.internal_date = clock.now();
    message.summary = "summary of " + body.substr(0, 20);
    return run(store.append(account, std::move(mailbox), writer, std::move(message), quota));
  }
  Uid must_append(AccountId account, std::string mailbox, std::string body) {
    const Result<Placed> placed = append(account, std::move(mailbox), std::move(body));
    EXPECT_TRUE(placed.has_value());
    return placed ? placed->uid : 0;
  }
  MailboxId id_of(AccountId account, std::string name) {
    return must(store.mailbox(account, std::move(name))).id;
  }
  std::vector<Entry> all(AccountId account, MailboxId mailbox) {
    return must(store.entries(account, mailbox, 0, UINT32_MAX, SIZE_MAX, false));
  }
  std::vector<Uid> uids(AccountId account, MailboxId mailbox) {
    std::vector<Uid> found;
    for (const Entry& entry : all(account, mailbox)) found.push_back(entry.uid);
    return found;
  }
  std::vector<std::string> problems(std::vector<AccountId> accounts) {
    return must(store.check(std::move(accounts), nullptr)).problems;
  }
  // Writes or erases a row of the account behind the store's back.
  void put_row(AccountId account, const std::string& key, const std::optional<std::string>& value) {
    std::vector<engine::Step> steps;
    steps.push_back({account_partition(account), [&](engine::Transaction& rows) -> Result<void> {
                       if (value) {
                         rows.put(key, *value);
                       } else {
                         rows.erase(key);
                       }
                       return {};
                     }});
    must(engine->transact(std::move(steps)));
  }
  // So many of these bodies are in the database as bodies.
  static size_t in_database(size_t count) { return format() == Format::database ? count : 0; }
  size_t blobs() {
    size_t count = 0;
    EXPECT_TRUE(engine->partitions(engine::PartitionKind::blob, 0, [&](uint64_t) {
      ++count;
      return true;
    }));
    return count;
  }

  engine::TempDir dir;
  test::ManualExecutor loop;
  test::FakeClock clock;
  test::SeededRandom random;
  std::unique_ptr<engine::Engine> engine;
  IdSource ids{clock, random};
  MailStore store;
  std::optional<mirror::Mirror> mirror;

 private:
  std::unique_ptr<engine::Engine> make(const std::string& kind) {
    if (kind == "memory") return engine::make_memory_engine();
    engine::RocksOptions options = engine::small_options(dir.path());
    options.sync = false;
    auto opened = engine::open_rocks_engine(options);
    if (!opened) throw std::runtime_error(opened.error().what);
    return std::move(*opened);
  }
};

}  // namespace posthouse::store
