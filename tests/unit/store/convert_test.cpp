// Accounts that move from one format to another.
#include <gtest/gtest.h>

#include <filesystem>

#include "passing_files.h"
#include "store/limits.h"

namespace posthouse::store {
namespace {

constexpr AccountId kAlice = 1;

// The mirror, of which a call fails once.
class Faltering : public PassingFiles {
 public:
  using PassingFiles::PassingFiles;
  int left = -1;  // calls that go well; -1: all

  Task<Result<void>> leave(AccountId account, std::function<Task<Result<void>>()> last) override {
    if (falters()) co_return fail(FaultKind::io, "stopped");
    co_return co_await PassingFiles::leave(account, std::move(last));
  }
  Task<Result<void>> carry_out(AccountId account) override {
    if (falters()) co_return fail(FaultKind::io, "stopped");
    co_return co_await PassingFiles::carry_out(account);
  }
  Task<Result<std::string>> read(AccountId account, MailboxId mailbox, Uid uid, uint64_t offset,
                                 uint64_t length) override {
    if (falters()) co_return fail(FaultKind::io, "stopped");
    co_return co_await PassingFiles::read(account, mailbox, uid, offset, length);
  }

 private:
  bool falters() {
    if (left < 0) return false;
    return left-- == 0;
  }
};

struct Seen {
  std::vector<std::string> mailboxes;  // name, UIDVALIDITY, UIDNEXT, MODSEQ, role, subscribed
  std::vector<std::string> messages;   // where, UID, MODSEQ, flags, date, bytes
  bool operator==(const Seen&) const = default;
};

class Convert : public testing::TestWithParam<Format> {
 protected:
  Convert() {
    if (!bed_.mirror) bed_.mirror.emplace(*bed_.engine, bed_.clock, bed_.random, bed_.ids);
    files_ = std::make_unique<Faltering>(*bed_.mirror);
    bed_.store.use_files(files_.get());
    bed_.must(bed_.store.create_account(kAlice, "example.test"));
    bed_.must(bed_.store.create_mailbox(kAlice, "Entwürfe & Co/v1.2"));
    for (int i = 0; i < 12; ++i) {
      const std::string body = "Subject: letter " + std::to_string(i) + "\r\n\r\nFrom here\r\n";
      const FlagSet flags{static_cast<uint8_t>(i % 3 == 0 ? kSeen | kFlagged : 0),
                          i % 4 == 0 ? std::vector<std::string>{"work"} : std::vector<std::string>{}};
      EXPECT_TRUE(bed_.append(kAlice, i % 2 == 0 ? "INBOX" : "Entwürfe & Co/v1.2", body, flags));
      bed_.clock.advance(seconds(60));
    }
    const MailboxId inbox = bed_.id_of(kAlice, "INBOX");
    bed_.must(bed_.store.update_flags(kAlice, inbox, {2, 3}, {FlagChange::add, {kAnswered, {}}, {}, {}}));
    bed_.must(bed_.store.update_flags(kAlice, inbox, {1}, {FlagChange::add, {kDeleted, {}}, {}, {}}));
    bed_.must(bed_.store.expunge(kAlice, inbox, {1}));
    for (const MailboxId mailbox : {MailboxId{0}, inbox})
      bed_.must(bed_.store.annotate(kAlice, mailbox, {{"/private/comment", "a note"}}, std::nullopt));
  }

  FilePlace place() {
    FilePlace out;
    out.format = GetParam();
    out.inbox = bed_.dir.path() + "/files/inbox";
    out.folders = bed_.dir.path() + "/files/folders";
    if (out.format == Format::maildir) out.folders.clear();
    return out;
  }

  // What others would find in the files, too.
  Seen look() {
    if (bed_.mirror->keeps(kAlice)) bed_.must(bed_.mirror->look_into_all(kAlice));
    Seen out;
    const auto annotations = bed_.must(bed_.store.annotation_names(kAlice, UINT64_MAX));
    for (const auto& [key, modseq] : annotations->all)
      out.mailboxes.push_back(fmt::format("annotation {} {} {}", key.first, key.second, modseq));
    for (const MailboxInfo& mailbox : bed_.must(bed_.store.mailboxes(kAlice))) {
      out.mailboxes.push_back(fmt::format("{} {} {} {} {} {}", mailbox.name, mailbox.uid_validity,
                                          mailbox.uid_next, mailbox.highest_modseq,
                                          static_cast<int>(mailbox.role), mailbox.subscribed));
      for (const Entry& entry : bed_.all(kAlice, mailbox.id)) {
        out.messages.push_back(fmt::format("{} {} {} {} {} {} {} {} {}", mailbox.name, entry.uid,
                                           entry.modseq, entry.flags.system, entry.flags.keywords.size(),
                                           entry.internal_date.time_since_epoch().count() / 1000,
                                           entry.saved.time_since_epoch().count(), entry.email,
                                           bed_.must(bed_.store.read(kAlice, entry, 0, UINT64_MAX))));
      }
    }
    return out;
  }

  void expect_as(const Seen& before) {
    const Seen now = look();
    const std::vector<std::string> none;
    EXPECT_EQ(missing(before.mailboxes, now.mailboxes), none);
    EXPECT_EQ(missing(now.mailboxes, before.mailboxes), none) << "new";
    EXPECT_EQ(missing(before.messages, now.messages), none);
    EXPECT_EQ(missing(now.messages, before.messages), none) << "new";
  }
  static std::vector<std::string> missing(std::vector<std::string> all,
                                          const std::vector<std::string>& there) {
    for (const std::string& one : there) std::erase(all, one);
    return all;
  }

  size_t in_files() {
    size_t count = 0;
    for (const MailboxInfo& mailbox : bed_.must(bed_.store.mailboxes(kAlice))) {
      for (const Entry& entry : bed_.all(kAlice, mailbox.id)) count += entry.blob == 0 ? 1 : 0;
    }
    return count;
  }

  StoreBed bed_;
  std::unique_ptr<Faltering> files_;
};

TEST_P(Convert, ThereAndBackKeepsEverything) {
  const Seen before = look();
  bed_.must(bed_.store.convert(kAlice, place()));
  EXPECT_EQ(look(), before);
  EXPECT_EQ(in_files(), 11u);
  EXPECT_EQ(bed_.must(bed_.store.place(kAlice)).format, GetParam());
  EXPECT_TRUE(bed_.must(bed_.store.conversions()).empty());
  ASSERT_TRUE(bed_.append(kAlice, "INBOX", "Subject: new\r\n\r\nto a file\r\n"));
  EXPECT_EQ(in_files(), 12u);
  const Seen with_new = look();
  bed_.must(bed_.store.convert(kAlice, FilePlace()));
  EXPECT_EQ(look(), with_new);
  EXPECT_EQ(in_files(), 0u);
  EXPECT_FALSE(bed_.mirror->keeps(kAlice));
  EXPECT_TRUE(std::filesystem::exists(place().inbox)) << "a copy stays";
  EXPECT_TRUE(bed_.must(bed_.store.conversions()).empty());
  EXPECT_EQ(bed_.problems({kAlice}), std::vector<std::string>());
  ASSERT_TRUE(bed_.append(kAlice, "INBOX", "Subject: newer\r\n\r\nto the database\r\n"));
  EXPECT_EQ(in_files(), 0u);
}

TEST_P(Convert, GoesOnAfterAnyStop) {
  const Seen before = look();
  bool whole = false;
  for (int at = 0; !whole; ++at) {
    ASSERT_LT(at, 1000);
    const FilePlace to = [&] {
      FilePlace out = place();
      out.inbox += std::to_string(at);
      if (!out.folders.empty()) out.folders += std::to_string(at);
      return out;
    }();
    files_->left = at;
    const Result<void> there = bed_.run(bed_.store.convert(kAlice, to));
    files_->left = -1;
    if (!there) {
      EXPECT_EQ(bed_.must(bed_.store.conversions()).size(), 1u);
      EXPECT_EQ(look(), before) << "usable in the middle";
      bed_.must(bed_.store.convert(kAlice, to));
    }
    EXPECT_EQ(look(), before) << at;
    EXPECT_EQ(in_files(), 11u);
    files_->left = at;
    const Result<void> back = bed_.run(bed_.store.convert(kAlice, FilePlace()));
    files_->left = -1;
    if (!back) {
      EXPECT_EQ(bed_.must(bed_.store.conversions()).size(), 1u);
      EXPECT_EQ(look(), before) << "usable in the middle";
      bed_.must(bed_.store.convert(kAlice, FilePlace()));
    }
    EXPECT_EQ(look(), before) << at;
    EXPECT_EQ(in_files(), 0u);
    EXPECT_TRUE(bed_.must(bed_.store.conversions()).empty());
    whole = there && back;
  }
  EXPECT_EQ(bed_.problems({kAlice}), std::vector<std::string>());
}

// "a/a/a": `levels` of them, each `length` long.
std::string nested(size_t levels, size_t length = 1) {
  std::string name(length, 'a');
  for (size_t i = 1; i < levels; ++i) name += "/" + std::string(length, 'a');
  return name;
}

// Names as deep and as long as they may be, also those that the files have no room for.
TEST_P(Convert, KeepsEveryName) {
  std::string wide;
  for (int i = 0; i < 120; ++i) wide += "ü";
  const std::vector<std::string> names = {nested(15, 2),
                                          nested(16, 3),
                                          nested(17, 4),
                                          nested(kMaxLevels, 5),
                                          nested(1, 200),
                                          nested(1, 201),
                                          nested(1, kMaxNameBytes),
                                          wide,
                                          "x/" + wide,
                                          "a.sbd/b",
                                          "b.lock",
                                          ".hidden",
                                          "x.posthouse-journal"};
  for (const std::string& name : names) {
    bed_.must(bed_.store.create_mailbox(kAlice, name));
    ASSERT_TRUE(bed_.append(kAlice, name, "Subject: in " + name.substr(0, 40) + "\r\n\r\n"));
    bed_.must(bed_.store.subscribe(kAlice, name, true));
  }
  const Seen before = look();
  bed_.must(bed_.store.convert(kAlice, place()));
  expect_as(before);
  bed_.mirror.emplace(*bed_.engine, bed_.clock, bed_.random, bed_.ids);  // started anew
  files_ = std::make_unique<Faltering>(*bed_.mirror);
  bed_.store.use_files(files_.get());
  bed_.must(bed_.mirror->start());
  expect_as(before);
  bed_.must(bed_.store.convert(kAlice, FilePlace()));
  expect_as(before);
  EXPECT_EQ(bed_.problems({kAlice}), std::vector<std::string>());
}

// What the first attempt noted is still to be done, and is noted again: each letter gets one file.
TEST_P(Convert, BegunAgainPutsEachLetterOnce) {
  const Seen before = look();
  files_->left = 0;
  EXPECT_FALSE(bed_.run(bed_.store.convert(kAlice, place())));
  files_->left = -1;
  bed_.must(bed_.store.convert(kAlice, place()));
  EXPECT_EQ(look(), before);
  EXPECT_EQ(in_files(), 11u);
  EXPECT_EQ(bed_.problems({kAlice}), std::vector<std::string>());
}

TEST_P(Convert, TwoAtOnceTakeTurns) {
  const Seen before = look();
  bed_.must(bed_.store.convert(kAlice, place()));
  FilePlace other;
  other.format = GetParam() == Format::mbox ? Format::maildir : Format::mbox;
  other.inbox = bed_.dir.path() + "/other/inbox";
  if (other.format == Format::mbox) other.folders = bed_.dir.path() + "/other/folders";
  int ended = 0;
  const auto convert_to = [&](FilePlace to) -> Task<void> {
    const Result<void> done = co_await bed_.store.convert(kAlice, to);
    EXPECT_TRUE(done) << done.error().what;
    ++ended;
  };
  bed_.loop.start(convert_to(FilePlace()));
  bed_.loop.start(convert_to(other));
  ASSERT_TRUE(bed_.loop.run_until([&] { return ended == 2; }));
  EXPECT_EQ(bed_.must(bed_.store.place(kAlice)).format, other.format);
  EXPECT_EQ(look(), before);
  EXPECT_EQ(in_files(), 11u);
  bed_.loop.start(convert_to(other));
  bed_.loop.start(convert_to(FilePlace()));
  ASSERT_TRUE(bed_.loop.run_until([&] { return ended == 4; }));
  EXPECT_EQ(look(), before);
  EXPECT_EQ(in_files(), 0u);
  EXPECT_TRUE(bed_.must(bed_.store.conversions()).empty());
  EXPECT_EQ(bed_.problems({kAlice}), std::vector<std::string>());
}

// The server that starts goes on with what it finds, unless somebody was faster.
TEST_P(Convert, IsNotFinishedOnceItIsSomewhereElse) {
  const Seen before = look();
  files_->left = 0;
  EXPECT_FALSE(bed_.run(bed_.store.convert(kAlice, place())));
  files_->left = -1;
  ASSERT_EQ(bed_.must(bed_.store.conversions()).size(), 1u);
  bed_.must(bed_.store.convert(kAlice, FilePlace()));
  bed_.must(bed_.store.finish_conversion(kAlice));
  EXPECT_EQ(bed_.must(bed_.store.place(kAlice)).format, Format::database);
  EXPECT_EQ(look(), before);
}

// Whether the place is free is asked when nothing else is about to fill it.
TEST_P(Convert, ChecksThePlaceInItsTurn) {
  int asked = 0;
  const MailStore::Check refuse = [&]() -> Task<Result<void>> {
    ++asked;
    co_return fail(FaultKind::exists, "not free");
  };
  EXPECT_EQ(bed_.fault(bed_.store.convert(kAlice, place(), nullptr, refuse)), FaultKind::exists);
  EXPECT_EQ(bed_.must(bed_.store.place(kAlice)).format, Format::database);
  bed_.must(bed_.store.convert(kAlice, place()));
  bed_.must(bed_.store.convert(kAlice, place(), nullptr, refuse));
  bed_.must(bed_.store.convert(kAlice, FilePlace(), nullptr, refuse));
  EXPECT_EQ(asked, 1) << "only of files that the account does not have yet";
}

TEST_P(Convert, WhatCantBeReadKeepsItInFiles) {
  bed_.must(bed_.store.convert(kAlice, place()));
  const Seen before = look();
  files_->left = 0;
  EXPECT_EQ(bed_.fault(bed_.store.convert(kAlice, FilePlace())), FaultKind::io);
  EXPECT_EQ(bed_.must(bed_.store.place(kAlice)).format, GetParam());
  EXPECT_EQ(look(), before);
}

TEST_P(Convert, FromFilesToOtherFilesAfterAnyStop) {
  const Seen before = look();
  bed_.must(bed_.store.convert(kAlice, place()));
  bool whole = false;
  for (int at = 0; !whole; ++at) {
    ASSERT_LT(at, 1000);
    whole = true;
    const Format there = bed_.must(bed_.store.place(kAlice)).format;
    FilePlace to;
    to.format = there == Format::mbox ? Format::maildir : Format::mbox;
    to.inbox = fmt::format("{}/files/{}/inbox", bed_.dir.path(), at);
    if (to.format == Format::mbox) to.folders = fmt::format("{}/files/{}/folders", bed_.dir.path(), at);
    files_->left = at;
    const Result<void> done = bed_.run(bed_.store.convert(kAlice, to));
    files_->left = -1;
    if (!done) {
      whole = false;
      EXPECT_EQ(look(), before) << "usable in the middle";
      // As a server does when it starts.
      const std::vector<MailStore::Conversion> found = bed_.must(bed_.store.conversions());
      ASSERT_EQ(found.size(), 1u);
      EXPECT_TRUE(found[0].to_files);
      const FilePlace on = found[0].place ? *found[0].place : bed_.must(bed_.store.place(kAlice));
      EXPECT_EQ(on.inbox, to.inbox) << at;
      bed_.must(bed_.store.finish_conversion(kAlice));
    }
    EXPECT_EQ(look(), before) << at;
    EXPECT_EQ(in_files(), 11u);
    EXPECT_EQ(bed_.must(bed_.store.place(kAlice)).format, to.format);
    EXPECT_TRUE(std::filesystem::exists(to.inbox));
    EXPECT_TRUE(bed_.must(bed_.store.conversions()).empty());
  }
  EXPECT_EQ(bed_.problems({kAlice}), std::vector<std::string>());
}

// Letters that files of the one or the other format, or of both, don't give back as they came.
std::vector<std::string> odd_letters() {
  return {"Status: RO\r\nX-UID: 7\r\n\tmore\r\nSubject: x\r\n\r\nx\r\n", "Subject: bare\n\nbare\n",
          "Status: RO\r\nSubject: as long by chance\r\n\r\n" + std::string(12, '\n'),
          "X-Posthouse-Form: open\r\nSubject: x\r\n\r\nFrom x\rx\r\r\n\n", "Content-Length : 3\r\n"};
}

class ConvertOdd : public Convert {
 protected:
  ConvertOdd() {
    for (const std::string& text : odd_letters()) EXPECT_TRUE(bed_.append(kAlice, "INBOX", text));
  }
  // Clients see the letters as they came, each with its size.
  void expect_all(const std::string& mailbox) {
    std::vector<std::string> missing = odd_letters();
    for (const Entry& entry : bed_.all(kAlice, bed_.id_of(kAlice, mailbox))) {
      const std::string bytes = bed_.must(bed_.store.read(kAlice, entry, 0, UINT64_MAX));
      EXPECT_EQ(bytes.size(), entry.size);
      std::erase(missing, bytes);
    }
    EXPECT_EQ(missing, std::vector<std::string>()) << mailbox;
  }
};

TEST_P(ConvertOdd, ThereAndBackKeepsEverything) {
  const Seen before = look();
  bed_.must(bed_.store.convert(kAlice, place()));
  EXPECT_EQ(look(), before);
  EXPECT_EQ(bed_.problems({kAlice}), std::vector<std::string>());
  bed_.must(bed_.store.convert(kAlice, place()));
  EXPECT_EQ(look(), before);
  bed_.must(bed_.store.convert(kAlice, FilePlace()));
  EXPECT_EQ(look(), before);
  EXPECT_EQ(bed_.problems({kAlice}), std::vector<std::string>());
}

TEST_P(ConvertOdd, AfterAnyStop) {
  const Seen before = look();
  bool whole = false;
  for (int at = 0; !whole; ++at) {
    ASSERT_LT(at, 1000);
    FilePlace to = place();
    to.inbox += std::to_string(at);
    if (!to.folders.empty()) to.folders += std::to_string(at);
    whole = true;
    for (const FilePlace& there : {to, FilePlace()}) {
      files_->left = at;
      const Result<void> done = bed_.run(bed_.store.convert(kAlice, there));
      files_->left = -1;
      whole = whole && done;
      EXPECT_EQ(look(), before) << at;
      if (!done) bed_.must(bed_.store.convert(kAlice, there));
      EXPECT_EQ(look(), before) << at;
    }
  }
  EXPECT_EQ(bed_.problems({kAlice}), std::vector<std::string>());
}

TEST_P(ConvertOdd, CopiedMovedAndTakenIntoFilesOneByOne) {
  bed_.must(bed_.store.convert(kAlice, place()));
  for (const std::string& text : odd_letters()) ASSERT_TRUE(bed_.append(kAlice, "INBOX", text));
  expect_all("INBOX");
  bed_.must(bed_.store.create_mailbox(kAlice, "Copies"));
  bed_.must(bed_.store.create_mailbox(kAlice, "Moved"));
  const MailboxId inbox = bed_.id_of(kAlice, "INBOX");
  bed_.must(bed_.store.copy(kAlice, inbox, bed_.uids(kAlice, inbox), "Copies", Quota()));
  expect_all("Copies");
  bed_.must(bed_.store.move(kAlice, inbox, bed_.uids(kAlice, inbox), "Moved"));
  expect_all("Moved");
  expect_all("Copies");
  EXPECT_EQ(bed_.problems({kAlice}), std::vector<std::string>());
  bed_.must(bed_.store.convert(kAlice, FilePlace()));
  expect_all("Moved");
  expect_all("Copies");
  EXPECT_EQ(bed_.problems({kAlice}), std::vector<std::string>());
}

// Their bodies go with them.
TEST_P(ConvertOdd, OthersRemoveThem) {
  bed_.must(bed_.store.convert(kAlice, place()));
  EXPECT_GT(bed_.blobs(), 0u);
  if (GetParam() == Format::maildir) {
    for (const char* sub : {"new", "cur"}) {
      for (const auto& file : std::filesystem::directory_iterator(place().inbox + "/" + sub))
        std::filesystem::remove(file.path());
    }
  } else {
    std::filesystem::resize_file(place().inbox, 0);
  }
  const MailboxId inbox = bed_.id_of(kAlice, "INBOX");
  bed_.must(files_->look(kAlice, inbox));
  EXPECT_TRUE(bed_.uids(kAlice, inbox).empty());
  EXPECT_EQ(bed_.problems({kAlice}), std::vector<std::string>());
  bed_.must(bed_.store.sweep(false));
  EXPECT_EQ(bed_.blobs(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Formats, ConvertOdd, testing::Values(Format::maildir, Format::mbox),
                         [](const auto& format) { return std::string(to_string(format.param)); });
INSTANTIATE_TEST_SUITE_P(Formats, Convert, testing::Values(Format::maildir, Format::mbox),
                         [](const auto& format) { return std::string(to_string(format.param)); });

}  // namespace
}  // namespace posthouse::store
