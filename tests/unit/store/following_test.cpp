// Flags are told as done when the index has them, and come to the files soon; what the files looked like is
// known after a restart.
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "mirror/limits.h"
#include "net/loop.h"
#include "store/file_rows.h"
#include "store_bed.h"

namespace posthouse::store {
namespace {

namespace fs = std::filesystem;

constexpr AccountId kAlice = 1;

class Following : public testing::TestWithParam<Format> {
 protected:
  Following() {
    start_again();
    place_.format = GetParam();
    place_.inbox = bed_.dir.path() + "/alice/inbox";
    place_.folders = bed_.dir.path() + "/alice/folders";
    bed_.must(bed_.store.create_account(kAlice, "", place_));
    inbox_ = bed_.id_of(kAlice, "INBOX");
  }

  // As a new server has it: with all that was not on disk forgotten.
  void start_again() {
    bed_.store.use_files(nullptr);
    bed_.mirror.reset();
    bed_.mirror.emplace(*bed_.engine, bed_.clock, bed_.random, bed_.ids);
    bed_.must(bed_.mirror->start());
    bed_.store.use_files(&*bed_.mirror);
  }

  Task<Result<MailStore::Updated>> set(FlagChange change, uint8_t flags) {
    return bed_.store.update_flags(kAlice, inbox_, {1}, {change, {flags, {}}, {}, {}});
  }

  std::string row(const std::string& key) {
    return bed_.must(bed_.engine->fetch(account_partition(kAlice), key)).value_or("");
  }

  // The one letter in the files is flagged.
  bool is_flagged() const {
    if (GetParam() == Format::mbox) {
      std::string text(fs::file_size(place_.inbox), '\0');
      FILE* const file = std::fopen(place_.inbox.c_str(), "r");
      text.resize(std::fread(text.data(), 1, text.size(), file));
      std::fclose(file);
      return text.find("\nX-Status: F") != text.npos;
    }
    return letter().filename().string().ends_with(":2,F");
  }
  fs::path letter() const {
    for (const char* const folder : {"/new", "/cur"}) {
      for (const auto& entry : fs::directory_iterator(place_.inbox + folder)) return entry.path();
    }
    return {};
  }

  // Looks until the files are old enough for that to be worth keeping.
  void look_until_kept() {
    const std::string before = row(seen_key(inbox_));
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (row(seen_key(inbox_)) == before && std::chrono::steady_clock::now() < until) {
      bed_.must(bed_.mirror->look(kAlice, inbox_));
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    ASSERT_NE(row(seen_key(inbox_)), before);
  }

  StoreBed bed_;
  FilePlace place_;
  MailboxId inbox_ = 0;
};

TEST_P(Following, FlagsDoNotWaitForTheFiles) {
  ASSERT_TRUE(bed_.append(kAlice, "INBOX", "Subject: one\r\n\r\n"));
  bool told = false;
  const auto scene = [&]() -> Task<bool> {
    spawn(bed_.mirror->attend(net::this_loop()));
    const std::function<Task<Result<void>>()> meanwhile = [&]() -> Task<Result<void>> {
      Result<MailStore::Updated> done = co_await set(FlagChange::add, kFlagged);  // nobody else has a turn
      told = done.has_value();
      co_return fail(FaultKind::temporary, "stays");
    };
    Result<void> left = co_await bed_.mirror->leave(kAlice, meanwhile);
    for (int i = 0; i < 1000 && !is_flagged(); ++i) {
      Result<void> slept = co_await net::this_loop().sleep(milliseconds(20));
      if (!slept) break;
    }
    co_await bed_.mirror->finish(SteadyTime::max());
    co_return !left && is_flagged();
  };
  EXPECT_TRUE(net::run_blocking(scene()));
  EXPECT_TRUE(told);
}

TEST_P(Following, WhoStopsCarriesOutWhatWasTold) {
  ASSERT_TRUE(bed_.append(kAlice, "INBOX", "Subject: one\r\n\r\n"));
  const auto scene = [&]() -> Task<bool> {
    spawn(bed_.mirror->attend(net::this_loop()));
    Result<MailStore::Updated> done = co_await set(FlagChange::add, kFlagged);
    co_await bed_.mirror->finish(SteadyTime::max());
    co_return done&& is_flagged();
  };
  EXPECT_TRUE(net::run_blocking(scene()));
}

TEST_P(Following, AChangeThatIsStillToComeIsNotUndoneByALook) {
  ASSERT_TRUE(bed_.append(kAlice, "INBOX", "Subject: one\r\n\r\n"));
  const auto scene = [&]() -> Task<bool> {
    spawn(bed_.mirror->attend(net::this_loop()));
    bool good = true;
    for (int i = 0; good && i < 20; ++i) {
      Result<MailStore::Updated> done =
          co_await set(i % 2 == 0 ? FlagChange::add : FlagChange::remove, kFlagged);
      Result<void> looked = co_await bed_.mirror->look(kAlice, inbox_);
      Result<std::vector<Entry>> now = co_await bed_.store.entries(kAlice, inbox_, 1, 1, 1, false);
      good = done && looked && now && now->size() == 1 &&
             ((now->front().flags.system & kFlagged) != 0) == (i % 2 == 0);
    }
    co_await bed_.mirror->finish(SteadyTime::max());
    co_return good;
  };
  EXPECT_TRUE(net::run_blocking(scene()));
}

// Killed between the file's change and what is noted of it, and the flag was taken back since.
TEST_P(Following, AFlagThatWasTakenBackDoesNotComeBackAfterACrash) {
  ASSERT_TRUE(bed_.append(kAlice, "INBOX", "Subject: one\r\n\r\n"));
  const std::string before = row(location_key(inbox_, 1));
  bed_.must(set(FlagChange::add, kFlagged));
  ASSERT_TRUE(is_flagged());
  bed_.put_row(kAlice, location_key(inbox_, 1), before);
  bed_.put_row(kAlice, effect_key(900), encode(EffectRow{EffectRow::Kind::flags, inbox_, 1, {}, {}}));
  bed_.store.use_files(nullptr);  // it is dead
  bed_.must(set(FlagChange::remove, kFlagged));
  start_again();
  bed_.must(bed_.mirror->carry_out(kAlice));
  EXPECT_FALSE(is_flagged());
  EXPECT_EQ(bed_.all(kAlice, inbox_).front().flags.system & kFlagged, 0);
}

TEST_P(Following, AnUnchangedMailboxIsNotReadAgainAfterARestart) {
  ASSERT_TRUE(bed_.append(kAlice, "INBOX", "Subject: one\r\n\r\n"));
  look_until_kept();
  bed_.put_row(kAlice, location_key(inbox_, 1), std::nullopt);  // who reads the files finds a new letter then
  start_again();
  bed_.must(bed_.mirror->look(kAlice, inbox_));
  EXPECT_EQ(bed_.all(kAlice, inbox_).size(), 1);
  ASSERT_TRUE(bed_.append(kAlice, "INBOX", "Subject: two\r\n\r\n"));
  start_again();
  bed_.must(bed_.mirror->look(kAlice, inbox_));
  EXPECT_EQ(bed_.all(kAlice, inbox_).size(), 3) << "the files changed";
}

TEST_P(Following, AfterDamageAllIsReadAgain) {
  ASSERT_TRUE(bed_.append(kAlice, "INBOX", "Subject: one\r\n\r\n"));
  look_until_kept();
  bed_.put_row(kAlice, location_key(inbox_, 1), std::nullopt);
  bed_.must(bed_.store.settle(kAlice));
  EXPECT_EQ(row(seen_key(inbox_)), "");
  EXPECT_TRUE(bed_.all(kAlice, inbox_).empty()) << "nobody knows where it is in the files";
  start_again();
  bed_.must(bed_.mirror->look(kAlice, inbox_));
  EXPECT_EQ(bed_.all(kAlice, inbox_).size(), 1);
}

INSTANTIATE_TEST_SUITE_P(Formats, Following, testing::Values(Format::maildir, Format::mbox),
                         [](const auto& test) { return std::string(to_string(test.param)); });

}  // namespace
}  // namespace posthouse::store
