// Who holds the store when it cannot be opened.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace rocksdb {
class FileLock;
}

namespace posthouse::engine {

// A line for the operator. `status`: what RocksDB said.
std::string describe_lock(const std::string& directory, std::string_view status);

// For who only reads and got no lock: whether that is because the files can't be written, and nobody has
// them. `temporary`: somebody has; `io`: it is something else.
Result<void> check_nobody_has_it(const std::string& directory);

// The lock that the database itself takes when it is opened.
class StoreLock {
 public:
  explicit StoreLock(const std::string& path);
  ~StoreLock();
  StoreLock(const StoreLock&) = delete;
  StoreLock& operator=(const StoreLock&) = delete;
  explicit operator bool() const { return lock_ != nullptr; }

 private:
  rocksdb::FileLock* lock_ = nullptr;
};

}  // namespace posthouse::engine
