// What other accounts have makes no difference to anybody: bob's sessions in a house where alice has
// mailboxes and messages of the names and numbers he tries are, byte for byte, what they are where she has
// nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "imap_house.h"

namespace posthouse::access::imap::test {
namespace {

constexpr const char* kNames[] = {"Private", "Private/Deep", "Shared &- odd", "&2D3c6A-"};

// Gives alice what bob will ask for.
void furnish(House& house) {
  auto alice = house.login("alice");
  for (const char* name : kNames) {
    const std::string quoted = "\"" + std::string(name) + "\"";
    alice->ask("a CREATE " + quoted + "\r\nb SUBSCRIBE " + quoted + "\r\n");
    for (int i = 0; i < 3; i++)
      alice->ask("c APPEND " + quoted + " (\\Deleted secret) {14+}\r\nSubject: x\r\n\r\n\r\n");
  }
  for (int i = 0; i < 9; i++) house.deliver(1, "INBOX", "Subject: hers\r\n\r\ncanary\r\n");
  EXPECT_THAT(alice->ask("d STATUS Private (MESSAGES)\r\n"), testing::HasSubstr("MESSAGES 3"));
}

std::vector<std::string> verbs_with(const std::string& name) {
  const std::string n = "\"" + name + "\"";
  return {"SELECT " + n,
          "EXAMINE " + n,
          "STATUS " + n + " (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN SIZE)",
          "LIST \"\" " + n,
          "LIST " + n + " \"*\"",
          "LSUB \"\" " + n,
          "DELETE " + n,
          "RENAME " + n + " elsewhere",
          "RENAME Drafts " + n,
          "RENAME " + n + " Drafts",
          "APPEND " + n + " {14+}\r\nSubject: x\r\n\r\n\r\n",
          "SELECT INBOX",
          "COPY 1 " + n,
          "UID COPY 1:* " + n,
          "MOVE 1 " + n,
          "UID MOVE 1:* " + n,
          "SUBSCRIBE " + n,
          "LSUB \"\" \"*\"",
          "UNSUBSCRIBE " + n,
          "CREATE " + n,
          "CREATE " + n,
          "SELECT " + n,
          "FETCH 1:* (FLAGS BODY.PEEK[])",
          "DELETE " + n,
          "LIST \"\" \"*\""};
}

constexpr const char* kByNumber[] = {
    "SELECT INBOX",
    "UID FETCH 1:4294967295 (FLAGS ENVELOPE BODY.PEEK[])",
    "UID FETCH 3 (BODY[])",
    "UID FETCH 5,7,9 (FLAGS BODYSTRUCTURE RFC822.SIZE INTERNALDATE)",
    "UID STORE 2:9 +FLAGS (\\Seen)",
    "UID STORE 2:9 FLAGS.SILENT (\\Deleted)",
    "UID EXPUNGE 2:9",
    "UID COPY 2:9 Trash",
    "UID MOVE 2:9 Trash",
    "UID SEARCH UID 1:9",
    "UID SEARCH KEYWORD secret",
    "SEARCH TEXT canary",
    "SEARCH SUBJECT hers",
    "FETCH 2 FLAGS",
    "STORE 2 +FLAGS (\\Seen)",
    "EXPUNGE",
    "CHECK",
    "NOOP",
    "CLOSE",
    "LIST \"\" \"%/%\"",
    "LIST \"\" \"../*\"",
    "LIST \"user/alice/\" \"*\"",
    "LSUB \"\" \"*\"",
    "NAMESPACE",
};

// All that bob is told.
std::string visit(House& house) {
  house.deliver(2, "INBOX", "Subject: his\r\n\r\nown\r\n");
  auto bob = house.login("bob");
  std::string told;
  int tag = 0;
  const auto ask = [&](const std::string& command) {
    const std::string name = "t" + std::to_string(++tag);
    told += name + " " + command + "\n" + bob->ask(name + " " + command + "\r\n");
  };
  for (const char* name : kNames) {
    for (const std::string& command : verbs_with(name)) ask(command);
  }
  for (const char* command : kByNumber) ask(command);
  return told;
}

TEST(ImapPrivacy, WhatOthersHaveMakesNoDifference) {
  House furnished, bare;
  furnish(furnished);
  const std::string with = visit(furnished);
  const std::string without = visit(bare);
  EXPECT_EQ(with, without);
  EXPECT_THAT(with, testing::Not(testing::HasSubstr("hers\r\n")));
  EXPECT_THAT(with, testing::HasSubstr("Subject: his"));
}

// The same while alice is there and changes things: a waiting bob hears nothing.
TEST(ImapPrivacy, ChangesOfOthersWakeNobody) {
  House house;
  auto bob = house.login("bob");
  bob->ask("a SELECT INBOX\r\n");
  EXPECT_THAT(bob->ask("b IDLE\r\n"), testing::HasSubstr("+ idling"));
  furnish(house);
  EXPECT_EQ(bob->take(), "");
  EXPECT_EQ(bob->ask("DONE\r\n"), "b OK IDLE done\r\n");
}

// Without the number that tells bob's mailboxes apart.
std::string without_id(std::string answer) {
  const size_t at = answer.find("MAILBOXID (F");
  if (at != std::string::npos) answer.erase(at, answer.find(')', at) - at);
  return answer;
}

// "No such mailbox" does not tell by its form whether a name is taken elsewhere.
TEST(ImapPrivacy, NamesOfOthersAreAsGoodAsRandomOnes) {
  House house;
  furnish(house);
  auto bob = house.login("bob");
  for (const char* form : {"SELECT", "EXAMINE", "DELETE", "UNSUBSCRIBE", "SUBSCRIBE", "CREATE", "DELETE"}) {
    const std::string hers = bob->ask(std::string("x ") + form + " Private\r\n");
    const std::string random = bob->ask(std::string("x ") + form + " Qrivatf\r\n");
    EXPECT_EQ(without_id(hers), without_id(random)) << form;
  }
}

}  // namespace
}  // namespace posthouse::access::imap::test
