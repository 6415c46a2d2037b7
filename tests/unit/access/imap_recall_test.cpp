// What sessions remember of what was asked before: the cache itself, and that nobody can tell but by the
// time.
#include "access/imap/recall.h"

#include <gtest/gtest.h>

#include <regex>
#include <tuple>

#include "imap_house.h"
#include "imap_watcher.h"

namespace posthouse::access::imap::test {
namespace {

struct Number : Recall::Kept {
  explicit Number(int n) : value(n) {}
  int value;
};
struct Other : Recall::Kept {};

Recall::Key key(const std::string& what) {
  return {1, 2, 3, what};
}

int value(Recall& recall, const Recall::Key& of) {
  const auto found = recall.find<Number>(of);
  return found ? found->value : 0;
}

void keep(Recall& recall, const Recall::Key& of, int number, size_t octets) {
  recall.keep(of, std::make_shared<Number>(number), octets);
}

TEST(Recall, FindsWhatWasKeptUnderTheWholeKey) {
  Recall recall(1 << 20);
  keep(recall, key("a"), 5, 10);
  EXPECT_EQ(value(recall, key("a")), 5);
  EXPECT_EQ(value(recall, key("b")), 0);
  EXPECT_EQ(value(recall, {2, 2, 3, "a"}), 0);
  EXPECT_EQ(value(recall, {1, 3, 3, "a"}), 0);
  EXPECT_EQ(value(recall, {1, 2, 4, "a"}), 0);
  EXPECT_EQ(recall.find<Other>(key("a")), nullptr);
}

TEST(Recall, KeepsTheNewestUnderAKeyAndCountsItOnce) {
  Recall recall(1 << 20);
  keep(recall, key("a"), 1, 1000);
  const size_t once = recall.octets();
  keep(recall, key("a"), 2, 1000);
  EXPECT_EQ(value(recall, key("a")), 2);
  EXPECT_EQ(recall.octets(), once);
  EXPECT_EQ(recall.size(), 1u);
}

TEST(Recall, WhatWasUnusedForLongestMakesRoom) {
  Recall recall(10'000);
  for (int i = 1; i <= 3; i++) keep(recall, key(std::to_string(i)), i, 2'500);
  EXPECT_EQ(value(recall, key("1")), 1);
  keep(recall, key("4"), 4, 2'500);
  EXPECT_EQ(value(recall, key("1")), 1);
  EXPECT_EQ(value(recall, key("2")), 0);
  EXPECT_EQ(value(recall, key("3")), 3);
  EXPECT_EQ(value(recall, key("4")), 4);
}

TEST(Recall, NeverHoldsMoreThanItsLimit) {
  Recall recall(10'000);
  for (int i = 0; i < 200; i++) {
    keep(recall, key(std::to_string(i)), i, static_cast<size_t>(i * 37 % 4'500));
    ASSERT_LE(recall.octets(), 10'000u);
  }
  EXPECT_GT(recall.size(), 0u);
}

TEST(Recall, WhatIsTooLargeIsNotKeptNorWhatItWouldReplace) {
  Recall recall(10'000);
  keep(recall, key("a"), 1, 100);
  keep(recall, key("a"), 2, 6'000);
  EXPECT_EQ(value(recall, key("a")), 0);
  EXPECT_EQ(recall.octets(), 0u);
}

TEST(Recall, WithoutRoomKeepsNothing) {
  Recall recall(0);
  keep(recall, key("a"), 1, 0);
  EXPECT_EQ(value(recall, key("a")), 0);
}

TEST(Recall, WhoHasFoundItMayUseItAfterItWentOut) {
  Recall recall(10'000);
  keep(recall, key("a"), 1, 100);
  const auto found = recall.find<Number>(key("a"));
  for (int i = 0; i < 10; i++) keep(recall, key(std::to_string(i)), i, 4'000);
  EXPECT_EQ(value(recall, key("a")), 0);
  EXPECT_EQ(found->value, 1);
}

std::string letter(Dice& dice) {
  const std::string n = std::to_string(dice.roll(6));
  std::string out = "From: Some " + std::to_string(dice.roll(4)) + " <p" + n + "@x.test>\r\nTo: <q" +
                    std::to_string(dice.roll(3)) + "@x.test>\r\n";
  if (dice.roll(4) != 0)
    out += "Date: Sat, " + std::to_string(1 + dice.roll(28)) + " Nov 2020 12:00:00 +0000\r\n";
  if (dice.roll(5) != 0)
    out += std::string("Subject: ") + (dice.roll(2) == 0 ? "Re: " : "") + "topic " + n + "\r\n";
  if (dice.roll(5) != 0) out += "Message-ID: <m" + std::to_string(dice.roll(40)) + "@x.test>\r\n";
  if (dice.roll(2) != 0) out += "References: <m" + std::to_string(dice.roll(40)) + "@x.test>\r\n";
  return out + "\r\n" + std::string(dice.roll(50), 'x') + "\r\n";
}

// Two that remember, and one that works all out anew, of whom all are told of the same mailbox.
class Memory : public testing::TestWithParam<std::tuple<store::Format, uint64_t>> {
 protected:
  // Without what sessions are told differently.
  std::string ask(Client& client, const std::string& command) {
    std::string answer = client.ask("x " + command + "\r\n");
    for (const std::string_view recent : {" \\Recent", "\\Recent "}) {
      for (size_t n = answer.find(recent); n != std::string::npos; n = answer.find(recent, n))
        answer.erase(n, recent.size());
    }
    for (size_t n = answer.find("(\\Recent)"); n != std::string::npos; n = answer.find("(\\Recent)", n))
      answer.erase(n + 1, 7);
    return answer;
  }

  void change(Dice& dice) {
    const auto first = static_cast<uint32_t>(dice.roll(30) + 1);
    const std::string set = std::to_string(first) + ":" + std::to_string(first + dice.roll(4));
    Client& who = *clients_[dice.roll(clients_.size())];
    switch (dice.roll(6)) {
      case 0:
      case 1:
        house_->deliver(1, "INBOX", letter(dice), {}, FakeClock::kStart + seconds(dice.roll(90'000)));
        break;
      case 2:
        ask(who, "UID STORE " + set + (dice.roll(2) == 0 ? " +" : " -") + "FLAGS (\\Seen work)");
        break;
      case 3:
        ask(who, "UID STORE " + set + " +FLAGS (\\Deleted)");
        if (dice.roll(2) == 0) ask(who, "EXPUNGE");
        break;
      case 4:
        ask(who, "UID MOVE " + set + " Archive");
        break;
      default:
        ask(who, "UID COPY " + set + " INBOX");
    }
    house_->run();
  }

  // One after another: who asks may change flags. All have been told of what is gone.
  void compare(const std::string& question) {
    for (const auto& client : clients_) ask(*client, "NOOP");
    const std::string expected = ask(*clients_.back(), question);
    ASSERT_NE(expected.find("x OK"), std::string::npos) << question << ": " << expected;
    for (int again = 0; again < 2; again++) {
      for (size_t i = 0; i + 1 < clients_.size(); i++)
        ASSERT_EQ(ask(*clients_[i], question), expected) << question;
    }
  }

  static std::string question(Dice& dice) {
    static const std::vector<std::string> keys = {"ALL", "UNSEEN", "UNDELETED", "SMALLER 250", "MODSEQ 5"};
    static const std::vector<std::string> orders = {
        "SUBJECT", "REVERSE SUBJECT DATE", "DATE", "ARRIVAL", "FROM REVERSE TO", "SIZE", "CC DISPLAYFROM"};
    static const std::vector<std::string> items = {
        "BODY.PEEK[HEADER.FIELDS (Subject From)]",
        "UID FLAGS BODY.PEEK[HEADER.FIELDS (from SUBJECT)]<3.20>",
        "RFC822.SIZE INTERNALDATE MODSEQ BODY.PEEK[HEADER.FIELDS.NOT (date)]",
        "BODY.PEEK[HEADER.FIELDS (to)] BODY.PEEK[HEADER.FIELDS (Subject From)] FLAGS",
        "ENVELOPE BODY.PEEK[HEADER.FIELDS (References)] BODYSTRUCTURE",
        "BODY.PEEK[HEADER.FIELDS (date)] BODY.PEEK[HEADER.FIELDS (from)]",
        "BODY.PEEK[HEADER.FIELDS (from)] BODY.PEEK[TEXT]"};
    const std::string& some = keys[dice.roll(keys.size())];
    const size_t first = 1 + dice.roll(20);
    switch (dice.roll(7)) {
      case 0:
        return "THREAD REFERENCES UTF-8 " + some;
      case 1:
        return "UID THREAD ORDEREDSUBJECT UTF-8 " + some;
      case 2:
        return "SORT RETURN (COUNT MIN MAX PARTIAL 2:6) (" + orders[dice.roll(orders.size())] + ") UTF-8 " +
               some;
      case 3:
        return "UID SORT (" + orders[dice.roll(orders.size())] + ") UTF-8 " + some;
      case 4:
        return "SORT (" + orders[dice.roll(orders.size())] + ") UTF-8 " + some;
      case 5:
        return "FETCH 1:* (" + items[dice.roll(items.size())] + ")";
      default:
        return "UID FETCH " + std::to_string(first) + ":" + std::to_string(first + dice.roll(15)) + " (" +
               items[dice.roll(items.size())] + ")";
    }
  }

  std::unique_ptr<House> house_;
  std::vector<std::unique_ptr<Client>> clients_;
};

TEST_P(Memory, IsNotToBeSeen) {
  const auto [format, seed] = GetParam();
  Dice dice(seed);
  house_ = std::make_unique<House>(store::kKeptExpunges, format);
  if (seed % 2 == 0) house_->store.keep_sheets(1);
  for (int i = 0; i < 12; i++) house_->deliver(1, "INBOX", letter(dice));
  for (const bool remembers : {true, true, false}) {
    house_->remembers = remembers;
    clients_.push_back(house_->login("alice"));
    ask(*clients_.back(), "ENABLE CONDSTORE");
    ask(*clients_.back(), "SELECT INBOX");
  }
  for (int i = format == store::Format::database ? 150 : 30; i > 0 && !HasFatalFailure(); i--) {
    for (size_t changes = dice.roll(3); changes > 0; changes--) change(dice);
    // So that a fetch has something to tell.
    house_->deliver(1, "INBOX", letter(dice));
    compare(question(dice));
  }
  EXPECT_GT(house_->recall.size(), 0u);
  clients_.clear();
}

INSTANTIATE_TEST_SUITE_P(All, Memory,
                         testing::Combine(testing::Values(store::Format::database, store::Format::maildir,
                                                          store::Format::mbox),
                                          testing::Range<uint64_t>(1, 5)),
                         [](const auto& test) {
                           return std::string(to_string(std::get<0>(test.param))) + "_" +
                                  std::to_string(std::get<1>(test.param));
                         });

// Flags from memory beside rows of records alone, and all rows: what needs an EMAILID goes that way.
class Shapes : public testing::TestWithParam<store::Format> {};

TEST_P(Shapes, AreWhatAllRowsSay) {
  House house(store::kKeptExpunges, GetParam());
  house.store.keep_sheets(1);
  Dice dice(3);
  const bool fast = GetParam() == store::Format::database;
  const int letters = fast ? 400 : 150;
  for (int i = 0; i < letters; i++)
    house.deliver(1, "INBOX", letter(dice), {}, FakeClock::kStart + seconds(dice.roll(90'000)));
  const auto client = house.login("alice"), other = house.login("alice");
  for (Client* who : {client.get(), other.get()}) who->ask("x ENABLE CONDSTORE\r\nx SELECT INBOX\r\n");
  const std::string items =
      "UID FLAGS MODSEQ INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY PREVIEW THREADID";
  for (int round = 0; round < (fast ? 6 : 2); round++) {
    for (int i = fast ? 20 : 2; i > 0; i--) {
      const std::string which = std::to_string(1 + dice.roll(100));
      other->ask("x UID STORE " + which + ":" + std::to_string(100 + dice.roll(30)) + " +FLAGS (k" + which +
                 ")\r\n");
      other->ask("x UID STORE " + which + " FLAGS (\\Seen)\r\n");
    }
    if (round % 2 == 1) other->ask("x UID STORE 7:9,120 +FLAGS (\\Deleted)\r\nx EXPUNGE\r\n");
    client->ask("x SEARCH ALL\r\n");  // is told of flags, but not of what is gone
    for (const std::string set : {"1:*", "2:3,10:90,95,99:140"}) {
      const std::string shapes = client->ask("x FETCH " + set + " (" + items + ")\r\n");
      const std::string rows = client->ask("x FETCH " + set + " (" + items + " EMAILID)\r\n");
      const std::string expected = std::regex_replace(rows, std::regex(" EMAILID \\([^)]*\\)"), "");
      ASSERT_TRUE(shapes == expected) << shapes.substr(0, 2'000) << "\n" << expected.substr(0, 2'000);
      ASSERT_NE(shapes.find("k"), std::string::npos);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Shapes,
                         testing::Values(store::Format::database, store::Format::maildir,
                                         store::Format::mbox),
                         [](const auto& test) { return std::string(to_string(test.param)); });

class Repeated : public testing::Test {
 protected:
  Repeated() {
    Dice dice(1);
    for (int i = 0; i < 20; i++) house_.deliver(1, "INBOX", letter(dice));
    client_ = house_.login("alice");
    client_->ask("x SELECT INBOX\r\n");
  }

  size_t reads_for(const std::string& command) {
    const size_t before = house_.faults.blob_reads;
    const std::string answer = client_->ask("x " + command + "\r\n");
    EXPECT_NE(answer.find("x OK"), std::string::npos) << answer;
    return house_.faults.blob_reads - before;
  }

  House house_;
  std::unique_ptr<Client> client_;
};

TEST_F(Repeated, FieldsThatWereFetchedAreNotReadAgain) {
  EXPECT_GT(reads_for("FETCH 1:* (BODY.PEEK[HEADER.FIELDS (Subject From)])"), 0u);
  EXPECT_EQ(reads_for("FETCH 1:* (UID FLAGS RFC822.SIZE BODY.PEEK[HEADER.FIELDS (FROM subject)])"), 0u);
  EXPECT_EQ(reads_for("FETCH 3:7 (ENVELOPE BODY.PEEK[HEADER.FIELDS (Subject From)]<2.5>)"), 0u);
  EXPECT_GT(reads_for("FETCH 1:* (BODY.PEEK[HEADER.FIELDS (Subject)])"), 0u);
}

TEST_F(Repeated, OnlyLettersThatCameSinceAreRead) {
  const std::string fetch = "FETCH 1:* (BODY.PEEK[HEADER.FIELDS (Subject)])";
  const size_t all = reads_for(fetch);
  house_.deliver(1, "INBOX", "Subject: new\r\n\r\n");
  const size_t one = reads_for(fetch);
  EXPECT_GT(one, 0u);
  EXPECT_LT(one, all);
  EXPECT_EQ(reads_for(fetch), 0u);
}

// The client is not told of an expunge while it uses message numbers, but nothing else of the letter either.
TEST_F(Repeated, WhatAnotherSessionHasExpungedIsNotTold) {
  const std::string fetch = "x FETCH 1:5 (BODY.PEEK[HEADER.FIELDS (Subject)])\r\n";
  const std::string questions[] = {"x SORT (DATE) UTF-8 ALL\r\n", "x THREAD REFERENCES UTF-8 ALL\r\n",
                                   "x THREAD ORDEREDSUBJECT UTF-8 ALL\r\n"};
  const auto names = [](const std::string& answer, const std::string& number) {
    const std::string lines = std::regex_replace(answer, std::regex("[^0-9]+"), " ");
    return lines.find(" " + number + " ") != std::string::npos;
  };
  for (const std::string& question : questions) EXPECT_TRUE(names(client_->ask(question), "3"));
  EXPECT_NE(client_->ask(fetch).find("* 3 FETCH"), std::string::npos);
  const auto other = house_.login("alice");
  other->ask("x SELECT INBOX\r\nx STORE 3 +FLAGS (\\Deleted)\r\nx EXPUNGE\r\n");
  for (const std::string& question : questions) {
    const std::string answer = client_->ask(question);
    EXPECT_FALSE(names(answer, "3")) << answer;
    EXPECT_TRUE(names(answer, "4")) << answer;
  }
  const std::string answer = client_->ask(fetch);
  EXPECT_EQ(answer.find("* 3 FETCH (BODY"), std::string::npos) << answer;
  EXPECT_NE(answer.find("* 4 FETCH (BODY"), std::string::npos) << answer;
  EXPECT_NE(answer.find("x NO [EXPUNGEISSUED]"), std::string::npos) << answer;
}

TEST_F(Repeated, WhoMayNotReadAMailboxIsToldNothingOfWhatItsOwnerAsked) {
  reads_for("FETCH 1:* (BODY.PEEK[HEADER.FIELDS (Subject)])");
  const auto bob = house_.login("bob");
  const std::string refused = bob->ask("x SELECT \"Other Users/alice@example.test/INBOX\"\r\n");
  EXPECT_NE(refused.find("x NO"), std::string::npos) << refused;
  bob->ask("x SELECT INBOX\r\n");
  const std::string answer = bob->ask("x FETCH 1:* (BODY.PEEK[HEADER.FIELDS (Subject)])\r\n");
  EXPECT_EQ(answer.find("FETCH ("), std::string::npos) << answer;
}

}  // namespace
}  // namespace posthouse::access::imap::test
