#include "child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "engine/record.h"
#include "engines.h"

namespace posthouse::engine {
namespace {

constexpr const char* kRole = "POSTHOUSE_TEST_ROLE";
constexpr const char* kDirectory = "POSTHOUSE_TEST_DIRECTORY";
constexpr int kWriters = 4;
constexpr int kOutput = 3;  // in the child

int hold(const std::string& directory) {
  const auto engine = open_small(directory);
  if (::write(kOutput, "y", 1) != 1) return 1;
  ::pause();
  return 0;
}

Step put_id(PartitionKind kind, uint64_t partition, uint64_t id, size_t size) {
  return Step{{kind, partition}, [id, size](Transaction& rows) -> Result<void> {
                std::string key;
                append_key_u64(key, id);
                rows.put(key, std::string(size, static_cast<char>('a' + id % 26)));
                return {};
              }};
}

void transact_for_ever(Engine& engine, std::atomic<uint64_t>& next) {
  test::ManualExecutor loop;
  for (;;) {
    const uint64_t id = ++next;
    std::vector<Step> steps{put_id(PartitionKind::account, kCrashFirst, id, 100),
                            put_id(PartitionKind::blob, kCrashSecond, id, 1 + id * 37 % 9000)};
    // Relaxed ones may fall to a power cut, but not to the end of the process.
    const Result<void> done = id % 2 == 0 ? loop.run(engine.transact(std::move(steps)))
                                          : loop.run(engine.transact_relaxed(std::move(steps)));
    if (!done || ::write(kOutput, &id, sizeof id) != sizeof id) ::_exit(2);
  }
}

int transact(const std::string& directory) {
  const auto engine = open_small(directory);
  std::atomic<uint64_t> next{0};
  // Ids of earlier rounds are not used again.
  (void)engine->scan_back({PartitionKind::account, kCrashFirst}, "", "",
                          [&](std::string_view key, std::string_view) {
                            next = read_key_u64(key);
                            return false;
                          });
  std::vector<std::thread> threads;
  for (int i = 0; i < kWriters; ++i) threads.emplace_back([&] { transact_for_ever(*engine, next); });
  for (std::thread& thread : threads) thread.join();
  return 0;
}

// Takes over before the first test when the process was started in a role.
class Roles : public testing::Environment {
 public:
  void SetUp() override {
    const char* const role = ::getenv(kRole);
    const char* const directory = ::getenv(kDirectory);
    if (role == nullptr || directory == nullptr) return;
    ::_exit(std::string_view(role) == "hold" ? hold(directory) : transact(directory));
  }
};

[[maybe_unused]] testing::Environment* const roles = testing::AddGlobalTestEnvironment(new Roles);

}  // namespace

ChildProcess::ChildProcess(const std::string& role, const std::string& directory) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  const std::string role_setting = std::string(kRole) + "=" + role;
  const std::string directory_setting = std::string(kDirectory) + "=" + directory;
  // What a sanitizer is told, it is told here too.
  const char* const sanitizer = ::getenv("TSAN_OPTIONS");
  const std::string sanitizer_setting = fmt::format("TSAN_OPTIONS={}", sanitizer == nullptr ? "" : sanitizer);
  const char* const environment[] = {role_setting.c_str(), directory_setting.c_str(),
                                     sanitizer_setting.c_str(), nullptr};
  const char* const arguments[] = {"child", nullptr};
  pid_ = ::fork();
  if (pid_ == 0) {
    ::dup2(::open("/dev/null", O_RDONLY), STDIN_FILENO);
    // What the test framework prints before the role takes over must not get between the ids.
    const int output = ::fcntl(ends[1], F_DUPFD, 10);
    ::dup2(::open("/dev/null", O_WRONLY), STDOUT_FILENO);
    ::dup2(output, kOutput);
    ::execve("/proc/self/exe", const_cast<char* const*>(arguments), const_cast<char* const*>(environment));
    ::_exit(127);
  }
  ::close(ends[1]);
  output_ = ends[0];
  if (pid_ < 0) throw std::runtime_error("fork");
}

ChildProcess::~ChildProcess() {
  kill();
  ::close(output_);
}

void ChildProcess::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself, with status " << WEXITSTATUS(status);
}

}  // namespace posthouse::engine
