#include <gtest/gtest.h>
#include <poll.h>
#include <rapidcheck/gtest.h>
#include <sys/inotify.h>

#include <thread>

#include "calls.h"
#include "maildir/dot_lock.h"
#include "maildir/keywords.h"
#include "maildir/quota_file.h"
#include "maildir/tree.h"
#include "maildir/uid_list.h"
#include "maildir/watch.h"
#include "test_folder.h"

namespace posthouse::maildir {
namespace {

using namespace test;

TEST(DovecotUidList, Version3) {
  const std::optional<UidList> list = parse_dovecot_uid_list(
      "3 V1275660208 N25022 G3085f01b7f11094c501100008c4a11c1\n"
      "25006 :1276528487.M364837P9451.kurkku,S=1355,W=1394:2,\n"
      "25017 W2481 Gabc P7 :1276533073.M242911P3632.kurkku:2,F\n");
  ASSERT_TRUE(list);
  EXPECT_EQ(list->validity, 1275660208u);
  EXPECT_EQ(list->next, 25022u);
  EXPECT_EQ(list->guid, "3085f01b7f11094c501100008c4a11c1");
  EXPECT_EQ(list->damaged, 0u);
  EXPECT_EQ(list->entries, (std::vector<UidEntry>{{25006, "1276528487.M364837P9451.kurkku,S=1355,W=1394", ""},
                                                  {25017, "1276533073.M242911P3632.kurkku", "abc"}}));
  EXPECT_EQ(list->find("1276533073.M242911P3632.kurkku")->uid, 25017u);
}

TEST(DovecotUidList, Version1) {
  const std::optional<UidList> list = parse_dovecot_uid_list("1 1275660208 7\n3 12.a.h:2,S\n6 13.a.h\n");
  ASSERT_TRUE(list);
  EXPECT_EQ(list->next, 7u);
  EXPECT_EQ(list->entries, (std::vector<UidEntry>{{3, "12.a.h", ""}, {6, "13.a.h", ""}}));
}

TEST(DovecotUidList, DamageCostsOnlyWhatIsDamaged) {
  const std::optional<UidList> list = parse_dovecot_uid_list(
      "3 V5 Nx X\n2 :b\nnonsense\n0 :z\n99999999999 :z\n3 W1\n4 :\n5 :c/d\n9 :a\n7 :b\n8 :x\n8 :y\n12 :torn");
  ASSERT_TRUE(list);
  EXPECT_EQ(list->damaged, 7u);
  // Of a base or a UID given twice the later line counts; next is above all that was ever given.
  EXPECT_EQ(list->entries, (std::vector<UidEntry>{{7, "b", ""}, {8, "y", ""}, {9, "a", ""}}));
  EXPECT_EQ(list->next, 10u);
  for (const char* bad : {"", "\n", "2 V1 N1\n", "3 N1\n", "3 V0 N1\n", "1 x 1\n", "9"}) {
    EXPECT_FALSE(parse_dovecot_uid_list(bad)) << bad;
  }
}

TEST(DovecotUidList, TheNextUidIsTheHeadersIfItCanBeBelieved) {
  const auto next = [](const std::string& header) {
    return parse_dovecot_uid_list(header + "\n5 :1.a.h\n").value().next;
  };
  EXPECT_EQ(next("3 V1 N77"), 77u);
  EXPECT_EQ(next("3 N77 V1"), 77u);
  EXPECT_EQ(next("3 V1 N3"), 6u) << "every UID of the list is below";
  EXPECT_EQ(next("3 V1"), 6u);
  EXPECT_EQ(next("3 V1 N2147483648"), 2147483648u);
  for (const char* absurd : {"2147483649", "4294967295", "99999999999", "-1", "x"}) {
    EXPECT_EQ(next(fmt::format("3 V1 N{}", absurd)), 6u) << absurd;
    EXPECT_EQ(parse_dovecot_uid_list(fmt::format("1 1 {}\n", absurd)).value().next, 1u) << absurd;
    EXPECT_EQ(parse_own_uid_list(fmt::format("posthouse-uidlist 1 V1 N{} .\n", absurd)).value().next, 1u);
  }
  EXPECT_EQ(parse_dovecot_uid_list("3 V1 N77\n").value().next, 77u) << "without letters";
  EXPECT_EQ(parse_own_uid_list("posthouse-uidlist 1 V1 N77 .\n").value().next, 77u);
}

class ListsTest : public testing::Test {
 protected:
  ListsTest() : folder(root.path("Maildir")) { EXPECT_TRUE(folder.make()); }
  std::string at(const std::string& below) const { return folder.path() + "/" + below; }

  TestFolder root;
  Folder folder;
};

TEST_F(ListsTest, OwnUidListGrowsAndIsWrittenAnew) {
  const OwnUidList own(folder);
  EXPECT_FALSE(own.read()->has_value());
  EXPECT_EQ(own.append({}).error().kind, FaultKind::not_found);
  const std::string guid(32, 'a');
  ASSERT_TRUE(
      own.write({.validity = 77, .next = 5, .guid = guid, .entries = {{2, "a b", ""}}}, names().unique()));
  const UidEntry third{9, "c,S=1", ""};
  ASSERT_TRUE(own.append({&third, 1}));
  EXPECT_EQ(text_of(at("posthouse-uidlist")),
            "posthouse-uidlist 1 V77 N5 G" + guid + " .\n2 a b .\n9 c,S=1 .\n");
  const std::optional<UidList> list = own.read().value();
  ASSERT_TRUE(list);
  EXPECT_EQ(list->validity, 77u);
  EXPECT_EQ(list->next, 10u);
  EXPECT_EQ(list->guid, guid);
  EXPECT_EQ(list->entries, (std::vector<UidEntry>{{2, "a b", ""}, third}));
  EXPECT_TRUE(files_in(at("tmp")).empty());
  const UidEntry bad{10, "a\nb", ""};
  EXPECT_EQ(own.append({&bad, 1}).error().kind, FaultKind::syntax);
}

TEST_F(ListsTest, ATornLineOfOurUidListIsNoEntry) {
  const OwnUidList own(folder);
  ASSERT_TRUE(
      own.write({.validity = 77, .next = 1, .guid = "", .entries = {{1, "one", ""}}}, names().unique()));
  const std::string whole = text_of(at("posthouse-uidlist"));
  const std::string line = "2 123456.M12.host,S=22,W=33 .\n";
  for (size_t torn = 1; torn < line.size(); ++torn) {
    put_file(at("posthouse-uidlist"), whole + line.substr(0, torn));
    const UidEntry next{3, "three", ""};
    ASSERT_TRUE(own.append({&next, 1}, Sync::later));
    const std::optional<UidList> list = own.read().value();
    ASSERT_TRUE(list);
    std::vector<UidEntry> expected{{1, "one", ""}, next};
    if (torn == line.size() - 1) expected.insert(expected.begin() + 1, {2, "123456.M12.host,S=22,W=33", ""});
    ASSERT_EQ(list->entries, expected) << torn;
  }
}

TEST(OwnUidList, NeedsItsHeader) {
  for (const char* bad : {"", "posthouse-uidlist 1 .\n1 a .\n", "posthouse-uidlist 1 V1\n",
                          "posthouse-uidlist 1 N1 .\n", "posthouse-uidlist 2 V1 N1 .\n"}) {
    EXPECT_FALSE(parse_own_uid_list(bad)) << bad;
  }
}

TEST_F(ListsTest, UidListSurvivesEveryFailure) {
  const OwnUidList own(folder);
  ASSERT_TRUE(
      own.write({.validity = 77, .next = 1, .guid = "", .entries = {{1, "one", ""}}}, names().unique()));
  bool struck = true;
  for (int n = 1; struck; ++n) {
    ASSERT_LT(n, 20);
    {
      const Calls calls(Calls::Then::fail, n, ENOSPC);
      const Result<void> done =
          own.write({.validity = 77, .next = 9, .guid = "", .entries = {{1, "one", ""}, {2, "two", ""}}},
                    names().unique());
      struck = calls.struck();
      EXPECT_EQ(done.has_value(), !struck);
    }
    const std::optional<UidList> list = own.read().value();
    ASSERT_TRUE(list);
    EXPECT_EQ(list->validity, 77u);
    EXPECT_GE(list->entries.size(), 1u);
  }
}

RC_GTEST_PROP(UidListProperty, WhatWasWrittenIsRead, ()) {
  const TestFolder root;
  ASSERT_TRUE(Folder(root.path()).make());
  const OwnUidList own(Folder(root.path()));
  UidList list{.validity = *rc::gen::inRange(1u, 1u << 31), .next = 1, .guid = "", .entries = {}};
  const auto count = *rc::gen::inRange(0, 50);
  for (int i = 0; i < count; ++i) {
    list.next += *rc::gen::inRange(1u, 5u);
    list.entries.push_back({list.next, fmt::format("{}.x{}", *rc::gen::inRange(0, 1000), i), ""});
  }
  ++list.next;
  const auto written = static_cast<size_t>(*rc::gen::inRange(0, count + 1));
  UidList first = list;
  first.entries.resize(written);
  RC_ASSERT(own.write(first, "u", Sync::later).has_value());
  RC_ASSERT(own.append(std::span(list.entries).subspan(written), Sync::later).has_value());
  const std::optional<UidList> again = own.read().value();
  RC_ASSERT(again.has_value());
  RC_ASSERT(again->entries == list.entries);
  RC_ASSERT(again->next == list.next);
  RC_ASSERT(again->validity == list.validity);
}

TEST_F(ListsTest, KeywordsOfDovecot) {
  put_file(at("dovecot-keywords"), "0 Work\n2 $Forwarded\nx\n99 no\n3 work\n1 two words\n");
  const Keywords keywords(folder, system_clock());
  KeywordTable table = keywords.read().value();
  EXPECT_EQ(table.find("work"), 0);
  EXPECT_EQ(table.find("$forwarded"), 2);
  EXPECT_EQ(table.find("no"), std::nullopt);
  EXPECT_EQ(table.names_of(0b1101), (std::vector<std::string>{"Work", "$Forwarded"}));
  // "b" stands in some file's name: it gets no new meaning.
  put_file(at("cur/1.x.y:2,Sb"), "Subject: x\n\n");
  table = keywords.extend({"New", "WORK", "bad word", ""}, names().unique()).value();
  EXPECT_EQ(table.find("New"), 3);
  EXPECT_EQ(text_of(at("dovecot-keywords")), "0 Work\n2 $Forwarded\n3 New\n");
  EXPECT_FALSE(fs::exists(at("posthouse-keywords")));
  EXPECT_FALSE(fs::exists(at("dovecot-uidlist.lock")));
}

TEST_F(ListsTest, KeywordsAreExtendedUnderDovecotsLock) {
  put_file(at("dovecot-keywords"), "0 Work\n");
  put_file(at("dovecot-uidlist.lock"), "1:elsewhere");
  std::atomic<bool> done{false};
  std::thread other([&] {
    // Dovecot adds one of its own, and lets go.
    put_file(at("dovecot-keywords"), "0 Work\n1 Theirs\n");
    fs::remove(at("dovecot-uidlist.lock"));
    done = true;
  });
  const Result<KeywordTable> table = Keywords(folder, system_clock()).extend({"Ours"}, names().unique());
  EXPECT_TRUE(done);
  other.join();
  ASSERT_TRUE(table) << table.error().what;
  EXPECT_EQ(table->find("Theirs"), 1);
  EXPECT_EQ(table->find("Ours"), 2);
}

TEST_F(ListsTest, KeywordsOfOurOwn) {
  const Keywords keywords(folder, system_clock());
  EXPECT_EQ(keywords.read()->find("x"), std::nullopt);
  EXPECT_EQ(keywords.extend({"x", "y"}, names().unique())->find("y"), 1);
  EXPECT_EQ(text_of(at("posthouse-keywords")), "0 x\n1 y\n");
  // Dovecot comes: its file counts, and what we gave where it says nothing.
  put_file(at("dovecot-keywords"), "0 theirs\n");
  EXPECT_EQ(keywords.read()->find("y"), 1);
  EXPECT_EQ(keywords.read()->find("x"), std::nullopt);
  EXPECT_EQ(keywords.extend({"x"}, names().unique())->find("x"), 2);
  EXPECT_EQ(text_of(at("dovecot-keywords")), "0 theirs\n1 y\n2 x\n");
}

TEST_F(ListsTest, NoMoreKeywordsThanLetters) {
  const Keywords keywords(folder, system_clock());
  std::vector<std::string> many;
  for (int i = 0; i < 30; ++i) many.push_back(fmt::format("k{}", i));
  const KeywordTable table = keywords.extend(many, names().unique()).value();
  EXPECT_EQ(table.find("k25"), 25);
  EXPECT_EQ(table.find("k26"), std::nullopt);
  EXPECT_EQ(keywords.extend({"k27"}, names().unique())->find("k27"), std::nullopt);
}

TEST_F(ListsTest, QuotaFileIsReadAndAppended) {
  const QuotaFile quota(folder, system_clock());
  EXPECT_FALSE(quota.read()->has_value());
  EXPECT_TRUE(quota.add(1, 1));  // nobody keeps one here
  EXPECT_FALSE(fs::exists(at("maildirsize")));
  put_file(at("maildirsize"), "1000S,3C\n   700     2\n");
  ASSERT_TRUE(quota.add(100, 1));
  ASSERT_TRUE(quota.add(-300, -1));
  const std::optional<QuotaUse> use = quota.read().value();
  ASSERT_TRUE(use);
  EXPECT_EQ(use->limits, (QuotaLimits{1000, 3}));
  EXPECT_EQ(use->bytes, 500);
  EXPECT_EQ(use->messages, 2);
  EXPECT_FALSE(use->is_stale);
  EXPECT_EQ(text_of(at("maildirsize")), "1000S,3C\n   700     2\n100 1\n-300 -1\n");
}

TEST_F(ListsTest, QuotaFileGoesStale) {
  const QuotaFile quota(folder, system_clock());
  const auto is_stale = [&](const std::string& text) {
    put_file(at("maildirsize"), text);
    return quota.read()->value().is_stale;
  };
  EXPECT_FALSE(is_stale("100S\n99 1\n"));
  EXPECT_FALSE(is_stale("100S\n101 1\n"));  // over, but just calculated
  EXPECT_TRUE(is_stale("100S\n99 1\n2 1\n"));
  EXPECT_TRUE(is_stale("100S\n99 1\nx\n"));
  EXPECT_TRUE(is_stale("100S\n99 1\n1"));
  EXPECT_TRUE(is_stale("100S\n-1 1\n"));
  std::string full = "100S\n";
  while (full.size() <= 5120) full += "1 0\n";
  EXPECT_TRUE(is_stale(full));
  put_file(at("maildirsize"), "100S\n101 1\n");
  fs::last_write_time(at("maildirsize"), fs::file_time_type::clock::now() - std::chrono::minutes(16));
  EXPECT_TRUE(quota.read()->value().is_stale);
  put_file(at("maildirsize"), "what\n");
  EXPECT_FALSE(quota.read()->has_value());
}

TEST_F(ListsTest, QuotaIsCalculated) {
  const Tree tree(folder.path());
  for (const char* name : {"A", "Trash", "Trash/in"}) ASSERT_TRUE(tree.create(name, names().unique()));
  put_message(folder, "x\r\n");
  put_message(*tree.folder("A"), "xy\r\n", {.marks = {Marks::kSeen, 0}});
  put_message(*tree.folder("A"), "z\r\n", {.marks = {Marks::kTrashed, 0}});
  put_message(*tree.folder("Trash"), "z\r\n");
  put_file(at("cur/1.h:2,"), std::string(50, 'x'));  // without its size in the name
  const QuotaFile quota(folder, system_clock());
  const Result<QuotaUse> use = quota.calculate({1000, 0}, names().unique());
  ASSERT_TRUE(use) << use.error().what;
  EXPECT_EQ(use->bytes, 2 + 3 + 50);
  EXPECT_EQ(use->messages, 3);
  EXPECT_EQ(text_of(at("maildirsize")), "1000S\n55 3\n");
}

bool becomes_readable(const Watch& watch) {
  pollfd ready{watch.fd(), POLLIN, 0};
  return ::poll(&ready, 1, 10'000) == 1;
}

TEST_F(ListsTest, WatchTellsWhichFolder) {
  const Folder other(root.path("Other"));
  ASSERT_TRUE(other.make());
  Result<Watch> watch = Watch::open();
  ASSERT_TRUE(watch);
  ASSERT_TRUE(watch->add(1, folder.path()));
  ASSERT_TRUE(watch->add(2, other.path()));
  EXPECT_TRUE(watch->add(2, other.path()));
  EXPECT_TRUE(watch->read_events()->keys.empty());
  const std::string key = put_message(other, "x\r\n");
  ASSERT_TRUE(becomes_readable(*watch));
  EXPECT_EQ(watch->read_events()->keys, std::vector<uint64_t>{2});
  ASSERT_TRUE(other.move(key, std::nullopt, folder));
  ASSERT_TRUE(becomes_readable(*watch));
  EXPECT_EQ(watch->read_events()->keys, (std::vector<uint64_t>{1, 2}));
  watch->remove(1);
  ASSERT_TRUE(folder.remove(key, std::nullopt));
  EXPECT_TRUE(watch->read_events()->keys.empty());
  fs::remove_all(other.path());
  ASSERT_TRUE(becomes_readable(*watch));
  EXPECT_EQ(watch->read_events()->gone, std::vector<uint64_t>{2});
  EXPECT_EQ(watch->size(), 0u);
}

TEST_F(ListsTest, WatchTellsFoldersOfATree) {
  const Tree tree(folder.path());
  Result<Watch> watch = Watch::open();
  ASSERT_TRUE(watch->add_tree(7, folder.path()));
  ASSERT_TRUE(tree.create("A", names().unique()));
  ASSERT_TRUE(becomes_readable(*watch));
  EXPECT_EQ(watch->read_events()->keys, std::vector<uint64_t>{7});
}

TEST_F(ListsTest, WatchIsBounded) {
  Result<Watch> watch = Watch::open(1);
  ASSERT_TRUE(watch->add(1, folder.path()));
  EXPECT_EQ(watch->add(2, folder.path()).error().kind, FaultKind::policy);
  watch->remove(1);
  EXPECT_EQ(watch->add(2, root.path("none")).error().kind, FaultKind::not_found);
  EXPECT_EQ(watch->size(), 0u);
  EXPECT_TRUE(watch->add(2, folder.path()));
}

TEST_F(ListsTest, WatchTellsWhenEventsWereLost) {
  const std::string limit = text_of("/proc/sys/fs/inotify/max_queued_events");
  const int events = std::stoi(limit);
  Result<Watch> watch = Watch::open();
  ASSERT_TRUE(watch->add(1, folder.path()));
  const std::string first = at("new/1.h");
  const std::string second = at("new/2.h");
  put_file(first, "x");
  for (int i = 0; i <= events / 2; ++i) {  // each gives two events
    ASSERT_EQ(::rename(first.c_str(), second.c_str()), 0);
    ASSERT_EQ(::rename(second.c_str(), first.c_str()), 0);
  }
  const Result<Watch::Changes> changes = watch->read_events();
  ASSERT_TRUE(changes);
  EXPECT_TRUE(changes->all);
  EXPECT_FALSE(watch->read_events()->all);
}

}  // namespace
}  // namespace posthouse::maildir
