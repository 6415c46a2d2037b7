#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/log.h"
#include "base/metrics.h"
#include "base/result.h"

namespace posthouse {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;

class LogTest : public testing::Test {
 protected:
  LogTest() {
    char name[] = "/tmp/posthouse-log-XXXXXX";
    folder_ = mkdtemp(name);
  }
  ~LogTest() override {
    log::configure(log::Level::info, "", "text");
    std::filesystem::remove_all(folder_);
  }
  std::string path() const { return folder_ + "/log"; }
  std::string read(const std::string& file) const {
    log::flush();
    std::ifstream in(file);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }

  std::string folder_;
};

TEST_F(LogTest, NobodyElseReadsAFileThatItMakes) {
  log::configure(log::Level::info, path(), "text");
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(path()).permissions() & (perms::others_all | perms::group_write),
            perms::none);
}

TEST_F(LogTest, WritesLogfmt) {
  log::configure(log::Level::info, path(), "text");
  log::info("smtp.rcpt_refused",
            {{"sid", "0abc"}, {"from", "a b"}, {"n", 42}, {"ok", true}, {"key", Secret("pw")}});
  EXPECT_THAT(read(path()),
              MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z info "
                           "smtp\\.rcpt_refused sid=0abc from=\"a b\" n=42 ok=yes key=\\*\\*\\*\n"));
}

TEST_F(LogTest, EscapesWhatCouldFakeALineOrSteerATerminal) {
  log::configure(log::Level::info, path(), "text");
  log::info("x", {{"v", "a\nb\r\x1b[31m\"\\\x7f"},
                  {"u", "\xc3\xa4"},
                  {"bad", "\xff\xc3"},
                  {"c1", "\xc2\x9b"},
                  {"e", ""}});
  const std::string line = read(path());
  EXPECT_THAT(line, HasSubstr(R"(v="a\nb\r\x1b[31m\"\\\x7f" u="ä" bad="\xff\xc3" c1="\u009b" e="")"));
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
}

TEST_F(LogTest, WritesJson) {
  log::configure(log::Level::debug, path(), "json");
  log::debug("a.b", {{"q", "\"\t\x01\xff"}, {"n", 1}});
  EXPECT_THAT(read(path()), EndsWith(R"("level":"debug","event":"a.b","q":"\"\t\u0001\ufffd","n":"1"})"
                                     "\n"));
}

TEST_F(LogTest, CutsLongValues) {
  log::configure(log::Level::info, path(), "text");
  log::info("x", {{"v", std::string(5000, 'v')}});
  const std::string line = read(path());
  EXPECT_LT(line.size(), 1100u);
  EXPECT_THAT(line, HasSubstr("vvv...\""));
}

TEST_F(LogTest, KeepsToItsLevelAndFlushesWarningsAtOnce) {
  log::configure(log::Level::warn, path(), "text");
  EXPECT_FALSE(log::enabled(log::Level::info));
  log::info("not.this");
  log::warn("but.this");
  std::ifstream in(path());  // without flush()
  std::string first;
  std::getline(in, first);
  EXPECT_THAT(first, EndsWith("warn but.this"));
}

TEST_F(LogTest, ReopensAfterRotation) {
  log::configure(log::Level::info, path(), "text");
  log::info("one");
  std::filesystem::rename(path(), path() + ".1");
  log::configure(log::Level::info, path(), "text");
  log::info("two");
  EXPECT_THAT(read(path() + ".1"), HasSubstr("one"));
  EXPECT_THAT(read(path()), HasSubstr("two"));
  EXPECT_THROW(log::configure(log::Level::info, folder_, "text"), std::exception);
  log::info("three");
  EXPECT_THAT(read(path()), HasSubstr("three"));
}

TEST_F(LogTest, IsWholeLinesFromManyThreads) {
  log::configure(log::Level::info, path(), "text");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 500; ++i) log::info("tick", {{"text", "some words"}});
    });
  }
  for (auto& thread : threads) thread.join();
  std::istringstream lines(read(path()));
  std::string line;
  int count = 0;
  for (; std::getline(lines, line); ++count) ASSERT_THAT(line, EndsWith("info tick text=\"some words\""));
  EXPECT_EQ(count, 2000);
}

TEST(Metrics, SameNameAndLabelsAreTheSameSeries) {
  const metrics::Counter a("posthouse_test_things_total", "Things.", {{"kind", "x"}});
  const metrics::Counter b("posthouse_test_things_total", "Things.", {{"kind", "x"}});
  const metrics::Counter other("posthouse_test_things_total", "Things.", {{"kind", "y"}});
  a.add();
  b.add(2);
  EXPECT_EQ(a.value(), 3);
  EXPECT_EQ(other.value(), 0);
  EXPECT_THAT(metrics::exposition(), HasSubstr("posthouse_test_things_total{kind=\"x\"} 3\n"));
}

TEST(Metrics, GaugesAndHistograms) {
  const metrics::Gauge gauge("posthouse_test_level", "Level.");
  gauge.set(5);
  gauge.add(-2);
  EXPECT_EQ(gauge.value(), 3);
  const metrics::Histogram histogram("posthouse_test_seconds", "Seconds.", {0.1, 1});
  histogram.observe(0.5);
  const std::string text = metrics::exposition();
  EXPECT_THAT(text, HasSubstr("# TYPE posthouse_test_level gauge\nposthouse_test_level 3\n"));
  EXPECT_THAT(text, HasSubstr("posthouse_test_seconds_bucket{le=\"0.1\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("posthouse_test_seconds_bucket{le=\"1\"} 1\n"));
}

TEST(Metrics, CountFromManyThreads) {
  const metrics::Counter counter("posthouse_test_racing_total", "Racing.");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      const metrics::Counter mine("posthouse_test_racing_total", "Racing.");
      for (int i = 0; i < 1000; ++i) mine.add();
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(counter.value(), 4000);
}

TEST(Result, KindsHaveNames) {
  EXPECT_STREQ(to_string(FaultKind::over_quota), "over_quota");
  EXPECT_STREQ(to_string(FaultKind::corrupt), "corrupt");
}

}  // namespace
}  // namespace posthouse
