// A store that can't be opened any more is read nevertheless, and stays as it is.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "engine/blob.h"
#include "engine/patch_file.h"
#include "engine/rocks_salvage.h"
#include "engines.h"
#include "support/seeded_random.h"

namespace posthouse::engine {
namespace {

namespace fs = std::filesystem;

constexpr int kRows = 50;

Partition account(int i) {
  return {PartitionKind::account, static_cast<uint64_t>(i)};
}

Step put(Partition partition, std::string key, std::string value) {
  return Step{partition, [key, value](Transaction& rows) -> Result<void> {
                rows.put(key, value);
                return {};
              }};
}

class Salvage : public testing::Test {
 protected:
  void SetUp() override {
    {
      const auto engine = open_small(store_);
      for (int i = 1; i <= kRows; ++i) {
        ASSERT_TRUE(loop_.run(engine->transact({put(account(i), "r", "row " + std::to_string(i))})));
        bodies_[static_cast<BlobId>(i)] = random_bytes(5000);
        BlobWriter writer(*engine, static_cast<BlobId>(i));
        ASSERT_TRUE(loop_.run(writer.append(bodies_[static_cast<BlobId>(i)])));
        std::vector<std::string> references{"r"};
        ASSERT_TRUE(loop_.run(engine->transact({writer.seal(std::move(references))})));
      }
    }
    // The first start puts the log into tables and blob files, later rows are in the log.
    const auto engine = open_small(store_);
    ASSERT_TRUE(loop_.run(engine->transact({put(account(99), "r", "in the log")})));
  }
  std::string random_bytes(size_t size) {
    std::string bytes(size, '\0');
    random_.fill({reinterpret_cast<unsigned char*>(bytes.data()), size});
    return bytes;
  }
  std::map<std::string, std::string> files() const {
    std::map<std::string, std::string> out;
    for (const auto& entry : fs::directory_iterator(store_))
      out[entry.path().filename().string()] = read_whole(entry.path().string());
    return out;
  }
  std::string manifest() const {
    std::string current = read_whole(store_ + "/CURRENT");
    while (current.ends_with('\n')) current.pop_back();
    return store_ + "/" + current;
  }
  std::unique_ptr<Engine> salvage() {
    const SalvageOptions options{store_, dir_.path() + "/workshop", 16 << 20};
    auto opened = open_for_salvage(options, how_);
    if (!opened) throw std::runtime_error(opened.error().what);
    return std::move(*opened);
  }
  void expect_everything(const Engine& engine) const {
    for (int i = 1; i <= kRows; ++i) {
      EXPECT_EQ(engine.get(account(i), "r").value(), "row " + std::to_string(i));
      const auto body = read_blob(engine, static_cast<BlobId>(i), 0, 10000);
      ASSERT_TRUE(body) << body.error().what;
      EXPECT_EQ(*body, bodies_.at(static_cast<BlobId>(i)));
    }
    EXPECT_EQ(engine.get(account(99), "r").value(), "in the log");
  }

  test::ManualExecutor loop_;
  test::SeededRandom random_{3};
  TempDir dir_;
  std::string store_ = dir_.path() + "/store";
  std::string how_;
  std::map<BlobId, std::string> bodies_;
};

TEST_F(Salvage, AStoreInOrder) {
  const auto before = files();
  expect_everything(*salvage());
  EXPECT_EQ(how_, "");
  EXPECT_EQ(files(), before);
}

TEST_F(Salvage, ADamagedManifest) {
  ASSERT_TRUE(write_whole(manifest(), "nothing of a manifest"));
  const auto before = files();
  EXPECT_FALSE(open_rocks_engine(small_options(store_)));
  const auto damaged = files();
  expect_everything(*salvage());
  EXPECT_NE(how_, "");
  EXPECT_EQ(files(), damaged);
}

// As on a disk that is mounted for reading only; who may not even read is told so.
TEST_F(Salvage, FilesThatCannotBeWritten) {
  fs::permissions(dir_.path(), fs::perms(0755));
  for (const auto& entry : fs::directory_iterator(store_)) fs::permissions(entry.path(), fs::perms(0444));
  fs::permissions(store_, fs::perms(0555));
  const bool root = ::geteuid() == 0;
  if (root) {
    ASSERT_EQ(::seteuid(65534), 0);
  }
  const SalvageOptions options{store_, dir_.path() + "/workshop", 16 << 20};
  const auto opened = open_for_salvage(options, how_);
  if (root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  ASSERT_TRUE(opened) << opened.error().what;
  expect_everything(**opened);
  EXPECT_EQ(how_, "");
  fs::permissions(store_ + "/LOCK", fs::perms(0));
  if (root) {
    ASSERT_EQ(::seteuid(65534), 0);
  }
  const auto refused = open_for_salvage(options, how_);
  if (root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  fs::permissions(store_, fs::perms(0755));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, FaultKind::io);
  EXPECT_NE(refused.error().what.find("cannot be locked: Permission denied"), std::string::npos)
      << refused.error().what;
}

TEST_F(Salvage, NoManifestAtAll) {
  fs::remove(manifest());
  fs::remove(store_ + "/CURRENT");
  expect_everything(*salvage());
}

TEST_F(Salvage, ADamagedManifestWithEverythingInTheLog) {
  store_ = dir_.path() + "/fresh";
  {
    const auto engine = open_small(store_);
    bodies_[7] = random_bytes(5000);
    BlobWriter writer(*engine, 7);
    ASSERT_TRUE(loop_.run(writer.append(bodies_[7])));
    std::vector<std::string> references{"r"};
    ASSERT_TRUE(loop_.run(engine->transact({writer.seal(std::move(references))})));
  }
  ASSERT_TRUE(write_whole(manifest(), "nothing of a manifest"));
  EXPECT_EQ(read_blob(*salvage(), 7, 0, 10000).value(), bodies_[7]);
}

TEST_F(Salvage, AMissingBlobFileTakesOnlyItsBodies) {
  fs::path gone;
  for (const auto& entry : fs::directory_iterator(store_)) {
    if (entry.path().extension() == ".blob") gone = entry.path();
  }
  ASSERT_FALSE(gone.empty());
  fs::remove(gone);
  const auto engine = salvage();
  for (int i = 1; i <= kRows; ++i)
    EXPECT_EQ(engine->get(account(i), "r").value(), "row " + std::to_string(i));
  EXPECT_EQ(engine->get(account(99), "r").value(), "in the log");
}

TEST_F(Salvage, AStoreInUseIsLeftAlone) {
  const auto engine = open_small(store_);
  const SalvageOptions options{store_, dir_.path() + "/workshop", 16 << 20};
  const auto opened = open_for_salvage(options, how_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, FaultKind::temporary);
}

}  // namespace
}  // namespace posthouse::engine
