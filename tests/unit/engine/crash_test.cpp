// Durability: whatever transact() said is on disk is there after the process was killed at any moment.
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <cstring>
#include <random>
#include <set>

#include "child_process.h"
#include "engine/record.h"
#include "engines.h"

namespace posthouse::engine {
namespace {

constexpr int kRounds = 20;

// Takes the ids the child tells until `enough` came, kills it, and takes those still in the pipe.
std::set<uint64_t> run_and_kill(const std::string& directory, size_t enough) {
  ChildProcess child("transact", directory);
  std::string told;
  char buffer[4096];
  while (told.size() < enough * sizeof(uint64_t)) {
    const ssize_t n = ::read(child.output(), buffer, sizeof buffer);
    if (n <= 0) break;
    told.append(buffer, static_cast<size_t>(n));
  }
  EXPECT_GE(told.size(), enough * sizeof(uint64_t)) << "the child ended by itself";
  child.kill();
  for (ssize_t n = 0; (n = ::read(child.output(), buffer, sizeof buffer)) > 0;) {
    told.append(buffer, static_cast<size_t>(n));
  }
  std::set<uint64_t> ids;
  for (size_t at = 0; at + sizeof(uint64_t) <= told.size(); at += sizeof(uint64_t)) {
    uint64_t id = 0;
    std::memcpy(&id, told.data() + at, sizeof id);
    ids.insert(id);
  }
  return ids;
}

std::set<uint64_t> ids_in(const Engine& engine, Partition partition) {
  std::set<uint64_t> ids;
  EXPECT_TRUE(engine.scan(partition, "", "", [&](std::string_view key, std::string_view value) {
    const uint64_t id = read_key_u64(key);
    const size_t size = partition.kind == PartitionKind::account ? 100 : 1 + id * 37 % 9000;
    EXPECT_EQ(value, std::string(size, static_cast<char>('a' + id % 26)));
    ids.insert(id);
    return true;
  }));
  return ids;
}

TEST(Crash, EveryAcknowledgedTransactionSurvivesSigkill) {
  const TempDir dir;
  std::mt19937 random(static_cast<unsigned>(::getpid()));
  std::set<uint64_t> acknowledged;
  for (int round = 0; round < kRounds; ++round) {
    acknowledged.merge(run_and_kill(dir.path(), 1 + random() % 400));
    const auto engine = open_small(dir.path());
    const std::set<uint64_t> first = ids_in(*engine, {PartitionKind::account, kCrashFirst});
    const std::set<uint64_t> second = ids_in(*engine, {PartitionKind::blob, kCrashSecond});
    EXPECT_EQ(first, second) << "a transaction is there by half";
    for (const uint64_t id : acknowledged)
      ASSERT_TRUE(first.contains(id)) << "lost " << id << " in round " << round;
  }
  EXPECT_GT(acknowledged.size(), static_cast<size_t>(kRounds));
}

}  // namespace
}  // namespace posthouse::engine
