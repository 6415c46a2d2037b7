// Snapshots of a store: a copy of all its files at one moment, made of hard links, in a folder beside it
// (DIRECTORY.snapshots/NAME). They cost the room of files that the store itself has given up since, so they
// are short-lived: whoever copies one away holds it, and what nobody holds goes.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace posthouse::engine {

// Letters, digits, "-" and "_", at most 64.
bool is_snapshot_name(std::string_view name);
std::string snapshot_folder(const std::string& directory, std::string_view name);

// Keeps a snapshot from being removed by others, also over a crash of ours: a lock on its folder.
class HeldSnapshot {
 public:
  HeldSnapshot(HeldSnapshot&& other) noexcept : folder_(std::move(other.folder_)), fd_(other.fd_) {
    other.fd_ = -1;
  }
  HeldSnapshot& operator=(HeldSnapshot&&) = delete;
  HeldSnapshot(const HeldSnapshot&) = delete;
  HeldSnapshot& operator=(const HeldSnapshot&) = delete;
  ~HeldSnapshot();  // removes it

  // Fails with `not_found`, `temporary` when another holds it, or `io`.
  static Result<HeldSnapshot> hold(const std::string& directory, std::string_view name);
  const std::string& folder() const { return folder_; }

 private:
  HeldSnapshot(std::string folder, int fd) : folder_(std::move(folder)), fd_(fd) {}

  std::string folder_;
  int fd_;
};

// Removes those that nobody holds and that are older than `grace`, which is for whoever asked for one to take
// hold of it.
inline constexpr seconds kSnapshotGrace{60};
void remove_stale_snapshots(const std::string& directory, seconds grace);

}  // namespace posthouse::engine
