// Landlock through its system calls: glibc has no wrappers, and the kernel's interface is stable.
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "app/privileges/sandbox.h"
#include "base/log.h"

namespace posthouse::app {
namespace {

// Access rights newer than the headers we build with (ABI 3 and 5).
constexpr uint64_t kTruncate = 1ull << 14;
constexpr uint64_t kIoctlDevice = 1ull << 15;

constexpr uint64_t kReadOnly = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
// Rights that make sense on a file; the others are refused for one by the kernel.
constexpr uint64_t kOnFiles =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_EXECUTE | kTruncate;

// All rights the kernel knows how to withhold.
uint64_t rights_of_abi(long abi) {
  uint64_t rights = (1ull << 13) - 1;  // ABI 1
  if (abi >= 2) rights |= LANDLOCK_ACCESS_FS_REFER;
  if (abi >= 3) rights |= kTruncate;
  if (abi >= 5) rights |= kIoctlDevice;
  return rights;
}

Result<void> failed(const char* what) {
  return fail(FaultKind::io, fmt::format("{}: {}", what, std::strerror(errno)));
}

Result<void> allow(int ruleset, const std::string& path, uint64_t rights) {
  int fd = open(path.c_str(), O_PATH | O_CLOEXEC);
  if (fd < 0) return {};  // not there: nothing to allow
  struct stat info{};
  if (fstat(fd, &info) == 0 && !S_ISDIR(info.st_mode)) rights &= kOnFiles;
  landlock_path_beneath_attr rule{};
  rule.allowed_access = rights;
  rule.parent_fd = fd;
  long done = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
  int error = errno;
  close(fd);
  errno = error;
  if (done != 0) return failed(path.c_str());
  return {};
}

Result<void> allow_all(int ruleset, const FileAccess& access, uint64_t rights) {
  for (const std::string& path : access.read_write) {
    if (auto done = allow(ruleset, path, rights & ~LANDLOCK_ACCESS_FS_EXECUTE & ~kIoctlDevice); !done)
      return done;
  }
  for (const std::string& path : access.read_only) {
    if (auto done = allow(ruleset, path, rights & kReadOnly); !done) return done;
  }
  for (const std::string& path : access.programs) {
    if (auto done = allow(ruleset, path, rights & (kReadOnly | LANDLOCK_ACCESS_FS_EXECUTE)); !done)
      return done;
  }
  return {};
}

}  // namespace

Result<bool> restrict_files(const FileAccess& access) {
  long abi = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 1) {
    log::warn("sandbox.no_landlock", {{"reason", std::strerror(errno)}});
    return false;
  }
  landlock_ruleset_attr attributes{};
  attributes.handled_access_fs = rights_of_abi(abi);
  int ruleset = static_cast<int>(syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0));
  if (ruleset < 0) return std::unexpected(failed("landlock_create_ruleset").error());
  auto allowed = allow_all(ruleset, access, attributes.handled_access_fs);
  if (allowed && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) allowed = failed("no_new_privs");
  if (allowed && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
    allowed = failed("landlock_restrict_self");
  close(ruleset);
  if (!allowed) return std::unexpected(allowed.error());
  log::info("sandbox.landlock", {{"abi", abi}});
  return true;
}

}  // namespace posthouse::app
