#include "faulty_disk.h"

#include <filesystem>

namespace posthouse::engine {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

class FaultyDisk::File : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(FaultyDisk& disk, std::string name, StatePtr state, std::unique_ptr<rocksdb::FSWritableFile> inside)
      : FSWritableFileOwnerWrapper(std::move(inside)),
        disk_(disk),
        name_(std::move(name)),
        state_(std::move(state)) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* context) override {
    if (disk_.fails(Failure::append, name_)) return IOStatus::IOError("the disk does not write", name_);
    if (disk_.fails(Failure::torn, name_)) {
      static_cast<void>(write(Slice(data.data(), data.size() / 2), options, context));
      return IOStatus::IOError("the disk writes half of it", name_);
    }
    return write(data, options, context);
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo&,
                  IODebugContext* context) override {
    return Append(data, options, context);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* context) override {
    return flush(FSWritableFileOwnerWrapper::Sync(options, context));
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* context) override {
    return flush(FSWritableFileOwnerWrapper::Fsync(options, context));
  }

 private:
  IOStatus write(const Slice& data, const IOOptions& options, IODebugContext* context) {
    IOStatus done = FSWritableFileOwnerWrapper::Append(data, options, context);
    const std::lock_guard lock(disk_.mutex_);
    if (done.ok()) state_->written += data.size();
    return done;
  }
  IOStatus flush(IOStatus done) {
    const bool fails = disk_.fails(Failure::sync, name_);
    const std::lock_guard lock(disk_.mutex_);
    if (fails) {
      state_->spoilt = true;
      return IOStatus::IOError("the disk does not flush", name_);
    }
    if (done.ok() && !state_->spoilt) state_->flushed = state_->written;
    ++state_->flushes;
    disk_.flushed_.notify_all();
    return done;
  }

  FaultyDisk& disk_;
  const std::string name_;
  const StatePtr state_;
};

void FaultyDisk::fail(Failure failure, std::string suffix, int n, int times) {
  const std::lock_guard lock(mutex_);
  failure_ = failure;
  suffix_ = std::move(suffix);
  countdown_ = n;
  times_ = times;
}

int FaultyDisk::failures() const {
  const std::lock_guard lock(mutex_);
  return failed_;
}

int FaultyDisk::count_flushes(std::string_view suffix) const {
  int count = 0;
  for (const auto& [name, state] : files_) {
    if (name.ends_with(suffix)) count += state->flushes;
  }
  return count;
}

int FaultyDisk::flushes(std::string_view suffix) const {
  const std::lock_guard lock(mutex_);
  return count_flushes(suffix);
}

bool FaultyDisk::wait_for_flush(std::string_view suffix, int so_far) {
  std::unique_lock lock(mutex_);
  return flushed_.wait_for(lock, std::chrono::seconds(10), [&] { return count_flushes(suffix) > so_far; });
}

bool FaultyDisk::fails(Failure failure, const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (countdown_ == 0 || failure != failure_ || !name.ends_with(suffix_)) return false;
  if (countdown_ > 1) {
    --countdown_;
    return false;
  }
  if (times_ == 0) return false;
  --times_;
  ++failed_;
  return true;
}

void FaultyDisk::cut_power() {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, state] : files_) {
    std::error_code gone;
    if (std::filesystem::file_size(name, gone) > state->flushed && !gone)
      std::filesystem::resize_file(name, state->flushed);
  }
  files_.clear();
}

std::shared_ptr<rocksdb::Env> FaultyDisk::env(const std::shared_ptr<FaultyDisk>& self) {
  return rocksdb::NewCompositeEnv(self);
}

IOStatus FaultyDisk::NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                     std::unique_ptr<rocksdb::FSWritableFile>* file,
                                     IODebugContext* context) {
  std::unique_ptr<rocksdb::FSWritableFile> inside;
  IOStatus made = FileSystemWrapper::NewWritableFile(name, options, &inside, context);
  if (!made.ok()) return made;
  auto state = std::make_shared<State>();
  {
    const std::lock_guard lock(mutex_);
    files_[name] = state;
  }
  *file = std::make_unique<File>(*this, name, std::move(state), std::move(inside));
  return made;
}

IOStatus FaultyDisk::RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                                IODebugContext* context) {
  IOStatus done = FileSystemWrapper::RenameFile(from, to, options, context);
  const std::lock_guard lock(mutex_);
  if (const auto it = files_.find(from); done.ok() && it != files_.end()) {
    files_[to] = it->second;
    files_.erase(from);
  }
  return done;
}

IOStatus FaultyDisk::DeleteFile(const std::string& name, const IOOptions& options, IODebugContext* context) {
  IOStatus done = FileSystemWrapper::DeleteFile(name, options, context);
  const std::lock_guard lock(mutex_);
  if (done.ok()) files_.erase(name);
  return done;
}

}  // namespace posthouse::engine
