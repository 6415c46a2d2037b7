#include "calls.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>

namespace posthouse::maildir::test {
namespace {

struct Plan {
  bool armed = false;
  Calls::Then then = Calls::Then::record;
  int left = 0;
  int error = 0;
  bool struck = false;
  std::vector<std::string> names;
};
Plan plan;

// True: the call fails now.
bool strikes(const char* name) {
  if (!plan.armed) return false;
  if (plan.then == Calls::Then::record) {
    plan.names.emplace_back(name);
    return false;
  }
  if (--plan.left != 0) return false;
  plan.struck = true;
  if (plan.then == Calls::Then::kill) ::kill(::getpid(), SIGKILL);
  errno = plan.error;
  return true;
}

}  // namespace

Calls::Calls(Then then, int n, int error) {
  plan = Plan{true, then, n, error, false, {}};
}

Calls::~Calls() {
  plan.armed = false;
}

bool Calls::struck() const {
  return plan.struck;
}

std::vector<std::string> Calls::names() const {
  return plan.names;
}

}  // namespace posthouse::maildir::test

using posthouse::maildir::test::strikes;

extern "C" {

ssize_t write(int fd, const void* bytes, size_t size) {
  return strikes("write") ? -1 : ::syscall(SYS_write, fd, bytes, size);
}
int fsync(int fd) {
  return strikes("fsync") ? -1 : static_cast<int>(::syscall(SYS_fsync, fd));
}
int renameat2(int from, const char* name, int to, const char* new_name, unsigned int flags) noexcept {
  return strikes("renameat2") ? -1
                              : static_cast<int>(::syscall(SYS_renameat2, from, name, to, new_name, flags));
}
int unlinkat(int folder, const char* name, int flags) noexcept {
  return strikes("unlinkat") ? -1 : static_cast<int>(::syscall(SYS_unlinkat, folder, name, flags));
}
int futimens(int fd, const timespec times[2]) noexcept {
  return strikes("futimens") ? -1 : static_cast<int>(::syscall(SYS_utimensat, fd, nullptr, times, 0));
}
int mkdirat(int folder, const char* name, mode_t mode) noexcept {
  return strikes("mkdirat") ? -1 : static_cast<int>(::syscall(SYS_mkdirat, folder, name, mode));
}
int renameat(int from, const char* name, int to, const char* new_name) noexcept {
  return strikes("renameat") ? -1 : static_cast<int>(::syscall(SYS_renameat2, from, name, to, new_name, 0));
}
int mkdir(const char* name, mode_t mode) noexcept {
  return strikes("mkdir") ? -1 : static_cast<int>(::syscall(SYS_mkdirat, AT_FDCWD, name, mode));
}
}
