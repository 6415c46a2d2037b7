// A Maildir as the mirror's driver has it, while others change it behind its back: keywords and flags.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "mirror/maildir_driver.h"
#include "support/fake_clock.h"
#include "support/seeded_random.h"

namespace posthouse::mirror {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

class MaildirDriverTest : public testing::Test {
 protected:
  MaildirDriverTest() {
    std::string name = (fs::temp_directory_path() / "maildir-driver-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    root_ = name;
    driver_ = make_maildir_driver(root_.string() + "/mail", clock_, random_);
    EXPECT_TRUE(driver_->make("INBOX"));
  }
  ~MaildirDriverTest() override { fs::remove_all(root_); }

  fs::path at(const std::string& name) const { return root_ / "mail" / name; }
  void write(const std::string& name, const std::string& text) { std::ofstream(at(name)) << text; }
  std::string read(const std::string& name) const {
    std::ifstream in(at(name));
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // The one file in cur/.
  std::string file() const {
    for (const auto& entry : fs::directory_iterator(at("cur"))) return entry.path().filename().string();
    return {};
  }
  void rename(const std::string& to) { fs::rename(at("cur/" + file()), at("cur/" + to)); }

  // Looks, and follows what is seen in `location_` and `keywords_`.
  void look() {
    std::vector<Driver::Known> known;
    if (!location_.empty()) known.push_back({1, location_});
    const Result<Driver::Look> seen = driver_->look("INBOX", known);
    ASSERT_TRUE(seen) << seen.error().what;
    EXPECT_TRUE(seen->gone.empty());
    for (const Driver::Look::Fresh& fresh : seen->fresh) {
      location_ = fresh.location;
      flags_ = fresh.flags;
    }
    changes_ = seen->changed.size();
    for (const Driver::Look::Changed& changed : seen->changed) {
      location_ = changed.location;
      flags_ = with_change(flags_, changed.added, changed.removed);
    }
  }
  void set(const store::FlagSet& flags) {
    std::vector<Driver::Change> changes{{location_, flags, false, 0, {}, {}}};
    driver_->change("INBOX", changes);
    ASSERT_TRUE(changes[0].done) << changes[0].done.error().what;
    location_ = changes[0].location;
    flags_ = changes[0].now;
  }

  test::FakeClock clock_;
  test::SeededRandom random_;
  fs::path root_;
  std::unique_ptr<Driver> driver_;
  std::string location_;
  store::FlagSet flags_;
  size_t changes_ = 0;
};

constexpr const char* kLetter = "Subject: x\n\nx\n";

TEST_F(MaildirDriverTest, AKeywordWithoutANameIsSeenOnceItHasOne) {
  write("dovecot-keywords", "0 Work\n");
  write("cur/1.x.y:2,Sad", kLetter);
  look();
  EXPECT_EQ(flags_.keywords, Names{"Work"});
  look();
  EXPECT_EQ(changes_, 0);
  // Dovecot's own name for what it doesn't know is none.
  write("dovecot-keywords", "0 Work\n3 unknown-3\n");
  look();
  EXPECT_EQ(flags_.keywords, Names{"Work"});
  write("dovecot-keywords", "0 Work\n3 Later\n");
  look();
  EXPECT_EQ(changes_, 1);
  EXPECT_EQ(flags_.keywords, (Names{"Work", "Later"}));
  look();
  EXPECT_EQ(changes_, 0);
}

// Ours goes before Dovecot's.
TEST_F(MaildirDriverTest, AListOfUidsCountsWithoutLettersToo) {
  EXPECT_EQ(driver_->look("INBOX", {})->uid_validity, 0u);
  write("dovecot-uidlist", "3 V1500000001 N77 G0123456789abcdef0123456789abcdef\n");
  Driver::Look seen = driver_->look("INBOX", {}).value();
  EXPECT_EQ(seen.uid_validity, 1'500'000'001u);
  EXPECT_EQ(seen.uid_next, 77u);
  // Some letters are known, and no list of ours says so yet: a crash kept us from the others.
  write("cur/2.x.y:2,S", kLetter);
  write("dovecot-uidlist", "3 V1500000001 N77\n5 :2.x.y\n");
  seen = driver_->look("INBOX", {{1, "cur/0.x.y:2,S"}}).value();
  EXPECT_EQ(seen.uid_validity, 1'500'000'001u);
  ASSERT_EQ(seen.fresh.size(), 1u);
  EXPECT_EQ(seen.fresh[0].uid, 5u);
  fs::remove(at("cur/2.x.y:2,S"));
  write("posthouse-uidlist", "posthouse-uidlist 1 V1600000001 N88 .\n");
  write("cur/1.x.y:2,S", kLetter);
  seen = driver_->look("INBOX", {}).value();
  EXPECT_EQ(seen.uid_validity, 1'600'000'001u);
  EXPECT_EQ(seen.uid_next, 88u);
  ASSERT_EQ(seen.fresh.size(), 1u);
  EXPECT_EQ(driver_->look("INBOX", {{1, seen.fresh[0].location}})->uid_validity, 0u) << "known by then";
}

TEST_F(MaildirDriverTest, ALetterWithoutANameIsLeftAndGivenToNoOther) {
  write("dovecot-keywords", "0 Work\n");
  write("cur/1.x.y:2,Sb", kLetter);
  look();
  set({store::kFlagged, {"Mine"}});
  EXPECT_EQ(file(), "1.x.y:2,Fbc");
  EXPECT_EQ(read("dovecot-keywords"), "0 Work\n2 Mine\n");
  // It gets its name while we change other flags.
  write("dovecot-keywords", "0 Work\n1 Theirs\n2 Mine\n");
  set({store::kSeen, {"Mine"}});
  EXPECT_EQ(file(), "1.x.y:2,Sbc");
  EXPECT_EQ(flags_.keywords, (Names{"Mine", "Theirs"}));
  set({store::kSeen, {"Mine"}});
  EXPECT_EQ(file(), "1.x.y:2,Sc");
}

TEST_F(MaildirDriverTest, WhatEarlierVersionsCalledUnknownGoes) {
  for (const bool changed_by_us : {false, true}) {
    for (const auto& file : fs::directory_iterator(at("cur"))) fs::remove(file);
    write("dovecot-keywords", "");
    write("cur/1.x.y:2,Sd", kLetter);
    location_ = "cur/1.x.y:2,Sd";
    flags_ = {store::kSeen, {"unknown-3"}};
    if (changed_by_us) set({store::kSeen | store::kFlagged, {"unknown-3"}});
    look();
    EXPECT_EQ(flags_.keywords, Names{});
    EXPECT_EQ(read("dovecot-keywords"), "");
    write("dovecot-keywords", "3 Known\n");
    look();
    EXPECT_EQ(flags_.keywords, Names{"Known"});
    EXPECT_EQ(file(), changed_by_us ? "1.x.y:2,FSd" : "1.x.y:2,Sd");
  }
  // Also where the name was known before, and though the folder is as it was.
  location_ = "cur/1.x.y:2,FSd";
  flags_ = {store::kSeen | store::kFlagged, {"unknown-3"}};
  look();
  EXPECT_EQ(flags_.keywords, Names{"Known"});
}

TEST_F(MaildirDriverTest, ForwardedIsPassedAndALetterWhereDovecotIs) {
  write("cur/1.x.y:2,S", kLetter);
  look();
  set({store::kSeen, {"$Forwarded"}});
  EXPECT_EQ(file(), "1.x.y:2,PS");
  write("dovecot-keywords", "0 Work\n");
  set({0, {"$Forwarded", "$MDNSent"}});
  EXPECT_EQ(file(), "1.x.y:2,Pbc");
  EXPECT_EQ(read("dovecot-keywords"), "0 Work\n1 $Forwarded\n2 $MDNSent\n");
  set({});
  EXPECT_EQ(file(), "1.x.y:2,");
}

TEST_F(MaildirDriverTest, ForwardedByOthersComesAndGoesWithEither) {
  write("dovecot-keywords", "0 $Forwarded\n");
  write("cur/1.x.y:2,S", kLetter);
  look();
  const auto others_make = [&](const std::string& name, bool forwarded, const std::string& then) {
    rename(name);
    look();
    EXPECT_EQ(flags_.keywords, forwarded ? Names{"$Forwarded"} : Names{}) << name;
    EXPECT_EQ(file(), then);
    look();
    EXPECT_EQ(changes_, 0);
  };
  others_make("1.x.y:2,Sa", true, "1.x.y:2,PSa");  // Dovecot
  others_make("1.x.y:2,PS", false, "1.x.y:2,S");   // Dovecot again
  others_make("1.x.y:2,PS", true, "1.x.y:2,PSa");  // maildrop, mutt
  others_make("1.x.y:2,Sa", false, "1.x.y:2,S");
  others_make("1.x.y:2,PFSa", true, "1.x.y:2,PFSa");
  // While we change other flags: theirs counts, ours too.
  rename("1.x.y:2,FPS");
  set({store::kSeen, {"$Forwarded"}});
  EXPECT_EQ(flags_, (store::FlagSet{store::kSeen, {}}));
  look();
  EXPECT_EQ(flags_, (store::FlagSet{store::kSeen, {}}));
}

}  // namespace
}  // namespace posthouse::mirror
