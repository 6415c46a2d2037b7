// The folder of backups: catalogs, the pool, and what is removed from it.
#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "app/backup/backup.h"
#include "app/backup/hashing.h"
#include "app/backup/repository.h"

namespace posthouse::app::backup {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

Catalog example() {
  Catalog out;
  out.id = "20261128T205300Z";
  out.version = "1.2.3";
  out.hostname = "mail.example.org";
  out.running = true;
  out.accounts = 2;
  out.messages = 77;
  out.file_letters = 5;
  out.file_unread = 1;
  out.files.push_back({Part::store, "000012.sst", 100, 1'795'900'000'123'456'789, 0600, sha256("a")});
  out.files.push_back({Part::outside, "/etc/ssl/key.pem", 5, 7, 0640, sha256("b")});
  return out;
}

// With a right checksum of its own.
std::string sealed(const std::string& json) {
  const std::string text = json + "\n";
  return text + "sha256 " + sha256(text) + "\n";
}

TEST(BackupCatalog, ComesBackAsItWas) {
  const auto back = decode(encode(example()), "x");
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(encode(*back), encode(example()));
  EXPECT_EQ(back->files[0].modified, 1'795'900'000'123'456'789);
  EXPECT_EQ(back->total(), 105u);
}

TEST(BackupCatalog, AnyChangeIsFound) {
  const std::string text = encode(example());
  for (size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    const auto back = decode(changed, "x");
    ASSERT_FALSE(back) << i;
    EXPECT_EQ(back.error().kind, FaultKind::corrupt);
    EXPECT_FALSE(decode(text.substr(0, i), "x")) << i;
  }
}

TEST(BackupCatalog, RefusesNewerFormatsAndPathsThatLeaveTheFolder) {
  std::string text = encode(example());
  text.resize(text.find("\nsha256"));
  ASSERT_TRUE(decode(sealed(text), "x"));
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string out = text;
    out.replace(out.find(from), from.size(), to);
    return decode(sealed(out), "x");
  };
  EXPECT_THAT(with("\"format\":3", "\"format\":4").error().what,
              HasSubstr("posthouse 1.2.3, which is newer"));
  bool newer = false;
  EXPECT_FALSE(decode(text, "x", &newer));
  EXPECT_FALSE(newer) << "damaged";
  text.replace(text.find("\"format\":3"), 10, "\"format\":4");
  EXPECT_FALSE(decode(sealed(text), "x", &newer));
  EXPECT_TRUE(newer);
  text.replace(text.find("\"format\":4"), 10, "\"format\":3");
  EXPECT_TRUE(with("\"format\":3", "\"format\":1"));
  EXPECT_FALSE(with("000012.sst", "../../x"));
  EXPECT_FALSE(with("000012.sst", "/etc/passwd"));
  EXPECT_FALSE(with("\"part\":\"store\"", "\"part\":\"other\""));
  EXPECT_FALSE(with(sha256("a"), "../../../x"));
}

class BackupFolder : public testing::Test {
 protected:
  BackupFolder() {
    std::string pattern = (fs::temp_directory_path() / "posthouse-backup-XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
    source_ = directory_ + "/source";
  }
  ~BackupFolder() override { fs::remove_all(directory_); }

  Repository open() {
    auto out = Repository::open_to_write(directory_ + "/backups");
    if (!out) throw std::runtime_error(out.error().what);
    return std::move(*out);
  }
  File take(Repository& repository, const std::string& text, bool fresh) {
    std::ofstream(source_) << text;
    File file;
    file.path = "x";
    const auto taken = repository.take(source_, file, nullptr);
    EXPECT_TRUE(taken) << taken.error().what;
    EXPECT_EQ(taken.value_or(!fresh), fresh);
    return file;
  }
  static Catalog catalog(const std::string& id, std::vector<File> files) {
    Catalog out = example();
    out.id = id;
    out.files = std::move(files);
    return out;
  }

  std::string directory_, source_;
};

TEST_F(BackupFolder, KeepsWhatIsTheSameOnce) {
  Repository repository = open();
  const File one = take(repository, "letters", true);
  const File same = take(repository, "letters", false);
  EXPECT_EQ(repository.file(one), repository.file(same));
  EXPECT_EQ(one.size, 7u);
  EXPECT_TRUE(repository.has(one));
  fs::resize_file(repository.file(one), 3);
  EXPECT_FALSE(repository.has(one)) << "cut off";
  take(repository, "letters", true);
  EXPECT_TRUE(repository.has(one)) << "mended by the next copy";
}

TEST_F(BackupFolder, PruningKeepsTheLatestAndWhatTheyNeed) {
  Repository repository = open();
  const File shared = take(repository, "shared", true);
  const File old = take(repository, "old", true);
  const File fresh = take(repository, "fresh", true);
  const File stray = take(repository, "of a backup that was killed", true);
  ASSERT_TRUE(repository.add(catalog("20260101T000000Z", {shared, old})));
  ASSERT_TRUE(repository.add(catalog("20260102T000000Z", {shared, fresh})));
  ASSERT_TRUE(repository.prune(0));
  EXPECT_TRUE(repository.has(old));
  EXPECT_FALSE(repository.has(stray));
  ASSERT_TRUE(repository.prune(1));
  EXPECT_FALSE(repository.has(old));
  EXPECT_TRUE(repository.has(shared) && repository.has(fresh));
  EXPECT_EQ(repository.find("")->id, "20260102T000000Z");
  EXPECT_EQ(repository.find("20260101T000000Z").error().kind, FaultKind::not_found);
  EXPECT_EQ(repository.find("../x").error().kind, FaultKind::not_found);
}

// What only a list names is found there, in whichever backup it is.
TEST_F(BackupFolder, PruningKeepsWhatListsName) {
  Repository repository = open();
  const auto list = [&](const File& letter) {
    ListedLetter listed;
    listed.uid = 1;
    listed.size = letter.size;
    listed.sha256 = letter.sha256;
    File file = take(repository, encode_letters({listed}), true);
    file.part = Part::letters;
    file.path = "1/1";
    return file;
  };
  const File old = take(repository, "old letter", true), fresh = take(repository, "new letter", true);
  const File first = list(old), second = list(fresh);
  const File stray = take(repository, "of a backup that was killed", true);
  ASSERT_TRUE(repository.add(catalog("20260101T000000Z", {first})));
  ASSERT_TRUE(repository.add(catalog("20260102T000000Z", {second})));
  ASSERT_TRUE(repository.prune(0, {fresh.sha256}));
  EXPECT_TRUE(repository.has(old) && repository.has(fresh) && repository.has(first));
  EXPECT_FALSE(repository.has(stray));
  // A list that can't be read may name anything.
  const File other = take(repository, "of another that was killed", true);
  std::ofstream(repository.file(first), std::ios::app) << "x";
  EXPECT_FALSE(repository.prune(0));
  EXPECT_TRUE(repository.has(old) && repository.has(other));
  ASSERT_TRUE(repository.prune(1));
  EXPECT_FALSE(repository.has(old) || repository.has(other));
  EXPECT_TRUE(repository.has(fresh));
}

TEST_F(BackupFolder, NothingIsRemovedWhileACatalogCanNotBeRead) {
  Repository repository = open();
  const File file = take(repository, "x", true);
  ASSERT_TRUE(repository.add(catalog("20260101T000000Z", {file})));
  std::ofstream(directory_ + "/backups/backups/20260101T000000Z.json", std::ios::app) << "x";
  EXPECT_FALSE(repository.prune(0));
  EXPECT_TRUE(repository.has(file));
}

TEST_F(BackupFolder, IdsRise) {
  Repository repository = open();
  std::string last;
  for (int i = 0; i < 5; ++i) {
    const std::string id = repository.new_id();
    EXPECT_LT(last, id);
    ASSERT_TRUE(repository.add(catalog(id, {})));
    last = id;
  }
  ASSERT_TRUE(repository.add(catalog("29990101T000000Z", {})));  // the clock was wrong
  EXPECT_EQ(repository.new_id(), "29990101T000000Z-002");
}

TEST_F(BackupFolder, IsWrittenByOneAtATimeAndCleanedUp) {
  {
    const Repository repository = open();
    EXPECT_EQ(Repository::open_to_write(directory_ + "/backups").error().kind, FaultKind::temporary);
    EXPECT_TRUE(Repository::open(directory_ + "/backups"));
    std::ofstream(directory_ + "/backups/unfinished/copy") << "half";
  }
  const Repository repository = open();
  EXPECT_TRUE(fs::is_empty(directory_ + "/backups/unfinished"));
}

// None is told anything else than to come again, and none puts its mark over the one that another has locked.
TEST_F(BackupFolder, SeveralMayMakeItAtOnce) {
  for (int round = 0; round < 30; ++round) {
    const std::string folder = fmt::format("{}/many-{}", directory_, round);
    std::atomic<int> begun = 0, writers = 0;
    std::vector<Result<void>> ends(4);
    std::vector<std::thread> threads;
    for (Result<void>& end : ends) {
      threads.emplace_back([&] {
        ++begun;
        while (begun < 4) std::this_thread::yield();
        auto opened = Repository::open_to_write(folder);
        if (!opened) end = std::unexpected(opened.error());
        if (opened) ++writers;
        ++begun;
        while (begun < 8) std::this_thread::yield();  // who has it keeps it until all have tried
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(writers, 1) << round;
    for (const Result<void>& end : ends) {
      EXPECT_TRUE(end || end.error().kind == FaultKind::temporary) << round << " " << end.error().what;
    }
  }
}

// Also those that earlier versions left, which made their folders before the mark.
TEST_F(BackupFolder, AStartThatWasKilledGoesOn) {
  using Names = std::vector<std::string>;
  const std::string folder = directory_ + "/backups";
  for (const Names& there :
       {Names{}, Names{"posthouse-backups.new"}, Names{"posthouse-backups"},
        Names{"posthouse-backups", "pool"}, Names{"posthouse-backups", "pool", "backups"}, Names{"pool"},
        Names{"pool", "backups"}, Names{"pool", "backups", "posthouse-backups.new"}, Names{"lost+found"}}) {
    fs::remove_all(folder);
    fs::create_directory(folder);
    for (const std::string& name : there) {
      if (name.starts_with("posthouse")) {
        std::ofstream(folder + "/" + name) << "";
      } else {
        fs::create_directory(folder + "/" + name);
      }
    }
    {
      const auto opened = Repository::open_to_write(folder);
      ASSERT_TRUE(opened) << testing::PrintToString(there) << opened.error().what;
      EXPECT_EQ(opened->find("").error().kind, FaultKind::not_found);
    }
    Repository repository = open();
    take(repository, "letters", true);
    ASSERT_TRUE(repository.add(catalog("20260101T000000Z", {})));
    EXPECT_TRUE(Repository::open(folder)->find(""));
  }
  // What holds something was never a start.
  for (const std::string name : {"pool/file", "backups/file", "posthouse-backups.old"}) {
    fs::remove_all(folder);
    fs::create_directories(folder + "/pool");
    fs::create_directories(folder + "/backups");
    std::ofstream(folder + "/" + name) << "";
    EXPECT_EQ(Repository::open_to_write(folder).error().kind, FaultKind::policy) << name;
  }
}

TEST_F(BackupFolder, APlaceThatCanNotBeMadeIsToldFromWhatIsMissing) {
  std::ofstream(directory_ + "/file") << "";
  for (const std::string& place : {std::string("/proc/nothing"), directory_ + "/file"})
    EXPECT_EQ(Repository::open_to_write(place).error().kind, FaultKind::exists) << place;
}

TEST_F(BackupFolder, ANewerProgramsBackupIsNotDamaged) {
  Repository repository = open();
  ASSERT_TRUE(repository.add(catalog("20260101T000000Z", {})));
  std::string text = encode(catalog("20260102T000000Z", {}));
  text.resize(text.find("\nsha256"));
  text.replace(text.find("\"format\":3"), 10, "\"format\":4");
  const std::string path = directory_ + "/backups/backups/20260102T000000Z.json";
  std::ofstream(path) << sealed(text);
  auto found = verify(directory_ + "/backups", "", Options{});
  ASSERT_TRUE(found) << found.error().what;
  EXPECT_EQ(found->newer.size(), 1u);
  EXPECT_TRUE(found->damaged.empty() && !found->lists && !found->files);
  std::ofstream(path, std::ios::app) << "x";
  found = verify(directory_ + "/backups", "", Options{});
  ASSERT_TRUE(found) << found.error().what;
  EXPECT_EQ(found->damaged.size(), 1u);
  EXPECT_TRUE(found->newer.empty() && found->lists && !found->files);
}

TEST_F(BackupFolder, ACopyThatFailsLeavesNothing) {
  Repository repository = open();
  File file;
  EXPECT_EQ(repository.take(directory_ + "/none", file, nullptr).error().kind, FaultKind::not_found);
  EXPECT_FALSE(repository.take(directory_, file, nullptr)) << "a folder";
  EXPECT_TRUE(fs::is_empty(directory_ + "/backups/unfinished"));
  EXPECT_TRUE(fs::is_empty(directory_ + "/backups/pool"));
}

}  // namespace
}  // namespace posthouse::app::backup
