#include "net/timer_wheel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace posthouse::net {
namespace {

const SteadyTime kStart = SteadyTime(std::chrono::hours(5));
SteadyTime at(milliseconds after) {
  return kStart + after;
}

struct Timer : TimerWheel::Node {
  int fired = 0;
};

int fire(TimerWheel& wheel, milliseconds now) {
  int count = 0;
  wheel.advance(at(now), [&](TimerWheel::Node& node) {
    ++static_cast<Timer&>(node).fired;
    ++count;
  });
  return count;
}

TEST(TimerWheel, FiresOnceNeverEarlyAndAtMostATickLate) {
  TimerWheel wheel(kStart);
  Timer timer;
  wheel.set(timer, at(milliseconds(2500)));
  EXPECT_EQ(fire(wheel, milliseconds(2499)), 0);
  EXPECT_EQ(fire(wheel, milliseconds(3500)), 1);
  EXPECT_EQ(fire(wheel, milliseconds(60'000)), 0);
}

TEST(TimerWheel, MovesDeadlinesBothWays) {
  TimerWheel wheel(kStart);
  Timer timer;
  wheel.set(timer, at(seconds(5)));
  wheel.set(timer, at(seconds(9)));
  EXPECT_EQ(fire(wheel, milliseconds(8900)), 0);
  wheel.set(timer, at(seconds(300)));
  wheel.set(timer, at(milliseconds(9500)));
  EXPECT_EQ(fire(wheel, milliseconds(10'500)), 1);
}

TEST(TimerWheel, ForgetsWithdrawnAndRemovedOnes) {
  TimerWheel wheel(kStart);
  Timer withdrawn;
  Timer kept;
  {
    Timer removed;
    wheel.set(removed, at(seconds(3)));
    wheel.set(withdrawn, at(seconds(3)));
    wheel.set(kept, at(seconds(3)));
    wheel.set(withdrawn, SteadyTime::max());
    wheel.remove(removed);
  }
  EXPECT_EQ(fire(wheel, seconds(5)), 1);
  EXPECT_EQ(kept.fired, 1);
  wheel.set(withdrawn, at(seconds(7)));
  EXPECT_EQ(fire(wheel, seconds(9)), 1);
}

TEST(TimerWheel, DeadlineInThePastFiresAtTheNextTick) {
  TimerWheel wheel(kStart);
  Timer timer;
  fire(wheel, seconds(100));
  wheel.set(timer, at(seconds(1)));
  EXPECT_EQ(wheel.next_tick(), at(seconds(101)));
  EXPECT_EQ(fire(wheel, seconds(101)), 1);
}

TEST(TimerWheel, KeepsFarDeadlinesAndSurvivesLongPauses) {
  TimerWheel wheel(kStart);
  Timer far;
  Timer near;
  wheel.set(far, at(std::chrono::hours(24)));
  wheel.set(near, at(seconds(10)));
  EXPECT_EQ(fire(wheel, std::chrono::hours(23)), 1);
  EXPECT_EQ(near.fired, 1);
  for (int minute = 0; minute < 59; ++minute)
    EXPECT_EQ(fire(wheel, std::chrono::minutes(23 * 60 + minute)), 0);
  EXPECT_EQ(fire(wheel, std::chrono::hours(24) + seconds(1)), 1);
}

TEST(TimerWheel, AgreesWithAPlainList) {
  std::mt19937 random(3);
  TimerWheel wheel(kStart);
  std::vector<Timer> timers(50);
  std::vector<milliseconds> deadline(50, milliseconds(-1));
  milliseconds now{0};
  for (int step = 0; step < 5000; ++step) {
    const size_t i = random() % 50;
    deadline[i] = now + milliseconds(random() % 900'000);
    wheel.set(timers[i], at(deadline[i]));
    now += milliseconds(random() % 3000);
    fire(wheel, now);
    for (size_t k = 0; k < 50; ++k) {
      const bool fired = std::exchange(timers[k].fired, 0) != 0;
      if (fired) {
        ASSERT_LE(deadline[k], now);
        ASSERT_GE(deadline[k].count(), 0);
        deadline[k] = milliseconds(-1);
      } else if (deadline[k].count() >= 0) {
        ASSERT_GT(deadline[k] + seconds(2), now);
      }
    }
  }
}

}  // namespace
}  // namespace posthouse::net
