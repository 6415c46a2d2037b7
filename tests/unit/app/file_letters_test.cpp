// Letters in files on their way into a backup, while others change those files.
#include "app/backup/file_letters.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>

#include "app/backup/hashing.h"
#include "app/backup/opened.h"
#include "app/backup/pool_files.h"
#include "app/config/load.h"
#include "app/control/admin.h"
#include "base/log.h"
#include "engine/snapshots.h"

namespace posthouse::app::backup {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(LetterList, ComesBackAsItWas) {
  const std::vector<ListedLetter> letters{{1, 10, sha256("a"), stamp_for_list("1 2 3"), nullptr, 0},
                                          {2, 0, sha256("b"), "", nullptr, 0},
                                          {4294967295u, 7, "", "", nullptr, 0}};
  const std::string text = encode_letters(letters);
  const auto back = decode_letters(text, "x");
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(encode_letters(*back), text);
  EXPECT_EQ(back->at(0).stamp.size(), 32u);
  EXPECT_TRUE(decode_letters(encode_letters({}), "x")->empty());
}

TEST(LetterList, PacksComeBackAsTheyWere) {
  const auto first = std::make_shared<Pack>(sha256("pack"), 100);
  const auto second = std::make_shared<Pack>(sha256("other"), 5);
  const std::vector<ListedLetter> letters{{1, 10, sha256("a"), "", first, 0},
                                          {2, 5, sha256("b"), stamp_for_list("x"), second, 0},
                                          {3, 7, sha256("c"), "", nullptr, 0},
                                          {4, 90, sha256("d"), "", first, 10}};
  const std::string text = encode_letters(letters);
  EXPECT_TRUE(text.starts_with("posthouse letters 2\npack " + first->sha256 + " 100\n"));
  const auto back = decode_letters(text, "x");
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(encode_letters(*back), text);
  EXPECT_EQ(back->at(3).pool_name(), first->sha256);
  EXPECT_EQ(back->at(3).offset, 10u);
  EXPECT_EQ(back->at(0).pack, back->at(3).pack);
  EXPECT_EQ(back->at(2).pool_name(), sha256("c"));
}

TEST(LetterList, NoPlaceOutsideAPackIsTaken) {
  const std::string hash = sha256("a");
  const std::string head = "posthouse letters 2\npack " + hash + " 100\n";
  ASSERT_TRUE(decode_letters(head + "5 10 " + hash + " - 1 90\n", "x"));
  for (const char* place : {"1 91", "0 0", "2 0", "1", "1 x", "x 0", "1 18446744073709551615", "1 -1"})
    EXPECT_FALSE(decode_letters(head + "5 10 " + hash + " - " + place + "\n", "x")) << place;
  EXPECT_FALSE(decode_letters(head + "5 10 - - 1 0\n", "x"));
  EXPECT_FALSE(decode_letters("posthouse letters 2\npack ../x 100\n", "x"));
  EXPECT_FALSE(decode_letters("posthouse letters 1\npack " + hash + " 100\n", "x"));
}

TEST(LetterList, NothingElseIsTakenForOne) {
  const std::string hash = sha256("a");
  const std::string head = "posthouse letters 1\n";
  ASSERT_TRUE(decode_letters(head + "5 1 " + hash + " -\n", "x"));
  for (const std::string& line : std::vector<std::string>{
           "0 1 " + hash + " -", "4294967296 1 " + hash + " -", "5 x " + hash + " -", "5 1 ../../etc -",
           "5 1 " + hash, "5 1 " + hash + " abc", "5 1 " + hash + " -\n5 1 " + hash + " -", "5 1  -", ""}) {
    EXPECT_FALSE(decode_letters(head + line + "\n", "x")) << line;
  }
  for (const std::string& text :
       {std::string(), std::string("posthouse letters 3\n"), head + "5 1 " + hash + " -"})
    EXPECT_FALSE(decode_letters(text, "x")) << text;
  EXPECT_FALSE(parse_list_path("a/1"));
  EXPECT_FALSE(parse_list_path("1/4294967296"));
  EXPECT_EQ(list_path(*parse_list_path("12/3")), "12/3");
}

class FileLetters : public testing::Test {
 protected:
  FileLetters() {
    log::configure(log::Level::error, "", "text");
    std::string pattern = (fs::temp_directory_path() / "posthouse-letters-XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
    config_ = default_config();
    config_.server.hostname = "mail.a.test";
    config_.server.data_directory = directory_ + "/data";
    config_.store.memory = 16 << 20;
    EXPECT_TRUE(control::create_store(config_));
    maildir_ = directory_ + "/data/maildir/a.test/x";
    for (const char* folder : {"", "/.Work"}) {
      for (const char* sub : {"/cur", "/new", "/tmp"}) fs::create_directories(maildir_ + folder + sub);
    }
    mbox_ = directory_ + "/data/mbox/a.test/y";
    fs::create_directories(mbox_ + "/folders");
  }
  ~FileLetters() override { fs::remove_all(directory_); }

  static std::string letter(const std::string& name) {
    return "Subject: " + name + "\n\nthis is " + name + "\n";
  }
  static std::string hash(const std::string& name) {
    return sha256("Subject: " + name + "\r\n\r\nthis is " + name + "\r\n");
  }
  void write(const std::string& file, const std::string& text) { std::ofstream(file, std::ios::app) << text; }

  // The snapshot's index as of now.
  void snapshot() {
    auto admin = control::open_local(config_);
    ASSERT_TRUE(admin) << admin.error().what;
    const auto call = [&](const char* verb, const std::string& arguments) {
      auto answer = (*admin)->call(verb, json::parse(arguments).as_object(), nullptr);
      ASSERT_TRUE(answer) << answer.error().what;
    };
    if (!made_) {
      call("domain.add", R"({"name": "a.test"})");
      call("account.add", R"({"address": "x@a.test", "store": "maildir"})");
      call("account.add", R"({"address": "y@a.test", "store": "mbox"})");
    }
    made_ = true;
    name_ = fmt::format("snapshot-{}", ++snapshots_);
    call("backup.snapshot", fmt::format(R"({{"name": "{}"}})", name_));
  }

  // Into the backup; the hashes that its lists name, by account.
  void take() {
    auto repository = Repository::open_to_write(directory_ + "/backups");
    ASSERT_TRUE(repository) << repository.error().what;
    const std::string folder = engine::snapshot_folder(config_.server.data_directory + "/store", name_);
    auto opened = Opened::open_snapshot(folder, config_);
    ASSERT_TRUE(opened) << opened.error().what;
    Rate rate(0);
    warnings_.clear();
    auto taken = take_file_letters((*opened)->core(), *repository, std::nullopt, rate, nullptr, warnings_);
    ASSERT_TRUE(taken) << taken.error().what;
    taken_ = *taken;
    Catalog catalog;
    catalog.id = fmt::format("2026112{}T000000Z", snapshots_);
    catalog.files = taken->lists;
    ASSERT_TRUE(repository->add(catalog));
    auto files = PoolFiles::of(*repository, catalog);
    ASSERT_TRUE(files) << files.error().what;
    hashes_.clear();
    names_ = files->names();
    files->for_each([&](const ListedLetter& one) {
      hashes_.push_back(one.sha256);
      EXPECT_TRUE(files->check(one)) << one.sha256;
    });
  }
  bool has(const std::string& name) const { return std::ranges::find(hashes_, hash(name)) != hashes_.end(); }

  std::string directory_, maildir_, mbox_, name_;
  Config config_;
  bool made_ = false;
  int snapshots_ = 0;
  LettersTaken taken_;
  std::vector<std::string> hashes_, names_, warnings_;
};

TEST_F(FileLetters, AreFoundWhereOthersMovedThemMeanwhile) {
  for (const char* name : {"one", "two", "three", "four"})
    write(maildir_ + "/cur/" + name + ":2,", letter(name));
  snapshot();
  fs::rename(maildir_ + "/cur/one:2,", maildir_ + "/cur/one:2,FS");
  fs::rename(maildir_ + "/cur/two:2,", maildir_ + "/.Work/cur/two:2,T");
  fs::rename(maildir_ + "/cur/three:2,", maildir_ + "/new/three");
  take();
  EXPECT_THAT(warnings_, IsEmpty());
  EXPECT_EQ(taken_.letters, 4u);
  for (const char* name : {"one", "two", "three", "four"}) EXPECT_TRUE(has(name)) << name;
}

TEST_F(FileLetters, AreFoundInAnotherMbox) {
  write(mbox_ + "/inbox", "From a@b Sat Nov 28 10:00:00 2026\n" + letter("one") +
                              "\nFrom a@b Sat Nov 28 10:00:00 2026\n" + letter("two") + "\n");
  snapshot();
  ASSERT_NO_FATAL_FAILURE();
  fs::rename(mbox_ + "/inbox", mbox_ + "/folders/Work");
  write(mbox_ + "/inbox", "From a@b Sat Nov 28 10:00:00 2026\n" + letter("other") + "\n");
  take();
  EXPECT_THAT(warnings_, IsEmpty());
  EXPECT_EQ(taken_.letters, 2u);
  EXPECT_TRUE(has("one"));
  EXPECT_TRUE(has("two"));
}

TEST_F(FileLetters, ThatAreGoneOrCanNotBeReadAreTold) {
  for (const char* name : {"one", "two", "three"}) write(maildir_ + "/cur/" + name + ":2,", letter(name));
  snapshot();
  fs::remove(maildir_ + "/cur/one:2,");
  write(maildir_ + "/cur/two:2,", "more than it was\n");
  take();
  EXPECT_EQ(taken_.letters, 1u);
  EXPECT_EQ(taken_.gone, 1u);
  EXPECT_EQ(taken_.unread, 1u);
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("x@a.test: 1 letters were removed"),
                                     HasSubstr("x@a.test: 1 letters can't be read")));
  EXPECT_TRUE(has("three"));
}

// The file is not what the index says: so it shows that nobody read it. One that others moved to another
// mailbox is a new letter to the index.
TEST_F(FileLetters, AreNotReadTwice) {
  for (const char* name : {"one", "two"}) write(maildir_ + "/cur/" + name + ":2,", letter(name));
  snapshot();
  take();
  const std::string path = maildir_ + "/cur/one:2,";
  struct stat before{};
  ASSERT_EQ(::stat(path.c_str(), &before), 0);
  {
    std::fstream file(path, std::ios::in | std::ios::out);
    file << "Xubject";
  }
  const timespec times[] = {before.st_atim, before.st_mtim};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  fs::rename(path, maildir_ + "/cur/one:2,S");
  snapshot();
  take();
  EXPECT_EQ(taken_.letters, 2u);
  EXPECT_TRUE(has("one"));
  // What the pool lost is read again.
  for (const std::string& name : names_)
    fs::remove(fmt::format("{}/backups/pool/{}/{}", directory_, name.substr(0, 2), name));
  snapshot();
  take();
  EXPECT_TRUE(has("two"));
  // And a file that says that it changed.
  write(mbox_ + "/inbox", "From a@b Sat Nov 28 10:00:00 2026\n" + letter("three") + "\n");
  snapshot();
  take();
  EXPECT_TRUE(has("three"));
}

// An mbox that only got letters is read from where these begin; a list that did not change is not written
// again, unless the pool lost it.
TEST_F(FileLetters, OnlyWhatIsNewIsReadAndWritten) {
  const auto add = [&](const std::string& name, size_t more) {
    write(mbox_ + "/inbox",
          "From a@b Sat Nov 28 10:00:00 2026\n" + letter(name) + std::string(more, 'x') + "\n\n");
  };
  for (int i = 0; i < 40; ++i) add(fmt::format("old {}", i), 20'000);
  write(maildir_ + "/cur/one:2,", letter("one"));
  snapshot();
  take();
  EXPECT_EQ(taken_.letters, 41u);
  const auto list_of = [&](store::AccountId account) {
    for (const File& list : taken_.lists) {
      if (parse_list_path(list.path)->account == account && list.size > 100) return list;
    }
    return File();
  };
  const File first = list_of(parse_list_path(taken_.lists.front().path)->account);
  write(mbox_ + "/inbox", "From a@b Sat Nov 28 10:00:00 2026\n" + letter("new") + "\n");
  snapshot();
  take();
  EXPECT_EQ(taken_.letters, 42u);
  EXPECT_TRUE(has("new"));
  const File same = list_of(parse_list_path(first.path)->account);
  EXPECT_EQ(same.sha256, first.sha256);
  EXPECT_LT(taken_.copied, 40'000u) << "the new letter, and the list with it";
  for (const File& list : taken_.lists)
    fs::remove(fmt::format("{}/backups/pool/{}/{}", directory_, list.sha256.substr(0, 2), list.sha256));
  snapshot();
  take();
  EXPECT_EQ(taken_.letters, 42u);
  EXPECT_TRUE(has("new") && has("one"));
}

TEST_F(FileLetters, APlaceThatIsNotThereEndsNothing) {
  write(maildir_ + "/cur/one:2,", letter("one"));
  snapshot();
  fs::rename(maildir_, maildir_ + ".away");
  take();
  EXPECT_EQ(taken_.letters, 0u);
  EXPECT_EQ(taken_.gone + taken_.unread, 1u);
  EXPECT_EQ(warnings_.size(), 1u);
}

}  // namespace
}  // namespace posthouse::app::backup
