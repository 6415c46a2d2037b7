// What waits in the outbox of an account while its files can't be reached is done in the order in which it
// came.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>

#include "mirror/limits.h"
#include "passing_files.h"
#include "store/rows.h"
#include "support/engine_with_faults.h"

namespace posthouse::store {
namespace {

// Carries out nothing while the files are away.
class Away : public PassingFiles {
 public:
  using PassingFiles::PassingFiles;
  bool away = false;

  Task<Result<void>> carry_out(AccountId account) override {
    if (away) co_return fail(FaultKind::io, "away");
    co_return co_await PassingFiles::carry_out(account);
  }
  Task<Result<void>> look(AccountId account) override {
    if (away) co_return fail(FaultKind::io, "away");
    co_return co_await PassingFiles::look(account);
  }
  Task<Result<void>> look(AccountId account, MailboxId mailbox) override {
    if (away) co_return fail(FaultKind::io, "away");
    co_return co_await PassingFiles::look(account, mailbox);
  }
};

class OutboxOrder : public WithFiles<Away> {
 protected:
  std::vector<std::string> bodies(const std::string& mailbox) {
    std::vector<std::string> found;
    for (const Entry& entry : bed_.all(kAlice, bed_.id_of(kAlice, mailbox)))
      found.push_back(bed_.must(bed_.store.read(kAlice, entry, 0, UINT64_MAX)));
    return found;
  }
};

using Bodies = std::vector<std::string>;

// The letter's way is to the name that its mailbox has in the files then.
TEST_P(OutboxOrder, ALetterThatCameBeforeARenameIsPutBeforeIt) {
  bed_.must(bed_.store.create_mailbox(kAlice, "a"));
  ASSERT_TRUE(bed_.append(kAlice, "a", "Subject: one\r\n\r\n"));
  files_->away = true;
  ASSERT_TRUE(bed_.append(kAlice, "a", "Subject: two\r\n\r\n"));
  bed_.must(
      bed_.store.update_flags(kAlice, bed_.id_of(kAlice, "a"), {1}, {FlagChange::add, {kSeen, {}}, {}, {}}));
  bed_.must(bed_.store.rename_mailbox(kAlice, "a", "b"));
  ASSERT_TRUE(bed_.append(kAlice, "b", "Subject: three\r\n\r\n"));
  bed_.must(bed_.store.rename_mailbox(kAlice, "b", "c/d"));
  ASSERT_TRUE(bed_.append(kAlice, "c/d", "Subject: four\r\n\r\n"));
  files_->away = false;
  bed_.must(bed_.mirror->carry_out(kAlice));
  EXPECT_EQ(bodies("c/d"), (Bodies{"Subject: one\r\n\r\n", "Subject: two\r\n\r\n", "Subject: three\r\n\r\n",
                                   "Subject: four\r\n\r\n"}));
  std::vector<std::string> names;
  for (const MailboxInfo& mailbox : bed_.must(bed_.store.mailboxes(kAlice))) names.push_back(mailbox.name);
  EXPECT_EQ(std::ranges::count(names, "a"), 0);
  EXPECT_EQ(std::ranges::count(names, "b"), 0);
}

// As many as are not carried out together: the rename is in another part.
TEST_P(OutboxOrder, ManyLettersBeforeARename) {
  bed_.must(bed_.store.create_mailbox(kAlice, "a"));
  files_->away = true;
  constexpr size_t kMany = mirror::kPutsTogether + 50;
  for (size_t i = 0; i < kMany; ++i)
    ASSERT_TRUE(bed_.append(kAlice, "a", "Subject: " + std::to_string(i) + "\r\n\r\n"));
  bed_.must(bed_.store.rename_mailbox(kAlice, "a", "b"));
  files_->away = false;
  bed_.must(bed_.mirror->carry_out(kAlice));
  EXPECT_EQ(bodies("b").size(), kMany);
}

// Runs something before each of its transactions.
class Interrupted : public test::EngineWithFaults {
 public:
  using EngineWithFaults::EngineWithFaults;
  std::function<void()> before;

  Task<Result<void>> transact(std::vector<engine::Step> all) override {
    before();
    co_return co_await EngineWithFaults::transact(std::move(all));
  }
};

// Where letters can't be put, and a moment later they can, none of those behind comes before them: UIDs rise
// through an mbox.
class OutboxOrderInMbox : public OutboxOrder {};

TEST_P(OutboxOrderInMbox, WhoCameLaterWaitsForWhoHasToWait) {
  namespace fs = std::filesystem;
  bed_.must(bed_.store.create_mailbox(kAlice, "a"));
  files_->away = true;
  constexpr size_t kMany = mirror::kPutsTogether + 50;
  for (size_t i = 0; i < kMany; ++i)
    ASSERT_TRUE(bed_.append(kAlice, "a", "Subject: " + std::to_string(i) + "\r\n\r\n"));
  const fs::path file = bed_.dir.path() + "/alice/folders/a";
  fs::remove(file);
  fs::create_symlink("elsewhere", file);  // refused
  Interrupted engine(*bed_.engine);
  engine.before = [&] {
    if (fs::is_symlink(file)) fs::remove(file);
  };
  mirror::Mirror mirror(engine, bed_.clock, bed_.random, bed_.ids);
  bed_.must(mirror.start());
  bed_.must(mirror.carry_out(kAlice));
  EXPECT_FALSE(fs::exists(fs::symlink_status(file)));
  bed_.must(mirror.carry_out(kAlice));
  std::ifstream in(file);
  const std::regex uid("X-UID: *([0-9]+)[ \r]*");
  std::smatch found;
  size_t count = 0;
  for (std::string line; std::getline(in, line);) {
    if (!std::regex_match(line, found, uid)) continue;
    EXPECT_EQ(std::stoul(found[1]), ++count);
  }
  EXPECT_EQ(count, kMany);
}

// What is left of it in the index goes with the next sweep, not only at the next start.
TEST_P(OutboxOrder, AMailboxThatOthersRemovedIsPurged) {
  bed_.must(bed_.store.create_mailbox(kAlice, "a"));
  ASSERT_TRUE(bed_.append(kAlice, "a", "Subject: one\r\n\r\n"));
  bed_.must(bed_.store.mailboxes(kAlice));
  std::filesystem::remove_all(bed_.dir.path() + "/alice/inbox/.a");
  std::filesystem::remove(bed_.dir.path() + "/alice/folders/a");
  for (const MailboxInfo& mailbox : bed_.must(bed_.store.mailboxes(kAlice))) EXPECT_NE(mailbox.name, "a");
  const auto dying = [&] {
    size_t rows = 0;
    const std::string end = prefix_end(std::string(kDyingPrefix));
    EXPECT_TRUE(bed_.engine->scan(account_partition(kAlice), kDyingPrefix, end,
                                  [&](std::string_view, std::string_view) { return ++rows > 0; }));
    return rows;
  };
  EXPECT_EQ(dying(), 1);
  bed_.must(bed_.store.sweep(false));
  EXPECT_EQ(dying(), 0);
  EXPECT_EQ(bed_.problems({kAlice}), std::vector<std::string>());
}

INSTANTIATE_TEST_SUITE_P(Formats, OutboxOrderInMbox, testing::Values(Format::mbox),
                         [](const auto& test) { return std::string(to_string(test.param)); });
INSTANTIATE_TEST_SUITE_P(Formats, OutboxOrder, testing::Values(Format::maildir, Format::mbox),
                         [](const auto& test) { return std::string(to_string(test.param)); });

}  // namespace
}  // namespace posthouse::store
