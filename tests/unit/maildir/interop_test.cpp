// One Maildir, several programs: what Dovecot, procmail, maildrop and mutt write is read as they mean it, and
// what is written here is read so by them.
#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "base/ascii.h"
#include "maildir/keywords.h"
#include "maildir/quota_file.h"
#include "maildir/tree.h"
#include "maildir/uid_list.h"
#include "program.h"
#include "test_folder.h"

namespace posthouse::maildir {
namespace {

using namespace test;

struct Seen {
  std::set<std::string> flags;
  uint64_t size = 0;
  bool operator==(const Seen&) const = default;
};
using ByUid = std::map<uint32_t, Seen>;
void PrintTo(const Seen& seen, std::ostream* out) {
  for (const std::string& flag : seen.flags) *out << flag << " ";
  *out << seen.size;
}

class InteropTest : public testing::Test {
 protected:
  InteropTest() : tree(root.path("Maildir")), inbox(tree.root()) {
    fs::permissions(root.path(), fs::perms::owner_all | fs::perms::group_exec | fs::perms::others_exec);
    fs::create_directory(root.path("dovecot"));
    put_file(root.path("dovecot.conf"),
             fmt::format("base_dir = {0}/dovecot\n"
                         "state_dir = {0}/dovecot\n"
                         "log_path = {0}/dovecot/log\n"
                         "ssl = no\n"
                         "mail_location = maildir:{0}/Maildir\n"
                         "first_valid_uid = 1\n"
                         "namespace inbox {{\n  inbox = yes\n  separator = /\n}}\n",
                         root.path()));
    fs::permissions(root.path("dovecot.conf"), fs::perms::others_read | fs::perms::owner_all);
  }
  // A session with Dovecot's IMAP server on the Maildir, without login.
  std::string imap(const std::string& commands) {
    hand_over(root.path());
    const Ran ran = run({"doveadm", "-c", root.path("dovecot.conf"), "exec", "imap"}, root.path(),
                        commands + "z LOGOUT\r\n", true);
    EXPECT_NE(ran.output.find("z OK"), std::string::npos) << ran.output;
    EXPECT_EQ(ran.output.find(" NO "), std::string::npos) << ran.output;
    EXPECT_EQ(ran.output.find(" BAD "), std::string::npos) << ran.output;
    return ran.output;
  }
  static std::string append(const std::string& flags, const std::string& text) {
    return fmt::format("a APPEND INBOX ({}) {{{}+}}\r\n{}\r\n", flags, text.size(), text);
  }
  // What Dovecot shows of INBOX.
  ByUid dovecots() {
    const std::string output = imap("s SELECT INBOX\r\nf UID FETCH 1:* (FLAGS RFC822.SIZE)\r\n");
    ByUid seen;
    for (const std::string_view line : split(output, '\n')) {
      const size_t uid = line.find("(UID ");
      const size_t flags = line.find("FLAGS (");
      const size_t size = line.find("RFC822.SIZE ");
      if (uid == std::string_view::npos || size == std::string_view::npos) continue;
      const auto number = [&](size_t at) {
        return parse_uint(line.substr(at, line.find_first_of(" )", at) - at)).value();
      };
      Seen& message = seen[static_cast<uint32_t>(number(uid + 5))];
      message.size = number(size + 12);
      for (const std::string_view flag :
           split(line.substr(flags + 7, line.find(')', flags) - flags - 7), ' ')) {
        if (!flag.empty() && flag != "\\Recent") message.flags.emplace(flag);
      }
    }
    return seen;
  }
  // What is read here of the same files.
  ByUid ours() const {
    const std::optional<UidList> uids = read_dovecot_uid_list(inbox).value();
    const KeywordTable keywords = Keywords(inbox, system_clock()).read().value();
    const Result<Scan> scan = inbox.scan();
    EXPECT_TRUE(uids && scan && scan->doubles.empty());
    EXPECT_EQ(uids->damaged, 0u);
    ByUid seen;
    for (const Found& message : scan->messages) {
      const UidEntry* const entry = uids->find(message.base);
      if (entry == nullptr) {
        ADD_FAILURE() << message.base << " has no UID";
        continue;
      }
      Seen& as = seen[entry->uid];
      for (const auto& [bit, flag] :
           {std::pair(Marks::kDraft, "\\Draft"), std::pair(Marks::kFlagged, "\\Flagged"),
            std::pair(Marks::kReplied, "\\Answered"), std::pair(Marks::kSeen, "\\Seen"),
            std::pair(Marks::kTrashed, "\\Deleted")}) {
        if ((message.marks.flags & bit) != 0) as.flags.insert(flag);
      }
      for (const std::string& keyword : keywords.names_of(message.marks.letters)) as.flags.insert(keyword);
      as.size = Reader::open(inbox.open_message(message.base).value())->size_with_crlf().value();
    }
    return seen;
  }

  TestFolder root;
  Tree tree;
  Folder inbox;
};

TEST_F(InteropTest, ReadsWhatDovecotWrote) {
  std::string session = append("\\Seen Work", "Subject: a\r\n\r\nx\r\n") +
                        append("$Forwarded \\Flagged \\Draft", "Subject: b\r\n\r\n\r\n\r\n") +
                        append("", "Subject: c\r\n\r\nno end");
  session +=
      "s SELECT INBOX\r\nt STORE 3 +FLAGS (\\Answered later)\r\nt STORE 1 +FLAGS (\\Deleted)\r\n"
      "t STORE 2 -FLAGS (\\Draft)\r\n"
      "c CREATE \"Entw&APw-rfe/x &- y\"\r\nc SUBSCRIBE \"Entw&APw-rfe/x &- y\"\r\nc SUBSCRIBE INBOX\r\n";
  const std::string output = imap(session);
  imap("s SELECT INBOX\r\nu EXPUNGE\r\n");
  const ByUid theirs = dovecots();
  EXPECT_EQ(theirs.size(), 2u);
  EXPECT_EQ(ours(), theirs);
  const std::optional<UidList> uids = read_dovecot_uid_list(inbox).value();
  EXPECT_NE(output.find(fmt::format("UIDVALIDITY {}]", uids->validity)), std::string::npos);
  EXPECT_EQ(uids->guid.size(), 32u);
  std::vector<std::string> names;
  const std::vector<FolderEntry> folders = tree.list().value();
  for (const FolderEntry& entry : folders) names.push_back(entry.name);
  EXPECT_EQ(names, (std::vector<std::string>{"INBOX", "Entwürfe/x & y"}));
  EXPECT_EQ(Subscriptions(inbox, system_clock()).read().value(),
            (std::vector<std::string>{"Entwürfe/x & y", "INBOX"}));
}

TEST_F(InteropTest, DovecotReadsWhatWeWrote) {
  ASSERT_TRUE(tree.make());
  ASSERT_TRUE(tree.create("Entwürfe/x & y", names().unique()));
  ASSERT_TRUE(Subscriptions(inbox, system_clock()).set("Entwürfe/x & y", true, names().unique()));
  put_message(inbox, "Subject: a\r\n\r\nx\r\n");
  put_message(inbox, "Subject: odd\r\n\r\nx\r\r\ny\r\r\r\n\rz\r\n", {.marks = {Marks::kSeen, 0}});
  imap("s SELECT INBOX\r\nt STORE 1 +FLAGS (Work)\r\n");
  // Now Dovecot knows it, and both change it.
  const Keywords keywords(inbox, system_clock());
  const KeywordTable table = keywords.extend({"Ours", "work"}, names().unique()).value();
  EXPECT_EQ(table.find("Ours"), 1);
  const std::string third = put_message(inbox, "Subject: c\r\n\r\nz\r\n", {.marks = {Marks::kFlagged, 0b11}});
  const ByUid theirs = dovecots();
  EXPECT_EQ(theirs.size(), 3u);
  EXPECT_EQ(ours(), theirs);
  EXPECT_EQ(theirs.at(3).flags, (std::set<std::string>{"\\Flagged", "Ours", "Work"}));
  ASSERT_TRUE(inbox.change(third, std::nullopt, {{Marks::kTrashed, 0}, {Marks::kFlagged, 1}}));
  const ByUid later = dovecots();
  EXPECT_EQ(later.at(3).flags, (std::set<std::string>{"\\Deleted", "Ours"}));
  EXPECT_EQ(ours(), later);
  const std::string list = imap("l LSUB \"\" *\r\ns SELECT INBOX\r\nf FETCH 1:* BODY[]\r\n");
  EXPECT_NE(list.find("\"Entw&APw-rfe/x &- y\""), std::string::npos) << list;
  EXPECT_NE(list.find("x\r\r\ny\r\r\r\n\rz\r\n"), std::string::npos) << "bytes differ";
  EXPECT_EQ(text_of(root.path("dovecot/log")).find("Error"), std::string::npos)
      << text_of(root.path("dovecot/log"));
}

TEST_F(InteropTest, DovecotAndWeAtTheSameTime) {
  std::string session;
  for (int i = 0; i < 60; ++i)
    session += append(i % 2 == 0 ? "" : "\\Draft", fmt::format("Subject: {}\r\n\r\nx\r\n", i));
  imap(session);
  std::vector<std::string> bases;
  const Scan before = inbox.scan().value();
  for (const Found& message : before.messages) bases.push_back(message.base);
  ASSERT_EQ(bases.size(), 60u);
  std::thread other([&] {
    std::string stores = "s SELECT INBOX\r\n";
    for (int i = 1; i <= 60; ++i)
      stores += fmt::format("t UID STORE {} +FLAGS (\\Flagged word{})\r\n", i, i % 3);
    imap(stores + "n NOOP\r\n");
  });
  std::vector<std::string> delivered;
  for (const std::string& base : bases) {
    Result<Place> done = fail(FaultKind::temporary, "");
    while (!done && done.error().kind == FaultKind::temporary) {
      done = inbox.change(base, std::nullopt, {{Marks::kSeen, 0}, {}}, Sync::later);
    }
    EXPECT_TRUE(done) << done.error().what;
    delivered.push_back(put_message(inbox, "new\r\n", {.sync = Sync::later}));
  }
  other.join();
  const ByUid theirs = dovecots();
  EXPECT_EQ(theirs.size(), 120u);
  EXPECT_EQ(ours(), theirs);
  for (uint32_t uid = 1; uid <= 60; ++uid) {
    EXPECT_TRUE(theirs.at(uid).flags.contains("\\Flagged")) << uid;
    EXPECT_TRUE(theirs.at(uid).flags.contains(fmt::format("word{}", uid % 3))) << uid;
    EXPECT_TRUE(theirs.at(uid).flags.contains("\\Seen")) << uid;
  }
}

// Both give letters to keywords at the same time, and none ever means two things.
TEST_F(InteropTest, KeywordsOfDovecotAndOursAtTheSameTime) {
  std::string session;
  for (int i = 0; i < 16; ++i) session += append("", fmt::format("Subject: {}\r\n\r\nx\r\n", i));
  imap(session);
  std::vector<std::string> bases;
  const Scan before = inbox.scan().value();
  for (const Found& message : before.messages) bases.push_back(message.base);
  std::thread other([&] {
    // Each in a session of its own: within one, Dovecot waits with its changes.
    for (int i = 0; i < 8; ++i)
      imap(fmt::format("s SELECT INBOX\r\nt STORE {} +FLAGS (theirs{})\r\n", i + 1, i));
  });
  const Keywords keywords(inbox, system_clock());
  for (int i = 0; i < 8; ++i) {
    const std::string name = fmt::format("ours{}", i);
    const Result<KeywordTable> table = keywords.extend({name}, names().unique());
    ASSERT_TRUE(table) << table.error().what;
    const MarkChange change{{0, 1u << table->find(name).value()}, {}};
    ASSERT_TRUE(inbox.change(bases[static_cast<size_t>(i) + 8], std::nullopt, change));
  }
  other.join();
  const ByUid theirs = dovecots();
  EXPECT_EQ(ours(), theirs);
  for (uint32_t i = 0; i < 8; ++i) {
    EXPECT_EQ(theirs.at(i + 1).flags, std::set<std::string>{fmt::format("theirs{}", i)});
    EXPECT_EQ(theirs.at(i + 9).flags, std::set<std::string>{fmt::format("ours{}", i)});
  }
}

TEST_F(InteropTest, ProcmailMaildropAndMutt) {
  ASSERT_TRUE(tree.make());
  const std::string text = "From: a@x.test\nSubject: p\n\nhello\n";
  put_file(root.path("procmailrc"), fmt::format("MAILDIR={0}\nDEFAULT={0}/Maildir/\n", root.path()));
  put_file(root.path("filter"), fmt::format("to \"{}/Maildir\"\n", root.path()));
  fs::permissions(root.path("filter"), fs::perms::owner_read | fs::perms::owner_write);
  const QuotaFile quota(inbox, system_clock());
  ASSERT_TRUE(quota.calculate({1'000'000, 100}, names().unique()));
  EXPECT_EQ(run({"maildrop", root.path("filter")}, root.path(), text).status, 0);
  EXPECT_EQ(quota.read()->value().messages, 1);  // maildrop told our file
  EXPECT_EQ(quota.read()->value().bytes, static_cast<int64_t>(text.size()));
  const Ran procmail = run({"procmail", "-m", root.path("procmailrc")}, root.path(), text);
  EXPECT_EQ(procmail.status, 0) << procmail.output;
  put_message(inbox, "Subject: o\r\n\r\nx\r\n");
  Scan scan = inbox.scan().value();
  ASSERT_EQ(scan.messages.size(), 3u);
  EXPECT_EQ(quota.calculate({1'000'000, 100}, names().unique())->messages, 3);

  put_file(root.path("muttrc"),
           fmt::format("set mbox_type=Maildir header_cache=\"\" wait_key=no beep=no sleep_time=0 quit=yes\n"
                       "set folder={0} tmpdir={0} delete=yes mark_old=no\n"
                       "push \"<tag-pattern>~s p<enter><tag-prefix><set-flag>!<tag-prefix><clear-flag>N"
                       "<delete-pattern>~s o<enter><quit>\"\n",
                       root.path()));
  const Ran mutt = run_on_terminal({"mutt", "-F", root.path("muttrc"), "-f", tree.root()}, root.path());
  EXPECT_EQ(mutt.status, 0) << mutt.output;
  const Scan after = inbox.scan().value();
  ASSERT_EQ(after.messages.size(), 2u);
  for (const Found& message : after.messages) {
    EXPECT_EQ(message.marks.flags, Marks::kFlagged | Marks::kSeen) << message.place.file;
    EXPECT_NE(message_of(inbox, message.base).find("Subject: p\r\n"), std::string::npos);
    const auto known = [&](const Found& earlier) { return earlier.base == message.base; };
    EXPECT_TRUE(std::any_of(scan.messages.begin(), scan.messages.end(), known));
  }
}

}  // namespace
}  // namespace posthouse::maildir
