// mbox files as the mirror's driver has them, while others change them behind its back.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "mbox/file.h"
#include "mirror/mbox_driver.h"
#include "mirror/mbox_location.h"
#include "support/fake_clock.h"

namespace posthouse::mirror {
namespace {

using Put = Driver::Put;

class MboxDriverTest : public testing::Test {
 protected:
  MboxDriverTest() {
    std::string name = (std::filesystem::temp_directory_path() / "mbox-driver-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    root_ = name;
    place_.format = store::Format::mbox;
    place_.inbox = root_ + "/inbox";
    place_.folders = root_ + "/folders";
    driver_ = make_mbox_driver(place_, clock_);
    EXPECT_TRUE(driver_->make("INBOX"));
  }
  ~MboxDriverTest() override { std::filesystem::remove_all(root_); }

  Put letter(store::Uid uid, const std::string& text, bool again = false) {
    Put put;
    put.uid = uid;
    put.uid_validity = kValidity;
    put.size = text.size();
    put.again = again;
    put.bytes = [text](uint64_t offset, uint64_t length) -> Result<std::string> {
      return text.substr(offset, length);
    };
    return put;
  }
  std::string put(store::Uid uid, const std::string& text, bool again = false) {
    std::vector<Put> puts{letter(uid, text, again)};
    driver_->put("INBOX", puts);
    EXPECT_TRUE(puts[0].done) << puts[0].done.error().what;
    return puts[0].location;
  }
  std::string file() {
    std::ifstream in(place_.inbox, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // As another program does it, in another tick of the kernel's clock: within one of some milliseconds a file
  // of the same size looks as before.
  void set_file(const std::string& text) {
    std::error_code none;  // there is no file yet
    const auto before = std::filesystem::last_write_time(place_.inbox, none);
    do std::ofstream(place_.inbox, std::ios::binary) << text;
    while (std::filesystem::last_write_time(place_.inbox) == before);
  }
  size_t count(const std::string& words) {
    const std::string text = file();
    size_t found = 0;
    for (size_t at = text.find(words); at != text.npos; at = text.find(words, at + 1)) ++found;
    return found;
  }
  void replace(const std::string& from, const std::string& to) {
    std::string text = file();
    ASSERT_NE(text.find(from), text.npos);
    set_file(text.replace(text.find(from), from.size(), to));
  }
  Driver::Look look(const std::vector<Driver::Known>& known) {
    auto seen = driver_->look("INBOX", known);
    EXPECT_TRUE(seen);
    return seen ? *seen : Driver::Look();
  }

  static constexpr uint32_t kValidity = 1000;
  static constexpr const char* kStranger = "From s@x Sat Nov 28 12:00:00 2020\nSubject: stranger\n\nx\n\n";
  test::FakeClock clock_;
  std::string root_;
  store::FilePlace place_;
  std::unique_ptr<Driver> driver_;
};

TEST_F(MboxDriverTest, WhatIsNotFlushedYetIsThereAndLocked) {
  std::vector<Put> puts{letter(1, "Subject: one\r\n\r\nx\r\n"), letter(2, "Subject: two\r\n\r\nx\r\n")};
  driver_->put_unflushed("INBOX", puts);
  EXPECT_TRUE(puts[0].done && puts[1].done);
  EXPECT_EQ(count("\nSubject: "), 2U);
  EXPECT_TRUE(driver_->is_unflushed());
  mbox::FileOptions options;
  options.lock.patience = milliseconds(10);
  const mbox::File other(place_.inbox, options);
  EXPECT_EQ(other.open(mbox::Access::read).error().kind, FaultKind::temporary);
  EXPECT_TRUE(driver_->flush().empty());
  EXPECT_FALSE(driver_->is_unflushed());
  EXPECT_TRUE(other.open(mbox::Access::write));
  // Whatever else is done to the mailbox flushes it.
  const std::string place = puts[1].location;
  for (int i = 0; i < 3; ++i) {
    std::vector<Put> more{letter(3 + static_cast<store::Uid>(i), "Subject: more\r\n\r\nx\r\n")};
    driver_->put_unflushed("INBOX", more);
    ASSERT_TRUE(driver_->is_unflushed());
    if (i == 0) {
      EXPECT_EQ(driver_->read_beginnings("INBOX", {place}, 12).value().at(0), "Subject: two");
    } else if (i == 1) {
      EXPECT_TRUE(driver_->remove("INBOX", {puts[0].location}, 10, {}));
    } else {
      EXPECT_TRUE(driver_->make("Other"));
    }
    EXPECT_FALSE(driver_->is_unflushed()) << i;
  }
  EXPECT_EQ(count("\nSubject: "), 4U);
  std::vector<Put> last{letter(9, "Subject: last\r\n\r\nx\r\n")};
  driver_->put_unflushed("INBOX", last);
  driver_.reset();
  EXPECT_EQ(count("\nSubject: "), 5U) << "it stays";
  EXPECT_TRUE(other.open(mbox::Access::write));
}

TEST_F(MboxDriverTest, ALetterThatIsThereAlreadyIsOnlyFound) {
  const std::string first = put(1, "Subject: one\r\n\r\nx\r\n");
  EXPECT_EQ(put(1, "Subject: one\r\n\r\nx\r\n", true), first);
  EXPECT_EQ(count("Subject: one"), 1);
}

// Those that were put together are known without being read, as they are to somebody who reads the file.
TEST_F(MboxDriverTest, LettersOfOneMomentAreKnownAsTheyStand) {
  put(1, "Subject: first\r\n\r\nx\r\n");
  std::vector<Put> puts;
  for (store::Uid uid = 2; uid <= 5; ++uid)
    puts.push_back(letter(uid, fmt::format("Subject: {}\r\n\r\nFrom {}\r\n", uid, uid)));
  puts[2].flags.keywords = {std::string(120, 'k')};  // so that the file's own data needs room
  driver_->put("INBOX", puts);
  std::vector<Driver::Change> changes;
  for (const Put& one : puts) {
    ASSERT_TRUE(one.done);
    changes.push_back({one.location, {store::kSeen, one.flags.keywords}, false, 6, {}, {}});
  }
  driver_->change("INBOX", changes);
  for (const Driver::Change& change : changes) EXPECT_TRUE(change.done) << change.done.error().what;
  ASSERT_TRUE(driver_->remove("INBOX", {changes[1].location}, 6, {}));
  put(6, "Subject: last\r\n\r\nx\r\n");
  driver_ = make_mbox_driver(place_, clock_);
  const Driver::Look seen = look({});
  ASSERT_EQ(seen.fresh.size(), 5U);
  const store::Uid uids[] = {1, 2, 4, 5, 6};
  for (size_t i = 0; i < seen.fresh.size(); ++i) {
    EXPECT_EQ(seen.fresh[i].uid, uids[i]);
    EXPECT_EQ(seen.fresh[i].flags.system, i == 0 || i == 4 ? 0 : store::kSeen);
  }
}

// Nobody has read the file, and what is wanted is at its end: or so it seems.
TEST_F(MboxDriverTest, WhatIsReadTogetherIsFoundAnywhere) {
  std::vector<Put> puts;
  for (store::Uid uid = 1; uid <= 40; ++uid)
    puts.push_back(letter(uid, fmt::format("Subject: {}\r\n\r\n{}\r\n", uid, std::string(20'000, 'x'))));
  driver_->put("INBOX", puts);
  const auto read = [&](std::initializer_list<store::Uid> uids) {
    driver_ = make_mbox_driver(place_, clock_);
    std::vector<Driver::Wanted> wanted;
    for (const store::Uid uid : uids) wanted.push_back({puts[uid - 1].location, puts[uid - 1].size});
    const auto found = driver_->read_all("INBOX", wanted);
    ASSERT_EQ(found.size(), uids.size());
    for (size_t i = 0; i < found.size(); ++i) {
      const store::Uid uid = *(uids.begin() + i);
      ASSERT_TRUE(found[i]) << uid;
      EXPECT_EQ(*found[i], *puts[uid - 1].bytes(0, UINT32_MAX)) << uid;
    }
  };
  read({39, 40});
  read({40, 38});
  read({3, 40});
  read({1, 2});
}

TEST_F(MboxDriverTest, WhatTheFileDoesNotGiveBackIsToldAlsoTheSecondTime) {
  const std::string odd[] = {"Status: RO\r\nSubject: x\r\n\r\nx\r\n", "Subject: x\r\n\r\nbare\n",
                             "Status: RO\r\nSubject: as long by chance\r\n\r\n" + std::string(12, '\n')};
  store::Uid uid = 0;
  for (const std::string& text : odd) {
    ++uid;
    for (const bool again : {false, true}) {
      std::vector<Put> puts{letter(uid, text, again), letter(uid + 100, "Subject: y\r\n\r\ny\r\n", again)};
      driver_->put("INBOX", puts);
      EXPECT_TRUE(puts[0].done && puts[1].done);
      EXPECT_FALSE(puts[0].exact) << text;
      EXPECT_TRUE(puts[1].exact);
      EXPECT_FALSE(driver_->would_be_exact(puts[0]).value());
      EXPECT_TRUE(driver_->would_be_exact(puts[1]).value());
    }
  }
}

TEST_F(MboxDriverTest, WhatAPowerCutLeftOfALetterGoesBeforeItIsPutAgain) {
  const std::string text = "Subject: two\r\n\r\n" + std::string(2000, 'x') + "\r\n";
  for (const bool first : {true, false}) {
    set_file("");
    if (!first) put(1, "Subject: one\r\n\r\nx\r\n");
    const std::string before = file();
    put(2, text);
    const std::string whole = file();
    for (size_t size = before.size() + 1; size < whole.size(); size += 111) {
      set_file(whole.substr(0, size));
      put(2, text, true);
      EXPECT_EQ(file(), whole) << size;
    }
  }
}

TEST_F(MboxDriverTest, AnotherLetterOfTheSameUidIsNotTakenForIt) {
  put(1, "Subject: other\r\n\r\nx\r\n");
  put(1, "Subject: one\r\n\r\nx\r\n", true);
  EXPECT_EQ(count("Subject: one"), 1);
  EXPECT_EQ(count("Subject: other"), 1);
}

TEST_F(MboxDriverTest, ALetterIsFoundAgainThoughMuttDroppedTheFilesOwnData) {
  put(1, "Subject: one\r\n\r\nx\r\n");
  put(2, "Subject: two\r\n\r\nx\r\n");
  std::string text = file();
  const size_t at = text.find("X-IMAPbase:");
  text.erase(at, text.find('\n', at) + 1 - at);
  set_file(text);
  put(2, "Subject: two\r\n\r\nx\r\n", true);
  EXPECT_EQ(count("Subject: two"), 1);
}

TEST_F(MboxDriverTest, UnderAnotherUidValidityOnlyTheTextCounts) {
  const std::string one = put(1, "Subject: one\r\n\r\nx\r\n");
  const std::string two = put(2, "Subject: two\r\n\r\nx\r\n");
  replace("X-IMAPbase: 1000", "X-IMAPbase: 2000");
  replace("Subject: one", "Subject: new");
  put(3, "Subject: three\r\n\r\nx\r\n");
  EXPECT_EQ(count("X-IMAPbase: 1000"), 1);
  const Driver::Look seen = look({{1, one}, {2, two}});
  EXPECT_EQ(seen.gone, std::vector<store::Uid>{1});
  ASSERT_EQ(seen.fresh.size(), 2);  // what is new, and the third, which is not known here
  EXPECT_EQ(seen.fresh[0].uid, 0);
}

TEST_F(MboxDriverTest, LettersOfOthersCanBeChangedBeforeAndAfterTheyGotUids) {
  put(1, "Subject: one\r\n\r\nx\r\n");
  set_file(file() + kStranger);
  const Driver::Look seen = look({{1, put(1, "Subject: one\r\n\r\nx\r\n", true)}});
  ASSERT_EQ(seen.fresh.size(), 1);
  ASSERT_TRUE(driver_->note_uids("INBOX", {kValidity, 3, {{2, seen.fresh[0].location}}, false}));
  EXPECT_EQ(count("X-UID: 2"), 1);
  std::vector<Driver::Change> changes{{seen.fresh[0].location, {store::kFlagged, {}}, false, 0, {}, {}}};
  driver_->change("INBOX", changes);
  EXPECT_TRUE(changes[0].done);
  EXPECT_EQ(count("X-Status: F"), 1);
  EXPECT_EQ(count("X-UID: 2"), 1);
  ASSERT_TRUE(driver_->remove("INBOX", {changes[0].location}, 0, {}));
  EXPECT_EQ(count("stranger"), 0);
  EXPECT_EQ(count("Subject: one"), 1);
}

TEST_F(MboxDriverTest, AUidThatAnotherProgramGaveIsWrittenIntoNoLetter) {
  put(1, "Subject: one\r\n\r\nx\r\n");
  replace("0000000001", "0000000002");
  set_file(file() + "From s@x Sat Nov 28 12:00:00 2020\nX-UID: 2\nSubject: theirs\n\nx\n\n");
  EXPECT_EQ(parse_location(put(2, "Subject: ours\r\n\r\nx\r\n"))->uid, 0);
  EXPECT_EQ(count("X-UID: 2"), 1);
  EXPECT_EQ(parse_location(put(3, "Subject: next\r\n\r\nx\r\n"))->uid, 0) << "behind one without UID";
  EXPECT_EQ(count("X-UID: 3"), 0);
  put(2, "Subject: ours\r\n\r\nx\r\n", true);
  EXPECT_EQ(count("Subject: ours"), 1) << "put again after a crash";
}

TEST_F(MboxDriverTest, TwoOfOneTextThatArePutAgainAreTwo) {
  const std::string text = "Subject: twin\r\n\r\nx\r\n";
  put(1, "Subject: one\r\n\r\nx\r\n");
  put(3, text);
  std::vector<Put> puts{letter(2, text, true), letter(3, text, true)};
  driver_->put("INBOX", puts);
  EXPECT_TRUE(puts[0].done && puts[1].done);
  EXPECT_EQ(count("Subject: twin"), 2);
}

TEST_F(MboxDriverTest, BehindALetterThatHasNoUidYetNoneIsNamed) {
  put(1, "Subject: one\r\n\r\nx\r\n");
  set_file(file() + kStranger);
  EXPECT_EQ(parse_location(put(2, "Subject: ours\r\n\r\nx\r\n"))->uid, 0);
  EXPECT_EQ(count("X-UID: 2"), 0);
}

TEST_F(MboxDriverTest, WhatOthersNamedAnewIsFoundForRemovalAndFlags) {
  put(1, "Subject: one\r\n\r\nx\r\n");
  const std::string two = put(2, "Subject: two\r\n\r\nx\r\n");
  const std::string three = put(3, "Subject: three\r\n\r\nx\r\n");
  replace("X-UID: 2", "X-UID: 5");
  replace("X-UID: 3", "X-UID: 6");
  replace("0000000003", "0000000006");
  std::vector<Driver::Change> changes{{three, {store::kFlagged, {}}, false, 4, {}, {}}};
  driver_->change("INBOX", changes);
  EXPECT_TRUE(changes[0].done);
  EXPECT_EQ(count("X-UID: 6"), 1) << "its UID is not ours to change";
  ASSERT_TRUE(driver_->remove("INBOX", {two}, 7, {}));
  EXPECT_EQ(count("Subject: two"), 1) << "one of the index with the same text";
  ASSERT_TRUE(driver_->remove("INBOX", {two}, 4, {}));
  EXPECT_EQ(count("Subject: two"), 0);
}

TEST_F(MboxDriverTest, OnlyAUidThatNobodyGaveTakesThePlaceOfAnother) {
  put(1, "Subject: one\r\n\r\nx\r\n");
  replace("0000000001", "0000000004");
  set_file(file() + "From s@x Sat Nov 28 12:00:00 2020\nX-UID: 4\nSubject: theirs\n\nx\n\n");
  const Driver::Look seen = look({});
  ASSERT_EQ(seen.fresh.size(), 2);
  ASSERT_TRUE(driver_->note_uids("INBOX", {kValidity, 4, {{3, seen.fresh[1].location}}, false}));
  EXPECT_EQ(count("X-UID: 4"), 1);
  ASSERT_TRUE(driver_->note_uids("INBOX", {kValidity, 6, {{5, seen.fresh[1].location}}, false}));
  EXPECT_EQ(count("X-UID: 5"), 1);
}

TEST_F(MboxDriverTest, TwoLettersOfOneTextAreTwo) {
  set_file(std::string(kStranger) + kStranger + kStranger);
  const Driver::Look seen = look({});
  ASSERT_EQ(seen.fresh.size(), 3);
  std::vector<Driver::Change> changes{{seen.fresh[0].location, {store::kSeen, {}}, false, 0, {}, {}},
                                      {seen.fresh[1].location, {store::kSeen, {}}, false, 0, {}, {}}};
  driver_->change("INBOX", changes);
  EXPECT_TRUE(changes[0].done && changes[1].done);
  EXPECT_EQ(count("Status: R"), 2);
  ASSERT_TRUE(driver_->remove("INBOX", {changes[0].location, changes[1].location}, 0, {}));
  EXPECT_EQ(count("stranger"), 1);
}

TEST_F(MboxDriverTest, AUidThatAnySenderCanWriteIsNotBelieved) {
  set_file(
      "From s@x Sat Nov 28 12:00:00 2020\nX-IMAPbase: 7 4294967295\nX-UID: 4294967295\nSubject: x\n\nx\n\n");
  const Driver::Look seen = look({});
  ASSERT_EQ(seen.fresh.size(), 1);
  EXPECT_EQ(seen.fresh[0].uid, 0);
  EXPECT_EQ(seen.uid_next, 0);
}

TEST_F(MboxDriverTest, ABodyThatCantBeReadDoesNotHoldUpOthers) {
  Put broken = letter(1, "Subject: broken\r\n\r\nx\r\n");
  broken.bytes = [](uint64_t, uint64_t) -> Result<std::string> { return fail(FaultKind::corrupt, "broken"); };
  std::vector<Put> puts{broken, letter(2, "Subject: two\r\n\r\nx\r\n")};
  driver_->put("INBOX", puts);
  EXPECT_FALSE(puts[0].done);
  EXPECT_TRUE(puts[1].done);
  EXPECT_EQ(count("Subject: two"), 1);
  EXPECT_EQ(count("X-IMAPbase: 1000"), 1);
}

TEST_F(MboxDriverTest, WhereTheFolderIsMissingNothingIsSaidToBeGone) {
  const std::string one = put(1, "Subject: one\r\n\r\nx\r\n");
  std::filesystem::remove(place_.inbox);
  EXPECT_EQ(look({{1, one}}).gone, std::vector<store::Uid>{1});
  std::filesystem::rename(root_, root_ + "-away");
  EXPECT_FALSE(driver_->look("INBOX", {{1, one}}));
  std::filesystem::rename(root_ + "-away", root_);
}

TEST_F(MboxDriverTest, AMailboxHasLettersAndHoldsOthers) {
  std::vector<Put> puts{letter(1, "Subject: one\r\n\r\nx\r\n")};
  const auto put_into = [&](const std::string& mailbox) {
    driver_->put(mailbox, puts);
    ASSERT_TRUE(puts[0].done) << mailbox << ": " << puts[0].done.error().what;
  };
  // As long as a level has no letters it is as Dovecot has it.
  ASSERT_TRUE(driver_->make("c"));
  ASSERT_TRUE(driver_->make("c/d"));
  EXPECT_TRUE(std::filesystem::is_directory(place_.folders + "/c"));
  put_into("c/d");
  put_into("c");
  EXPECT_TRUE(std::filesystem::exists(place_.folders + "/c.sbd/d"));
  put_into("c/e");
  put_into("INBOX/below");
  for (const char* name : {"c", "c/d", "c/e", "INBOX/below"}) {
    const auto seen = driver_->look(name, {});
    ASSERT_TRUE(seen) << name;
    EXPECT_EQ(seen->fresh.size(), 1) << name;
  }
  // All of a tree, then again each of it, as the outbox has it.
  for (int again = 0; again < 2; ++again) {
    ASSERT_TRUE(driver_->rename("c", "x/y"));
    ASSERT_TRUE(driver_->rename("c/d", "x/y/d"));
    ASSERT_TRUE(driver_->rename("c/e", "x/y/e"));
  }
  EXPECT_EQ(driver_->look("x/y", {})->fresh.size(), 1);
  EXPECT_EQ(driver_->look("x/y/d", {})->fresh.size(), 1);
  ASSERT_TRUE(driver_->erase("x/y"));
  EXPECT_EQ(driver_->look("x/y", {})->fresh.size(), 0);
  EXPECT_EQ(driver_->look("x/y/e", {})->fresh.size(), 1);
}

// Its journal would stay behind under the old name, and half of the change for ever in the file.
TEST_F(MboxDriverTest, ARenamedFileIsWholeThoughAProgramDiedInIt) {
  ASSERT_TRUE(driver_->make("a"));
  const pid_t child = ::fork();
  if (child == 0) {
    std::vector<Put> puts{letter(1, "Subject: torn\r\n\r\nx\r\n")};
    puts[0].size = 1 << 20;
    puts[0].bytes = [](uint64_t offset, uint64_t length) -> Result<std::string> {
      if (offset > 300'000) ::kill(::getpid(), SIGKILL);
      return std::string(length, 'x');
    };
    make_mbox_driver(place_, clock_)->put("a", puts);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_TRUE(std::filesystem::exists(place_.folders + "/a.posthouse-journal"));
  ASSERT_TRUE(driver_->rename("a", "b"));
  EXPECT_EQ(std::filesystem::file_size(place_.folders + "/b"), 0);
  EXPECT_FALSE(std::filesystem::exists(place_.folders + "/a.posthouse-journal"));
}

}  // namespace
}  // namespace posthouse::mirror
