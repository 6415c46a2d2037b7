// Letters into the store: 4 KiB bodies and their rows, durable, with 1, 16 and 64 submitters at once. Prints
// letters a second and the processor time of the whole process for each (background work included).
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
  int64_t left = 0;
  int64_t running = 0;
  bool done = false;

  Bench() {
    engine::RocksOptions options;
    options.directory = directory;
    options.create = true;
    auto opened = engine::open_rocks_engine(options);
    if (!opened) throw std::runtime_error(opened.error().what);
    engine = std::move(*opened);
    store = std::make_unique<MailStore>(*engine, system_clock(), system_random());
    for (int i = 0; i < 64; ++i) bodies.push_back(any_text(kLetter));
    running = 1;
    turner.start(make_accounts());
    turner.run(done);
  }
  ~Bench() {
    store.reset();
    engine.reset();
    std::filesystem::remove_all(directory);
  }

  Task<void> make_accounts() {
    for (AccountId account = 1; account <= kAccounts; ++account) {
      Result<void> made = co_await store->create_account(account);
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
      const AccountId account = 1 + number % kAccounts;
      Result<Placed> placed = co_await store->append(account, "INBOX", writer, std::move(message), Quota());
      if (!placed) std::abort();
    }
    if (--running == 0) done = true;
  }
};

void append_letters(benchmark::State& state) {
  Bench bench;
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
BENCHMARK(append_letters)->Arg(1)->Arg(16)->Arg(64)->Unit(benchmark::kMillisecond)->UseRealTime()->MinTime(4);

}  // namespace
}  // namespace posthouse::store

BENCHMARK_MAIN();
