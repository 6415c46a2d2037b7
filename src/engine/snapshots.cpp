#include "engine/snapshots.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include <fmt/format.h>

#include "base/ascii.h"
#include "base/log.h"

namespace posthouse::engine {

namespace {

namespace fs = std::filesystem;

constexpr size_t kLongestName = 64;

std::string parent_of(const std::string& directory) {
  return directory + ".snapshots";
}

void remove_tree(const std::string& folder) {
  std::error_code error;
  fs::remove_all(folder, error);
  if (error) log::warn("engine.snapshot_not_removed", {{"folder", folder}, {"reason", error.message()}});
}

bool is_old(int fd, seconds grace) {
  struct stat info{};
  if (fstat(fd, &info) != 0) return false;
  const auto now = std::chrono::duration_cast<seconds>(system_clock().now().time_since_epoch()).count();
  return now - info.st_mtim.tv_sec >= grace.count();
}

// A half-made one has nobody who could hold it yet, and its maker is this process or gone.
void remove_if_stale(const std::string& folder, seconds grace) {
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  if (flock(fd, LOCK_EX | LOCK_NB) == 0 && is_old(fd, grace)) {
    log::info("engine.snapshot_removed", {{"folder", folder}});
    remove_tree(folder);
  }
  close(fd);
}

}  // namespace

bool is_snapshot_name(std::string_view name) {
  const auto good = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  };
  return !name.empty() && name.size() <= kLongestName && std::ranges::all_of(name, good);
}

std::string snapshot_folder(const std::string& directory, std::string_view name) {
  return fmt::format("{}/{}", parent_of(directory), name);
}

HeldSnapshot::~HeldSnapshot() {
  if (fd_ < 0) return;
  remove_tree(folder_);
  close(fd_);
}

Result<HeldSnapshot> HeldSnapshot::hold(const std::string& directory, std::string_view name) {
  std::string folder = snapshot_folder(directory, name);
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    const FaultKind kind = errno == ENOENT ? FaultKind::not_found : FaultKind::io;
    return fail(kind, fmt::format("{}: {}", folder, std::strerror(errno)));
  }
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    close(fd);
    return fail(FaultKind::temporary, fmt::format("{} is in use", folder));
  }
  return HeldSnapshot(std::move(folder), fd);
}

void remove_stale_snapshots(const std::string& directory, seconds grace) {
  std::error_code error;
  std::vector<std::string> folders;
  for (const auto& entry : fs::directory_iterator(parent_of(directory), error)) {
    folders.push_back(entry.path().string());
  }
  for (const std::string& folder : folders) remove_if_stale(folder, grace);
}

}  // namespace posthouse::engine
