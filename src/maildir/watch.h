// Tells which folders others may have changed, by inotify.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "maildir/file.h"
#include "maildir/limits.h"

namespace posthouse::maildir {

// Not thread-safe. Never blocks. Our own changes are told too.
class Watch {
 public:
  struct Changes {
    bool all = false;            // events were lost: every folder may have changed
    std::vector<uint64_t> keys;  // of folders that may have changed, each once
    std::vector<uint64_t> gone;  // whose directories were removed or renamed: they are watched no more
  };

  static Result<Watch> open(size_t max_folders = kMaxWatches);

  // Readable when there is something for read_events(); non-blocking.
  int fd() const { return inotify_.fd(); }
  // new/ and cur/ of a folder. policy: as many as may be are watched already, here or by the kernel's limit:
  // the caller has to look by himself from time to time. Look once after add(): what came before is not told.
  Result<void> add(uint64_t key, const std::string& folder);
  // The root of a tree: folders made, renamed or removed in it.
  Result<void> add_tree(uint64_t key, const std::string& root);
  // Files and folders just as they are: written to, replaced, and what comes and goes in them.
  Result<void> add_paths(uint64_t key, const std::vector<std::string>& paths);
  void remove(uint64_t key);
  size_t size() const { return watches_.size(); }

  Result<Changes> read_events();

 private:
  explicit Watch(File inotify, size_t max_folders)
      : inotify_(std::move(inotify)), max_folders_(max_folders) {}
  Result<int> watch(uint64_t key, const std::string& path, uint32_t events);
  Result<void> add_all(uint64_t key, const std::vector<std::string>& paths, uint32_t events);

  File inotify_;
  size_t max_folders_;
  std::map<int, std::set<uint64_t>> keys_;        // by the kernel's number
  std::map<uint64_t, std::vector<int>> watches_;  // by key
};

}  // namespace posthouse::maildir
