// This test program once more, as a process of its own that may be killed at any moment.
#pragma once

#include <sys/types.h>

#include <string>

namespace posthouse::engine {

// Starts it in a role on a store's folder:
//   "hold"      opens the store, writes "y" and waits for its end
//   "transact"  commits from several threads without end, and writes each id it was told is durable (8 bytes,
//   native)
// Kills it when destroyed.
class ChildProcess {
 public:
  ChildProcess(const std::string& role, const std::string& directory);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  int output() const { return output_; }  // a pipe's reading end
  void kill();                            // SIGKILL; returns when it is gone

 private:
  pid_t pid_ = -1;
  int output_ = -1;
};

// The partitions that "transact" writes: each id is in both, or in neither.
constexpr uint64_t kCrashFirst = 1, kCrashSecond = 2;

}  // namespace posthouse::engine
