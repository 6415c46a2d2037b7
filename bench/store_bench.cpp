// Letters into the store: 4 KiB bodies and their rows, durable, with 1, 16 and 64 submitters at once, their
// accounts by themselves or counted together as those of one domain. Prints letters a second and the
// processor time of the whole process for each (background work included). And out of it again: EXPUNGE of
// 10,000, which then may come back or not, and what it costs to have them back.
//
//   store_bench [--benchmark_filter=...]    in $STORE_BENCH_DIR (default: a folder below the temporary one)
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <mutex>

#include "base/clock.h"
#include "base/executor.h"
#include "base/metrics.h"
#include "base/random.h"
#include "engine/rocks_engine.h"
#include "store/mail_store.h"

namespace posthouse::store {
namespace {

constexpr int kAccounts = 100;
constexpr size_t kLetter = 4096;
constexpr size_t kSummary = 400;  // of an ordinary letter

// Runs on the benchmark's thread until told to stop.
class Turner : public Executor {
 public:
  void post(std::coroutine_handle<> handle) override {
    const std::lock_guard lock(mutex_);
    ready_.push_back(handle);
    if (ready_.size() == 1) wake_.notify_one();
  }
  void run(const bool& done) {
    set_current(this);
    std::deque<std::coroutine_handle<>> now;
    while (!done) {
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return !ready_.empty(); });
        now.swap(ready_);
      }
      for (const std::coroutine_handle<> handle : now) handle.resume();
      now.clear();
    }
    set_current(nullptr);
  }
  void start(Task<void> task) {
    set_current(this);
    spawn(std::move(task));
    set_current(nullptr);
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::coroutine_handle<>> ready_;
};

double processor_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

std::string bench_directory() {
  const char* const chosen = std::getenv("STORE_BENCH_DIR");
  std::string pattern =
      std::string(chosen ? chosen : std::filesystem::temp_directory_path().string()) + "/store-bench-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
  return pattern;
}

// Text of words, about as compressible as letters are.
std::string any_text(size_t size) {
  static const char* const kWords[] = {"the ", "letter ", "of ", "post ",    "Tuesday ",
                                       "is ",  "and ",    "we ", "house\r\n"};
  std::string text;
  while (text.size() < size) {
    text += system_random().below(3) == 0 ? system_random().token(7) + " " : kWords[system_random().below(9)];
  }
  text.resize(size);
  return text;
}

struct Bench {
  std::string directory = bench_directory();
  std::unique_ptr<engine::Engine> engine;
  std::unique_ptr<MailStore> store;
  IdSource ids{system_clock(), system_random()};
  std::vector<std::string> bodies;
  std::string summary = any_text(kSummary);
  Turner turner;
  uint64_t accounts = kAccounts;
  int64_t left = 0;
  int64_t running = 0;
  bool done = false;

  explicit Bench(std::string group = "", bool keep_expunged = false) {
    engine::RocksOptions options;
    options.directory = directory;
    options.create = true;
    auto opened = engine::open_rocks_engine(options);
    if (!opened) throw std::runtime_error(opened.error().what);
    engine = std::move(*opened);
    store =
        std::make_unique<MailStore>(*engine, system_clock(), system_random(), kKeptExpunges, keep_expunged);
    for (int i = 0; i < 64; ++i) bodies.push_back(any_text(kLetter));
    running = 1;
    turner.start(make_accounts(std::move(group)));
    turner.run(done);
  }
  ~Bench() {
    store.reset();
    engine.reset();
    std::filesystem::remove_all(directory);
  }

  Task<void> make_accounts(std::string group) {
    for (AccountId account = 1; account <= kAccounts; ++account) {
      Result<void> made = co_await store->create_account(account, group);
      if (!made) std::abort();
    }
    done = true;
  }
  Task<void> submit_letters() {
    while (left > 0) {
      const auto number = static_cast<uint64_t>(--left);
      engine::BlobWriter writer(*engine, ids.next());
      Result<void> written = co_await writer.append(bodies[number % bodies.size()]);
      if (!written) std::abort();
      NewMessage message;
      message.summary = summary;
      message.internal_date = system_clock().now();
      const AccountId account = 1 + number % accounts;
      Result<Placed> placed = co_await store->append(account, "INBOX", writer, std::move(message), Quota());
      if (!placed) std::abort();
    }
    if (--running == 0) done = true;
  }
};

void append_letters(benchmark::State& state) {
  Bench bench(state.range(1) == 0 ? "" : "bench.test");
  const int64_t submitters = state.range(0);
  const int64_t letters = submitters == 1 ? 5'000 : 60'000;
  const metrics::Counter groups("posthouse_engine_groups_total", "");
  const double groups_before = groups.value();
  double processor = 0;
  for (auto _ : state) {
    const double before = processor_seconds();
    bench.left = letters;
    bench.running = submitters;
    bench.done = false;
    for (int64_t i = 0; i < submitters; ++i) bench.turner.start(bench.submit_letters());
    bench.turner.run(bench.done);
    processor += processor_seconds() - before;
  }
  const auto total = static_cast<double>(state.iterations() * letters);
  state.SetItemsProcessed(state.iterations() * letters);
  state.counters["letters_a_flush"] = total / (groups.value() - groups_before);
  state.counters["processor_us"] = 1e6 * processor / total;
}
BENCHMARK(append_letters)
    ->ArgNames({"submitters", "domain"})
    ->ArgsProduct({{1, 16, 64}, {0, 1}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MinTime(4);

constexpr int64_t kExpunged = 10'000;

struct Expunge {
  Bench& bench;
  SteadyTime begun{}, expunged{}, back{};

  Task<void> run(bool undelete) {
    Result<MailboxInfo> inbox = co_await bench.store->mailbox(1, "INBOX");
    if (!inbox) std::abort();
    std::vector<Uid> uids;
    for (Uid uid = 1; uid < inbox->uid_next; ++uid) uids.push_back(uid);
    FlagUpdate remove;
    remove.change = FlagChange::add;
    remove.flags.system = kDeleted;
    Result<MailStore::Updated> marked = co_await bench.store->update_flags(1, inbox->id, uids, remove);
    if (!marked) std::abort();
    begun = system_clock().steady();
    Result<std::vector<Uid>> gone = co_await bench.store->expunge(1, inbox->id, uids);
    expunged = system_clock().steady();
    if (!gone || gone->size() != static_cast<size_t>(kExpunged)) std::abort();
    if (undelete) {
      const KeptFilter all;
      Result<std::vector<KeptMessage>> kept = co_await bench.store->kept(1, all, std::nullopt, SIZE_MAX);
      std::vector<KeptPlace> places;
      for (const KeptMessage& message : *kept) places.push_back(message.place);
      const Quota none;
      Restored restored;
      Result<void> done = co_await bench.store->undelete(1, std::move(places), none, restored);
      if (!done || restored.messages != static_cast<uint64_t>(kExpunged)) std::abort();
    }
    back = system_clock().steady();
    bench.done = true;
  }
};

void expunge_letters(benchmark::State& state) {
  const bool keep = state.range(0) != 0;
  double undelete = 0;
  for (auto _ : state) {
    Bench bench("bench.test", keep);
    bench.accounts = 1;
    bench.left = kExpunged;
    bench.running = 64;
    bench.done = false;
    for (int i = 0; i < 64; ++i) bench.turner.start(bench.submit_letters());
    bench.turner.run(bench.done);
    bench.done = false;
    Expunge expunge{bench};
    bench.turner.start(expunge.run(keep));
    bench.turner.run(bench.done);
    state.SetIterationTime(std::chrono::duration<double>(expunge.expunged - expunge.begun).count());
    undelete += std::chrono::duration<double, std::milli>(expunge.back - expunge.expunged).count();
  }
  state.SetItemsProcessed(state.iterations() * kExpunged);
  if (keep) state.counters["undelete_ms"] = undelete / static_cast<double>(state.iterations());
}
BENCHMARK(expunge_letters)
    ->ArgName("keep")
    ->Arg(0)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond)
    ->UseManualTime()
    ->Iterations(5);

}  // namespace
}  // namespace posthouse::store

BENCHMARK_MAIN();
