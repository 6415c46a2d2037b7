// Snapshots: one moment of the whole store, while it is written to, and who removes them.
#include "engine/snapshots.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "engine/damage_notes.h"
#include "engines.h"

namespace posthouse::engine {
namespace {

namespace fs = std::filesystem;

constexpr Partition kAccount{PartitionKind::account, 1};
constexpr Partition kBlob{PartitionKind::blob, 7};
constexpr size_t kLarge = 5000;  // goes to a blob file

Step put(Partition partition, std::string key, std::string value) {
  return Step{partition, [key, value](Transaction& rows) -> Result<void> {
                rows.put(key, value);
                return {};
              }};
}

std::unique_ptr<Engine> open_snapshot(const std::string& directory, const std::string& name) {
  RocksOptions options = small_options(snapshot_folder(directory, name));
  options.create = false;
  options.read_only = true;
  auto opened = open_rocks_engine(options);
  if (!opened) throw std::runtime_error(opened.error().what);
  return std::move(*opened);
}

std::string number(int n) {
  std::string out = std::to_string(n);
  return std::string(kLarge - out.size(), '0') + out;
}

// A row and a body change together, and a row ahead of both: all three of one moment, never one without the
// other, and nothing that was acknowledged before it is missing.
TEST(Snapshots, AreOneMomentUnderWrites) {
  const TempDir dir;
  const std::string store = dir.path() + "/store";
  const auto engine = open_small(store);
  std::atomic<int> done{0};
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    test::ManualExecutor loop;
    for (int i = 1; !stop; ++i) {
      ASSERT_TRUE(loop.run(engine->put_ahead(kBlob, "ahead", number(i))));
      ASSERT_TRUE(loop.run(engine->transact({put(kAccount, "n", number(i)), put(kBlob, "n", number(i))})));
      done = i;
    }
  });
  test::ManualExecutor loop;
  for (int round = 0; round < 10; ++round) {
    const int before = done;
    const std::string name = "round-" + std::to_string(round);
    const auto made = loop.run(engine->make_snapshot(name));
    ASSERT_TRUE(made) << made.error().what;
    while (done < before + 20) std::this_thread::yield();
    const auto held = HeldSnapshot::hold(store, name);
    ASSERT_TRUE(held);
    const auto copy = open_snapshot(store, name);
    const std::string row = copy->get(kAccount, "n").value().value_or(number(0));
    EXPECT_EQ(row, copy->get(kBlob, "n").value().value_or(number(0)));
    EXPECT_GE(copy->get(kBlob, "ahead").value().value_or(number(0)), row);
    EXPECT_GE(std::stoi(row), before);
  }
  stop = true;
  writer.join();
  EXPECT_TRUE(fs::is_empty(store + ".snapshots"));
}

TEST(Snapshots, StayAsTheyAreWhileTheStoreGoesOn) {
  const TempDir dir;
  const std::string store = dir.path() + "/store";
  const auto engine = open_small(store);
  test::ManualExecutor loop;
  for (int i = 0; i < 200; ++i)
    ASSERT_TRUE(loop.run(engine->transact({put(kBlob, std::to_string(i), number(i))})));
  ASSERT_TRUE(loop.run(engine->make_snapshot("a")));
  ASSERT_TRUE(loop.run(engine->erase_partition(kBlob)));
  ASSERT_TRUE(loop.run(engine->reclaim_space()));
  const auto copy = open_snapshot(store, "a");
  for (int i = 0; i < 200; ++i) EXPECT_EQ(copy->get(kBlob, std::to_string(i)).value(), number(i));
}

TEST(Snapshots, TakeTheNotesOfMendedFilesAlong) {
  const TempDir dir;
  const std::string store = dir.path() + "/store";
  const auto engine = open_small(store);
  ASSERT_TRUE(DamageNotes(store).keep_blobs());
  ASSERT_TRUE(DamageNotes(store).lost({{"a", "b"}}));
  test::ManualExecutor loop;
  ASSERT_TRUE(loop.run(engine->make_snapshot("a")));
  const DamageNotes copy(snapshot_folder(store, "a"));
  EXPECT_TRUE(copy.keeps_blobs());
  ASSERT_EQ(copy.lost().size(), 1u);
  EXPECT_EQ(copy.lost()[0].begin, "a");
}

TEST(Snapshots, RefusesBadAndTakenNames) {
  const TempDir dir;
  const auto engine = open_small(dir.path() + "/store");
  test::ManualExecutor loop;
  for (const char* name : {"", "..", "a/b", "a b"}) {
    const auto made = loop.run(engine->make_snapshot(name));
    ASSERT_FALSE(made) << name;
    EXPECT_EQ(made.error().kind, FaultKind::syntax);
  }
  ASSERT_TRUE(loop.run(engine->make_snapshot("a")));
  EXPECT_EQ(loop.run(engine->make_snapshot("a")).error().kind, FaultKind::exists);
}

TEST(Snapshots, AreRemovedWhenNobodyHoldsThem) {
  const TempDir dir;
  const std::string store = dir.path() + "/store";
  for (const char* name : {"held", "left"}) fs::create_directories(snapshot_folder(store, name));
  std::ofstream(snapshot_folder(store, "left") + "/000001.sst") << "x";
  {
    const auto held = HeldSnapshot::hold(store, "held");
    ASSERT_TRUE(held);
    EXPECT_EQ(HeldSnapshot::hold(store, "held").error().kind, FaultKind::temporary);
    remove_stale_snapshots(store, kSnapshotGrace);
    EXPECT_TRUE(fs::exists(snapshot_folder(store, "left"))) << "young";
    remove_stale_snapshots(store, seconds(0));
    EXPECT_FALSE(fs::exists(snapshot_folder(store, "left")));
    EXPECT_TRUE(fs::exists(held->folder()));
  }
  EXPECT_FALSE(fs::exists(snapshot_folder(store, "held")));
  EXPECT_EQ(HeldSnapshot::hold(store, "held").error().kind, FaultKind::not_found);
}

}  // namespace
}  // namespace posthouse::engine
