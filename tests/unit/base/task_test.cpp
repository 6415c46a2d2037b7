// Coroutines, where they go on, and the pool they hand work to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <future>
#include <stdexcept>

#include "base/begun.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/pool.h"
#include "base/result.h"
#include "base/task.h"
#include "support/manual_executor.h"

namespace posthouse {
namespace {

Task<int> number(int n) {
  co_return n;
}

Task<Result<int>> checked(int n) {
  if (n < 0) co_return fail(FaultKind::syntax, "negative");
  co_return n;
}

Task<int> failing() {
  throw std::runtime_error("boom");
  co_return 0;
}

// Suspends once and comes back by the executor.
struct Hop {
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) { Executor::current()->post(handle); }
  void await_resume() const noexcept {}
};

Task<int> hop_then(int n) {
  Hop hop;
  co_await hop;
  co_return n;
}

Task<long> sum(int count, bool hop) {
  long total = 0;
  for (int i = 0; i < count; ++i) {
    if (hop && i % 3 == 0) {
      total += co_await hop_then(i);
    } else {
      total += co_await number(i);
    }
  }
  co_return total;
}

TEST(Task, StartsWhenAwaitedAndGivesItsValue) {
  test::ManualExecutor executor;
  EXPECT_EQ(executor.run(number(7)), 7);
  EXPECT_EQ(executor.run(hop_then(8)), 8);
  EXPECT_EQ(executor.run(checked(-1)).error().kind, FaultKind::syntax);
  EXPECT_EQ(executor.run(checked(3)).value(), 3);
}

TEST(Task, ManyThatNeverWaitNeedNoStack) {
  test::ManualExecutor executor;
  EXPECT_EQ(executor.run(sum(1'000'000, false)), 499'999'500'000);
  EXPECT_EQ(executor.run(sum(100'000, true)), 4'999'950'000);
}

TEST(Task, PassesExceptionsToItsAwaiter) {
  test::ManualExecutor executor;
  EXPECT_THROW(executor.run(failing()), std::runtime_error);
}

TEST(Task, OneThatIsNeverAwaitedNeverRuns) {
  bool ran = false;
  {
    auto coroutine = [](bool& flag) -> Task<void> {
      flag = true;
      co_return;
    };
    const Task<void> task = coroutine(ran);
  }
  EXPECT_FALSE(ran);
}

Task<void> escape() {
  const int n = co_await failing();
  static_cast<void>(n);
}

TEST(Task, SpawnCountsAnExceptionThatEscapes) {
  const metrics::Counter escaped("posthouse_base_escaped_exceptions_total", "");
  const double before = escaped.value();
  spawn(escape());
  EXPECT_EQ(escaped.value(), before + 1);
}

Task<std::thread::id> where(Pool& pool, std::thread::id& worked) {
  auto work = [&worked] {
    worked = std::this_thread::get_id();
    return 5;
  };
  const int five = co_await offload(pool, work);
  EXPECT_EQ(five, 5);
  co_return std::this_thread::get_id();
}

TEST(Pool, OffloadWorksElsewhereAndComesBackHome) {
  Pool pool(2, "test");
  test::ManualExecutor executor;
  std::thread::id worked;
  EXPECT_EQ(executor.run(where(pool, worked)), std::this_thread::get_id());
  EXPECT_NE(worked, std::this_thread::get_id());
}

Task<void> offload_nothing(Pool& pool) {
  auto work = [] { throw std::logic_error("bad"); };
  co_await offload(pool, work);
}

TEST(Pool, OffloadPassesExceptions) {
  Pool pool(1, "test");
  test::ManualExecutor executor;
  EXPECT_THROW(executor.run(offload_nothing(pool)), std::logic_error);
}

TEST(Pool, RunsInOrderAndFinishesWhatIsQueued) {
  std::vector<int> order;
  std::promise<void> gate;
  {
    Pool pool(1, "test");
    std::shared_future<void> open = gate.get_future().share();
    pool.submit([open] { open.wait(); });
    for (int i = 0; i < 100; ++i) pool.submit([&order, i] { order.push_back(i); });
    EXPECT_GE(pool.backlog(), 100u);
    gate.set_value();
  }
  ASSERT_EQ(order.size(), 100u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(Executor, IsKnownWhileItRuns) {
  test::ManualExecutor executor;
  EXPECT_EQ(Executor::current(), nullptr);
  auto coroutine = []() -> Task<Executor*> { co_return Executor::current(); };
  EXPECT_EQ(executor.run(coroutine()), &executor);
  EXPECT_EQ(Executor::current(), nullptr);
}

// Given before it is asked for, while somebody waits, and to nobody.
TEST(Begun, TakesWhatAnotherThreadGives) {
  test::ManualExecutor executor;
  const Begun<std::string> done;
  done.give("at once");
  EXPECT_EQ(executor.run(done.take()), "at once");
  Pool pool(2, "test");
  for (int i = 0; i < 200; ++i) {
    const Begun<int> begun;
    pool.submit([begun, i] { begun.give(i); });
    EXPECT_EQ(executor.run(begun.take()), i);
  }
  std::promise<void> go;
  const std::shared_future<void> gone = go.get_future();
  {
    const Begun<std::string> waited;
    pool.submit([waited, gone] {
      gone.wait();
      waited.give(std::string(1000, 'x'));
    });
  }
  go.set_value();  // its result goes with it
}

}  // namespace
}  // namespace posthouse
