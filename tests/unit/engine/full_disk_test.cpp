// A disk that takes no more: everybody is told, nothing acknowledged is lost, and it goes on when there is
// room.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include "engines.h"

namespace posthouse::engine {
namespace {

// The kernel refuses to let any file grow beyond a size, as a full disk would.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    before_signal_ = ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit now = before_;
    now.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, before_signal_);
  }

 private:
  rlimit before_{};
  void (*before_signal_)(int) = nullptr;
};

Step put(uint64_t id, size_t size) {
  return Step{{PartitionKind::blob, id}, [size](Transaction& rows) -> Result<void> {
                rows.put("b", std::string(size, 'x'));
                return {};
              }};
}

TEST(FullDisk, FailsLoudlyKeepsWhatItHasAndRecovers) {
  const TempDir dir;
  test::ManualExecutor loop;
  auto engine = open_small(dir.path());
  std::vector<uint64_t> acknowledged;
  uint64_t refused = 0;
  {
    const FileSizeLimit limit(300 * 1024);
    for (uint64_t id = 1; id <= 40; ++id) {
      const Result<void> done = loop.run(engine->transact({put(id, 20000)}));
      if (done) {
        acknowledged.push_back(id);
        continue;
      }
      ++refused;
      EXPECT_TRUE(done.error().kind == FaultKind::no_space || done.error().kind == FaultKind::io)
          << done.error().what;
    }
  }
  EXPECT_GT(acknowledged.size(), 0u);
  EXPECT_GT(refused, 0u);
  EXPECT_EQ(engine->get({PartitionKind::blob, 1}, "b").value()->size(), 20000u);
  // There is room again: the store goes on, by itself or after the next start.
  Result<void> again = loop.run(engine->transact({put(100, 1000)}));
  engine.reset();
  engine = open_small(dir.path());
  for (const uint64_t id : acknowledged) {
    EXPECT_TRUE(engine->get({PartitionKind::blob, id}, "b").value().has_value()) << id;
  }
  EXPECT_EQ(engine->get({PartitionKind::blob, 100}, "b").value().has_value(), again.has_value());
  EXPECT_TRUE(loop.run(engine->transact({put(101, 1000)})));
}

}  // namespace
}  // namespace posthouse::engine
