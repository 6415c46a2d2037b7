// `posthouse demo`: a whole mail server on loopback in one process, with an account for each of
// kDemoNames.
#pragma once

#include <string>
#include <vector>

#include "app/config/config.h"
#include "app/core/core.h"
#include "base/result.h"

namespace posthouse::app {

struct DemoOptions {
  std::string directory;              // "": a fresh one, removed at the end
  uint16_t base_port = 10000;         // 0: free ports
  std::string domain;                 // "": example.test
  std::vector<std::string> settings;  // "section.name=value"
  bool json = false;
};

inline constexpr const char* kDemoPassword = "demo";
struct DemoName {
  const char* name;
  const char* format;  // how its letters are kept
};
inline constexpr DemoName kDemoNames[] = {
    {"alice", "database"}, {"bob", "database"}, {"carol", "maildir"}, {"dave", "mbox"}};

// The first line of the configuration that a demo writes.
inline constexpr const char* kDemoHeadline = "# Written by `posthouse demo` at each start.";
bool is_demo_config(const std::string& path);

// The folder of a demo, held by one demo at a time. Removes it with all in it when it was made for this run.
class DemoDirectory {
 public:
  // Fails with `exists` when what is there is not a demo's (a real host's configuration must not become one),
  // `temporary` when another demo runs there; nothing was changed then.
  static Result<DemoDirectory> open(const std::string& named);
  DemoDirectory(DemoDirectory&&) noexcept;
  DemoDirectory& operator=(DemoDirectory&&) = delete;
  ~DemoDirectory();
  void remove();
  const std::string& path() const { return path_; }

 private:
  DemoDirectory(std::string path, bool temporary) : path_(std::move(path)), temporary_(temporary) {}
  std::string path_;
  bool temporary_;
  int lock_ = -1;
};

// Loopback listeners at the base port, everything in the folder, plain logins allowed.
Result<Config> demo_config(const DemoOptions& options, const std::string& directory);

struct DemoAccount {
  std::string address;
  bool fresh = false;           // made just now
  bool password_known = false;  // it is kDemoPassword, which its owner may have changed
};

// Domain and accounts, those that are not there yet.
Task<Result<std::vector<DemoAccount>>> make_demo_accounts(Core& core, std::string domain);

// Runs it; an exit status.
int run_demo(const DemoOptions& options);

}  // namespace posthouse::app
