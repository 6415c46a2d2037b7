// Who holds the store when it cannot be opened.
#pragma once

#include <string>
#include <string_view>

namespace rocksdb {
class FileLock;
}

namespace posthouse::engine {

// A line for the operator. `status`: what RocksDB said.
std::string describe_lock(const std::string& directory, std::string_view status);

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
