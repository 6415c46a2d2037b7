// What somebody has no right to answers exactly as what is not there (RFC 4314 section 6).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "imap_house.h"

namespace posthouse::access::imap::test {
namespace {

using testing::HasSubstr;

void give(House& house, store::AccountId owner, const std::string& mailbox, store::AccountId who,
          store::Rights rights) {
  const auto info = house.executor.run(house.store.mailbox(owner, mailbox));
  ASSERT_TRUE(info.has_value());
  const auto done = house.executor.run(
      house.store.change_rights(owner, info->id, who, false, store::RightsChange::set, rights));
  ASSERT_TRUE(done.has_value());
}

std::vector<std::string> commands_on(const std::string& name) {
  const std::string n = '"' + name + '"';
  return {"SELECT " + n,
          "EXAMINE " + n,
          "STATUS " + n + " (MESSAGES UIDNEXT UIDVALIDITY UNSEEN DELETED-STORAGE SIZE MAILBOXID)",
          "LIST \"\" " + n,
          "LIST \"\" (" + n +
              " \"Shared Folders/*\") RETURN (STATUS (MESSAGES) MYRIGHTS METADATA (/shared/comment))",
          "LIST " + n + " *",
          "LIST (SUBSCRIBED) \"\" " + n,
          "SUBSCRIBE " + n,
          "LSUB \"\" *",
          "UNSUBSCRIBE " + n,
          "MYRIGHTS " + n,
          "GETACL " + n,
          "LISTRIGHTS " + n + " bob",
          "SETACL " + n + " bob lrswipkxtea",
          "SETACL " + n + " nobody l",
          "DELETEACL " + n + " alice",
          "GETMETADATA " + n + " (/shared/comment /private/comment)",
          "SETMETADATA " + n + " (/shared/comment \"x\")",
          "SETMETADATA " + n + " (/private/comment \"x\")",
          "GETQUOTAROOT " + n,
          "GETQUOTA " + n,
          "CREATE " + n,
          "CREATE \"" + name + "/below\"",
          "DELETE " + n,
          "RENAME " + n + " mine",
          "RENAME " + n + " \"" + name + "x\"",
          "RENAME Archive " + n,
          "RENAME Archive \"" + name + "/below\"",
          "APPEND " + n + " {16+}\r\nSubject: app\r\n\r\n",
          "APPEND INBOX CATENATE (URL \"/" + name + "/;UID=1\")",
          "SELECT INBOX",
          "COPY 1 " + n,
          "UID COPY 1:* " + n,
          "MOVE 1 " + n,
          "UID MOVE 1:* " + n,
          "REPLACE 1 " + n + " {16+}\r\nSubject: app\r\n\r\n",
          "NOTIFY SET STATUS (MAILBOXES " + n + " (MessageNew MessageExpunge))",
          "NOTIFY SET STATUS (SUBTREE " + n + " (MessageNew MessageExpunge FlagChange MailboxName))",
          "NOTIFY NONE",
          "UNSELECT"};
}

// The name the client used does not count; nor do its own numbers.
std::string without(std::string text, const std::string& name) {
  for (size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 4))
    text.replace(at, name.size(), "NAME");
  return text;
}

// One session of bob's that tries all on `name`.
std::string visit(const std::string& name, const std::function<void(House&)>& furnish) {
  House house;
  furnish(house);
  house.deliver(2, "INBOX", "Subject: his\r\n\r\nown\r\n");
  auto bob = house.login("bob");
  std::string told;
  int tag = 0;
  for (const std::string& command : commands_on(name)) {
    const std::string t = "t" + std::to_string(++tag);
    told += t + " " + command.substr(0, command.find('"')) + "\n" +
            without(bob->ask(t + " " + command + "\r\n"), name);
  }
  return told;
}

// alice has mail that bob has no right to, beside what he has.
void furnish(House& house) {
  auto alice = house.login("alice");
  alice->ask("a CREATE Private\r\nb CREATE Private/Deep\r\nc CREATE Shown\r\nd SUBSCRIBE Private\r\n");
  alice->ask("e APPEND Private (\\Deleted secret) {14+}\r\nSubject: x\r\n\r\n\r\n");
  alice->ask("f SETMETADATA Private (/shared/comment \"canary\" /private/comment \"canary\")\r\n");
  give(house, 1, "Shown", 2, store::kAllRights);
  give(house, 1, "Private", 3, store::kAllRights);  // what others have is not his
}

TEST(ImapSharing, WithoutARightItIsAsIfItWereNotThere) {
  const std::string hers = visit("Other Users/alice@example.test/Private", furnish);
  EXPECT_THAT(hers, testing::Not(HasSubstr("canary")));
  EXPECT_THAT(hers, HasSubstr("[NONEXISTENT] There is no such mailbox"));
  // A name that she does not have, an account that does not exist, and one that shares nothing.
  EXPECT_EQ(hers, visit("Other Users/alice@example.test/Qrivatf", furnish));
  EXPECT_EQ(hers, visit("Other Users/nobody@example.test/Private", furnish));
  EXPECT_EQ(hers, visit("Other Users/carol@else.test/INBOX", furnish));
  // An account that shares nothing at all has mailboxes that are as little there.
  EXPECT_EQ(hers, visit("Other Users/alice@example.test/Private", [](House& house) {
              auto alice = house.login("alice");
              alice->ask("a CREATE Private\r\n");
            }));
}

// What LIST and all that goes by it tell is the same with and without what is not seen.
TEST(ImapSharing, ListsTellOfNothingMore) {
  House house;
  furnish(house);
  auto bob = house.login("bob");
  for (const char* command :
       {"LIST \"\" *", "LIST \"\" \"Other Users/*\" RETURN (CHILDREN STATUS (MESSAGES) MYRIGHTS)",
        "LIST \"\" \"Other Users/%/%\"", "LSUB \"\" *"}) {
    const std::string told = bob->ask(std::string("t ") + command + "\r\n");
    EXPECT_THAT(told, testing::Not(HasSubstr("Private"))) << command;
  }
  EXPECT_THAT(bob->ask("t LIST \"\" \"Other Users/*\"\r\n"), HasSubstr("alice@example.test/Shown"));
  // A parent that is not seen is a level (section 4).
  give(house, 1, "Private/Deep", 2, store::kMayLookUp);
  const std::string told = bob->ask("t LIST \"\" \"Other Users/*\"\r\n");
  EXPECT_THAT(told, HasSubstr("(\\Noselect \\HasChildren) \"/\" \"Other Users/alice@example.test/Private\""));
  EXPECT_THAT(
      told, HasSubstr("(\\Noselect \\HasNoChildren) \"/\" \"Other Users/alice@example.test/Private/Deep\""));
}

// Sessions that wait hear nothing of what happens where they have no right.
TEST(ImapSharing, WaitingTellsNothingMore) {
  House house;
  furnish(house);
  auto bob = house.login("bob");
  bob->ask("a SELECT \"Other Users/alice@example.test/Shown\"\r\n");
  EXPECT_THAT(bob->ask("b IDLE\r\n"), HasSubstr("+ idling"));
  house.deliver(1, "Private", "Subject: x\r\n\r\n");
  house.deliver(1, "INBOX", "Subject: x\r\n\r\n");
  auto alice = house.login("alice");
  alice->ask("a CREATE Private/More\r\nb DELETE Private/More\r\nc SETACL Private carol@else.test lr\r\n");
  EXPECT_EQ(bob->take(), "");
  house.deliver(1, "Shown", "Subject: x\r\n\r\n");
  EXPECT_THAT(bob->take(), HasSubstr("* 1 EXISTS"));
}

// A name leads to its account by exactly the level that LIST tells.
TEST(ImapSharing, ALevelIsAnAddressInOneSpelling) {
  House house;
  house.neighbours.all[0].address = "al/i%ce@example.test";
  give(house, 1, "INBOX", 2, store::kMayLookUp | store::kMayRead);
  auto bob = house.login("bob");
  EXPECT_THAT(bob->ask("a LIST \"\" \"Other Users/*\"\r\n"),
              HasSubstr("\"Other Users/al%2Fi%25ce@example.test/INBOX\""));
  for (const char* level :
       {"al%2Fi%25ce@example.test", "al%2fi%25ce@example.test", "al/i%ce@example.test",
        "al%2Fi%ce@example.test", "AL%2Fi%25ce@example.test", "al%2Fi%25ce", "%", "%2", ""}) {
    const bool right = std::string_view(level) == "al%2Fi%25ce@example.test";
    const std::string said = bob->ask("b EXAMINE \"Other Users/" + std::string(level) + "/INBOX\"\r\n");
    EXPECT_THAT(said, HasSubstr(right ? "b OK" : "b NO [NONEXISTENT]")) << level;
  }
  EXPECT_THAT(bob->ask("c EXAMINE \"Shared Folders/al%2Fi%25ce@example.test/INBOX\"\r\n"),
              HasSubstr("c NO [NONEXISTENT]"));
  // One's own mailboxes are not among those of others.
  EXPECT_THAT(bob->ask("d EXAMINE \"Other Users/bob@example.test/INBOX\"\r\n"),
              HasSubstr("d NO [NONEXISTENT]"));
}

// Whoever gives to everybody of his own domain is nothing to others, however many they are.
TEST(ImapSharing, EverybodyIsOfOneDomain) {
  House house;
  give(house, 1, "INBOX", store::kAnyone, store::kMayLookUp | store::kMayRead);
  give(house, 3, "INBOX", store::kAnyone, store::kMayLookUp | store::kMayRead);
  auto bob = house.login("bob");
  const std::string listed = bob->ask("a LIST \"\" \"Other Users/*\"\r\n");
  EXPECT_THAT(listed, HasSubstr("alice@example.test/INBOX"));
  EXPECT_THAT(listed, testing::Not(HasSubstr("carol")));
  EXPECT_THAT(bob->ask("b EXAMINE \"Other Users/alice@example.test/INBOX\"\r\n"), HasSubstr("b OK"));
  EXPECT_THAT(bob->ask("c EXAMINE \"Other Users/carol@else.test/INBOX\"\r\n"), HasSubstr("[NONEXISTENT]"));
}

TEST(ImapSharing, SharedAccountsHaveANamespaceOfTheirOwn) {
  House house;
  give(house, 4, "INBOX", store::kAnyone, store::kMayLookUp | store::kMayRead | store::kMayInsert);
  auto bob = house.login("bob");
  EXPECT_THAT(bob->ask("a LIST \"\" \"Shared Folders/*\"\r\n"),
              HasSubstr("\"Shared Folders/info@example.test/INBOX\""));
  EXPECT_THAT(bob->ask("b SELECT \"Shared Folders/info@example.test/INBOX\"\r\n"), HasSubstr("[READ-WRITE]"));
  EXPECT_THAT(bob->ask("c STATUS \"Other Users/info@example.test/INBOX\" (MESSAGES)\r\n"),
              HasSubstr("[NONEXISTENT]"));
  // Everybody is everybody of its domain.
  auto carol = house.login("carol");
  EXPECT_EQ(carol->ask("a LIST \"\" \"Shared Folders/*\"\r\n"), "a OK LIST done\r\n");
}

// The account's INBOX has its name in any case, too (RFC 9051 section 5.1); LIST finds what STATUS finds.
TEST(ImapSharing, InboxOfASharedAccountInAnyCase) {
  House house;
  give(house, 4, "INBOX", 2, store::kMayLookUp | store::kMayRead);
  auto bob = house.login("bob");
  for (const char* name : {"inbox", "InBox", "INBOX"}) {
    const std::string quoted = "\"Shared Folders/info@example.test/" + std::string(name) + '"';
    EXPECT_EQ(
        bob->ask("a LIST \"\" " + quoted + "\r\n"),
        "* LIST (\\HasNoChildren) \"/\" \"Shared Folders/info@example.test/INBOX\"\r\na OK LIST done\r\n");
    EXPECT_THAT(bob->ask("b STATUS " + quoted + " (MESSAGES)\r\n"), HasSubstr("b OK"));
  }
}

// Names that mbsync and OfflineIMAP take for an attack: none is made, and those that are there from before
// are their owner's alone.
TEST(ImapSharing, NamesWithDotLevelsAreNotShown) {
  for (const store::Format format : {store::Format::database, store::Format::maildir}) {
    House house(store::kKeptExpunges, format);
    for (const char* name : {"a/../b", "..", "x/./y", "a/..b/c."}) {
      ASSERT_TRUE(house.executor.run(house.store.create_mailbox(1, name)).has_value());
      give(house, 1, name, 2, store::kAllRights);
    }
    house.deliver(1, "a/../b", "Subject: x\r\n\r\n");
    auto bob = house.login("bob");
    const char* const list = "a LIST \"\" \"Other Users/alice*\"\r\n";
    const std::string level = "* LIST (\\Noselect \\HasChildren) \"/\" \"Other Users/alice@example.test";
    const std::string box = "* LIST (\\HasNoChildren) \"/\" \"Other Users/alice@example.test";
    EXPECT_EQ(bob->ask(list), level + "\"\r\n" + level + "/a\"\r\n" + level + "/a/..b\"\r\n" + box +
                                  "/a/..b/c.\"\r\na OK LIST done\r\n");
    EXPECT_THAT(bob->ask("b SUBSCRIBE \"Other Users/alice@example.test/..\"\r\n"), HasSubstr("b OK"));
    EXPECT_EQ(bob->ask("c LSUB \"Other Users/\" *\r\nd LIST (SUBSCRIBED) \"Other Users/\" *\r\n"),
              "c OK LSUB done\r\nd OK LIST done\r\n");
    EXPECT_THAT(bob->ask("e CREATE \"Other Users/alice@example.test/a/..b/..\"\r\n"),
                HasSubstr("e NO [CANNOT]"));
    auto alice = house.login("alice");
    const std::string hers = alice->ask("a LIST \"\" *\r\n");
    for (const char* name : {" a/../b\r\n", " ..\r\n", " x/./y\r\n", " a/..b/c.\r\n"})
      EXPECT_THAT(hers, HasSubstr(name));
    EXPECT_THAT(alice->ask("b STATUS a/../b (MESSAGES)\r\n"), HasSubstr("(MESSAGES 1)"));
    EXPECT_THAT(alice->ask("c EXAMINE a/../b\r\n"), HasSubstr("c OK"));
    EXPECT_THAT(alice->ask("d RENAME x z\r\n"), HasSubstr("d OK"));
    EXPECT_THAT(alice->ask("e STATUS z/./y (MESSAGES)\r\n"), HasSubstr("e OK"));
    EXPECT_THAT(alice->ask("f RENAME a/../b a/b\r\n"), HasSubstr("f OK"));
    EXPECT_THAT(alice->ask("g DELETE ..\r\n"), HasSubstr("g OK"));
    EXPECT_THAT(bob->ask(list), HasSubstr(box + "/a/b\"\r\n"));
  }
}

// An address with the separator, and mailboxes of one's own with the namespaces' names.
TEST(ImapSharing, NamesDontCollide) {
  House house;
  house.neighbours.all[0].address = "al/ice%@example.test";
  give(house, 1, "INBOX", 2, store::kAllRights);
  house.executor.run(house.store.create_mailbox(2, "Other Users/al%2Fice%25@example.test/INBOX"));
  house.executor.run(house.store.create_mailbox(2, "Shared Folders"));
  house.deliver(1, "INBOX", "Subject: x\r\n\r\n");
  auto bob = house.login("bob");
  // His own is older, and is the one that is meant.
  EXPECT_THAT(bob->ask("a STATUS \"Other Users/al%2Fice%25@example.test/INBOX\" (MESSAGES)\r\n"),
              HasSubstr("(MESSAGES 0)"));
  const std::string listed = bob->ask("b LIST \"\" \"Other Users/*\"\r\n");
  EXPECT_EQ(listed.find("INBOX"), listed.rfind("INBOX"));
  EXPECT_THAT(bob->ask("c RENAME \"Other Users/al%2Fice%25@example.test/INBOX\" Old\r\n"), HasSubstr("c OK"));
  EXPECT_THAT(bob->ask("d STATUS \"Other Users/al%2Fice%25@example.test/INBOX\" (MESSAGES)\r\n"),
              HasSubstr("(MESSAGES 1)"));
  EXPECT_THAT(bob->ask("e DELETE \"Shared Folders\"\r\n"), HasSubstr("e OK"));
  EXPECT_THAT(bob->ask("f CREATE \"Shared Folders\"\r\n"), HasSubstr("[NOPERM]"));
}

}  // namespace
}  // namespace posthouse::access::imap::test
