// The committer's sleep: who comes while it sleeps wakes it in time. Its sleep is seen by the clock it asks
// before, with the lock in its hand.
#include "engine/write_line.h"

#include <gtest/gtest.h>

#include <future>
#include <list>
#include <thread>

namespace posthouse::engine {
namespace {

using std::chrono::hours;

// Stands still at the time of its making, so that waits for later times are real ones, until it is moved on.
class HeldClock : public Clock {
 public:
  SystemTime now() const override { return SystemTime(); }
  SteadyTime steady() const override {
    asked_.store(true);
    asked_.notify_all();
    return start_ + offset_.load();
  }
  void advance(milliseconds by) { offset_.store(offset_.load() + by); }
  void wait_until_asked() const { asked_.wait(false); }
  SteadyTime start() const { return start_; }

 private:
  const SteadyTime start_ = std::chrono::steady_clock::now();
  std::atomic<milliseconds> offset_{milliseconds(0)};
  mutable std::atomic<bool> asked_ = false;
};

class WriteLineTest : public testing::Test {
 protected:
  ~WriteLineTest() override { line.close(); }

  // The committer asks for work, and sleeps for an hour if nobody wakes it.
  void sleep() {
    turn = std::async(std::launch::async, [this] { return line.wait(clock.start() + hours(1)); });
    clock.wait_until_asked();  // from here on it holds the lock until it sleeps
  }
  WriteJob* job(bool relaxed) {
    jobs.emplace_back().relaxed = relaxed;
    return &jobs.back();
  }
  // Whether it wakes; it has far more time than that takes.
  bool wakes() { return turn.wait_for(seconds(30)) == std::future_status::ready; }

  // A group of one was written, which took so long; meanwhile another job came.
  void write_one(milliseconds took) {
    line.add(job(false));
    ASSERT_EQ(line.wait({}), WriteLine::Turn::write);
    WriteLine::Group group;
    line.take(group);
    line.end_group(group, group.size());
    line.add(job(false));
    clock.advance(took);
  }

  void expect_both_in_a_group() {
    ASSERT_TRUE(wakes());
    EXPECT_EQ(turn.get(), WriteLine::Turn::write);
    WriteLine::Group group;
    line.take(group);
    EXPECT_EQ(group.size(), 2u);
  }

  HeldClock clock;
  WriteLine line{clock, hours(1)};
  std::list<WriteJob> jobs;
  std::future<WriteLine::Turn> turn;
};

TEST_F(WriteLineTest, AnUrgentJobWakesTheCommitter) {
  sleep();
  line.add(job(false));
  ASSERT_TRUE(wakes());
  EXPECT_EQ(turn.get(), WriteLine::Turn::write);
}

TEST_F(WriteLineTest, ARelaxedJobShortensItsSleep) {
  sleep();
  line.add(job(true));
  clock.advance(seconds(1));  // past the time that relaxed jobs wait for company
  ASSERT_TRUE(wakes());
  EXPECT_EQ(turn.get(), WriteLine::Turn::write);
  WriteLine::Group group;
  line.take(group);
  EXPECT_EQ(group, WriteLine::Group{&jobs.front()});
}

TEST_F(WriteLineTest, ARelaxedJobWaitsForCompany) {
  sleep();
  line.add(job(true));
  line.add(job(false));
  expect_both_in_a_group();
}

TEST_F(WriteLineTest, ManyRelaxedJobsDoNotWait) {
  sleep();
  for (int i = 0; i < 1000; ++i) line.add(job(true));
  ASSERT_TRUE(wakes());
  EXPECT_EQ(turn.get(), WriteLine::Turn::write);
}

TEST_F(WriteLineTest, WhoCameMeanwhileIsWrittenWithThoseWhoComeBack) {
  write_one(hours(8));  // so there is patience for a quarter of that, or an hour
  sleep();
  line.add(job(false));
  expect_both_in_a_group();
}

TEST_F(WriteLineTest, WhereNobodyComesBackItHurriesTheNextTime) {
  write_one(milliseconds(0));
  ASSERT_EQ(line.wait({}), WriteLine::Turn::write);  // after the least patience
  WriteLine::Group group;
  line.take(group);
  line.end_group(group, group.size());
  line.add(job(false));
  clock.advance(hours(8));
  turn = std::async(std::launch::async, [this] { return line.wait({}); });
  ASSERT_TRUE(wakes());
  EXPECT_EQ(turn.get(), WriteLine::Turn::write);
}

TEST_F(WriteLineTest, TheEndWakesIt) {
  sleep();
  line.close();
  ASSERT_TRUE(wakes());
  EXPECT_EQ(turn.get(), WriteLine::Turn::stop);
}

TEST_F(WriteLineTest, TheTimeOfAFlushIsTold) {
  clock.advance(hours(2));
  EXPECT_EQ(line.wait(clock.start() + hours(1)), WriteLine::Turn::flush);
}

}  // namespace
}  // namespace posthouse::engine
