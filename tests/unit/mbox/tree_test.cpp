#include "mbox/tree.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mbox/folder_name.h"
#include "mbox/limits.h"
#include "support.h"

namespace posthouse::mbox {
namespace {

using testing::ElementsAre;

std::vector<std::string> names(const Tree& tree) {
  std::vector<std::string> out;
  const auto found = tree.list();
  for (const Folder& folder : *found) out.push_back(folder.name + (folder.selectable ? "" : "/"));
  return out;
}

TEST(MboxTree, CreateListRenameRemove) {
  TempFolder folder;
  const Tree tree(folder / "mail", folder / "inbox");
  EXPECT_THAT(names(tree), ElementsAre("INBOX"));
  EXPECT_TRUE(tree.create("Sent").has_value());
  EXPECT_TRUE(tree.create("work/2026/Übersicht & mehr").has_value());
  EXPECT_TRUE(tree.create("empty/").has_value());
  EXPECT_TRUE(std::filesystem::exists(folder / "mail/work/2026/&ANw-bersicht &- mehr"));
  EXPECT_THAT(names(tree),
              ElementsAre("INBOX", "Sent", "empty/", "work/", "work/2026/", "work/2026/Übersicht & mehr"));
  EXPECT_EQ(tree.create("Sent").error().kind, FaultKind::exists);
  EXPECT_EQ(tree.create("work").error().kind, FaultKind::exists);
  EXPECT_EQ(tree.create("inbox").error().kind, FaultKind::exists);
  EXPECT_EQ(tree.path_of("Inbox").value(), folder / "inbox");
  EXPECT_EQ(tree.remove("work").error().kind, FaultKind::exists);
  EXPECT_EQ(tree.remove("none").error().kind, FaultKind::not_found);
  EXPECT_EQ(tree.remove("none/below").error().kind, FaultKind::not_found);
  EXPECT_EQ(tree.rename("work", "work/inner").error().kind, FaultKind::policy);
  EXPECT_EQ(tree.rename("work", "Sent").error().kind, FaultKind::exists);
  EXPECT_TRUE(tree.rename("work/2026", "archive/old").has_value());
  EXPECT_TRUE(tree.remove("work").has_value());
  EXPECT_TRUE(tree.remove("archive/old/Übersicht & mehr").has_value());
  EXPECT_THAT(names(tree), ElementsAre("INBOX", "Sent", "archive/", "archive/old/", "empty/"));
}

TEST(MboxTree, WhatOthersNamedInTheirWay) {
  TempFolder folder;
  const Tree tree(folder / "mail", folder / "inbox");
  const std::string from = "From a@b Sat Nov 28 12:00:00 2020\n\n";
  ASSERT_TRUE(tree.create("\xc3\xa4/b").has_value());
  for (const char* name : {"caf\xe9", "a & b", "\xc3\xa4", "\x01%", "&AAE-", "caf\xe9.sbd/in\xff"}) {
    const std::string path = folder / (std::string("mail/") + name);
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    spill(path, from);
  }
  EXPECT_THAT(names(tree),
              ElementsAre("INBOX", "%01%25 [raw]", "&AAE-", "a & b", "caf%E9 [raw]",
                          "caf%E9 [raw]/in%FF [raw]", "\xc3\xa4/", "\xc3\xa4 [raw]", "\xc3\xa4/b"));
  EXPECT_EQ(tree.path_of("caf%E9 [raw]/in%FF [raw]").value(), folder / "mail/caf\xe9.sbd/in\xff");
  EXPECT_EQ(tree.path_of("\xc3\xa4 [raw]").value(), folder / "mail/\xc3\xa4");
  EXPECT_EQ(tree.create("a & b").error().kind, FaultKind::exists);
  EXPECT_TRUE(tree.rename("caf%E9 [raw]", "caf\xc3\xa9").has_value());
  EXPECT_TRUE(tree.rename("a & b", "both").has_value());
  EXPECT_TRUE(tree.remove("%01%25 [raw]").has_value());
  EXPECT_TRUE(tree.create("&AAE-/below").has_value());
  EXPECT_TRUE(std::filesystem::is_regular_file(folder / "mail/&AAE-.sbd/below"));
  EXPECT_THAT(names(tree),
              ElementsAre("INBOX", "&AAE-", "&AAE-/below", "both", "caf\xc3\xa9", "caf\xc3\xa9/in%FF [raw]",
                          "\xc3\xa4/", "\xc3\xa4 [raw]", "\xc3\xa4/b"));
}

// INBOX is INBOX in any case, and its file is another.
TEST(MboxTree, OtherSpellingsOfInboxStandBesideIt) {
  TempFolder folder;
  const Tree tree(folder / "mail", folder / "inbox");
  const std::string from = "From a@b Sat Nov 28 12:00:00 2020\n\n";
  ASSERT_TRUE(tree.create("INBOX/below").has_value());
  std::filesystem::create_directories(folder / "mail/Inbox");
  for (const char* name : {"inbox", "InBoX", "Inbox/x", "INBOX/inbox", "iNbOx [raw]"})
    spill(folder / "mail/" + name, from);
  EXPECT_THAT(names(tree), ElementsAre("INBOX", "INBOX/below", "INBOX/inbox", "InBoX [raw]", "Inbox [raw]/",
                                       "Inbox [raw]/x", "iNbOx [raw]", "inbox [raw]"));
  EXPECT_EQ(tree.path_of("inbox").value(), folder / "inbox");
  EXPECT_EQ(tree.path_of("inbox [raw]").value(), folder / "mail/inbox");
  EXPECT_EQ(tree.path_of("Inbox [raw]/x").value(), folder / "mail/Inbox/x");
  EXPECT_EQ(tree.path_of("INBOX/inbox").value(), folder / "mail/INBOX/inbox");
  EXPECT_TRUE(tree.create("inbox [raw]/y").has_value());
  EXPECT_TRUE(std::filesystem::is_regular_file(folder / "mail/inbox.sbd/y"));
  EXPECT_TRUE(tree.rename("inbox [raw]", "other").has_value());
  EXPECT_TRUE(tree.remove("InBoX [raw]").has_value());
  EXPECT_THAT(names(tree), ElementsAre("INBOX", "INBOX/below", "INBOX/inbox", "Inbox [raw]/", "Inbox [raw]/x",
                                       "iNbOx [raw]", "other", "other/y"));
  EXPECT_EQ(slurp(folder / "mail/other"), from);
}

// Beside a file INBOX what is below INBOX is as below any other mailbox.
TEST(MboxTree, AFileInboxInTheRoot) {
  TempFolder folder;
  const Tree tree(folder / "mail", folder / "inbox");
  const std::string from = "From a@b Sat Nov 28 12:00:00 2020\n\n";
  std::filesystem::create_directories(folder / "mail/INBOX.sbd");
  spill(folder / "mail/INBOX", from);
  spill(folder / "mail/INBOX.sbd/below", from);
  EXPECT_THAT(names(tree), ElementsAre("INBOX", "INBOX [raw]", "INBOX/below"));
  EXPECT_TRUE(tree.create("INBOX/new").has_value());
  EXPECT_FALSE(tree.create("INBOX [raw]/new").has_value());
  EXPECT_FALSE(tree.is_holder("INBOX [raw]"));
  EXPECT_TRUE(tree.rename("INBOX [raw]", "old").has_value());
  EXPECT_THAT(names(tree), ElementsAre("INBOX", "INBOX/below", "INBOX/new", "old"));
  // An account whose INBOX is there has it once.
  const Tree together(folder / "mail", folder / "mail/inbox");
  std::filesystem::rename(folder / "mail/old", folder / "mail/inbox");
  EXPECT_THAT(names(together), ElementsAre("INBOX", "INBOX/below", "INBOX/new"));
}

TEST(MboxTree, AMailboxMayHoldOthers) {
  TempFolder folder;
  const Tree tree(folder / "mail", folder / "inbox");
  const std::string from = "From a@b Sat Nov 28 12:00:00 2020\n\n";
  ASSERT_TRUE(tree.create("a").has_value());
  spill(folder / "mail/a", from);
  ASSERT_TRUE(tree.create("a/b/c").has_value());
  EXPECT_TRUE(std::filesystem::is_regular_file(folder / "mail/a.sbd/b/c"));
  EXPECT_THAT(names(tree), ElementsAre("INBOX", "a", "a/b/", "a/b/c"));
  // A mere holder that gets letters.
  ASSERT_TRUE(tree.make_room("a/b").has_value());
  ASSERT_TRUE(tree.make_room("a/b").has_value());
  EXPECT_EQ(tree.path_of("a/b").value(), folder / "mail/a.sbd/b");
  EXPECT_EQ(tree.path_of("a/b/c").value(), folder / "mail/a.sbd/b.sbd/c");
  spill(folder / "mail/a.sbd/b", from);
  EXPECT_THAT(names(tree), ElementsAre("INBOX", "a", "a/b", "a/b/c"));

  ASSERT_TRUE(tree.rename("a", "z/y").has_value());
  EXPECT_THAT(names(tree), ElementsAre("INBOX", "z/", "z/y", "z/y/b", "z/y/b/c"));
  EXPECT_EQ(slurp(tree.path_of("z/y/b").value()), from);
  // The mailbox goes, what is below it stays.
  ASSERT_TRUE(tree.remove("z/y").has_value());
  EXPECT_THAT(names(tree), ElementsAre("INBOX", "z/", "z/y/", "z/y/b", "z/y/b/c"));
  // A mailbox takes a name that holds others; theirs stay, and what comes along joins them.
  ASSERT_TRUE(tree.create("new").has_value());
  ASSERT_TRUE(tree.create("new/d").has_value());
  ASSERT_TRUE(tree.rename("new", "z/y").has_value());
  EXPECT_THAT(names(tree), ElementsAre("INBOX", "z/", "z/y", "z/y/b", "z/y/b/c", "z/y/d"));
  EXPECT_EQ(tree.rename("z/y/d", "z/y/b").error().kind, FaultKind::exists);
  for (const char* name : {"z/y/d", "z/y/b/c", "z/y/b", "z/y"})
    EXPECT_TRUE(tree.remove(name).has_value()) << name;
  EXPECT_THAT(names(tree), ElementsAre("INBOX", "z/"));
}

TEST(MboxTree, TreesOfThunderbirdAndDovecotAreRead) {
  TempFolder folder;
  const std::string from = "From a@b Sat Nov 28 12:00:00 2020\n\n";
  for (const char* directory : {"mail/work.sbd/old.sbd", "mail/work", "mail/INBOX", "mail/lost.sbd"})
    std::filesystem::create_directories(folder / directory);
  for (const char* name :
       {"work.sbd/old", "work.sbd/old.sbd/x", "work/dovecot", "INBOX/below", "lost.sbd/y", "z.sbd"})
    spill(folder / ("mail/" + std::string(name)), from);
  const Tree tree(folder / "mail", folder / "inbox");
  EXPECT_THAT(names(tree), ElementsAre("INBOX", "INBOX/below", "lost/", "lost/y", "work/", "work/dovecot",
                                       "work/old", "work/old/x", "z.sbd"));
  for (const char* name : {"INBOX/below", "lost/y", "work/dovecot", "work/old", "work/old/x", "z.sbd"})
    EXPECT_EQ(slurp(tree.path_of(name).value()), from) << name;
  // What would be taken for such a directory is no name for something new.
  EXPECT_FALSE(tree.create("new.sbd").has_value());
  EXPECT_FALSE(tree.create("new.sbd/x").has_value());
  EXPECT_FALSE(tree.rename("lost", "found.sbd").has_value());
  // Two directories of one name come together when it becomes a mailbox.
  ASSERT_TRUE(tree.make_room("work").has_value());
  EXPECT_TRUE(std::filesystem::exists(folder / "mail/work.sbd/dovecot"));
  EXPECT_FALSE(std::filesystem::exists(folder / "mail/work"));
}

TEST(MboxTree, WhatCannotBeReadIsNotGone) {
  TempFolder folder;
  const std::string from = "From a@b Sat Nov 28 12:00:00 2020\n\n";
  std::filesystem::create_directories(folder / "mail/dark/below");
  spill(folder / "mail/dark/x", from);
  spill(folder / "mail/shut", from);
  spill(folder / "mail/open", from);
  ASSERT_EQ(::chmod((folder / "mail/shut").c_str(), 0), 0);
  ASSERT_EQ(::chmod((folder / "mail/dark").c_str(), 0), 0);
  ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
  const Tree tree(folder / "mail", folder / "inbox");
  const AsNobody nobody;  // root reads everything
  const auto found = tree.list();
  ASSERT_TRUE(found.has_value());
  EXPECT_THAT(names(tree), ElementsAre("INBOX", "dark/", "open", "shut/"));
  EXPECT_TRUE(found->at(1).unread);
  EXPECT_FALSE(found->at(3).unread);
}

TEST(MboxTree, WhatIsNoMailboxIsNotListed) {
  TempFolder folder;
  const std::string from = "From a@b Sat Nov 28 12:00:00 2020\n\n";
  for (const char* name :
       {".hidden", "box.lock", "box.posthouse-journal", "box.posthouse-journal.new", "&bad", "box"}) {
    spill(folder / name, from);
  }
  spill(folder / "notes.txt", "Dear diary");
  spill(folder / "empty", "");
  std::filesystem::create_directory(folder / ".imap");
  std::filesystem::create_directory_symlink("/", folder / "root");
  std::filesystem::create_symlink(folder / "box", folder / "link");
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(names(Tree(folder.path(), folder / "inbox")), ElementsAre("INBOX", "&bad", "box", "empty"));
}

TEST(MboxTree, HostileNamesNeverLeaveTheRoot) {
  TempFolder folder;
  const Tree tree(folder / "mail", folder / "inbox");
  const std::string nul("a\0b", 3);
  std::string deep = "a";
  for (size_t part = 1; part <= kMaxNameDepth; ++part) deep += "/b";
  for (const std::string& name : {std::string(),
                                  std::string("/"),
                                  std::string("//"),
                                  std::string("/etc/passwd"),
                                  std::string(".."),
                                  std::string("../x"),
                                  std::string("a/../b"),
                                  std::string("a/./b"),
                                  std::string("a//b"),
                                  std::string(".subscriptions"),
                                  std::string("a/.imap"),
                                  std::string("x.lock"),
                                  std::string("X.LOCK"),
                                  std::string("x.posthouse-journal"),
                                  nul,
                                  std::string("a\nb"),
                                  std::string("a\x7f"),
                                  std::string("\xff"),
                                  std::string("\xc0\xae\xc0\xae"),
                                  std::string("a\xc2\x85"),
                                  std::string(300, 'a'),
                                  std::string("Inbox/x"),
                                  deep}) {
    ASSERT_FALSE(tree.path_of(name).has_value()) << name;
    EXPECT_EQ(tree.path_of(name).error().kind, FaultKind::syntax) << name;
    EXPECT_FALSE(tree.create(name).has_value()) << name;
    EXPECT_FALSE(tree.remove(name).has_value()) << name;
    EXPECT_FALSE(tree.rename(name, "ok").has_value()) << name;
    EXPECT_FALSE(tree.subscribe(name, true).has_value()) << name;
  }
  // A directory that is a link leads nowhere.
  ASSERT_TRUE(tree.create("real").has_value());
  std::filesystem::create_directory(folder / "outside");
  std::filesystem::create_directory_symlink(folder / "outside", folder / "mail/link");
  EXPECT_FALSE(tree.create("link/x").has_value());
  EXPECT_FALSE(tree.rename("real", "link/x").has_value());
  EXPECT_TRUE(std::filesystem::is_empty(folder / "outside"));
}

// A crash came between the mailbox and what is below it.
TEST(MboxTree, AnInterruptedRenameGoesOn) {
  TempFolder folder;
  const Tree tree(folder / "mail", folder / "inbox");
  ASSERT_TRUE(tree.create("a/b"));
  ASSERT_TRUE(tree.make_room("a"));
  spill(folder / "mail/a", "");
  ASSERT_TRUE(std::filesystem::exists(folder / "mail/a.sbd/b"));
  std::filesystem::rename(folder / "mail/a", folder / "mail/c");
  EXPECT_EQ(tree.rename("a", "c").error().kind, FaultKind::exists);
  ASSERT_TRUE(tree.rename_below("a", "c"));
  EXPECT_THAT(names(tree), ElementsAre("INBOX", "c", "c/b"));
  ASSERT_TRUE(tree.create("d"));
  EXPECT_EQ(tree.rename_below("d", "c").error().kind, FaultKind::exists);
}

TEST(MboxTree, SubscriptionsAsDovecotHasThem) {
  TempFolder folder;
  const Tree tree(folder.path(), folder / "inbox");
  EXPECT_THAT(tree.subscriptions().value(), ElementsAre());
  spill(folder / ".subscriptions", "V\t2\n\nd\te\n&ANw-b\n");
  EXPECT_THAT(tree.subscriptions().value(), ElementsAre("d/e", "Üb"));
  ASSERT_TRUE(tree.subscribe("x/y", true).has_value());
  ASSERT_TRUE(tree.subscribe("inbox", true).has_value());
  ASSERT_TRUE(tree.subscribe("d/e", false).has_value());
  EXPECT_EQ(slurp(folder / ".subscriptions"), "V\t2\n\n&ANw-b\nx\ty\nINBOX\n");
  const std::string deep = "a folder/with a long name/below another one";
  ASSERT_TRUE(tree.subscribe(deep, true).has_value());
  EXPECT_THAT(tree.subscriptions().value(), ElementsAre("Üb", "x/y", "INBOX", deep));
  spill(folder / ".subscriptions", "d/e\nINBOX\n");
  EXPECT_THAT(tree.subscriptions().value(), ElementsAre("d/e", "INBOX"));
}

// What a crash left of a lock holds up nobody.
TEST(MboxTree, SubscriptionsThatOthersLock) {
  TempFolder folder;
  LockOptions impatient;
  impatient.patience = milliseconds(30);
  const Tree tree(folder.path(), folder / "inbox", impatient);
  const std::string lock = folder / ".subscriptions.lock";
  const auto set_age = [&](seconds age) {
    const auto then = std::filesystem::last_write_time(lock) - age;
    std::filesystem::last_write_time(lock, then);
  };
  spill(lock, std::to_string(::getppid()) + "\n");
  EXPECT_EQ(tree.subscribe("a", true).error().kind, FaultKind::temporary) << "its process lives";
  EXPECT_THAT(tree.subscriptions().value(), ElementsAre());
  const pid_t gone = ::fork();
  if (gone == 0) ::_exit(0);
  int status = 0;
  ::waitpid(gone, &status, 0);
  spill(lock, std::to_string(gone) + "\n");
  EXPECT_TRUE(tree.subscribe("a", true)) << "its process is gone";
  EXPECT_FALSE(std::filesystem::exists(lock));
  spill(lock, "V\t2\n\na\nb:c\n");
  EXPECT_FALSE(tree.subscribe("b", true)) << "perhaps Dovecot's, which writes the new file there";
  set_age(seconds(400));
  EXPECT_TRUE(tree.subscribe("b", true)) << "nobody known, old";
  spill(folder / ".subscriptions.new", "torn");
  EXPECT_TRUE(tree.subscribe("c", true));
  EXPECT_THAT(tree.subscriptions().value(), ElementsAre("a", "b", "c"));
  EXPECT_THAT(names(tree), ElementsAre("INBOX"));
}

RC_GTEST_PROP(MboxTree, AnyNameStaysBelowTheRoot, (const std::string& name)) {
  const auto path = Tree("/root", "/inbox").path_of(name);
  if (path) RC_ASSERT(path->starts_with("/root/") && path->find("/.") == std::string::npos);
}

}  // namespace
}  // namespace posthouse::mbox
