#include "mbox/tree.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/stat.h>

#include "mbox/folder_name.h"
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
  EXPECT_EQ(tree.create("Sent/below").error().kind, FaultKind::policy);
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
  EXPECT_THAT(names(Tree(folder.path(), folder / "inbox")), ElementsAre("INBOX", "box", "empty"));
}

TEST(MboxTree, HostileNamesNeverLeaveTheRoot) {
  TempFolder folder;
  const Tree tree(folder / "mail", folder / "inbox");
  const std::string nul("a\0b", 3);
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
                                  std::string("INBOX/x"),
                                  std::string("a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q")}) {
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
  spill(folder / ".subscriptions", "d/e\nINBOX\n");
  EXPECT_THAT(tree.subscriptions().value(), ElementsAre("d/e", "INBOX"));
}

RC_GTEST_PROP(MboxTree, NamesComeBack, ()) {
  const auto part =
      rc::gen::element<std::string>("a", "&", "-", "ü", "日本", "😀", "~", ",", "x y", "\"", "%");
  std::string name = "n";
  for (const std::string& p : *rc::gen::container<std::vector<std::string>>(part)) name += p;
  const auto disk = to_modified_utf7(name);
  RC_ASSERT(disk.has_value());
  RC_ASSERT(from_modified_utf7(*disk).value() == name);
}

RC_GTEST_PROP(MboxTree, AnyNameStaysBelowTheRoot, (const std::string& name)) {
  const auto path = Tree("/root", "/inbox").path_of(name);
  if (path) RC_ASSERT(path->starts_with("/root/") && path->find("/.") == std::string::npos);
}

}  // namespace
}  // namespace posthouse::mbox
