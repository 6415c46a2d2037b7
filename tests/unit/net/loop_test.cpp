#include "net/loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <future>
#include <stdexcept>

#include "unit/net/net_fixture.h"

namespace posthouse::net {
namespace {

using testing::ElementsAre;

Task<int> answer() {
  co_return 42;
}
Task<int> broken() {
  throw std::runtime_error("boom");
  co_return 0;
}

TEST(Loop, RunBlockingGivesResultsAndExceptions) {
  EXPECT_EQ(run_blocking(answer()), 42);
  EXPECT_THROW(run_blocking(broken()), std::runtime_error);
  EXPECT_THROW(this_loop(), std::logic_error);
}

Task<void> note_after(milliseconds delay, int what, std::vector<int>& notes) {
  const Result<void> slept = co_await this_loop().sleep(delay);
  EXPECT_TRUE(slept.has_value());
  notes.push_back(what);
}

Task<SteadyTime> sleep_in_order(std::vector<int>& notes) {
  spawn(note_after(milliseconds(30), 3, notes));
  spawn(note_after(milliseconds(10), 1, notes));
  spawn(note_after(milliseconds(20), 2, notes));
  const Result<void> slept = co_await this_loop().sleep(milliseconds(40));
  EXPECT_TRUE(slept.has_value());
  co_return system_clock().steady();
}

TEST(Loop, SleepersWakeInOrderAndNotEarly) {
  std::vector<int> notes;
  const SteadyTime begin = system_clock().steady();
  EXPECT_GE(run_blocking(sleep_in_order(notes)) - begin, milliseconds(40));
  EXPECT_THAT(notes, ElementsAre(1, 2, 3));
}

Task<void> sleep_long(Result<void>& out) {
  const Result<void> slept = co_await this_loop().sleep(std::chrono::hours(1));
  out = slept;
  const Result<void> again = co_await this_loop().sleep(std::chrono::hours(1));
  EXPECT_FALSE(again.has_value());
}

TEST(Loop, StopEndsSleepersWithClosed) {
  Result<void> outcome;
  Loop loop;
  loop.post([&] { spawn(sleep_long(outcome)); });
  loop.post([&] { loop.stop(); });
  loop.run();
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().kind, FaultKind::closed);
}

TEST(Loop, StopBeforeRunEndsIt) {
  Loop loop;
  bool ran = false;
  loop.post([&] { ran = true; });
  loop.stop();
  loop.run();
  EXPECT_TRUE(ran);  // what was posted is not lost
}

TEST(Loop, PostsKeepTheirOrderFromEachThread) {
  constexpr int kThreads = 4;
  constexpr int kPosts = 5000;
  std::vector<std::vector<int>> seen(kThreads);
  std::promise<void> done;
  std::atomic<int> left{kThreads * kPosts};
  LoopThread on;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kPosts; ++i) {
        on.loop().post([&, t, i] {
          seen[static_cast<size_t>(t)].push_back(i);
          if (--left == 0) done.set_value();
        });
      }
    });
  }
  for (auto& thread : threads) thread.join();
  ASSERT_EQ(done.get_future().wait_for(seconds(20)), std::future_status::ready);
  for (const auto& mine : seen) EXPECT_TRUE(std::is_sorted(mine.begin(), mine.end()));
}

// Goes back and forth between two loops: a lost wake-up would leave it hanging.
void bounce(Loop& here, Loop& there, int left, std::promise<void>& done) {
  EXPECT_EQ(Executor::current(), &here);
  if (left == 0) return done.set_value();
  there.post([&here, &there, left, &done] { bounce(there, here, left - 1, done); });
}

TEST(Loop, WakesUpForEveryPost) {
  LoopThread a;
  LoopThread b;
  std::promise<void> done;
  a.loop().post([&] { bounce(a.loop(), b.loop(), 4000, done); });
  ASSERT_EQ(done.get_future().wait_for(seconds(20)), std::future_status::ready);
}

TEST(Loop, SurvivesAFunctionThatThrows) {
  Loop loop;
  bool after = false;
  loop.post([] { throw std::runtime_error("bad function"); });
  loop.post([&] {
    after = true;
    loop.stop();
  });
  loop.run();
  EXPECT_TRUE(after);
}

TEST(Loop, HearsSignals) {
  std::vector<int> heard;
  Loop loop;
  loop.on_signal({SIGUSR1, SIGUSR2}, [&](int signal) {
    heard.push_back(signal);
    if (heard.size() == 2) loop.stop();
    if (heard.size() == 1) raise(SIGUSR2);
  });
  loop.post([] { raise(SIGUSR1); });
  loop.run();
  EXPECT_THAT(heard, ElementsAre(SIGUSR1, SIGUSR2));
}

TEST(Loop, AStormOfSignalsIsOneCallATurn) {
  int calls = 0;
  Loop loop;
  loop.on_signal({SIGUSR1}, [&](int) { ++calls; });
  loop.on_signal({SIGUSR2}, [&](int) { loop.stop(); });
  loop.post([] {
    for (int i = 0; i < 10000; ++i) raise(SIGUSR1);
    raise(SIGUSR2);
  });
  loop.run();
  EXPECT_GE(calls, 1);
  EXPECT_LE(calls, 3);
}

}  // namespace
}  // namespace posthouse::net
