#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "mbox/journal.h"
#include "support.h"

namespace posthouse::mbox {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kFrom = "From a@b Sat Nov 28 12:00:00 2020\n";

// Gives the message number `i` new metadata.
Result<bool> set(const File& file, size_t i, const Metadata& metadata,
                 const std::optional<Base>& base = std::nullopt) {
  auto held = file.open(Access::write);
  const auto records = scan_all(*held);
  return held->rewrite(std::vector<Change>{{records.at(i).offset, records.at(i).next, false, metadata}},
                       base);
}

Result<bool> remove(const File& file, const std::vector<size_t>& which) {
  auto held = file.open(Access::write);
  const auto records = scan_all(*held);
  std::vector<Change> changes;
  for (size_t i : which) changes.push_back({records.at(i).offset, records.at(i).next, true, {}});
  return held->rewrite(changes);
}

// Others compare size and second: both are never those of an earlier file.
TEST(MboxRewrite, NoSizeComesAgainInTheSameSecond) {
  const TempFolder dir;
  const File file(dir / "box");
  std::set<std::pair<uint64_t, int64_t>> shown;
  const auto show = [&] {
    const State now = *file.state();
    EXPECT_TRUE(shown.emplace(now.size, now.modified / 1'000'000'000).second);
  };
  const auto append = [&] {
    auto held = file.open(Access::write);
    ASSERT_TRUE(held->append({}, source_of("Subject: x\r\n\r\ny\r\n")));
    ASSERT_TRUE(held->commit());
  };
  append();
  show();
  for (int i = 0; i < 3; ++i) {
    append();
    show();
    ASSERT_TRUE(remove(file, {1}));
    show();
    Metadata seen;
    seen.flags.seen = i % 2 == 0;
    ASSERT_TRUE(set(file, 0, seen));
    show();
  }
}

TEST(MboxRewrite, WhatChangesInPlaceIsKnownWithoutAScan) {
  const TempFolder dir;
  const File file(dir / "box");
  {
    auto held = file.open(Access::write);
    Letter letter;
    letter.base.emplace();
    letter.base->validity = 7;
    for (uint32_t uid = 1; uid <= 3; ++uid) {
      letter.metadata.uid = uid;
      ASSERT_TRUE(held->append(letter, source_of("Subject: x\r\n\r\ny\r\n")));
    }
    ASSERT_TRUE(held->commit());
  }
  auto held = file.open(Access::write);
  std::vector<Record> records;
  const auto take = [&](Record&& record) { records.push_back(std::move(record)); };
  const Known known = held->scan(take)->known;
  ASSERT_EQ(records.size(), 3);
  Metadata seen = records[2].metadata;
  seen.flags.seen = true;
  const auto moved = held->rewrite(std::vector<Change>{{records[2].offset, records[2].next, false, seen}});
  ASSERT_TRUE(moved);
  EXPECT_FALSE(*moved);
  const auto renewed = held->renew(known);
  ASSERT_TRUE(renewed);
  records.clear();
  const auto again = held->scan(take, &*renewed);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->continued);
  EXPECT_TRUE(records.empty());
}

TEST(MboxRewrite, ALettersDigestIsThatOfItsRecord) {
  const TempFolder dir;
  const File file(dir / "box");
  for (const std::string text :
       {"Subject: x\r\n\r\nFrom here\r\n", "a: b\r\n\r\nno end", " blank first\r\n\r\nx\r\n",
        "Status: RO\r\nX-UID: 7\r\nSubject: y\r\n\r\n\r\n\r\n"}) {
    const auto record = append_one(file, {}, text);
    const auto form = form_of(source_of(text, 3));
    ASSERT_TRUE(record && form) << text;
    EXPECT_EQ(form->digest, record->digest) << text;
    EXPECT_EQ(form->exact, record->exact) << text;
    EXPECT_EQ(scan_all(*file.open(Access::read)).back().digest, form->digest) << text;
  }
}

TEST(MboxRewrite, TheJournalMayBeElsewhere) {
  const TempFolder dir;
  FileOptions options;
  options.journal_base = dir / "elsewhere";
  const File file(dir / "box", options);
  {
    auto held = file.open(Access::write);
    ASSERT_TRUE(held->append({}, source_of("Subject: x\r\n\r\ny\r\n")));
    EXPECT_TRUE(std::filesystem::exists(journal_path(dir / "elsewhere")));
    EXPECT_FALSE(std::filesystem::exists(journal_path(dir / "box")));
    ASSERT_TRUE(held->commit());
  }
  Metadata keywords;
  keywords.keywords = {"one"};
  ASSERT_TRUE(set(file, 0, keywords));
  EXPECT_FALSE(std::filesystem::exists(journal_path(dir / "elsewhere")));
}

TEST(MboxRewrite, GivesUidsToMailOfOthers) {
  TempFolder folder;
  spill(folder / "box", kFrom + "S: x\nStatus: O\n\nb\n\n" + kFrom + "S: y\nX-UID: 99\n\nc\n\n");
  const File file(folder / "box");
  {
    auto held = file.open(Access::write);
    const auto records = scan_all(*held);
    std::vector<Change> changes;
    for (size_t i = 0; i < 2; ++i) {
      changes.push_back({records[i].offset, records[i].next, false, records[i].metadata});
      changes[i].metadata.uid = static_cast<uint32_t>(i) + 1;
    }
    ASSERT_TRUE(held->rewrite(changes, Base{55, 2, {}}).has_value());
  }
  auto held = file.open(Access::write);
  const auto records = scan_all(*held);
  EXPECT_EQ(records[0].base, (Base{55, 2, {}}));
  EXPECT_EQ(records[0].metadata, (Metadata{{false, true}, {}, 1}));
  EXPECT_EQ(records[1].metadata, (Metadata{{}, {}, 2}));
  EXPECT_EQ(read_message(*held, records[1]), "S: y\r\n\r\nc\r\n");
  EXPECT_EQ(slurp(folder / "box").find("99"), std::string::npos);
}

TEST(MboxRewrite, WhatFitsStaysInItsPlace) {
  TempFolder folder;
  const File file(folder / "box");
  Letter letter{"a@b", 1606564800, {{}, {}, 1}, Base{9, 1, {}}};
  ASSERT_TRUE(append_one(file, letter, "S: x\r\n\r\nb\r\n").has_value());
  const size_t size = slurp(folder / "box").size();
  const Metadata full{{true, true, true, true, true, true}, {"a", "b"}, 1};
  ASSERT_TRUE(set(file, 0, full).has_value());
  EXPECT_EQ(slurp(folder / "box").size(), size);
  EXPECT_EQ(scan_all(*file.open(Access::write))[0].metadata, full);
  ASSERT_TRUE(set(file, 0, Metadata{{}, {}, 1}).has_value());
  EXPECT_EQ(slurp(folder / "box").size(), size);
  EXPECT_EQ(scan_all(*file.open(Access::write))[0].metadata, (Metadata{{}, {}, 1}));
}

TEST(MboxRewrite, TheFilesDataMovesToTheNextFirst) {
  TempFolder folder;
  const File file(folder / "box");
  Letter letter{"a@b", 1606564800, {{true}, {"kw"}, 0}, Base{9, 0, {"kw"}}};
  for (letter.metadata.uid = 1; letter.metadata.uid <= 3; ++letter.metadata.uid) {
    ASSERT_TRUE(append_one(file, letter, "S: x\r\n\r\nb\r\n").has_value());
  }
  ASSERT_TRUE(remove(file, {0, 1}).has_value());
  const auto records = scan_all(*file.open(Access::write));
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].base, (Base{9, 3, {"kw"}}));
  EXPECT_EQ(records[0].metadata, (Metadata{{true}, {"kw"}, 3}));
  ASSERT_TRUE(remove(file, {0}).has_value());
  EXPECT_EQ(slurp(folder / "box"), "");
}

TEST(MboxRewrite, ContentLengthStaysWithItsMessage) {
  TempFolder folder;
  const std::string body = "one\n\n" + kFrom + "two\n";
  spill(folder / "box", kFrom + "S: x\nContent-Length: " + std::to_string(body.size()) +
                            "\nLines: 4\nX-Keywords: a\n\n" + body + "\n" + kFrom + "S: y\n\nz\n\n");
  const File file(folder / "box");
  std::string before;
  {
    auto held = file.open(Access::read);
    before = read_message(*held, scan_all(*held)[0]);
  }
  ASSERT_TRUE(set(file, 0, Metadata{{true}, {"quite-a-long-keyword"}, 4}, Base{1, 4, {}}).has_value());
  auto held = file.open(Access::write);
  const auto records = scan_all(*held);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(read_message(*held, records[0]), before);
  EXPECT_EQ(records[0].metadata, (Metadata{{true}, {"quite-a-long-keyword"}, 4}));
}

TEST(MboxRewrite, TheOwnMessageOfCclientStays) {
  TempFolder folder;
  spill(folder / "box", kFrom +
                            "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 123 "
                            "0000000004\nStatus: RO\n\ntext\n\n" +
                            kFrom + "S: y\nX-UID: 4\n\nb\n\n");
  const File file(folder / "box");
  EXPECT_EQ(remove(file, {0}).error().kind, FaultKind::policy);
  Letter letter{"a@b", 1606564800, {{}, {}, 5}, std::nullopt};
  ASSERT_TRUE(append_one(file, letter, "S: z\r\n\r\n").has_value());
  EXPECT_THAT(slurp(folder / "box"), HasSubstr("X-IMAP: 123 0000000005\n"));
  EXPECT_EQ(scan_all(*file.open(Access::write))[2].metadata.uid, 5U);
  ASSERT_TRUE(remove(file, {1, 2}).has_value());
  EXPECT_TRUE(scan_all(*file.open(Access::write)).at(0).pseudo);
}

TEST(MboxRewrite, RefusesWhatIsElsewhere) {
  TempFolder folder;
  const std::string text = kFrom + "S: x\n\nb\n\n" + kFrom + "S: y\n\nb\n\n";
  spill(folder / "box", text);
  const File file(folder / "box");
  auto held = file.open(Access::write);
  const uint64_t size = text.size();
  const std::vector<std::vector<Change>> wrong = {{{1, size, true, {}}},
                                                  {{0, 5, true, {}}},
                                                  {{0, size + 1, true, {}}},
                                                  {{size, size, true, {}}},
                                                  {{0, size, true, {}}, {0, size, false, {}}},
                                                  {{size / 2, size, true, {}}, {0, size, true, {}}}};
  for (const auto& changes : wrong) EXPECT_FALSE(held->rewrite(changes).has_value());
  EXPECT_EQ(slurp(folder / "box"), text);
}

TEST(MboxRewrite, AJournalForAnotherFileIsSetAside) {
  TempFolder folder;
  spill(folder / "box", kFrom + "S: x\n\nb\n\n");
  {
    JournalHead head;
    head.kind = JournalKind::rewrite;
    auto writer = JournalWriter::create(system_disk(), folder / "box", head);
    ASSERT_TRUE(writer->segment(0, 4).has_value());
    ASSERT_TRUE(writer->data("EVIL").has_value());
    ASSERT_TRUE(writer->finish().has_value());
  }
  const File file(folder / "box");
  EXPECT_EQ(file.open(Access::read).error().kind, FaultKind::corrupt);
  EXPECT_TRUE(std::filesystem::exists(folder / "box.posthouse-journal.aside"));
  EXPECT_EQ(scan_all(*file.open(Access::read)).size(), 1U);
}

TEST(MboxRewrite, ADamagedJournalNeverBegan) {
  for (const char* text : {"", "PHMBOXJ1", "something else that is a bit longer than nothing"}) {
    TempFolder folder;
    spill(folder / "box", kFrom + "S: x\n\nb\n\n");
    spill(folder / "box.posthouse-journal", text);
    EXPECT_EQ(scan_all(*File(folder / "box").open(Access::read)).size(), 1U);
    EXPECT_FALSE(std::filesystem::exists(folder / "box.posthouse-journal"));
  }
}

struct Mail {
  std::string text;
  Metadata metadata;
};

Metadata random_metadata(uint32_t uid) {
  Metadata metadata;
  const auto flag = [] { return *rc::gen::arbitrary<bool>(); };
  metadata.flags = {flag(), flag(), flag(), flag(), flag(), flag()};
  metadata.keywords = read_keywords(*rc::gen::element<std::string>(
      "", "a", "a b", "$Forwarded", "w1 w2 w3 w4 w5 w6 w7 w8 w9 w10 w11 w12 w13"));
  metadata.uid = uid;
  return metadata;
}

RC_GTEST_PROP(MboxRewrite, RandomWorkAgreesWithAModel, ()) {
  TempFolder folder;
  const File file(folder / "box");
  std::vector<Mail> model;
  Base base{321, 0, {}};
  if (*rc::gen::arbitrary<bool>()) {
    spill(folder / "box", kFrom + "S: old\nStatus: RO\nX-Status: F\n\n>From the past\n" + kFrom + "\n");
    model = {{"S: old\r\n\r\nFrom the past\r\n", {{true, true, false, true}, {}, 0}}, {"", {}}};
  }
  std::optional<Known> known;
  for (int step = *rc::gen::inRange(1, 12); step > 0; --step) {
    auto held = file.open(Access::write);
    RC_ASSERT(held.has_value());
    const auto records = scan_all(*held);
    RC_ASSERT(records.size() == model.size());
    const int what = *rc::gen::inRange(0, 3);
    if (what == 0 || model.empty()) {
      // Mail without UIDs keeps the file from having data of its own: then the new message is not believed
      // either.
      const bool has_base = model.empty() || records[0].base.has_value();
      Letter letter{"x@y", 1, random_metadata(++base.last_uid), base};
      const std::string text = *rc::gen::element<std::string>("S: x\r\n\r\nFrom me\r\n", "", "\r\n", "S: x",
                                                              "S: y\r\n\r\n>From\r\n\r\n\r\n");
      RC_ASSERT(held->append(letter, source_of(text)).has_value());
      RC_ASSERT(held->commit().has_value());
      if (!has_base) letter.metadata.uid = 0;
      model.push_back({text, letter.metadata});
    } else {
      std::vector<Change> changes;
      std::vector<Mail> next;
      for (size_t i = 0; i < model.size(); ++i) {
        const int fate = *rc::gen::inRange(0, 3);
        Mail mail = model[i];
        if (fate == 1 && what == 1) {
          mail.metadata = random_metadata(mail.metadata.uid);
          changes.push_back({records[i].offset, records[i].next, false, mail.metadata});
        } else if (fate == 1) {
          changes.push_back({records[i].offset, records[i].next, true, {}});
          continue;
        }
        next.push_back(mail);
      }
      const auto done = held->rewrite(changes);
      RC_ASSERT(done.has_value());
      model = next;
    }
    std::vector<Record> now;
    const auto result =
        held->scan([&](Record&& record) { now.push_back(std::move(record)); }, known ? &*known : nullptr);
    RC_ASSERT(result.has_value());
    known = result->known;
    now = scan_all(*held);
    RC_ASSERT(now.size() == model.size());
    for (size_t i = 0; i < model.size(); ++i) {
      RC_ASSERT(read_message(*held, now[i]) == model[i].text);
      RC_ASSERT(now[i].metadata == model[i].metadata);
    }
  }
  RC_ASSERT(!std::filesystem::exists(folder / "box.posthouse-journal"));
}

}  // namespace
}  // namespace posthouse::mbox
