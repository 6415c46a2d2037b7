// NOTIFY (RFC 5465) and kept searches (RFC 5267) where a dialogue can't show it: overflow, ends of sessions
// that wait, limits, and results that are as those of a new search whatever happens.
#include <gmock/gmock.h>

#include <random>
#include <set>

#include "access/imap/former_names.h"
#include "access/imap/limits.h"
#include "base/ascii.h"
#include "imap_house.h"
#include "store/rows.h"

namespace posthouse::access::imap::test {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

constexpr std::string_view kAll =
    "NOTIFY SET (selected (MessageNew MessageExpunge FlagChange)) (personal (MessageNew MessageExpunge "
    "FlagChange MailboxName SubscriptionChange MailboxMetadataChange ServerMetadataChange))\r\n";

void subscribe(House& house, size_t count) {
  std::vector<engine::Step> steps;
  steps.push_back({store::account_partition(1), [&](engine::Transaction& rows) -> Result<void> {
                     for (size_t i = 0; i < count; ++i)
                       rows.put(store::subscription_key("n" + std::to_string(i)), store::empty_record());
                     return {};
                   }});
  spawn([](House& h, std::vector<engine::Step> s) -> Task<void> {
    Result<void> done = co_await h.engine->transact(std::move(s));
    EXPECT_TRUE(done.has_value());
  }(house, std::move(steps)));
  house.run();
}

TEST(ImapNotify, TooMuchAtOnceIsAnOverflow) {
  House house;
  auto alice = house.login("alice");
  alice->ask("a " + std::string(kAll));
  subscribe(house, 10);
  EXPECT_THAT(alice->take(), HasSubstr("* LIST (\\NonExistent \\HasNoChildren \\Subscribed) \"/\" n9\r\n"));
  subscribe(house, kNotifications + 100);
  EXPECT_THAT(alice->take(), EndsWith("* OK [NOTIFICATIONOVERFLOW] Too much happens at once\r\n"));
  // As after NOTIFY NONE.
  house.deliver(1, "INBOX", "Subject: x\r\n\r\nx\r\n");
  house.run();
  EXPECT_EQ(alice->ask("b NOOP\r\n"), "b OK NOOP done\r\n");
  EXPECT_THAT(alice->ask("c " + std::string(kAll)), EndsWith("c OK NOTIFY done\r\n"));
  house.deliver(1, "INBOX", "Subject: x\r\n\r\nx\r\n");
  house.run();
  EXPECT_THAT(alice->take(), HasSubstr("* STATUS INBOX (MESSAGES 2 UIDNEXT 3 "));
}

TEST(ImapNotify, SessionsThatWaitEndInOrder) {
  House house;
  auto expelled = house.login("alice");
  auto deleted = house.login("alice");
  auto gone = house.login("alice");
  auto other = house.login("alice");
  other->ask("a CREATE Work\r\n");
  expelled->ask("a SELECT INBOX\r\nb " + std::string(kAll));
  deleted->ask("a SELECT Work\r\nb " + std::string(kAll));
  gone->ask("a " + std::string(kAll));
  gone->stream().close();
  house.run();
  other->ask("b DELETE Work\r\n");
  EXPECT_THAT(deleted->take(), EndsWith("* BYE The mailbox was deleted\r\n"));
  EXPECT_TRUE(deleted->closed());
  EXPECT_THAT(expelled->take(), HasSubstr("* LIST (\\NonExistent \\HasNoChildren) \"/\" Work\r\n"));
  end_sessions(*house.registry, 1);
  house.run();
  EXPECT_THAT(expelled->take(), EndsWith("* BYE This account may not stay logged in\r\n"));
  EXPECT_TRUE(expelled->closed());
}

TEST(ImapNotify, AnythingMayComeInThePieceOfACommand) {
  House house;
  auto alice = house.login("alice", 1);
  alice->ask("a SELECT INBOX\r\nb " + std::string(kAll));
  for (int i = 0; i < 5; ++i) {
    alice->send("c" + std::to_string(i) + " NO");
    house.deliver(1, "INBOX", "Subject: x\r\n\r\nx\r\n");
    house.run();
    alice->send("OP\r\n");
    EXPECT_THAT(alice->take(), HasSubstr("* " + std::to_string(i + 1) + " EXISTS\r\n"));
  }
  // A command with a literal waits without news in between.
  EXPECT_THAT(alice->ask("d STATUS {5}\r\n"), EndsWith("+ OK\r\n"));
  house.deliver(1, "INBOX", "Subject: x\r\n\r\nx\r\n");
  house.run();
  EXPECT_EQ(alice->take(), "");
  EXPECT_THAT(alice->ask("INBOX (MESSAGES)\r\n"), HasSubstr("* 6 EXISTS\r\n"));
}

TEST(FormerNames, WhatIsForgottenIsAnotherMailbox) {
  FormerNames names;
  names.add("V", 1);
  names.add("V", 2);  // the client was not told of that one
  EXPECT_EQ(names.take("V", true), 1u);
  EXPECT_EQ(names.take("V", true), std::nullopt);
  for (size_t i = 0; i <= kFormerNames; ++i) names.add("n" + std::to_string(i), 3);
  EXPECT_EQ(names.take("n0", true), 0u);
  EXPECT_EQ(names.take("n0", false), std::nullopt);
  EXPECT_EQ(names.take("n" + std::to_string(kFormerNames), true), 3u);
}

TEST(ImapContext, LargeResultsAreNotKept) {
  House house;
  auto alice = house.login("alice");
  const std::string subject = "Subject: " + std::string(kSortText, 'x') + "\r\n\r\nx\r\n";
  for (int i = 0; i < 20; ++i) house.deliver(1, "INBOX", subject);
  alice->ask("a SELECT INBOX\r\n");
  size_t kept = 0;
  for (size_t i = 0; i <= kContexts; ++i) {
    const std::string tag = "s" + std::to_string(i);
    const std::string said = alice->ask(tag + " SORT RETURN (UPDATE COUNT) (SUBJECT) UTF-8 ALL\r\n");
    EXPECT_THAT(said, HasSubstr("COUNT 20\r\n"));
    if (said.find("[NOUPDATE \"" + tag + "\"]") == std::string::npos) kept++;
  }
  EXPECT_EQ(kept, kContexts);
}

// The numbers of a sequence set, in its order.
std::vector<uint32_t> numbers(std::string_view set) {
  std::vector<uint32_t> out;
  for (const std::string_view part : split(set, ',')) {
    const size_t colon = part.find(':');
    const auto first = static_cast<uint32_t>(parse_uint(part.substr(0, colon)).value_or(0));
    const auto last = colon == std::string_view::npos
                          ? first
                          : static_cast<uint32_t>(parse_uint(part.substr(colon + 1)).value_or(0));
    for (uint32_t n = first; n <= last; ++n) out.push_back(n);
  }
  return out;
}

// What a client knows by ADDTO and REMOVEFROM (RFC 5267 sections 4.3.3 and 4.3.4).
struct Results {
  std::vector<uint32_t> now;

  void take(const std::string& said, const std::string& tag) {
    for (const std::string_view line : split(said, '\n')) {
      if (!line.starts_with("* ESEARCH (TAG \"" + tag + "\") UID ")) continue;
      const bool adds = line.find(" ADDTO (") != std::string_view::npos;
      const bool removes = line.find(" REMOVEFROM (") != std::string_view::npos;
      const size_t all = line.find(" ALL ");
      if (all != std::string_view::npos) now = numbers(trim(line.substr(all + 5)));
      if (!adds && !removes) continue;
      const size_t open = line.rfind('(') + 1;
      const auto words = split(line.substr(open, line.find(')', open) - open), ' ');
      for (size_t i = 0; i + 1 < words.size(); i += 2)
        change(adds, static_cast<size_t>(parse_uint(words[i]).value_or(0)), numbers(words[i + 1]));
    }
  }
  void change(bool adds, size_t position, const std::vector<uint32_t>& uids) {
    for (const uint32_t uid : uids) {
      if (position == 0 && adds) {
        now.insert(std::lower_bound(now.begin(), now.end(), uid), uid);
      } else if (position == 0) {
        ASSERT_EQ(std::erase(now, uid), 1u);
      } else if (adds) {
        ASSERT_LE(position, now.size() + 1);
        now.insert(now.begin() + static_cast<ptrdiff_t>(position++ - 1), uid);
      } else {
        ASSERT_LE(position, now.size());
        ASSERT_EQ(now[position - 1], uid);
        now.erase(now.begin() + static_cast<ptrdiff_t>(position - 1));
      }
    }
  }
};

TEST(ImapContext, ResultsAreThoseOfANewSearch) {
  std::mt19937 random(1);
  const auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  House house;
  auto alice = house.login("alice");
  auto other = house.login("alice");
  for (int i = 0; i < 12; ++i)
    house.deliver(1, "INBOX",
                  "Subject: " + std::string(1, static_cast<char>('a' + below(9))) + "\r\n\r\nx\r\n");
  alice->ask("a SELECT INBOX\r\n");
  other->ask("a SELECT INBOX\r\n");
  Results found, sorted;
  found.take(alice->ask("f UID SEARCH RETURN (UPDATE ALL) OR FLAGGED UNSEEN\r\n"), "f");
  sorted.take(
      alice->ask("s UID SORT RETURN (UPDATE ALL) (REVERSE SUBJECT ARRIVAL) UTF-8 UNDELETED UNSEEN\r\n"), "s");
  for (int round = 0; round < 300; ++round) {
    Client& who = below(2) == 0 ? *alice : *other;
    const std::string number = std::to_string(1 + below(12));
    const char* const flags[] = {"\\Seen", "\\Flagged", "\\Deleted"};
    std::string said;
    switch (below(5)) {
      case 0:
        house.deliver(1, "INBOX",
                      "Subject: " + std::string(1, static_cast<char>('a' + below(9))) + "\r\n\r\nx\r\n");
        house.run();
        break;
      case 1:
        said = who.ask("x EXPUNGE\r\n");
        break;
      case 2:
        said = who.ask("x SEARCH FLAGGED\r\n");
        break;
      default:
        said = who.ask("x STORE " + number + (below(3) == 0 ? " -FLAGS (" : " +FLAGS.SILENT (") +
                       flags[below(3)] + ")\r\n");
    }
    if (&who != alice.get()) said.clear();
    said += alice->ask("n NOOP\r\n");
    found.take(said, "f");
    sorted.take(said, "s");
    Results again;
    again.take(alice->ask("g UID SEARCH RETURN (ALL) OR FLAGGED UNSEEN\r\n"), "g");
    ASSERT_EQ(found.now, again.now) << round << said;
    again.now.clear();
    again.take(alice->ask("g UID SORT RETURN (ALL) (REVERSE SUBJECT ARRIVAL) UTF-8 UNDELETED UNSEEN\r\n"),
               "g");
    ASSERT_EQ(sorted.now, again.now) << round << said;
  }
}

}  // namespace
}  // namespace posthouse::access::imap::test
