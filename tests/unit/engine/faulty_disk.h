// A disk for RocksDB that fails when it is told to, and that forgets what was not flushed when the power
// goes.
#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace posthouse::engine {

class FaultyDisk : public rocksdb::FileSystemWrapper {
 public:
  enum class Failure {
    append,  // a write fails, and nothing of it is there
    torn,    // half of it is there
    sync,    // a flush fails, and what it should have flushed is never flushed: Linux drops such pages
  };

  FaultyDisk() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "FaultyDisk"; }

  // From the n-th write or flush of a file named `*suffix` on (1: the next), `times` of them fail so.
  void fail(Failure failure, std::string suffix, int n, int times);
  // How many have failed.
  int failures() const;
  // Flushes of files named `*suffix` so far.
  int flushes(std::string_view suffix) const;
  // Waits until there were more than `so_far`; false after ten seconds.
  bool wait_for_flush(std::string_view suffix, int so_far);
  // Every file loses what was not flushed. Only while nobody has the files open.
  void cut_power();

  // For RocksOptions::env.
  std::shared_ptr<rocksdb::Env> env(const std::shared_ptr<FaultyDisk>& self);

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options, rocksdb::IODebugContext* context) override;
  rocksdb::IOStatus DeleteFile(const std::string& name, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* context) override;

 private:
  class File;
  struct State {
    uint64_t written = 0;
    uint64_t flushed = 0;
    int flushes = 0;
    bool spoilt = false;  // a flush failed: no later one makes up for it
  };
  using StatePtr = std::shared_ptr<State>;

  bool fails(Failure failure, const std::string& name);

  int count_flushes(std::string_view suffix) const;  // with the lock

  mutable std::mutex mutex_;
  std::condition_variable flushed_;
  std::map<std::string, StatePtr> files_;
  Failure failure_ = Failure::sync;
  std::string suffix_;
  int countdown_ = 0;  // 0: nothing fails
  int times_ = 0;
  int failed_ = 0;
};

}  // namespace posthouse::engine
