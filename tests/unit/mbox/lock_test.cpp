#include "mbox/lock.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <utime.h>

#include "base/process.h"
#include "mbox/limits.h"
#include "support.h"
#include "support/fake_clock.h"

namespace posthouse::mbox {
namespace {

FileOptions patient(milliseconds patience) {
  FileOptions options;
  options.lock.patience = patience;
  return options;
}

const Letter kLetter{"a@b.example", 1606564800, {{}, {}, 0}, std::nullopt};

// The process of a lock file that is surely gone: a child that ended and was waited for.
pid_t gone_process() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  int status = 0;
  ::waitpid(child, &status, 0);
  return child;
}

void set_time(const std::string& path, SystemTime when) {
  const auto second = std::chrono::duration_cast<seconds>(when.time_since_epoch()).count();
  const struct utimbuf times = {second, second};
  ASSERT_EQ(::utime(path.c_str(), &times), 0);
}

// A process that does nothing until the end of the test.
class OtherProcess {
 public:
  OtherProcess() : pid_(::fork()) {
    if (pid_ != 0) return;
    ::pause();
    ::_exit(0);
  }
  ~OtherProcess() {
    ::kill(pid_, SIGKILL);
    int status = 0;
    ::waitpid(pid_, &status, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

TEST(MboxLock, OneAtATime) {
  TempFolder folder;
  spill(folder / "box", "");
  const File file(folder / "box", patient(milliseconds(30)));
  auto held = file.open(Access::write);
  ASSERT_TRUE(held.has_value());
  EXPECT_TRUE(std::filesystem::exists(folder / "box.lock"));
  EXPECT_EQ(file.open(Access::write).error().kind, FaultKind::temporary);
  EXPECT_EQ(file.open(Access::read).error().kind, FaultKind::temporary);
  {
    const Held gone = std::move(*held);
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "box.lock"));
  auto first = file.open(Access::read);
  auto second = file.open(Access::read);
  EXPECT_TRUE(first && second);
  EXPECT_EQ(file.open(Access::write).error().kind, FaultKind::temporary);
}

TEST(MboxLock, LockFilesOfOthers) {
  TempFolder folder;
  spill(folder / "box", "");
  const File file(folder / "box", patient(milliseconds(30)));
  const std::string lock = folder / "box.lock";
  const auto opens = [&] { return file.open(Access::write).has_value(); };
  const OtherProcess other;
  spill(lock, std::to_string(other.pid()) + "\n");
  EXPECT_FALSE(opens()) << "its process lives";
  spill(lock, std::to_string(gone_process()) + "\n");
  EXPECT_TRUE(opens()) << "its process is gone";
  spill(lock, "0");
  EXPECT_FALSE(opens()) << "nobody known, new";
  const struct utimbuf old = {::time(nullptr) - 400, ::time(nullptr) - 400};
  ASSERT_EQ(::utime(lock.c_str(), &old), 0);
  EXPECT_TRUE(opens()) << "nobody known, old";
  spill(lock, std::to_string(gone_process()) + ":another-host");
  EXPECT_FALSE(opens()) << "a process of another machine";
  EXPECT_TRUE(std::filesystem::exists(lock));
  std::filesystem::remove(lock);
  size_t names = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path())) ++names;
  EXPECT_EQ(names, 1U);
}

// The names in the folder that locks are made of.
std::vector<std::string> spares(const TempFolder& folder) {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    if (entry.path().filename().string().starts_with(".lk")) out.push_back(entry.path().string());
  }
  return out;
}

ino_t inode_of(const std::string& path) {
  struct ::stat info = {};
  EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
  return info.st_ino;
}

TEST(MboxLock, ASpareFileBecomesTheLockAgainAndAgain) {
  TempFolder folder;
  spill(folder / "box", "");
  LockOptions options;
  options.spare = std::make_shared<SpareLock>();
  const std::string lock = folder / "box.lock";
  ino_t inode = 0;
  for (int i = 0; i < 3; ++i) {
    const auto held = DotlockFile::make(folder / "box", options);
    ASSERT_TRUE(held.has_value());
    if (i == 0) inode = inode_of(lock);
    EXPECT_EQ(inode_of(lock), inode);
    EXPECT_EQ(slurp(lock), std::to_string(::getpid()) + "\n");
    EXPECT_EQ(spares(folder).size(), 1U);
  }
  EXPECT_FALSE(std::filesystem::exists(lock));
  ASSERT_EQ(spares(folder).size(), 1U);
  // Others judge a lock by its age.
  set_time(spares(folder)[0], SystemTime(seconds(365 * 24 * 3600)));
  {
    const auto held = DotlockFile::make(folder / "box", options);
    ASSERT_TRUE(held.has_value());
    struct ::stat info = {};
    ASSERT_EQ(::lstat(lock.c_str(), &info), 0);
    EXPECT_GT(info.st_mtime + 60, ::time(nullptr));
    std::filesystem::remove(lock);  // who took it for stale
    spill(lock, "0");
  }
  EXPECT_EQ(slurp(lock), "0") << "that is not ours";
  EXPECT_TRUE(spares(folder).empty());
  std::filesystem::remove(lock);
  options.spare.reset();
  EXPECT_TRUE(DotlockFile::make(folder / "box", options));
  EXPECT_TRUE(spares(folder).empty());
}

TEST(MboxLock, ASpareFileThatIsNotWhatItWasBecomesNoLock) {
  TempFolder folder;
  spill(folder / "box", "");
  LockOptions options;
  options.spare = std::make_shared<SpareLock>();
  const auto take = [&] { return DotlockFile::make(folder / "box", options).has_value(); };
  ASSERT_TRUE(take());
  const std::string first = spares(folder).at(0);
  std::filesystem::create_hard_link(first, folder / "other");
  ASSERT_TRUE(take());
  EXPECT_NE(spares(folder).at(0), first) << "it has a second name";
  std::filesystem::remove(spares(folder).at(0));
  ASSERT_TRUE(take());
  ASSERT_EQ(spares(folder).size(), 1U);
  {
    const OtherProcess other;
    spill(folder / "box.lock", std::to_string(other.pid()) + "\n");
    EXPECT_FALSE(take());
    EXPECT_EQ(spares(folder).size(), 1U) << "it waits for the next attempt";
  }
  EXPECT_TRUE(take()) << "in the place of a stale one";
  EXPECT_FALSE(std::filesystem::exists(folder / "box.lock"));
  options.spare.reset();
  EXPECT_TRUE(spares(folder).empty());
}

// Numbers of processes come again: after a power cut, and in containers, where they are few.
// One that was killed between making it and taking it away again. Only ours, and of processes that are gone.
TEST(MboxLock, WhatAKilledProcessLeftIsRemoved) {
  TempFolder folder;
  spill(folder / "box", "");
  const std::string gone = std::to_string(gone_process()), here = std::to_string(::getppid());
  const std::string left[] = {".lk" + gone + ".abcdefgh09", ".lk" + gone + ".zyxwvuts12"};
  const std::string others[] = {".lk" + here + ".abcdefgh09", ".lk" + gone + ".short",
                                ".lk" + gone + "4e1host", "lk" + gone + ".abcdefgh09", ".lkx.abcdefgh09"};
  for (const std::string& name : left) spill(folder / name, "");
  for (const std::string& name : others) spill(folder / name, "");
  ASSERT_TRUE(File(folder / "box", patient(milliseconds(30))).open(Access::write));
  for (const std::string& name : left) EXPECT_FALSE(std::filesystem::exists(folder / name)) << name;
  for (const std::string& name : others) EXPECT_TRUE(std::filesystem::exists(folder / name)) << name;
}

// Who has the clock set forward behind its start looks as if it had got the number of the lock's maker since.
TEST(MboxLock, WhoMayHaveMadeItKeepsItForTheStaleTime) {
  TempFolder folder;
  test::FakeClock clock;
  LockOptions options;
  options.clock = &clock;
  const std::string box = folder / "box", lock = folder / "box.lock";
  const auto opens = [&] { return DotlockFile::make(box, options).has_value(); };
  const OtherProcess other;
  const auto begin = [&] {
    spill(lock, std::to_string(other.pid()) + "\n");
    set_time(lock, std::max(machine_started(), system_clock().now() - std::chrono::hours(2)) + seconds(1));
  };
  begin();
  EXPECT_FALSE(opens());
  clock.advance(kDotlockAge);
  EXPECT_FALSE(opens()) << "not yet longer than that";
  clock.step(std::chrono::hours(-24));
  set_time(lock, std::max(machine_started(), system_clock().now() - std::chrono::hours(1)) + seconds(2));
  clock.advance(seconds(1));
  EXPECT_FALSE(opens()) << "its owner still touches it";
  clock.advance(kDotlockAge + seconds(1));
  EXPECT_TRUE(opens()) << "unchanged for so long";
  EXPECT_FALSE(std::filesystem::exists(lock));
  begin();
  EXPECT_FALSE(opens()) << "another one of the same name";
  spill(lock, std::to_string(other.pid()) + "\n");
  clock.advance(kDotlockAge * 10);
  EXPECT_FALSE(opens()) << "made by a process that runs since before";
}

// Whatever the clock says: we know which locks are ours.
TEST(MboxLock, OurOwnNumberInALock) {
  TempFolder folder;
  const std::string box = folder / "box", lock = folder / "box.lock";
  spill(lock, std::to_string(::getpid()) + "\n");
  set_time(lock, system_clock().now() + std::chrono::hours(1));
  {
    const auto held = DotlockFile::make(box, {});
    ASSERT_TRUE(held) << "of a process that had our number before, and another time";
    set_time(lock, *started(::getpid()) - std::chrono::hours(1));
    EXPECT_FALSE(DotlockFile::make(box, {})) << "ours, after the clock was set back";
    EXPECT_TRUE(std::filesystem::exists(lock));
  }
  EXPECT_FALSE(std::filesystem::exists(lock));
}

// The empty lock of another host, or of mutt: that we were started after it says nothing.
TEST(MboxLock, OlderThanTheMachinesStart) {
  TempFolder folder;
  const std::string box = folder / "box", lock = folder / "box.lock";
  const auto age = system_clock().now() - machine_started();
  spill(lock, "");
  set_time(lock, machine_started() - seconds(2));
  EXPECT_EQ(DotlockFile::make(box, {}).has_value(), age + seconds(2) > kDotlockAge);
  // A number that came again after a power cut.
  const OtherProcess other;
  spill(lock, std::to_string(other.pid()) + "\n");
  set_time(lock, machine_started() - seconds(2));
  EXPECT_EQ(DotlockFile::make(box, {}).has_value(), age + seconds(2) > kDotlockAge);
  std::filesystem::remove(lock);
  spill(lock, std::to_string(other.pid()) + "\n");
  set_time(lock, machine_started() - kDotlockAge - seconds(2));
  EXPECT_TRUE(DotlockFile::make(box, {}));
}

// Another program takes a stale lock away and makes its own, just before we do.
TEST(MboxLock, AFreshLockInPlaceOfAStaleOneStays) {
  struct Swapping : test::FakeClock {
    SteadyTime steady() const override {
      if (swap) swap();
      return FakeClock::steady();
    }
    std::function<void()> swap;
  };
  TempFolder folder;
  Swapping clock;
  LockOptions options;
  options.clock = &clock;
  const std::string box = folder / "box", lock = folder / "box.lock";
  const OtherProcess other;
  const std::string text = std::to_string(other.pid()) + "\n";
  spill(lock, text);
  set_time(lock, std::max(machine_started(), system_clock().now() - std::chrono::hours(2)) + seconds(1));
  ASSERT_FALSE(DotlockFile::make(box, options)) << "watched from now on";
  clock.advance(kDotlockAge + seconds(1));
  struct ::stat fresh = {};
  clock.swap = [&] {
    spill(folder / "fresh", text);
    std::filesystem::rename(folder / "fresh", lock);
    ASSERT_EQ(::lstat(lock.c_str(), &fresh), 0);
  };
  EXPECT_EQ(DotlockFile::make(box, options).error().kind, FaultKind::temporary);
  struct ::stat now = {};
  ASSERT_EQ(::lstat(lock.c_str(), &now), 0);
  EXPECT_EQ(now.st_ino, fresh.st_ino);
  size_t names = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path())) ++names;
  EXPECT_EQ(names, 1U) << "nothing else is left";
}

TEST(Process, Started) {
  const SystemTime before = system_clock().now();
  const OtherProcess other;
  const auto other_started = started(other.pid());
  ASSERT_TRUE(other_started.has_value());
  EXPECT_GE(*other_started, before - milliseconds(50));
  EXPECT_LE(*other_started, system_clock().now() + milliseconds(50));
  EXPECT_LE(*started(1), *started(::getpid()));
  EXPECT_LE(machine_started(), *started(::getpid()) + milliseconds(50));
  EXPECT_FALSE(started(gone_process()).has_value());
}

// Whoever waits for PATH.lock has let go of fcntl's lock, or procmail, which takes them in the other order,
// would wait for us.
TEST(MboxLock, WaitsWithoutHoldingTheOther) {
  TempFolder folder;
  spill(folder / "box", "");
  spill(folder / "box.lock", std::to_string(::getppid()) + "\n");
  std::thread waiter([&] { EXPECT_TRUE(File(folder / "box").open(Access::write).has_value()); });
  const Handle fd(::open((folder / "box").c_str(), O_RDWR | O_CLOEXEC));
  for (;;) {
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    if (::fcntl(fd.get(), F_OFD_SETLKW, &lock) == 0) break;
  }
  std::filesystem::remove(folder / "box.lock");
  struct flock unlock = {};
  unlock.l_type = F_UNLCK;
  ::fcntl(fd.get(), F_OFD_SETLK, &unlock);
  waiter.join();
}

std::atomic<int> signals = 0;

// A storm of signals neither ends the wait nor makes it longer than it may be.
TEST(MboxLock, SignalsDuringTheWait) {
  TempFolder folder;
  spill(folder / "box", "");
  struct sigaction action = {};
  struct sigaction before = {};
  action.sa_handler = [](int) { ++signals; };
  ::sigaction(SIGALRM, &action, &before);
  const struct itimerval storm = {{0, 1000}, {0, 1000}};
  const struct itimerval quiet = {};
  auto held = File(folder / "box").open(Access::write);
  std::thread owner([&] {
    while (signals < 20) std::this_thread::yield();
    const Held gone = std::move(*held);
  });
  ::setitimer(ITIMER_REAL, &storm, nullptr);
  const auto second = File(folder / "box").open(Access::write);
  ::setitimer(ITIMER_REAL, &quiet, nullptr);
  owner.join();
  ::sigaction(SIGALRM, &before, nullptr);
  EXPECT_TRUE(second.has_value());
  EXPECT_GE(signals.load(), 20);
}

TEST(MboxLock, AReplacedFileIsOpenedAnew) {
  TempFolder folder;
  spill(folder / "box", "");
  const File file(folder / "box");
  auto held = std::make_unique<Held>(std::move(*file.open(Access::write)));
  std::thread second([&] {
    auto opened = file.open(Access::write);
    ASSERT_TRUE(opened.has_value());
    EXPECT_EQ(scan_all(*opened).size(), 1U);
  });
  spill(folder / "new", "From a@b Sat Nov 28 12:00:00 2020\nS: x\n\nb\n\n");
  std::filesystem::rename(folder / "new", folder / "box");
  held.reset();
  second.join();
}

TEST(MboxLock, TwoProcessesAppendAndExpungeAtOnce) {
  constexpr uint32_t kEach = 40;
  TempFolder folder;
  spill(folder / "box", "");
  const auto work = [&](const std::string& who) {
    const File file(folder / "box");
    for (uint32_t i = 0; i < kEach; ++i) {
      if (!append_one(file, kLetter, "S: " + who + std::to_string(i) + "\r\n\r\nFrom me\r\n")) return false;
      if (i % 4 != 3) continue;
      // Removes one of its own.
      auto held = file.open(Access::write);
      if (!held) return false;
      std::vector<Change> changes;
      for (const Record& record : scan_all(*held)) {
        if (changes.empty() && read_message(*held, record).starts_with("S: " + who)) {
          changes.push_back({record.offset, record.next, true, {}});
        }
      }
      if (!held->rewrite(changes)) return false;
    }
    return true;
  };
  const pid_t child = ::fork();
  if (child == 0) ::_exit(work("a") ? 0 : 1);
  EXPECT_TRUE(work("b"));
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  std::map<char, size_t> left;
  auto held = File(folder / "box").open(Access::read);
  for (const Record& record : scan_all(*held)) ++left[read_message(*held, record)[3]];
  EXPECT_EQ(left['a'], kEach - kEach / 4);
  EXPECT_EQ(left['b'], kEach - kEach / 4);
}

}  // namespace
}  // namespace posthouse::mbox
