#include "app/preflight/usable.h"

#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

namespace posthouse::app {
namespace {

std::unexpected<Fault> failed(std::string_view what, int error) {
  bool rights = error == EACCES || error == EPERM;
  return fail(rights ? FaultKind::policy : FaultKind::io, fmt::format("{}: {}", what, std::strerror(error)));
}

Result<void> allowed(const std::string& path, int mode, std::string_view what) {
  if (::access(path.c_str(), mode) == 0) return {};
  return failed(fmt::format("{} {}", path, what), errno);
}

// The kernel's own view of itself: folders in which nobody can make a file, whatever their rights say.
bool keeps_files(const std::string& path) {
  struct statfs info{};
  if (::statfs(path.c_str(), &info) != 0) return true;
  return info.f_type != PROC_SUPER_MAGIC && info.f_type != SYSFS_MAGIC;
}

// systemd's ProtectSystem=strict shows all as read-only but what the unit names.
bool is_read_only(const std::string& path) {
  struct statvfs info{};
  return ::statvfs(path.c_str(), &info) == 0 && (info.f_flag & ST_RDONLY) != 0;
}

Result<void> can_hold_files(const std::string& path) {
  if (!keeps_files(path)) return fail(FaultKind::io, path + " is no place for files");
  if (is_read_only(path)) {
    return fail(FaultKind::io,
                fmt::format("{0} is on a read-only file system; when systemd starts this, its unit "
                            "needs ReadWritePaths={0}",
                            path));
  }
  return allowed(path, R_OK | W_OK | X_OK, "can't be read and written");
}

// The path itself, or the nearest of those above it that is there; always a folder when it is another.
Result<std::string> nearest_there(const std::string& path) {
  for (std::filesystem::path at = path;; at = at.parent_path()) {
    struct stat info{};
    if (::stat(at.c_str(), &info) == 0) {
      if (at == path || S_ISDIR(info.st_mode)) return at.string();
      return fail(FaultKind::io, at.string() + " is no folder");
    }
    if (errno != ENOENT) return failed(at.string(), errno);
    if (::lstat(at.c_str(), &info) == 0) return fail(FaultKind::io, at.string() + " is a link to nothing");
    if (!at.has_relative_path()) return failed(at.string(), ENOENT);
  }
}

bool is_folder(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

}  // namespace

Result<void> writable_folder(const std::string& path) {
  if (!is_folder(path)) return fail(FaultKind::io, path + " is no folder");
  return can_hold_files(path);
}

Result<void> usable_folder(const std::string& path) {
  auto there = nearest_there(path);
  if (!there) return std::unexpected(there.error());
  if (*there == path) return writable_folder(path);
  if (!keeps_files(*there)) return fail(FaultKind::io, *there + " is no place for files");
  if (is_read_only(*there)) {
    return fail(FaultKind::io,
                fmt::format("there is no folder {} (is its disk mounted?), and here it can't be made: "
                            "{} is read-only",
                            path, *there));
  }
  return allowed(*there, W_OK | X_OK, fmt::format("can't be written, and {} is not there", path));
}

Result<void> reachable_folder(const std::string& path) {
  auto there = nearest_there(path);
  if (!there) return std::unexpected(there.error());
  if (*there == path) return writable_folder(path);
  return allowed(*there, X_OK, "can't be entered");
}

Result<void> readable_file(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return failed(path, errno);
  if (S_ISDIR(info.st_mode)) return fail(FaultKind::io, path + " is a folder");
  return allowed(path, R_OK, "can't be read");
}

bool open_to_all(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && (info.st_mode & S_IROTH) != 0;
}

Result<void> writable_file(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) {
    if (::lstat(path.c_str(), &info) == 0) return fail(FaultKind::io, path + " is a link to nothing");
    return usable_folder(std::filesystem::path(path).parent_path().string());
  }
  if (S_ISDIR(info.st_mode)) return fail(FaultKind::io, path + " is a folder");
  return allowed(path, W_OK, "can't be written");
}

Result<void> usable_socket(const std::string& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) == 0 && !S_ISSOCK(info.st_mode)) {
    return fail(FaultKind::io, path + " is there and is no socket");
  }
  return writable_folder(std::filesystem::path(path).parent_path().string());
}

uint64_t disk_size(const std::string& path) {
  auto there = nearest_there(path);
  struct statvfs info{};
  if (!there || ::statvfs(there->c_str(), &info) != 0) return 0;
  return uint64_t{info.f_blocks} * info.f_frsize;
}

}  // namespace posthouse::app
