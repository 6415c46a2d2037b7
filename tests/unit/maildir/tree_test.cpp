#include "maildir/tree.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"
#include "maildir/dot_lock.h"
#include "maildir/folder_name.h"
#include "maildir/keywords.h"
#include "maildir/quota_file.h"
#include "maildir/uid_list.h"
#include "test_folder.h"

namespace posthouse::maildir {
namespace {

using namespace test;

TEST(FolderName, IsModifiedUtf7WithDots) {
  EXPECT_EQ(encode_folder("A/B").value(), ".A.B");
  EXPECT_EQ(encode_folder("Entwürfe/日本").value(), ".Entw&APw-rfe.&ZeVnLA-");
  EXPECT_EQ(encode_folder("a&b/😀").value(), ".a&-b.&2D3eAA-");
  EXPECT_EQ(encode_folder("v1.2").value(), ".v1&AC4-2");
  EXPECT_EQ(encode_folder("~root").value(), ".~root");
  for (const char* name : {"A/B", "Entwürfe/日本", "a&b/😀", "v1.2", "...", "~root", "\x01 \x7f"}) {
    EXPECT_EQ(decode_folder(encode_folder(name).value()), name);
  }
}

TEST(FolderName, HostileNamesLeadNowhere) {
  for (const char* name : {"", "/", "/a", "a/", "a//b", "\xff",
                           "a\xc0\xaf"
                           "b",
                           "\xed\xa0\x80"}) {
    EXPECT_EQ(encode_folder(name).error().kind, FaultKind::syntax) << name;
  }
  EXPECT_FALSE(encode_folder(std::string_view("a\0b", 3)));
  EXPECT_FALSE(encode_folder(std::string(300, 'x')));
  EXPECT_FALSE(encode_folder(std::string(2000, 'x')));
  // Dots are letters of a level.
  EXPECT_EQ(encode_folder("..").value(), ".&AC4ALg-");
  EXPECT_EQ(encode_folder("../../etc").value(), ".&AC4ALg-.&AC4ALg-.etc");
}

TEST(FolderName, OneSpellingEach) {
  for (const char* bad : {"A", ".", "..", ".A..B", ".A.", ".&", ".&A", ".&AGE-", ".&APw", ".x&-&-&APw-&APw-",
                          ".caf\xc3\xa9", ".&2D0-", ".&AAA-", ".&APw!-"}) {
    EXPECT_EQ(decode_folder(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(raw_folder(".caf\xc3\xa9.\xff"), "café/%FF");
}

RC_GTEST_PROP(FolderNameProperty, AnyDirectoryDecodesToNothingOrToWhatEncodesToIt,
              (const std::string& text)) {
  const std::string directory = "." + text;
  const std::optional<std::string> name = decode_folder(directory);
  if (name) RC_ASSERT(encode_folder(*name).value() == directory);
  const Result<std::string> encoded = encode_folder(text);
  if (!encoded) return;
  RC_ASSERT(encoded->find('/') == std::string::npos);
  RC_ASSERT(encoded->size() > 1 && *encoded != "..");
  RC_ASSERT(decode_folder(*encoded) == text);
}

class TreeTest : public testing::Test {
 protected:
  TreeTest() : tree(root.path("Maildir")) { EXPECT_TRUE(tree.make()); }
  std::vector<std::string> listed() const {
    std::vector<std::string> out;
    const std::vector<FolderEntry> folders = tree.list().value();
    for (const FolderEntry& entry : folders) out.push_back(entry.name);
    return out;
  }
  void create(const std::string& name) const {
    const Result<Folder> made = tree.create(name, names().unique());
    ASSERT_TRUE(made) << made.error().what;
  }

  TestFolder root;
  Tree tree;
};
using Names = std::vector<std::string>;

TEST_F(TreeTest, CreatesAndLists) {
  EXPECT_EQ(listed(), Names{"INBOX"});
  create("Entwürfe");
  create("A/B");  // "A" need not be
  EXPECT_EQ(listed(), (Names{"INBOX", "A/B", "Entwürfe"}));
  EXPECT_EQ(files_in(tree.root() + "/.A.B"), (Names{"cur", "maildirfolder", "new", "tmp"}));
  EXPECT_EQ(tree.create("A/B", names().unique()).error().kind, FaultKind::exists);
  EXPECT_EQ(tree.create("inbox", names().unique()).error().kind, FaultKind::exists);
  EXPECT_EQ(tree.folder("InBox")->path(), tree.root());
  EXPECT_EQ(tree.folder("A").error().kind, FaultKind::not_found);
  EXPECT_TRUE(tree.leftovers()->empty());
}

TEST_F(TreeTest, ShowsWhatItCannotDecodeAndNothingElse) {
  for (const char* name :
       {".caf\xc3\xa9", ".caf&AOk-", ".INBOX", ".x&", ".caf\xe9.a%", ".\xc3\xbc.b", "..a..b", ".\x01"}) {
    fs::create_directories(tree.root() + "/" + name + "/cur");
  }
  fs::create_directories(tree.root() + "/.nothing");
  fs::create_directories(tree.root() + "/plain/cur");
  put_file(tree.root() + "/.file", "");
  fs::create_directory_symlink(tree.root() + "/.x&", tree.root() + "/.link");
  const Names all{"INBOX",       "café",       "%01 [raw]",         "%2Ea%2E%2Eb [raw]",
                  "INBOX [raw]", "café [raw]", "caf%E9/a%25 [raw]", "x&",
                  "ü/b"};
  EXPECT_EQ(listed(), all);
  EXPECT_EQ(tree.folder("café [raw]")->path(), tree.root() + "/.caf\xc3\xa9");
  EXPECT_EQ(tree.folder("caf%E9/a%25 [raw]")->path(), tree.root() + "/.caf\xe9.a%");
  EXPECT_EQ(tree.folder("café")->path(), tree.root() + "/.caf&AOk-");
  EXPECT_EQ(tree.folder("x&")->path(), tree.root() + "/.x&");
  // A folder that has the very name of another.
  EXPECT_EQ(tree.create("%01 [raw]", names().unique()).error().kind, FaultKind::exists);
  fs::create_directories(tree.root() + "/.%01 [raw]/cur");
  EXPECT_EQ(tree.folder("%01 [raw]")->path(), tree.root() + "/.%01 [raw]");
  EXPECT_EQ(tree.folder("%01 [raw b4d4c1d0]")->path(), tree.root() + "/.\x01");
  // Renamed, each has its name.
  EXPECT_TRUE(tree.rename("caf%E9/a%25 [raw]", "Straße"));
  EXPECT_TRUE(tree.rename("ü", "Ü"));
  EXPECT_EQ(tree.folder("Straße")->path(), tree.root() + "/.Stra&AN8-e");
  EXPECT_EQ(tree.folder("Ü/b")->path(), tree.root() + "/.&ANw-.b");
  EXPECT_EQ(tree.create("x&", names().unique()).error().kind, FaultKind::exists);
}

// Who may write in his root must not make us read or write in somebody else's.
TEST_F(TreeTest, LinksLeadNowhere) {
  const Tree victim(root.path("victim"));
  ASSERT_TRUE(victim.make());
  put_message(Folder(victim.root()), "secret\r\n", {.unique = "1.a"});
  fs::create_directory_symlink(victim.root(), tree.root() + "/.A");
  EXPECT_EQ(tree.folder("A").error().kind, FaultKind::not_found);
  const Folder linked(tree.root(), ".A");
  EXPECT_FALSE(linked.exists());
  EXPECT_FALSE(linked.scan());
  EXPECT_FALSE(linked.state());
  EXPECT_FALSE(linked.open_message("1.a"));
  EXPECT_FALSE(linked.make());
  EXPECT_FALSE(Writer::open(linked, "2.a"));
  EXPECT_FALSE(OwnUidList(linked).write({.validity = 1, .next = 1, .guid = "", .entries = {}}, "u"));
  EXPECT_FALSE(Keywords(linked, system_clock()).extend({"x"}, "u"));
  EXPECT_FALSE(QuotaFile(linked, system_clock()).calculate({}, "u"));
  EXPECT_FALSE(Subscriptions(linked, system_clock()).set("x", true, "u"));
  EXPECT_EQ(Folder(tree.root(), ".A/../.A").scan().error().kind, FaultKind::syntax);
  EXPECT_EQ(Folder(tree.root() + "/.A/").scan().error().kind, FaultKind::not_found);
  EXPECT_EQ(files_in(victim.root()), (Names{"cur", "new", "tmp"}));
  EXPECT_TRUE(files_in(victim.root() + "/tmp").empty());
  // Nor links in place of the small files.
  const Folder inbox(tree.root());
  put_file(root.path("file"), "V\t2\n\nx\n");
  for (const char* name :
       {"subscriptions", "posthouse-uidlist", "posthouse-keywords", "maildirsize", "dovecot-uidlist"}) {
    fs::create_symlink(root.path("file"), tree.root() + "/" + name);
  }
  EXPECT_FALSE(Subscriptions(inbox, system_clock()).read());
  EXPECT_FALSE(OwnUidList(inbox).read());
  EXPECT_FALSE(OwnUidList(inbox).append({}));
  EXPECT_FALSE(Keywords(inbox, system_clock()).read());
  EXPECT_FALSE(QuotaFile(inbox, system_clock()).add(1, 1));
  EXPECT_FALSE(read_dovecot_uid_list(inbox));
  EXPECT_EQ(text_of(root.path("file")), "V\t2\n\nx\n");
}

TEST_F(TreeTest, WhoSharesTheRootSharesWhatIsMadeInIt) {
  const auto mode = [&](const std::string& path) {
    return static_cast<unsigned>(fs::status(tree.root() + "/" + path).permissions());
  };
  create("Own");
  put_message(*tree.folder("Own"), "x\r\n", {.unique = "1.a,S=2"});
  EXPECT_EQ(mode(".Own/cur"), 0700u);
  EXPECT_EQ(mode(".Own/new/1.a,S=2"), 0600u);
  fs::permissions(tree.root(), static_cast<fs::perms>(0775));
  create("Shared");
  put_message(*tree.folder("Shared"), "x\r\n", {.unique = "1.a,S=2"});
  EXPECT_EQ(mode(".Shared/cur"), 0770u);
  EXPECT_EQ(mode(".Shared/new/1.a,S=2"), 0660u);
  // A file that is written anew stays as it was.
  put_file(tree.root() + "/subscriptions", "");
  fs::permissions(tree.root() + "/subscriptions", static_cast<fs::perms>(0664));
  EXPECT_TRUE(Subscriptions(Folder(tree.root()), system_clock()).set("x", true, names().unique()));
  EXPECT_EQ(mode("subscriptions"), 0664u);
}

// The index has INBOX as a first level in one spelling only.
TEST_F(TreeTest, OtherSpellingsOfInboxStandBesideIt) {
  for (const char* directory : {".INBOX.foo", ".inbox.foo", ".Inbox", ".A.inbox"})
    fs::create_directories(tree.root() + "/" + directory + "/cur");
  EXPECT_THAT(listed(), testing::UnorderedElementsAre("INBOX", "INBOX/foo", "inbox [raw]/foo", "Inbox [raw]",
                                                      "A/inbox"));
  EXPECT_EQ(tree.folder("inbox [raw]/foo")->path(), tree.root() + "/.inbox.foo");
  EXPECT_TRUE(tree.rename("inbox [raw]/foo", "foo"));
  EXPECT_EQ(tree.folder("foo")->path(), tree.root() + "/.foo");
}

TEST_F(TreeTest, RenamesWithInferiors) {
  for (const char* name : {"A", "A/B", "A/B/C", "AB", "Z/B"}) create(name);
  EXPECT_EQ(tree.rename("A", "Z").error().kind, FaultKind::exists);  // Z/B is there
  EXPECT_EQ(tree.rename("A", "A/D").error().kind, FaultKind::policy);
  EXPECT_EQ(tree.rename("A", "A").error().kind, FaultKind::exists);
  EXPECT_EQ(tree.rename("none", "X").error().kind, FaultKind::not_found);
  EXPECT_EQ(tree.rename("INBOX", "X").error().kind, FaultKind::policy);
  EXPECT_EQ(tree.rename("A", "inbox").error().kind, FaultKind::exists);
  ASSERT_TRUE(tree.rename("A", "N.ew"));
  EXPECT_EQ(listed(), (Names{"INBOX", "AB", "N.ew", "N.ew/B", "N.ew/B/C", "Z/B"}));
  ASSERT_TRUE(tree.rename("Z", "Y"));  // it has no folder itself
  EXPECT_TRUE(tree.folder("Y/B"));
}

TEST_F(TreeTest, DeletesInOneStep) {
  create("A");
  create("A/B");
  put_message(*tree.folder("A"), "x\r\n");
  const Result<std::string> detached = tree.detach("A", names().unique());
  ASSERT_TRUE(detached);
  EXPECT_EQ(listed(), (Names{"INBOX", "A/B"}));
  EXPECT_EQ(Folder(*detached).scan()->messages.size(), 1u);  // its messages can still be taken out
  EXPECT_EQ(tree.leftovers().value(), Names{*detached});
  // What lies behind a link is not ours.
  fs::create_directory(root.path("outside"));
  put_file(root.path("outside/file"), "x");
  fs::create_directory_symlink(root.path("outside"), *detached + "/link");
  ASSERT_TRUE(tree.destroy(*detached));
  EXPECT_TRUE(fs::exists(root.path("outside/file")));
  EXPECT_TRUE(tree.leftovers()->empty());
  EXPECT_EQ(tree.destroy(tree.root() + "/.A.B").error().kind, FaultKind::policy);
  EXPECT_EQ(tree.destroy(tree.root() + "/posthouse-deleted-x/../.A.B").error().kind, FaultKind::policy);
  EXPECT_EQ(tree.detach("INBOX", names().unique()).error().kind, FaultKind::policy);
}

TEST_F(TreeTest, Subscriptions) {
  const Subscriptions subscriptions(Folder(tree.root()), system_clock());
  EXPECT_EQ(subscriptions.read().value(), Names{});
  EXPECT_TRUE(subscriptions.set("Entwürfe/b", true, names().unique()).value());
  EXPECT_FALSE(subscriptions.set("Entwürfe/b", true, names().unique()).value());
  EXPECT_TRUE(subscriptions.set("inbox", true, names().unique()).value());
  EXPECT_EQ(text_of(tree.root() + "/subscriptions"), "V\t2\n\nEntw&APw-rfe\tb\nINBOX\n");
  EXPECT_EQ(subscriptions.read().value(), (Names{"Entwürfe/b", "INBOX"}));
  EXPECT_TRUE(subscriptions.set("INBOX", false, names().unique()).value());
  EXPECT_EQ(subscriptions.read().value(), Names{"Entwürfe/b"});
  EXPECT_FALSE(fs::exists(tree.root() + "/subscriptions.lock"));
  // An old file keeps its form, and lines that are not understood.
  put_file(tree.root() + "/subscriptions", "A.B\nstr&nge\n");
  EXPECT_TRUE(subscriptions.set("C/D", true, names().unique()).value());
  EXPECT_EQ(text_of(tree.root() + "/subscriptions"), "A.B\nstr&nge\nC.D\n");
  EXPECT_EQ(subscriptions.read().value(), (Names{"A/B", "C/D"}));
}

TEST_F(TreeTest, LocksKeepOthersOutAndDieWithTheirHolders) {
  const std::string file = root.path("file");
  {
    const Result<DotLock> lock = DotLock::take(AT_FDCWD, file, system_clock(), milliseconds(0));
    ASSERT_TRUE(lock);
    EXPECT_TRUE(lock->still_ours());
    EXPECT_EQ(DotLock::take(AT_FDCWD, file, system_clock(), milliseconds(30)).error().kind,
              FaultKind::temporary);
    fs::remove(file + ".lock");
    put_file(file + ".lock", "1:elsewhere");
    EXPECT_FALSE(lock->still_ours());
  }
  EXPECT_TRUE(fs::exists(file + ".lock"));  // it is another's now
  EXPECT_EQ(DotLock::take(AT_FDCWD, file, system_clock(), milliseconds(0)).error().kind,
            FaultKind::temporary);
  fs::last_write_time(file + ".lock", fs::file_time_type::clock::now() - std::chrono::minutes(3));
  EXPECT_TRUE(DotLock::take(AT_FDCWD, file, system_clock(), milliseconds(0)));
  EXPECT_FALSE(fs::exists(file + ".lock"));
  const pid_t child = ::fork();
  if (child == 0) {
    Result<DotLock> lock = DotLock::take(AT_FDCWD, file, system_clock(), milliseconds(0));
    ::_exit(lock ? 0 : 1);  // without letting go
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(fs::exists(file + ".lock"));
  EXPECT_TRUE(DotLock::take(AT_FDCWD, file, system_clock(), milliseconds(0)));
  // Numbers of processes come again: one with ours in it that we did not make is of one before us. Ours stays
  // ours, also when the clock was set back.
  char host[256] = {};
  ASSERT_EQ(::gethostname(host, sizeof host - 1), 0);
  put_file(file + ".lock", std::to_string(::getpid()) + ":" + host);
  {
    const Result<DotLock> lock = DotLock::take(AT_FDCWD, file, system_clock(), milliseconds(0));
    ASSERT_TRUE(lock);
    fs::last_write_time(file + ".lock", fs::file_time_type::clock::now() - std::chrono::seconds(100));
    EXPECT_EQ(DotLock::take(AT_FDCWD, file, system_clock(), milliseconds(0)).error().kind,
              FaultKind::temporary);
  }
  // Nor is it certain of a process that seems to have been started later.
  put_file(file + ".lock", std::to_string(::getppid()) + ":" + host);
  fs::last_write_time(file + ".lock", fs::file_time_type::clock::now() - std::chrono::seconds(100));
  EXPECT_EQ(DotLock::take(AT_FDCWD, file, system_clock(), milliseconds(0)).error().kind,
            FaultKind::temporary);
  fs::remove(file + ".lock");
  size_t left = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(fs::path(file).parent_path())) ++left;
  EXPECT_EQ(left, 1u) << "only the Maildir";
}

}  // namespace
}  // namespace posthouse::maildir
