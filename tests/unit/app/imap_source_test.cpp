// The parts of an import from an IMAP server that need none: its URL, the choice of mailboxes, what is
// remembered, and the letter on its way in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "app/limits.h"
#include "app/moving/imap_folders.h"
#include "app/moving/imap_url.h"
#include "app/moving/known_letters.h"
#include "app/moving/letter_spool.h"

namespace posthouse::app::moving {
namespace {

using testing::HasSubstr;
using wire::imap_client::Listed;
using wire::imap_client::Namespaces;

struct Folder {
  Folder() {
    std::string name = "/tmp/posthouse-imap-XXXXXX";
    path = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

TEST(ImapUrl, IsRead) {
  auto url = parse_imap_url("imaps://ann%40far.test@mail.Far.test/");
  ASSERT_TRUE(url);
  EXPECT_TRUE(url->tls);
  EXPECT_EQ(url->user, "ann@far.test");
  EXPECT_EQ(url->host, "mail.far.test");
  EXPECT_EQ(url->port, 993);
  EXPECT_EQ(parse_imap_url("imap://ann@far.test@[::1]:1143")->to_string(), "imap://ann@far.test@[::1]:1143");
  EXPECT_EQ(parse_imap_url("IMAP://a@h")->port, 143);
}

TEST(ImapUrl, MistakesAreNamed) {
  const std::pair<std::string, std::string> mistakes[] = {
      {"imaps://host", "no user"},       {"imaps://@host", "no user"},
      {"imaps://a@", "no host"},         {"imaps://a@h:0", "port"},
      {"imaps://a@h:65536", "port"},     {"imaps://a@h:12x", "port"},
      {"imaps://a@[::1", "]"},           {"imaps://a:secret@h", "--password-file"},
      {"imaps://a@h/INBOX", "--folder"}, {"imaps://a;AUTH=X@h", "AUTH"},
      {"imaps://a%4@h", "hexadecimal"},  {"imaps://a%0a@h", "control"},
      {"imaps://a%zz@h", "hexadecimal"}, {"imaps://" + std::string(3000, 'a') + "@h", "long"},
      {"imaps://a@[::1]993", "port"},
  };
  for (const auto& [text, told] : mistakes) {
    auto url = parse_imap_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_THAT(url.error().what, HasSubstr(told)) << text;
    EXPECT_THAT(url.error().what, Not(HasSubstr("secret"))) << text;
  }
  EXPECT_FALSE(is_imap_url("/home/imap://x"));
}

std::string taken(const ImapFolders& folders) {
  std::string out;
  for (const SourceMailbox& one : folders.taken)
    out += one.name + "<" + one.path + (one.role == store::Role::none ? "" : "*") + "\n";
  return out;
}

TEST(ImapFolders, NamesBecomeOurs) {
  Namespaces none;
  EXPECT_EQ(taken(choose_folders({{{}, '.', "Inbox"},
                                  {{}, '.', "A.B/C..D"},
                                  {{}, '.', "&AMQ-.&-x"},
                                  {{}, 0, "a.b"},
                                  {{}, '.', "bad&x"},
                                  {{"\\NoSelect"}, '.', "A"},
                                  {{"\\NonExistent"}, '.', "gone"},
                                  {{}, '.', "Inbox"}},
                                 none, false, false)),
            "INBOX<Inbox\nA/B_C/D<A.B/C..D\na.b<a.b\nbad&x<bad&x\nÄ/&x<&AMQ-.&-x\n");
  EXPECT_EQ(taken(choose_folders({{{}, '/', "Ä/&-"}}, none, true, false)), "Ä/&-<Ä/&-\n");
}

TEST(ImapFolders, PrefixesGoAndOthersStayOut) {
  Namespaces spaces;
  spaces.personal = {{"INBOX.", '.'}};
  spaces.others = {{"user.", '.'}};
  spaces.shared = {{"", '.'}, {"#pub.", '.'}};
  const std::vector<Listed> listed = {{{}, '.', "INBOX"},
                                      {{"\\Sent"}, '.', "inbox.Post"},
                                      {{"\\Trash"}, '.', "INBOX.INBOX.x"},
                                      {{}, '.', "user.b"},
                                      {{}, '.', "#pub.c"},
                                      {{"\\All"}, '.', "INBOX.All"},
                                      {{}, '.', "INBOX."}};
  const ImapFolders folders = choose_folders(listed, spaces, false, false);
  EXPECT_EQ(taken(folders), "INBOX<INBOX\nINBOX<INBOX.\nINBOX/x<INBOX.INBOX.x*\nPost<inbox.Post*\n");
  EXPECT_EQ(folders.left_out.size(), 3);
  EXPECT_EQ(choose_folders(listed, spaces, false, true).left_out.size(), 2);
}

TEST(KnownLetters, AreKnownAgain) {
  const Folder folder;
  const std::string path = folder.path + "/import";
  auto known = KnownLetters::open(path, "x", 7);
  ASSERT_TRUE(known);
  EXPECT_FALSE(known->find(1));
  EXPECT_FALSE(std::filesystem::exists(path)) << "made by the first note";
  ASSERT_TRUE(known->note({{3, 100, 0xabc}, {1, 200, UINT64_MAX}}));
  ASSERT_TRUE(known->note({{2, 300, 0}}));
  known = KnownLetters::open(path, "x", 7);
  ASSERT_TRUE(known);
  EXPECT_EQ(known->find(3)->checksum, 0xabc);
  EXPECT_EQ(known->find(1)->checksum, UINT64_MAX);
  EXPECT_EQ(known->find(2)->size, 300);
  EXPECT_FALSE(known->find(4));
  // Under another UIDVALIDITY they are others. Nothing is lost before something is noted.
  EXPECT_FALSE(KnownLetters::open(path, "x", 8)->find(3));
  EXPECT_TRUE(KnownLetters::open(path, "x", 7)->find(3));
  ASSERT_TRUE(KnownLetters::open(path, "x", 8)->note({{9, 1, 1}}));
  EXPECT_FALSE(KnownLetters::open(path, "x", 7)->find(3));
  EXPECT_TRUE(KnownLetters::open(path, "x", 8)->find(9));
}

TEST(KnownLetters, TornLinesArePassedOver) {
  const Folder folder;
  ASSERT_TRUE(KnownLetters::open(folder.path, "x", 7)->note({{1, 10, 1}, {2, 20, 2}}));
  const std::string path = folder.path + "/x";
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 5);
  auto known = KnownLetters::open(folder.path, "x", 7);
  EXPECT_TRUE(known->find(1));
  EXPECT_FALSE(known->find(2));
  ASSERT_TRUE(known->note({{3, 30, 3}}));
  std::ofstream(path, std::ios::app) << "4 5\n0 1 0000000000000001\n99999999999 1 0000000000000001\nx\n"
                                     << '\0';
  known = KnownLetters::open(folder.path, "x", 7);
  EXPECT_TRUE(known->find(1));
  EXPECT_FALSE(known->find(2));
  EXPECT_TRUE(known->find(3));
  EXPECT_FALSE(known->find(4));
}

TEST(LetterSpool, GivesBackWhatItGot) {
  const Folder folder;
  LetterSpool spool(folder.path);
  for (const size_t size : {size_t{0}, size_t{10}, kImportBytes, kImportBytes + 1, 3 * kImportBytes + 7}) {
    std::string all;
    for (size_t i = 0; i < size; ++i) all += static_cast<char>(i % 251);
    spool.clear();
    for (size_t at = 0; at < size; at += 10'007) ASSERT_TRUE(spool.append(all.substr(at, 10'007)));
    EXPECT_EQ(spool.size(), size);
    EXPECT_TRUE(std::filesystem::is_empty(folder.path)) << "the file has no name";
    EXPECT_TRUE(spool.read(0, size + 1) == all);
    for (size_t at = 0; at <= size; at += 200'003) {
      auto piece = spool.read(at, 70'001);
      ASSERT_TRUE(piece);
      EXPECT_TRUE(*piece == all.substr(at, 70'001)) << size << " at " << at;
    }
    EXPECT_EQ(spool.read(size + 5, 10).value(), "");
  }
  LetterSpool nowhere(folder.path + "/none");
  EXPECT_FALSE(nowhere.append(std::string(kImportBytes + 1, 'x')));
}

}  // namespace
}  // namespace posthouse::app::moving
