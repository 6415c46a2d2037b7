#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/stat.h>

#include "base/ascii.h"
#include "support.h"

namespace posthouse::mbox {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const Letter kLetter{"a@b.example", 1606564800, {{}, {}, 0}, std::nullopt};

// What a letter looks like when it comes back: bare LFs are line ends.
std::string with_crlf(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '\n' && !out.ends_with('\r')) out += '\r';
    out += c;
  }
  return out;
}

TEST(MboxAppend, WritesWhatOthersExpect) {
  TempFolder folder;
  const File file(folder / "box");
  Letter letter = kLetter;
  letter.metadata = {{true, true, false, true}, {"work"}, 3};
  letter.base = Base{1234, 2, {"work"}};
  const auto record = append_one(file, letter, "Subject: x\r\n\r\nFrom me\r\n");
  ASSERT_TRUE(record.has_value()) << record.error().what;
  std::string text = slurp(folder / "box");
  EXPECT_TRUE(
      text.starts_with("From a@b.example Sat Nov 28 12:00:00 2020\nX-IMAPbase: 1234 0000000003 work "));
  EXPECT_THAT(text, HasSubstr("\nX-UID: 3         \nStatus: RO\nX-Status: F   \nX-Keywords: work"));
  EXPECT_TRUE(text.ends_with("\nSubject: x\n\n>From me\n\n"));
  EXPECT_FALSE(std::filesystem::exists(folder / "box.lock"));
  EXPECT_FALSE(std::filesystem::exists(folder / "box.posthouse-journal"));
  EXPECT_EQ(record->size, 23U);
}

TEST(MboxAppend, RaisesTheLastUid) {
  TempFolder folder;
  const File file(folder / "box");
  Letter letter = kLetter;
  letter.base = Base{1234, 0, {}};
  for (uint32_t uid : {1U, 2U, 99U, 100U, 4000000000U}) {
    letter.metadata.uid = uid;
    ASSERT_TRUE(append_one(file, letter, "S: x\r\n\r\n").has_value());
    auto held = file.open(Access::read);
    const auto records = scan_all(*held);
    EXPECT_EQ(records.back().metadata.uid, uid);
    EXPECT_EQ(records.front().base->last_uid, uid);
  }
}

TEST(MboxAppend, OneCommitCoversAllItsLetters) {
  TempFolder folder;
  const File file(folder / "box");
  Letter letter = kLetter;
  letter.base = Base{1234, 0, {}};
  {
    auto held = file.open(Access::write);
    for (uint32_t uid = 1; uid <= 4; ++uid) {
      letter.metadata.uid = uid;
      letter.metadata.keywords.clear();
      if (uid == 3)
        letter.metadata.keywords = {"work", std::string(100, 'k')};  // more than fits in its place
      ASSERT_TRUE(held->append(letter, source_of("S: x\r\n\r\n")).has_value());
    }
    ASSERT_TRUE(held->commit().has_value());
    EXPECT_EQ(held->base().value()->last_uid, 4U);
  }
  auto held = file.open(Access::read);
  const auto records = scan_all(*held);
  ASSERT_EQ(records.size(), 4U);
  for (uint32_t uid = 1; uid <= 4; ++uid) EXPECT_EQ(records[uid - 1].metadata.uid, uid);
  EXPECT_EQ(records[0].base->last_uid, 4U);
  EXPECT_THAT(records[0].base->keywords, ElementsAre("work", std::string(100, 'k')));
  EXPECT_EQ(records[2].metadata.keywords.size(), 2U);
}

TEST(MboxFile, TheEndIsReadByItself) {
  TempFolder folder;
  const File file(folder / "box");
  EXPECT_TRUE(append_one(file, kLetter, "S: 1\r\n\r\n" + std::string(200'000, 'x') + "\r\n").has_value());
  EXPECT_TRUE(append_one(file, kLetter, "S: 2\r\n\r\nFrom here\r\n").has_value());
  EXPECT_TRUE(append_one(file, kLetter, "S: 3\r\n\r\n").has_value());
  auto held = file.open(Access::read);
  const auto all = scan_all(*held);
  ASSERT_EQ(all.size(), 3U);
  const auto from_end = [&](uint64_t octets) {
    std::vector<Record> out;
    EXPECT_TRUE(held->scan_end(octets, [&](Record&& record) { out.push_back(std::move(record)); }));
    return out;
  };
  EXPECT_TRUE(from_end(0).empty());
  EXPECT_EQ(from_end(UINT64_MAX).size(), 3U);
  for (const uint64_t octets : {uint64_t(1000), uint64_t(70'000), uint64_t(140'000)}) {
    const auto last = from_end(octets);
    ASSERT_EQ(last.size(), 2U) << octets;
    EXPECT_EQ(last[0].offset, all[1].offset);
    EXPECT_EQ(last[1].digest, all[2].digest);
    EXPECT_EQ(read_message(*held, last[0]), "S: 2\r\n\r\nFrom here\r\n");
  }
  EXPECT_EQ(from_end(all[2].next - all[2].offset + 1).size(), 1U);
  EXPECT_TRUE(from_end(all[2].next - all[2].offset - 1).empty());
}

TEST(MboxAppend, ForgedFieldsAreLeftOut) {
  TempFolder folder;
  const File file(folder / "box");
  Letter letter = kLetter;
  letter.metadata.uid = 1;
  letter.base = Base{5, 1, {}};
  ASSERT_TRUE(append_one(file, letter,
                         "X-IMAPbase: 99 1000\r\n evil\r\nSubject: a\r\nX-UID: 500\r\nstatus : "
                         "RO\r\nX-Status:AFDT\r\nX-Keywords: x\r\n"
                         "\ty\r\nX-IMAP: 1 2\r\nContent-Length: 3\r\nLines: 7\r\nX-Posthouse-Form: "
                         "open\r\nTo: b\r\n\r\nStatus: stays\r\n")
                  .has_value());
  auto held = file.open(Access::read);
  const auto records = scan_all(*held);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].metadata, (Metadata{{}, {}, 1}));
  EXPECT_EQ(records[0].base, (Base{5, 1, {}}));
  EXPECT_EQ(read_message(*held, records[0]), "Subject: a\r\nLines: 7\r\nTo: b\r\n\r\nStatus: stays\r\n");
}

TEST(MboxAppend, ALeadingContinuationBelongsToTheLetter) {
  TempFolder folder;
  const File file(folder / "box");
  ASSERT_TRUE(append_one(file, kLetter, " evil keyword\r\nS: x").has_value());
  auto held = file.open(Access::read);
  const auto records = scan_all(*held);
  EXPECT_TRUE(records[0].metadata.keywords.empty());
  EXPECT_EQ(read_message(*held, records[0]), " evil keyword\r\nS: x");
}

TEST(MboxAppend, BehindATornEnd) {
  TempFolder folder;
  spill(folder / "box", "From a@b Sat Nov 28 12:00:00 2020\nS: y\n\ntorn");
  const File file(folder / "box");
  ASSERT_TRUE(append_one(file, kLetter, "S: x\r\n\r\nb\r\n").has_value());
  auto held = file.open(Access::read);
  EXPECT_EQ(scan_all(*held).size(), 2U);
}

TEST(MboxAppend, WithoutCommitNothingStays) {
  TempFolder folder;
  const File file(folder / "box");
  ASSERT_TRUE(append_one(file, kLetter, "S: x\r\n\r\nb\r\n").has_value());
  const std::string before = slurp(folder / "box");
  {
    auto held = file.open(Access::write);
    ASSERT_TRUE(held->append(kLetter, source_of("S: 2\r\n\r\n")).has_value());
    ASSERT_TRUE(held->append(kLetter, source_of("S: 3\r\n\r\n")).has_value());
  }
  EXPECT_EQ(slurp(folder / "box"), before);
  {
    auto held = file.open(Access::write);
    ASSERT_TRUE(held->append(kLetter, source_of("S: 2\r\n\r\n")).has_value());
    bool told = false;
    const auto broken = [&]() -> Result<std::string_view> {
      if (std::exchange(told, true)) return fail(FaultKind::io, "the letter can't be read");
      return "S: 3\r\n";
    };
    EXPECT_FALSE(held->append(kLetter, broken).has_value());
    ASSERT_TRUE(held->append(kLetter, source_of("S: 4\r\n\r\n")).has_value());
    ASSERT_TRUE(held->commit().has_value());
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "box.posthouse-journal"));
  auto held = file.open(Access::read);
  const auto records = scan_all(*held);
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(read_message(*held, records[2]), "S: 4\r\n\r\n");
}

TEST(MboxAppend, NewFilesAreForOwnerAndGroup) {
  TempFolder folder;
  const mode_t before = ::umask(007);
  ASSERT_TRUE(append_one(File(folder / "box"), kLetter, "S: x\r\n\r\n").has_value());
  ::umask(before);
  struct ::stat info = {};
  ASSERT_EQ(::stat((folder / "box").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0660U);
}

TEST(MboxFile, LinksAreRefused) {
  TempFolder folder;
  spill(folder / "real", "");
  ASSERT_EQ(::symlink((folder / "real").c_str(), (folder / "soft").c_str()), 0);
  EXPECT_EQ(File(folder / "soft").open(Access::write).error().kind, FaultKind::policy);
  EXPECT_EQ(File(folder / "soft").state().error().kind, FaultKind::policy);
  ASSERT_EQ(::link((folder / "real").c_str(), (folder / "hard").c_str()), 0);
  EXPECT_EQ(File(folder / "hard").open(Access::write).error().kind, FaultKind::policy);
  EXPECT_EQ(File(folder / "real").open(Access::read).error().kind, FaultKind::policy);
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(File(folder / "pipe").open(Access::write).error().kind, FaultKind::policy);
  EXPECT_EQ(File(folder / "none").open(Access::read).error().kind, FaultKind::not_found);
}

TEST(MboxFile, WhatIsNoMboxStaysAsItIs) {
  TempFolder folder;
  spill(folder / "notes", "Dear diary,\n");
  const File file(folder / "notes");
  auto held = file.open(Access::write);
  EXPECT_EQ(held->scan([](Record&&) {}).error().kind, FaultKind::syntax);
  EXPECT_EQ(held->append(kLetter, source_of("S: x\r\n\r\n")).error().kind, FaultKind::syntax);
  EXPECT_FALSE(held->rewrite(std::vector<Change>{{0, 5, true, {}}}).has_value());
  EXPECT_EQ(slurp(folder / "notes"), "Dear diary,\n");
}

TEST(MboxFile, ScansOnlyWhatWasAdded) {
  TempFolder folder;
  const File file(folder / "box");
  Letter letter = kLetter;
  letter.base = Base{7, 0, {}};
  for (uint32_t uid = 1; uid <= 3; ++uid) {
    letter.metadata.uid = uid;
    ASSERT_TRUE(append_one(file, letter, "S: " + std::to_string(uid) + "\r\n\r\nb\r\n").has_value());
  }
  Known known = file.open(Access::read)->scan([](Record&&) {})->known;
  letter.metadata.uid = 4;
  ASSERT_TRUE(append_one(file, letter, "S: 4\r\n\r\nb\r\n").has_value());
  std::vector<uint32_t> uids;
  const auto sink = [&](Record&& record) { uids.push_back(record.metadata.uid); };
  auto result = file.open(Access::read)->scan(sink, &known);
  EXPECT_TRUE(result->continued);
  EXPECT_THAT(uids, ElementsAre(4U));
  // Again from there: nothing.
  uids.clear();
  result = file.open(Access::read)->scan(sink, &result->known);
  EXPECT_TRUE(result->continued);
  EXPECT_THAT(uids, ElementsAre());
  // The last known record changed: all of them.
  std::string text = slurp(folder / "box");
  text[text.rfind("S: 4") + 3] = '5';
  spill(folder / "box", text);
  const auto full = file.open(Access::read)->scan(sink, &result->known);
  EXPECT_FALSE(full->continued);
  EXPECT_THAT(uids, ElementsAre(1U, 2U, 3U, 4U));
}

TEST(MboxFile, ReaderGoesWhereItIsAsked) {
  TempFolder folder;
  const File file(folder / "box");
  std::string text = "Subject: x\r\n\r\n";
  for (int i = 0; text.size() < 300000; ++i) text += "From line " + std::to_string(i) + "\r\n";
  ASSERT_TRUE(append_one(file, kLetter, text).has_value());
  auto held = file.open(Access::read);
  const auto records = scan_all(*held);
  EXPECT_EQ(read_message(*held, records[0], 100), text);
  auto reader = held->reader(records[0]);
  for (size_t at : {size_t{0}, size_t{100000}, size_t{5}, text.size() - 3, text.size(), text.size() + 10,
                    size_t{200000}}) {
    EXPECT_EQ(reader->read(at, 50).value(), at < text.size() ? text.substr(at, 50) : "") << at;
  }
  Record wrong = records[0];
  wrong.offset += 3;
  EXPECT_EQ(held->reader(wrong).error().kind, FaultKind::not_found);
}

RC_GTEST_PROP(MboxAppend, GivesTheOctetsBack, ()) {
  TempFolder folder;
  const File file(folder / "box");
  const auto word = rc::gen::element<std::string>(
      "From ", ">From ", ">>From ", "From a@b Sat Nov 28 12:00:00 2020", "\r\n", "\r\n", "\r\n\r\n", "\r",
      "\r\r\n", ">", " ", "\t", "Subject: x", "text", std::string("\0", 1), "\xff\xc3", "Fro", ":", "F");
  std::vector<std::string> sent;
  const size_t count = *rc::gen::inRange<size_t>(1, 4);
  auto held = file.open(Access::write);
  for (size_t i = 0; i < count; ++i) {
    std::string text;
    for (const std::string& w : *rc::gen::container<std::vector<std::string>>(word)) text += w;
    const auto record = held->append(kLetter, source_of(text, *rc::gen::inRange<size_t>(1, 20)));
    RC_ASSERT(record.has_value());
    RC_ASSERT(record->size == text.size());
    sent.push_back(text);
  }
  RC_ASSERT(held->commit().has_value());
  const auto records = scan_all(*held);
  RC_ASSERT(records.size() == count);
  for (size_t i = 0; i < count; ++i) {
    RC_ASSERT(read_message(*held, records[i], 1 + i) == sent[i]);
    RC_ASSERT(records[i].size == sent[i].size());
  }
}

TEST(MboxAppend, ManyBlanksBeforeTheColonHideNoForgedField) {
  for (const size_t blanks : {1, 20, 33, 34, 40, 100, 5000}) {
    TempFolder folder;
    const File file(folder / "box");
    const std::string forged = "Status" + std::string(blanks, ' ') + ": RO\r\n";
    const auto record = append_one(file, kLetter, forged + "Subject: a\r\n\r\n");
    ASSERT_TRUE(record.has_value());
    EXPECT_FALSE(record->exact);
    EXPECT_EQ(record->metadata.flags, Flags()) << blanks;
    auto held = file.open(Access::read);
    EXPECT_EQ(read_message(*held, *record), "Subject: a\r\n\r\n") << blanks;
  }
}

// `exact` is what decides whether the file alone is enough.
RC_GTEST_PROP(MboxAppend, WhatDoesNotComeBackIsTold, ()) {
  TempFolder folder;
  const File file(folder / "box");
  const auto word = rc::gen::element<std::string>(
      "Status", "X-UID", "x-imapbase", "X-IMAP", "Content-Length", "Lines", "X-Keywords", "X-Status",
      "X-Posthouse-Form", ":", ": ", ": 12", " : RO", ": open", std::string(45, ' '), "\t", " more", "\r\n",
      "\r\n", "\r\n", "\r\n\r\n", "\n", "\r", "Subject: x", "From ", "X-Statuses: 1", "Stat", "us");
  std::string text;
  for (const std::string& w : *rc::gen::container<std::vector<std::string>>(word)) text += w;
  Letter letter = kLetter;
  letter.metadata = {{true, false, false, true}, {"work"}, 3};
  letter.base = Base{1234, 3, {"work"}};
  auto held = file.open(Access::write);
  const auto record = held->append(letter, source_of(text, *rc::gen::inRange<size_t>(1, 20)));
  RC_ASSERT(record.has_value());
  RC_ASSERT(held->commit().has_value());
  const auto records = scan_all(*held);
  RC_ASSERT(records.size() == 1U);
  RC_ASSERT(records[0].metadata == letter.metadata);
  RC_ASSERT(records[0].base == letter.base);
  RC_ASSERT(record->exact == (read_message(*held, records[0]) == text));
  const auto form = form_of(source_of(text, 7));
  RC_ASSERT(form.has_value());
  RC_ASSERT(form->exact == record->exact);
  RC_ASSERT(form->digest == record->digest);
}

RC_GTEST_PROP(MboxAppend, BareLineFeedsBecomeLineEnds, (const std::string& text)) {
  TempFolder folder;
  const File file(folder / "box");
  auto held = file.open(Access::write);
  RC_ASSERT(held->append(kLetter, source_of(text)).has_value());
  const auto records = scan_all(*held);
  RC_ASSERT(records.size() == 1U);
  RC_ASSERT(read_message(*held, records[0]) == with_crlf(text));
}

}  // namespace
}  // namespace posthouse::mbox
