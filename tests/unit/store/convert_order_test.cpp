// Letters that come while an account becomes one of files: they come behind those that it has, so that UIDs
// rise through each mbox and nobody has to give new ones.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

#include "passing_files.h"
#include "store/limits.h"

namespace posthouse::store {
namespace {

constexpr AccountId kAlice = 1;

// Whenever something is to be carried out, letters come; and it can stop in the middle.
class Delivering : public PassingFiles {
 public:
  Delivering(mirror::Mirror& to, StoreBed& bed, int& came) : PassingFiles(to), bed_(bed), came_(came) {}
  int left = -1;  // calls that go well; -1: all
  bool comes = false;

  Task<Result<void>> carry_out(AccountId account) override {
    if (std::exchange(comes, false)) {
      for (const char* mailbox : {"INBOX", "Work", "INBOX"}) co_await deliver(account, mailbox);
      comes = true;
    }
    if (left == 0) co_return fail(FaultKind::io, "stopped");
    if (left > 0) --left;
    co_return co_await PassingFiles::carry_out(account);
  }

 private:
  Task<void> deliver(AccountId account, std::string mailbox) {
    engine::BlobWriter writer(*bed_.engine, bed_.ids.next());
    Result<void> written = co_await writer.append(fmt::format("Subject: late {}\r\n\r\nx\r\n", ++came_));
    EXPECT_TRUE(written);
    NewMessage message;
    message.internal_date = bed_.clock.now();
    Result<Placed> placed = co_await bed_.store.append(account, mailbox, writer, message, Quota());
    EXPECT_TRUE(placed);
  }

  StoreBed& bed_;
  int& came_;
};

class ConvertOrder : public testing::TestWithParam<Format> {
 protected:
  static constexpr size_t kMany = kPart + kPart / 2;

  ConvertOrder() {
    if (!bed_.mirror) bed_.mirror.emplace(*bed_.engine, bed_.clock, bed_.random, bed_.ids);
    use_files();
    bed_.must(bed_.store.create_account(kAlice, "example.test"));
    bed_.must(bed_.store.create_mailbox(kAlice, "Work"));
    for (size_t i = 0; i < kMany; ++i) append("INBOX", i);
    for (size_t i = 0; i < 20; ++i) append("Work", i);
  }

  void use_files() {
    files_ = std::make_unique<Delivering>(*bed_.mirror, bed_, came_);
    bed_.store.use_files(files_.get());
  }
  void append(const std::string& mailbox, size_t number) {
    ASSERT_TRUE(bed_.append(kAlice, mailbox, fmt::format("Subject: {} {}\r\n\r\nx\r\n", mailbox, number)));
  }
  void start_anew() {
    bed_.mirror.emplace(*bed_.engine, bed_.clock, bed_.random, bed_.ids);
    bed_.must(bed_.mirror->start());
    use_files();
  }

  FilePlace place() {
    FilePlace out;
    out.format = GetParam();
    out.inbox = bed_.dir.path() + "/files/inbox";
    if (out.format == Format::mbox) out.folders = bed_.dir.path() + "/files/folders";
    return out;
  }

  // UID -> the letter.
  std::map<Uid, std::string> letters(const std::string& mailbox) {
    std::map<Uid, std::string> out;
    for (const Entry& entry : bed_.all(kAlice, bed_.id_of(kAlice, mailbox)))
      out.emplace(entry.uid, bed_.must(bed_.store.read(kAlice, entry, 0, UINT64_MAX)));
    return out;
  }

  // The UIDs of an mbox in the order of the file.
  std::vector<Uid> in_file(const std::string& mailbox) {
    std::ifstream in(mailbox == "INBOX" ? place().inbox : place().folders + "/" + mailbox);
    std::vector<Uid> out;
    const std::regex uid("X-UID: *([0-9]+)[ \r]*");
    std::smatch found;
    for (std::string line; std::getline(in, line);) {
      if (std::regex_match(line, found, uid)) out.push_back(static_cast<Uid>(std::stoul(found[1])));
    }
    return out;
  }

  void expect_in_order(const std::map<std::string, std::map<Uid, std::string>>& before, int came) {
    bed_.must(bed_.mirror->look_into_all(kAlice));
    size_t more = 0;
    for (const auto& [mailbox, old] : before) {
      const std::map<Uid, std::string> now = letters(mailbox);
      std::set<std::string> all;
      for (const auto& [uid, text] : now) EXPECT_TRUE(all.insert(text).second) << text;
      for (const auto& [uid, text] : old) {
        ASSERT_TRUE(now.contains(uid)) << mailbox << " " << uid;
        EXPECT_EQ(now.at(uid), text);
      }
      more += now.size() - old.size();
      if (GetParam() != Format::mbox) continue;
      std::vector<Uid> uids;
      for (const auto& [uid, text] : now) uids.push_back(uid);
      EXPECT_EQ(in_file(mailbox), uids) << mailbox;
    }
    EXPECT_EQ(more, static_cast<size_t>(came));
    EXPECT_EQ(bed_.problems({kAlice}), std::vector<std::string>());
    for (const auto& [mailbox, old] : before) {
      for (const Entry& entry : bed_.all(kAlice, bed_.id_of(kAlice, mailbox))) EXPECT_EQ(entry.blob, 0u);
    }
  }

  StoreBed bed_;
  int came_ = 0;  // letters, meanwhile
  std::unique_ptr<Delivering> files_;
};

TEST_P(ConvertOrder, WhatComesMeanwhileComesBehind) {
  const std::map<std::string, std::map<Uid, std::string>> before{{"INBOX", letters("INBOX")},
                                                                 {"Work", letters("Work")}};
  files_->comes = true;
  bed_.must(bed_.store.convert(kAlice, place()));
  files_->comes = false;
  EXPECT_GE(came_, 6);
  EXPECT_TRUE(bed_.must(bed_.store.conversions()).empty());
  bed_.must_append(kAlice, "INBOX", "Subject: last\r\n\r\nx\r\n");
  expect_in_order(before, came_ + 1);
}

TEST_P(ConvertOrder, AlsoAfterAStop) {
  const std::map<std::string, std::map<Uid, std::string>> before{{"INBOX", letters("INBOX")},
                                                                 {"Work", letters("Work")}};
  int between = 0;
  for (const int left : {0, 1}) {
    files_->comes = true;
    files_->left = left;
    EXPECT_FALSE(bed_.run(bed_.store.convert(kAlice, place())));
    start_anew();
    bed_.must_append(kAlice, "INBOX", fmt::format("Subject: between {}\r\n\r\nx\r\n", left));
    ++between;
    bed_.must(bed_.mirror->look_into_all(kAlice));
  }
  files_->comes = true;
  bed_.must(bed_.store.finish_conversion(kAlice));
  files_->comes = false;
  EXPECT_TRUE(bed_.must(bed_.store.conversions()).empty());
  expect_in_order(before, came_ + between);
}

// They have no place in the files yet, and get none.
TEST_P(ConvertOrder, WhatWaitsCanBeFlaggedMovedAndExpunged) {
  files_->comes = true;
  files_->left = 0;
  EXPECT_FALSE(bed_.run(bed_.store.convert(kAlice, place())));
  files_->comes = false;
  const MailboxId inbox = bed_.id_of(kAlice, "INBOX");
  const Uid last = bed_.uids(kAlice, inbox).back();
  bed_.must(bed_.store.update_flags(kAlice, inbox, {1, last}, {FlagChange::add, {kDeleted, {}}, {}, {}}));
  bed_.must(bed_.store.expunge(kAlice, inbox, {1, last}));
  bed_.must(bed_.store.move(kAlice, inbox, {2, last - 1}, "Work"));
  bed_.must(bed_.store.update_flags(kAlice, inbox, {3}, {FlagChange::add, {kFlagged, {}}, {}, {}}));
  const std::map<std::string, std::map<Uid, std::string>> before{{"INBOX", letters("INBOX")},
                                                                 {"Work", letters("Work")}};
  EXPECT_EQ(before.at("INBOX").size(), kMany + 2 - 4);
  EXPECT_EQ(before.at("Work").size(), 20u + 1 + 2);
  start_anew();
  bed_.must(bed_.store.finish_conversion(kAlice));
  expect_in_order(before, 0);
}

INSTANTIATE_TEST_SUITE_P(Formats, ConvertOrder, testing::Values(Format::maildir, Format::mbox),
                         [](const auto& test) { return std::string(to_string(test.param)); });

}  // namespace
}  // namespace posthouse::store
