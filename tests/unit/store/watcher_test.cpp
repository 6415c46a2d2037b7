// Which mailboxes are watched for changes by others (mirror/watcher.h).
#include "mirror/watcher.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "support/fake_clock.h"

namespace posthouse::mirror {
namespace {

namespace fs = std::filesystem;
using Which = Watcher::Which;
using List = std::vector<Which>;

class WatcherTest : public testing::Test {
 protected:
  WatcherTest() {
    std::string name = fs::temp_directory_path() / "posthouse-watcher-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    root = name;
    for (const char* folder : {"1", "2", "3"}) fs::create_directory(root / folder);
    fd = watcher.open().value();
  }
  ~WatcherTest() override {
    ::close(fd);
    fs::remove_all(root);
  }
  void watch(uint64_t mailbox) {
    const Which which(1, mailbox);
    if (watcher.wants(which, true)) watcher.add(which, {root / std::to_string(mailbox)});
  }
  void touch(const std::string& file) { std::ofstream(root / file) << "x"; }

  fs::path root;
  test::FakeClock clock;
  Watcher watcher{clock, 2};
  int fd = -1;
};

TEST_F(WatcherTest, OnlySessionsBegin) {
  EXPECT_FALSE(watcher.wants({1, 1}, false));
  EXPECT_TRUE(watcher.wants({1, 1}, true));
  watch(1);
  EXPECT_FALSE(watcher.wants({1, 1}, true));
  touch("1/a");
  EXPECT_EQ(watcher.take_changed(), (List{{1, 1}}));
  EXPECT_EQ(watcher.take_changed(), List());
}

TEST_F(WatcherTest, TheOneNotLookedAtForLongestIsDropped) {
  watch(1);
  watch(2);
  watch(1);
  watch(3);
  touch("1/a");
  touch("2/a");
  touch("3/a");
  EXPECT_EQ(watcher.take_changed(), (List{{1, 1}, {1, 3}}));
  clock.advance(kWatchedFor - seconds(1));
  watch(3);
  clock.advance(seconds(2));
  EXPECT_EQ(watcher.all(), (List{{1, 3}}));
}

TEST_F(WatcherTest, WhatCantBeWatchedIsPolled) {
  watch(4);  // not there
  EXPECT_EQ(watcher.polled(), (List{{1, 4}}));
  fs::create_directory(root / "4");
  EXPECT_TRUE(watcher.wants({1, 4}, false));
  watch(4);
  EXPECT_EQ(watcher.polled(), List());
  fs::rename(root / "4", root / "old");
  EXPECT_EQ(watcher.take_changed(), (List{{1, 4}}));
  EXPECT_EQ(watcher.polled(), (List{{1, 4}}));
}

TEST_F(WatcherTest, AFileThatIsWrittenTo) {
  touch("box");
  watcher.add({1, 9}, {root / "box"});
  std::ofstream(root / "box", std::ios::app) << "more";
  EXPECT_EQ(watcher.take_changed(), (List{{1, 9}}));
}

}  // namespace
}  // namespace posthouse::mirror
