#include "app/privileges/as_user.h"

#include <limits.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/log.h"

namespace posthouse::app {
namespace {

// The fault as it goes through the pipe: a byte for its kind, then its words. Nothing at all: it was done.
[[noreturn]] void work_and_end(const User& user, const std::function<Result<void>()>& work, int to) {
  Result<void> done = become(user);
  if (done) done = work();
  if (!done) {
    std::string told = static_cast<char>(done.error().kind) + done.error().what.substr(0, PIPE_BUF - 1);
    if (::write(to, told.data(), told.size()) < 0) _exit(EX_IOERR);
  }
  log::flush();
  _exit(done ? EX_OK : EX_SOFTWARE);
}

std::string read_all(int from) {
  std::string out;
  char bytes[512];
  ssize_t n = 0;
  while ((n = ::read(from, bytes, sizeof bytes)) > 0 || (n < 0 && errno == EINTR)) {
    if (n > 0) out.append(bytes, static_cast<size_t>(n));
  }
  return out;
}

}  // namespace

Result<void> as_user(const User& user, const std::function<Result<void>()>& work) {
  int ends[2];
  if (pipe(ends) != 0) return fail(FaultKind::io, fmt::format("pipe: {}", std::strerror(errno)));
  pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    work_and_end(user, work, ends[1]);
  }
  int error = errno;
  close(ends[1]);
  std::string told = child < 0 ? "" : read_all(ends[0]);
  close(ends[0]);
  if (child < 0) return fail(FaultKind::io, fmt::format("fork: {}", std::strerror(error)));
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!told.empty()) return fail(static_cast<FaultKind>(told.front()), told.substr(1));
  if (WIFEXITED(status) && WEXITSTATUS(status) == EX_OK) return {};
  std::string how = WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                                        : fmt::format("status {}", WEXITSTATUS(status));
  return fail(FaultKind::io, fmt::format("the process that worked as {} ended with {}", user.name, how));
}

}  // namespace posthouse::app
