// Accounts that lost rows: what is left is in order again, and no UID ever names two messages.
#include <gmock/gmock.h>

#include <map>
#include <set>

#include "engine/blob_format.h"
#include "message/summary.h"
#include "store/rows.h"
#include "store_bed.h"

namespace posthouse::store {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr AccountId kAlice = 11;

using Rows = std::map<std::string, std::string>;

class SettlingTest : public testing::Test {
 protected:
  SettlingTest() {
    bed_.must(bed_.store.create_account(kAlice));
    inbox_ = bed_.id_of(kAlice, "INBOX");
    for (int i = 1; i <= 3; ++i) EXPECT_TRUE(bed_.append(kAlice, "INBOX", "letter " + std::to_string(i)));
  }
  Rows rows() {
    Rows out;
    EXPECT_TRUE(bed_.engine->scan(account_partition(kAlice), "", "", [&](auto key, auto value) {
      out.emplace(key, value);
      return true;
    }));
    return out;
  }
  // The rows from `begin` to `end` are again as they were in `old`.
  void go_back(const Rows& old, const std::string& begin, const std::string& end) {
    const engine::Step step{account_partition(kAlice), [&](engine::Transaction& to) -> Result<void> {
                              for (const auto& [key, value] : rows())
                                if (key >= begin && key < end) to.erase(key);
                              for (const auto& [key, value] : old)
                                if (key >= begin && key < end) to.put(key, value);
                              return {};
                            }};
    bed_.must(bed_.engine->transact({step}));
  }
  void lose(const std::string& begin, const std::string& end) { go_back({}, begin, end); }
  void lose(const std::string& key) { lose(key, key + '\0'); }
  void settle() { bed_.must(bed_.store.settle(kAlice)); }
  std::vector<std::string> problems() { return bed_.problems({kAlice}); }
  std::string body(const Entry& entry) { return bed_.must(bed_.store.read(kAlice, entry, 0, 1000)); }

  StoreBed bed_;
  MailboxId inbox_ = 0;
};

TEST_F(SettlingTest, AnAccountInOrderKeepsItsMail) {
  const auto before = bed_.must(bed_.store.mailbox(kAlice, inbox_));
  settle();
  const auto after = bed_.must(bed_.store.mailbox(kAlice, inbox_));
  EXPECT_GT(after.uid_validity, before.uid_validity);
  EXPECT_GT(after.highest_modseq, before.highest_modseq);
  EXPECT_EQ(after.exists, 3u);
  EXPECT_THAT(bed_.uids(kAlice, inbox_), ElementsAre(1, 2, 3));
  EXPECT_THAT(problems(), IsEmpty());
}

// The danger itself: the counters go back, and the next letter would get a UID that another one had.
TEST_F(SettlingTest, CountersThatWentBackGiveNoUidTwice) {
  const Rows old = rows();
  const auto given = bed_.append(kAlice, "INBOX", "shown to a client");
  ASSERT_TRUE(given);
  go_back(old, "A", "z");
  settle();
  const auto again = bed_.append(kAlice, "INBOX", "another letter");
  ASSERT_TRUE(again);
  EXPECT_NE(again->uid_validity, given->uid_validity);
  EXPECT_EQ(bed_.must(bed_.store.mailbox(kAlice, inbox_)).exists, 4u);
}

TEST_F(SettlingTest, LostFlagsAndLostSummariesLeaveTheLetters) {
  lose(flags_key(inbox_, 2));
  lose(message_key(inbox_, 3));
  settle();
  const auto found = bed_.all(kAlice, inbox_);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(body(found[1]), "letter 2");
  EXPECT_EQ(body(found[2]), "letter 3");
  EXPECT_THAT(problems(), IsEmpty());
  const auto with_summary = bed_.must(bed_.store.entries(kAlice, inbox_, 3, 3, 1, true));
  EXPECT_EQ(with_summary.at(0).summary, message::encode(message::summarize("letter 3")));
}

// Else the body would go with the last message that it still knows.
TEST_F(SettlingTest, BodiesKnowTheirMessagesAgain) {
  bed_.must(bed_.store.copy(kAlice, inbox_, {2}, "Archive", {}));
  const Entry entry = bed_.all(kAlice, inbox_)[1];
  const engine::Partition blob = engine::blob_partition(entry.blob);
  const std::string reference = engine::reference_key(MailStore::blob_reference(kAlice, entry.delivery));
  const engine::Step forget{blob, [&](engine::Transaction& to) -> Result<void> {
                              to.erase(reference);
                              return {};
                            }};
  bed_.must(bed_.engine->transact({forget}));
  bed_.must(bed_.store.restore_references(kAlice, {{{blob.kind, 0}, {blob.kind, entry.blob - 1}}}));
  EXPECT_EQ(bed_.fault(bed_.store.read(kAlice, entry, 0, 100)), FaultKind::not_found);
  bed_.must(bed_.store.restore_references(kAlice, {{blob, blob}}));
  EXPECT_EQ(body(entry), "letter 2");
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(SettlingTest, RemovedMessagesThatComeBackInHalfAreRemoved) {
  const Rows old = rows();
  const FlagUpdate deleted{FlagChange::add, FlagSet{kDeleted, {}}, {}, {}};
  bed_.must(bed_.store.update_flags(kAlice, inbox_, {1, 2}, deleted));
  bed_.must(bed_.store.expunge(kAlice, inbox_, {1, 2}));
  while (bed_.must(bed_.store.sweep(false)) > 0) {
  }
  go_back(old, flags_key(inbox_, 1), flags_key(inbox_, 2));
  go_back(old, message_key(inbox_, 2), message_key(inbox_, 3));
  settle();
  EXPECT_THAT(bed_.uids(kAlice, inbox_), ElementsAre(3));
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(SettlingTest, MailboxesWithoutRowOrNameGetOne) {
  const auto drafts = bed_.id_of(kAlice, "Drafts");
  const auto box = bed_.must(bed_.store.create_mailbox(kAlice, "box", Role::none)).id;
  ASSERT_TRUE(bed_.append(kAlice, "Drafts", "a draft"));
  ASSERT_TRUE(bed_.append(kAlice, "box", "in a box"));
  lose(mailbox_key(drafts));
  lose(mailbox_key(box));
  lose(name_key("box"));
  lose(name_key("Trash"));
  settle();
  EXPECT_EQ(bed_.id_of(kAlice, "Drafts"), drafts);
  EXPECT_EQ(bed_.must(bed_.store.mailbox(kAlice, drafts)).role, Role::drafts);
  EXPECT_EQ(bed_.must(bed_.store.mailbox(kAlice, "Recovered " + std::to_string(box))).exists, 1u);
  bed_.id_of(kAlice, "Trash");
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(SettlingTest, AnAccountOfWhichNothingIsLeftBeginsAnew) {
  const auto before = bed_.must(bed_.store.mailbox(kAlice, inbox_)).uid_validity;
  lose("A", "z");
  settle();
  EXPECT_EQ(bed_.must(bed_.store.mailboxes(kAlice)).size(), 6u);
  const auto placed = bed_.append(kAlice, "INBOX", "x");
  ASSERT_TRUE(placed);
  EXPECT_GT(placed->uid_validity, before);
}

TEST_F(SettlingTest, TheHeadAndTheInboxAreMadeAgain) {
  lose(std::string(kHeadKey));
  lose(mailbox_key(inbox_));
  lose(name_key("INBOX"));
  lose(flags_key(inbox_, 0), message_end(inbox_, UINT32_MAX));
  settle();
  EXPECT_TRUE(bed_.append(kAlice, "INBOX", "x"));
  EXPECT_EQ(bed_.must(bed_.store.usage(kAlice)).messages, 1u);
}

TEST_F(SettlingTest, NumbersOfLostKeywordsBecomeNoOtherNames) {
  const FlagUpdate work{FlagChange::add, FlagSet{0, {"Work"}}, {}, {}};
  bed_.must(bed_.store.update_flags(kAlice, inbox_, {1}, work));
  lose(keywords_key(inbox_));
  settle();
  const FlagUpdate home{FlagChange::add, FlagSet{0, {"Home"}}, {}, {}};
  bed_.must(bed_.store.update_flags(kAlice, inbox_, {2}, home));
  const auto found = bed_.all(kAlice, inbox_);
  EXPECT_EQ(found[0].flags.keywords, std::vector<std::string>{"Lost0"});
  EXPECT_EQ(found[1].flags.keywords, std::vector<std::string>{"Home"});
}

// Whatever stretch of rows goes back or goes: a client's memory is never wrong, and the account is in order.
class AnyLoss : public testing::TestWithParam<int> {};

TEST_P(AnyLoss, KeepsEveryPromise) {
  StoreBed bed("memory", kKeptExpunges, GetParam() % 2 == 0);
  test::SeededRandom random(static_cast<uint64_t>(GetParam()));
  const auto below = [&random](size_t n) { return random.u64() % n; };
  bed.must(bed.store.create_account(kAlice));
  std::map<std::pair<uint32_t, Uid>, std::string> shown;  // what a client has seen
  int serial = 0;
  const auto names = [&] {
    std::vector<std::string> out;
    for (const MailboxInfo& info : bed.must(bed.store.mailboxes(kAlice))) out.push_back(info.name);
    return out;
  };
  const auto act = [&] {
    const auto all = names();
    const std::string name = all[below(all.size())];
    const MailboxId id = bed.id_of(kAlice, name);
    const auto uids = bed.uids(kAlice, id);
    switch (below(6)) {
      case 0:
        static_cast<void>(bed.run(bed.store.create_mailbox(kAlice, "box" + std::to_string(below(5)))));
        return;
      case 1:
        if (name != "INBOX") static_cast<void>(bed.run(bed.store.delete_mailbox(kAlice, name)));
        return;
      case 2:
        if (uids.empty()) return;
        bed.must(bed.store.update_flags(kAlice, id, {uids[below(uids.size())]},
                                        {FlagChange::add, FlagSet{kDeleted, {}}, {}, {}}));
        bed.must(bed.store.expunge(kAlice, id, uids));
        return;
      default:
        EXPECT_TRUE(bed.append(kAlice, name, "letter " + std::to_string(++serial)));
    }
  };
  const auto look = [&] {
    for (const std::string& name : names()) {
      const auto info = bed.must(bed.store.mailbox(kAlice, name));
      for (const Entry& entry : bed.all(kAlice, info.id)) {
        const auto text = bed.run(bed.store.read(kAlice, entry, 0, 1000));
        if (!text) continue;
        const auto [it, fresh] = shown.try_emplace({info.uid_validity, entry.uid}, *text);
        EXPECT_EQ(it->second, *text) << name << " " << entry.uid;
      }
    }
  };
  const auto rows = [&] {
    Rows out;
    EXPECT_TRUE(bed.engine->scan(account_partition(kAlice), "", "", [&](auto key, auto value) {
      out.emplace(key, value);
      return true;
    }));
    return out;
  };
  for (int round = 0; round < 12; ++round) {
    for (int i = 0; i < 20; ++i) act();
    const Rows old = rows();
    look();
    for (int i = 0; i < 20; ++i) act();
    look();
    bed.clock.advance(std::chrono::minutes(1));
    const Rows now = rows();
    std::vector<std::string> keys;
    for (const auto& [key, value] : now) keys.push_back(key);
    const std::string begin = keys[below(keys.size())];
    const std::string end = prefix_end(keys[below(keys.size())]);
    const bool back = below(2) == 0;
    const engine::Step step{account_partition(kAlice), [&](engine::Transaction& to) -> Result<void> {
                              for (const auto& [key, value] : now)
                                if (key >= begin && key < end) to.erase(key);
                              for (const auto& [key, value] : old)
                                if (back && key >= begin && key < end) to.put(key, value);
                              return {};
                            }};
    bed.must(bed.engine->transact({step}));
    bed.must(bed.store.settle(kAlice));
    look();
    // Bodies that lost their letter, or letters that were removed and have come back, are told and harmless.
    for (const std::string& problem : bed.problems({kAlice})) {
      const bool body =
          problem.starts_with("blob") || problem.find("its body does not know it") != problem.npos;
      EXPECT_TRUE(body) << problem;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Settling, AnyLoss, testing::Range(1, 13));

}  // namespace
}  // namespace posthouse::store
