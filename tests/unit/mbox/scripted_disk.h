// Disks that go wrong when a test says so.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <set>

#include "support.h"

namespace posthouse::mbox {

// Counts the operations that change something. At number `at` it is killed or has no room from then on; a
// write is done by half before that.
class ScriptedDisk : public Disk {
 public:
  enum class End { none, kill, no_space, once };
  ScriptedDisk(End end, int at) : end_(end), at_(at) {}
  int count() const { return count_; }

  Result<int> open(const std::string& path, int flags, mode_t mode) override {
    if ((flags & O_CREAT) != 0) {
      if (auto gone = step(); !gone) return std::unexpected(gone.error());
    }
    return Disk::open(path, flags, mode);
  }
  Result<void> write(int fd, uint64_t offset, std::string_view bytes) override {
    if (due()) static_cast<void>(Disk::write(fd, offset, bytes.substr(0, bytes.size() / 2)));
    if (auto gone = step(); !gone) return gone;
    return Disk::write(fd, offset, bytes);
  }
  Result<void> resize(int fd, uint64_t size) override {
    // Making a file smaller needs no room.
    const bool shrinks = static_cast<uint64_t>(::lseek(fd, 0, SEEK_END)) >= size;
    if (auto gone = step(shrinks); !gone) return gone;
    return Disk::resize(fd, size);
  }
  Result<void> reserve(int fd, uint64_t from, uint64_t size) override {
    if (auto gone = step(); !gone) return gone;
    return Disk::reserve(fd, from, size);
  }
  Result<void> sync(int fd) override {
    if (auto gone = step(true); !gone) return gone;
    return Disk::sync(fd);
  }
  Result<void> remove(const std::string& path) override {
    if (auto gone = step(true); !gone) return gone;
    return Disk::remove(path);
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    if (auto gone = step(true); !gone) return gone;
    return Disk::rename(from, to);
  }

 private:
  bool due() const {
    return end_ == End::none ? false : end_ == End::no_space ? count_ + 1 >= at_ : count_ + 1 == at_;
  }
  Result<void> step(bool needs_no_room = false) {
    const bool now = due();
    ++count_;
    if (!now) return {};
    if (end_ == End::kill) ::kill(::getpid(), SIGKILL);
    if (needs_no_room && end_ == End::no_space) return {};
    return disk_fault("scripted", ENOSPC);
  }

  End end_;
  int at_;
  int count_ = 0;
};

// Forgets what was not flushed. At operation `at` the power fails: everything from then on fails, and
// restore() puts on the real disk what such a disk may have: of each file some sectors old and some new, of
// the folder's names some first part of what was done since they were flushed.
class ForgetfulDisk : public Disk {
 public:
  ForgetfulDisk(std::string mbox, int at) : mbox_(std::move(mbox)), at_(at) {
    names_[mbox_] = remember(mbox_);
    durable_names_ = names_;
  }
  int count() const { return count_; }
  bool is_off() const { return count_ >= at_; }
  std::string boot_id() override { return "before"; }

  Result<int> open(const std::string& path, int flags, mode_t mode) override {
    if (is_off()) return off();
    const bool there = std::filesystem::exists(path);
    if ((flags & O_CREAT) != 0 && !there && !go()) return off();
    auto fd = Disk::open(path, flags, mode);
    if (fd && !there) {
      const ino_t id = inode(*fd);
      durable_[id].clear();
      change([path, id](Names& names) { names[path] = id; });
    }
    return fd;
  }
  Result<void> write(int fd, uint64_t offset, std::string_view bytes) override {
    if (!go()) {
      if (std::exchange(first_off_, false))
        static_cast<void>(Disk::write(fd, offset, bytes.substr(0, bytes.size() / 2)));
      return off();
    }
    return Disk::write(fd, offset, bytes);
  }
  Result<void> resize(int fd, uint64_t size) override { return go() ? Disk::resize(fd, size) : off(); }
  Result<void> reserve(int fd, uint64_t from, uint64_t size) override {
    return go() ? Disk::reserve(fd, from, size) : off();
  }
  Result<void> sync(int fd) override {
    if (!go()) return off();
    durable_[inode(fd)] = whole(fd);
    return {};
  }
  Result<void> sync_folder_of(const std::string&) override {
    if (!go()) return off();
    durable_names_ = names_;
    pending_.clear();
    return {};
  }
  Result<void> remove(const std::string& path) override {
    if (!go()) return off();
    keep(path);
    auto removed = Disk::remove(path);
    if (removed) change([path](Names& names) { names.erase(path); });
    return removed;
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    if (!go()) return off();
    keep(to);
    auto renamed = Disk::rename(from, to);
    if (renamed) {
      change([from, to](Names& names) {
        names[to] = names[from];
        names.erase(from);
      });
    }
    return renamed;
  }

  void restore(const std::function<size_t(size_t)>& below) {
    for (const auto& [name, id] : names_) keep(name);
    Names names = durable_names_;
    const size_t done = below(pending_.size() + 1);
    for (size_t i = 0; i < done; ++i) pending_[i](names);
    for (const auto& [name, id] : names_) {
      if (name != mbox_) std::filesystem::remove(name);
    }
    for (const auto& [name, id] : names) spill(name, mixed(durable_[id], last_[id], below));
  }

 private:
  using Names = std::map<std::string, ino_t>;

  static ino_t inode(int fd) {
    struct ::stat info = {};
    ::fstat(fd, &info);
    return info.st_ino;
  }
  static std::string whole(int fd) { return slurp("/proc/self/fd/" + std::to_string(fd)); }
  ino_t remember(const std::string& path) {
    const Handle handle(::open(path.c_str(), O_RDONLY));
    const ino_t id = inode(handle.get());
    durable_[id] = whole(handle.get());
    return id;
  }
  void keep(const std::string& path) {
    const Handle handle(::open(path.c_str(), O_RDONLY));
    if (handle) last_[inode(handle.get())] = whole(handle.get());
  }
  static std::string mixed(const std::string& old, const std::string& now,
                           const std::function<size_t(size_t)>& below) {
    std::string out = below(2) == 0 ? old : now;
    for (size_t at = 0; at < out.size(); at += 512) {
      const std::string& from = below(2) == 0 ? old : now;
      const size_t size = std::min<size_t>(512, out.size() - at);
      // What was never written of a grown file reads as nothing; a file that was not yet made shorter has its
      // old end.
      std::string sector = at < from.size() ? from.substr(at, size) : std::string();
      if (sector.size() < size && at + sector.size() < old.size()) {
        sector += old.substr(at + sector.size(), size - sector.size());
      }
      sector.resize(size, '\0');
      out.replace(at, size, sector);
    }
    return out;
  }
  bool go() { return ++count_ < at_; }
  static std::unexpected<Fault> off() { return disk_fault("the power is off", EIO); }
  void change(std::function<void(Names&)> what) {
    what(names_);
    pending_.push_back(std::move(what));
  }

  std::string mbox_;
  int at_;
  int count_ = 0;
  bool first_off_ = true;
  std::map<ino_t, std::string> durable_;
  std::map<ino_t, std::string> last_;
  Names names_;
  Names durable_names_;
  std::vector<std::function<void(Names&)>> pending_;
};

}  // namespace posthouse::mbox
