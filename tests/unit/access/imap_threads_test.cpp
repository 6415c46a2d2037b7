// The same game as in imap_model_test.cpp as the program plays it: sessions on two loops, a store on disk,
// and each client on a thread of its own; for the thread sanitizer to see.
#include <gtest/gtest.h>

#include <array>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <tuple>

#include "base/log.h"
#include "imap_house.h"
#include "imap_watcher.h"
#include "net/loop_thread.h"

namespace posthouse::access::imap::test {
namespace {

constexpr size_t kLoops = 2;

// A client's end, on its own thread.
class ThreadWire : public Wire {
 public:
  explicit ThreadWire(std::unique_ptr<MemoryStream> stream) : stream_(std::move(stream)) {}

  void send(std::string_view octets) override { stream_->push(octets); }
  std::string rest() override { return text_ + stream_->drain(); }
  std::string until(const std::string& start) override {
    for (;;) {
      text_ += stream_->drain();
      std::string lines = take_lines(text_, start);
      if (!lines.empty()) return lines;
      if (stream_->peer_closed()) throw Disagreement("the server says no more behind: " + text_);
      const Result<void> more = executor_.run(stream_->wait_readable());
      if (!more) throw Disagreement(more.error().what);
    }
  }

 private:
  ManualExecutor executor_;
  std::unique_ptr<MemoryStream> stream_;
  std::string text_;
};

class Server {
 public:
  explicit Server(store::Format format) {
    log::configure(log::Level::error, "", "text");
    options_->allow_plain_login = true;
    if (format != store::Format::database) {
      mirror_.emplace(*engine_, system_clock(), system_random(), ids_);
      store_.use_files(&*mirror_);
      loops_[0].run([this]() -> Task<void> {
        const Result<void> started = co_await mirror_->start();
        EXPECT_TRUE(started);
      }());
      loops_[0].loop().post([this] { spawn(mirror_->attend(loops_[0].loop())); });
    }
    loops_[0].run([this, format]() -> Task<void> {
      store::FilePlace place = place_of(1, format, files_.path());
      const Result<void> made = co_await store_.create_account(1, "", std::move(place));
      EXPECT_TRUE(made);
    }());
  }
  // All clients have gone.
  ~Server() {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return open_ == 0; });
    lock.unlock();
    if (!mirror_) return;
    loops_[0].run([this]() -> Task<void> {
      co_await mirror_->finish(system_clock().steady() + std::chrono::seconds(20));
    }());
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::unique_ptr<Wire> login() {
    MemoryStream::Pair pair = MemoryStream::make_pair();
    net::Loop& loop = loops_[next_++ % kLoops].loop();
    {
      const std::lock_guard lock(mutex_);
      ++open_;
    }
    const auto stream = std::make_shared<std::unique_ptr<net::Stream>>(std::move(pair.server));
    loop.post([this, stream] { spawn(run_session(std::move(*stream))); });
    auto wire = std::make_unique<ThreadWire>(std::move(pair.client));
    wire->until("* OK");
    wire->send("l LOGIN alice demo\r\n");
    wire->until("l OK");
    return wire;
  }

  std::vector<std::string> problems() {
    std::vector<std::string> found;
    loops_[0].run([this, &found]() -> Task<void> {
      std::vector<store::AccountId> accounts{1};
      auto report = co_await store_.check(std::move(accounts), nullptr);
      EXPECT_TRUE(report.has_value());
      if (report) found = std::move(report->problems);
    }());
    return found;
  }

 private:
  Task<void> run_session(std::unique_ptr<net::Stream> stream) {
    const Services services{*engine_, store_,  ids_,    system_clock(), accounts_,
                            nullptr,  nullptr, nullptr, &recall_};
    co_await serve(std::move(stream), options_, services, registry_, "test");
    const std::lock_guard lock(mutex_);
    --open_;
    ended_.notify_all();
  }

  static std::unique_ptr<engine::Engine> open(const std::string& directory) {
    engine::RocksOptions options = engine::small_options(directory);
    options.sync = false;
    auto opened = engine::open_rocks_engine(options);
    if (!opened) throw std::runtime_error(opened.error().what);
    return std::move(*opened);
  }

  engine::TempDir dir_, files_;
  std::unique_ptr<engine::Engine> engine_ = open(dir_.path());
  IdSource ids_{system_clock(), system_random()};
  store::MailStore store_{*engine_, system_clock(), system_random()};
  std::optional<mirror::Mirror> mirror_;
  Accounts accounts_;
  Recall recall_{64 << 10};  // so small that it is full again and again
  std::shared_ptr<ServerOptions> options_ = std::make_shared<ServerOptions>();
  std::shared_ptr<SessionRegistry> registry_ = make_session_registry();
  std::mutex mutex_;
  std::condition_variable ended_;
  int open_ = 0;
  size_t next_ = 0;
  std::array<net::LoopThread, kLoops> loops_;  // end first
};

class ImapThreads : public testing::TestWithParam<std::tuple<store::Format, uint64_t>> {
 protected:
  void play(Server& server, uint64_t seed, int moves) {
    std::vector<std::unique_ptr<Watcher>> watchers;
    for (const Dialect dialect : kDialects)
      watchers.push_back(std::make_unique<Watcher>(server.login(), dialect));
    std::vector<std::thread> threads;
    for (size_t i = 0; i < watchers.size(); i++) {
      threads.emplace_back([&, i] {
        try {
          Dice dice(seed * 1000 + i);
          for (int left = moves; left > 0; left--) {
            watchers[i]->begin(dice);
            watchers[i]->finish();
          }
        } catch (const std::exception& what) {
          ADD_FAILURE() << "seed " << seed << ", client " << i << ": " << what.what();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    if (testing::Test::HasFailure()) return;
    const Watcher fresh(server.login(), Dialect::rev1);
    for (auto& watcher : watchers) {
      watcher->command("NOOP", true);
      EXPECT_EQ(watcher->picture(), fresh.picture()) << "seed " << seed;
      watcher->check_context();
    }
  }
};

TEST_P(ImapThreads, ViewsNeverDisagree) {
  const auto [format, seed] = GetParam();
  Server server(format);
  try {
    play(server, seed, format == store::Format::database ? 200 : 100);
  } catch (const Disagreement& what) {
    ADD_FAILURE() << "seed " << seed << ": " << what.what();
  }
  // What sessions that have just ended left to be done in the files may be under way.
  const SteadyTime patience = system_clock().steady() + std::chrono::seconds(20);
  std::vector<std::string> problems = server.problems();
  while (!problems.empty() && system_clock().steady() < patience) problems = server.problems();
  EXPECT_TRUE(problems.empty()) << problems.front();
}

INSTANTIATE_TEST_SUITE_P(All, ImapThreads,
                         testing::Combine(testing::Values(store::Format::database, store::Format::maildir,
                                                          store::Format::mbox),
                                          testing::Range<uint64_t>(1, 4)),
                         [](const auto& test) {
                           return std::string(to_string(std::get<0>(test.param))) + "_" +
                                  std::to_string(std::get<1>(test.param));
                         });

}  // namespace
}  // namespace posthouse::access::imap::test
