#include "maildir/writer.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "calls.h"
#include "maildir/tree.h"
#include "test_folder.h"

namespace posthouse::maildir {
namespace {

using namespace test;

class WriterTest : public testing::Test {
 protected:
  WriterTest() : folder(root.path("Maildir")) { EXPECT_TRUE(folder.make()); }
  std::string at(const std::string& below) const { return folder.path() + "/" + below; }
  std::vector<std::string> messages() const {
    std::vector<std::string> out;
    const Result<Scan> scan = folder.scan();
    if (!scan || !scan->complete || !scan->doubles.empty()) return {"no scan"};
    for (const Found& message : scan->messages) out.push_back(message_of(folder, message.base));
    return out;
  }

  TestFolder root;
  Folder folder;
};

Result<Committed> deliver(const Folder& folder, const std::string& text, const Commit& commit) {
  Result<Writer> writer = Writer::open(folder, names().unique());
  if (!writer) return std::unexpected(writer.error());
  if (Result<void> taken = writer->append(text); !taken) return std::unexpected(taken.error());
  return writer->commit(commit);
}

const std::string kText = "Subject: x\r\n\r\n" + std::string(200'000, 'y') + "\r\n";

TEST_F(WriterTest, FlushesTheFileThenRenamesThenFlushesTheFolder) {
  const Calls calls(Calls::Then::record);
  ASSERT_TRUE(deliver(folder, "x\r\n", {.unique = "1.a", .date = SystemTime{}}));
  EXPECT_EQ(calls.names(), (std::vector<std::string>{"write", "futimens", "fsync", "renameat2", "fsync"}));
}

TEST_F(WriterTest, ManyAtOnceShareTheFlushOfTheFolder) {
  const Calls calls(Calls::Then::record);
  for (const char* key : {"1.a", "1.b", "1.c"})
    ASSERT_TRUE(deliver(folder, "x\r\n", {.unique = key, .sync = Sync::later}));
  ASSERT_TRUE(folder.sync());
  const std::vector<std::string> done = calls.names();
  EXPECT_EQ(std::count(done.begin(), done.end(), "fsync"), 5);  // three files, new/ and cur/
  EXPECT_EQ(done.back(), "fsync");
}

TEST_F(WriterTest, AbandonedLeavesNothing) {
  {
    Result<Writer> writer = Writer::open(folder, names().unique());
    ASSERT_TRUE(writer->append(kText));
    EXPECT_EQ(files_in(at("tmp")).size(), 1u);
    const Writer moved = std::move(*writer);
    EXPECT_EQ(files_in(at("tmp")).size(), 1u);
  }
  EXPECT_TRUE(files_in(at("tmp")).empty());
  EXPECT_TRUE(messages().empty());
}

TEST_F(WriterTest, AgainWritesNothing) {
  ASSERT_TRUE(deliver(folder, "x\r\n", {.unique = "1.a"}));
  ASSERT_TRUE(folder.change("1.a", std::nullopt, {{Marks::kSeen, 0}, {}}));
  const Result<Committed> again = deliver(folder, "x\r\n", {.unique = "1.a", .again = true});
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->was_there);
  EXPECT_EQ(again->place.file, "1.a,S=2,W=3:2,S");
  EXPECT_EQ(messages(), std::vector<std::string>{"x\r\n"});
  EXPECT_TRUE(files_in(at("tmp")).empty());
}

TEST_F(WriterTest, AGivenBaseIsKept) {
  EXPECT_EQ(deliver(folder, "x\r\n", {.unique = "9.b,S=7"})->base, "9.b,S=7");
  EXPECT_EQ(deliver(folder, "y\r\n", {.unique = "9.b,S=7"}).error().kind,
            FaultKind::exists);  // never over another
  EXPECT_EQ(messages(), std::vector<std::string>{"x\r\n"});
  for (const char* bad : {"", "../x", ".x", "x:2,S", "a/b"}) {
    EXPECT_EQ(deliver(folder, "y\r\n", {.unique = bad}).error().kind, FaultKind::syntax) << bad;
  }
  EXPECT_FALSE(Writer::open(folder, "../x"));
}

TEST_F(WriterTest, EveryStepMayFail) {
  int n = 1;
  for (bool struck = true; struck; ++n) {
    ASSERT_LT(n, 100);
    const std::string key = fmt::format("{}.a", n);
    Result<Committed> done = fail(FaultKind::io, "");
    {
      const Calls calls(Calls::Then::fail, n, n % 2 == 0 ? ENOSPC : EIO);
      done = deliver(folder, kText, {.unique = key, .date = SystemTime{}});
      struck = calls.struck();
    }
    EXPECT_TRUE(struck || done);
    EXPECT_TRUE(files_in(at("tmp")).empty()) << n;
    const Result<Committed> again = deliver(folder, kText, {.unique = key, .again = true});
    ASSERT_TRUE(again) << again.error().what;
    EXPECT_EQ(messages(), std::vector<std::string>{kText}) << n;
    ASSERT_TRUE(folder.remove(key, std::nullopt));
  }
  EXPECT_GT(n, 5);
}

// What the disk refuses is a fault with nothing left behind; with room again all goes well.
TEST_F(WriterTest, FilesThatMayNotGrow) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_signal = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{100'000, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Result<Committed> done = deliver(folder, kText, {.unique = "1.a"});
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, old_signal);
  EXPECT_EQ(done.error().kind, FaultKind::no_space);
  EXPECT_TRUE(files_in(at("tmp")).empty());
  EXPECT_TRUE(deliver(folder, kText, {.unique = "1.a", .again = true}));
  EXPECT_EQ(messages(), std::vector<std::string>{kText});
}

// A file system of 64 KiB; only root can make one. Without root the limit on files above stands for it.
TEST_F(WriterTest, FullDisk) {
  const std::string disk = root.path("disk");
  fs::create_directory(disk);
  if (::mount("posthouse-test", disk.c_str(), "tmpfs", 0, "size=65536") != 0) {
    ASSERT_NE(::geteuid(), 0u) << "root may mount; if not here, then FilesThatMayNotGrow is what there is";
    return;
  }
  const Folder full(disk + "/Maildir");
  EXPECT_TRUE(full.make());
  const std::string small(5000, 'z');
  size_t delivered = 0;
  Result<Committed> last = deliver(full, small, {.unique = "0.a"});
  while (last && delivered < 1000) last = deliver(full, small, {.unique = fmt::format("{}.a", ++delivered)});
  EXPECT_EQ(last.error().kind, FaultKind::no_space);
  EXPECT_EQ(files_in(disk + "/Maildir/new").size(), delivered);
  EXPECT_TRUE(files_in(disk + "/Maildir/tmp").empty());
  EXPECT_TRUE(full.remove("0.a", std::nullopt).value());
  EXPECT_TRUE(deliver(full, small, {.unique = "last.a"}));
  EXPECT_EQ(::umount(disk.c_str()), 0);
}

// Runs `work` in a process that is killed at its n-th call; true if it came to the end.
bool survives(int n, const std::function<bool()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    bool good = false;
    {
      const Calls calls(Calls::Then::kill, n);
      good = work();
    }
    ::_exit(good ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0) << status;
  return WIFEXITED(status);
}

TEST_F(WriterTest, KilledAtEachStepOfADelivery) {
  int n = 1;
  for (bool killed = true; killed; ++n) {
    ASSERT_LT(n, 100);
    const std::string key = fmt::format("{}.a", n);
    killed = !survives(
        n, [&] { return deliver(folder, kText, {.unique = key, .marks = {Marks::kSeen, 0}}).has_value(); });
    // What was acknowledged is there; what was not is there whole or not at all.
    const std::vector<std::string> there = messages();
    EXPECT_TRUE(there == std::vector<std::string>{kText} || (killed && there.empty())) << n;
    ASSERT_TRUE(deliver(folder, kText, {.unique = key, .marks = {Marks::kSeen, 0}, .again = true}));
    EXPECT_EQ(messages(), std::vector<std::string>{kText}) << n;
    ASSERT_TRUE(folder.remove(key, std::nullopt));
  }
  EXPECT_GT(n, 5);
}

TEST_F(WriterTest, KilledAtEachStepOfAMove) {
  const Folder other(root.path("Other"));
  ASSERT_TRUE(other.make());
  int n = 1;
  for (bool killed = true; killed; ++n) {
    ASSERT_LT(n, 100);
    const std::string key = put_message(folder, "x\r\n", {.unique = fmt::format("{}.a", n)});
    const std::string target = fmt::format("{}.b", n);
    const auto work = [&] {
      return folder.change(key, std::nullopt, {{Marks::kSeen, 0}, {}}).has_value() &&
             folder.take_out(key, std::nullopt, at("kept")).has_value() &&
             folder.put_back(key, at("kept")).has_value() &&
             folder.move(key, std::nullopt, other, target).has_value();
    };
    killed = !survives(n, work);
    // It is in exactly one of the three places.
    const size_t kept = fs::exists(at("kept")) ? files_in(at("kept")).size() : 0;
    EXPECT_EQ(messages().size() + kept + other.scan()->messages.size(), 1u) << n;
    EXPECT_TRUE(kept == 0 || folder.put_back(key, at("kept")));
    EXPECT_TRUE(folder.move(key, std::nullopt, other, target)) << n;
    EXPECT_EQ(message_of(other, target), "x\r\n");
    EXPECT_TRUE(other.remove(target, std::nullopt).value());
  }
  EXPECT_GT(n, 8);
}

TEST_F(WriterTest, KilledAtEachStepOfTreeChanges) {
  const Tree tree(folder.path());
  int n = 1;
  for (bool killed = true; killed; ++n) {
    ASSERT_LT(n, 200);
    for (const char* name : {"A", "A/B", "A/B/C"}) {
      ASSERT_TRUE(tree.folder(name) || tree.create(name, names().unique()));
    }
    put_message(*tree.folder("A/B"), "x\r\n", {.unique = "1.a"});
    const auto work = [&] {
      return tree.create("D", names().unique()).has_value() && tree.rename("A", "Z").has_value() &&
             tree.detach("D", names().unique()).has_value();
    };
    killed = !survives(n, work);
    // Every folder has all of its parts, and the message is there.
    const std::vector<FolderEntry> folders = tree.list().value();
    size_t found = 0;
    for (const FolderEntry& entry : folders) {
      const Result<Scan> scan = tree.folder_of(entry).scan();
      ASSERT_TRUE(scan) << entry.name;
      found += scan->messages.size();
    }
    EXPECT_EQ(found, 1u) << n;
    const Result<void> again = tree.rename("A", "Z");
    EXPECT_TRUE(again || again.error().kind == FaultKind::not_found) << again.error().what;
    EXPECT_EQ(message_of(*tree.folder("Z/B"), "1.a"), "x\r\n");
    for (const char* name : {"Z/B/C", "Z/B", "Z", "D"}) (void)tree.detach(name, names().unique());
    const std::vector<std::string> left = tree.leftovers().value();
    for (const std::string& path : left) EXPECT_TRUE(tree.destroy(path));
    EXPECT_EQ(files_in(folder.path()), (std::vector<std::string>{"cur", "new", "tmp"}));
  }
  EXPECT_GT(n, 10);
}

}  // namespace
}  // namespace posthouse::maildir
