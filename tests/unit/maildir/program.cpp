#include "program.h"

#include <fcntl.h>
#include <grp.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <stdexcept>

namespace posthouse::maildir::test {

namespace {

constexpr uid_t kNobody = 65534;

struct Prepared {
  explicit Prepared(const std::vector<std::string>& command, const std::string& home)
      : words(command),
        settings{"HOME=" + home, "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin", "TERM=xterm", "USER=nobody",
                 "LC_ALL=C.UTF-8"} {
    for (std::string& word : words) arguments.push_back(word.data());
    for (std::string& setting : settings) environment.push_back(setting.data());
    arguments.push_back(nullptr);
    environment.push_back(nullptr);
  }
  [[noreturn]] void become() {
    ::execvpe(arguments[0], arguments.data(), environment.data());
    ::_exit(127);
  }
  std::vector<std::string> words, settings;
  std::vector<char*> arguments, environment;
};

Ran read_to_end(int from, pid_t child) {
  Ran ran;
  std::array<char, 4096> bytes{};
  for (;;) {
    const ssize_t got = ::read(from, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;  // a terminal ends with EIO
    ran.output.append(bytes.data(), static_cast<size_t>(got));
  }
  ::close(from);
  int status = 0;
  ::waitpid(child, &status, 0);
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ran;
}

}  // namespace

Ran run(const std::vector<std::string>& command, const std::string& home, const std::string& input,
        bool as_nobody) {
  std::array<int, 2> to{};
  std::array<int, 2> from{};
  if (::pipe2(to.data(), O_CLOEXEC) != 0 || ::pipe2(from.data(), O_CLOEXEC) != 0)
    throw std::runtime_error("pipe2");
  Prepared program(command, home);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(to[0], 0);
    ::dup2(from[1], 1);
    ::dup2(from[1], 2);
    if (as_nobody && ::geteuid() == 0) {
      if (::setgroups(0, nullptr) != 0 || ::setgid(kNobody) != 0 || ::setuid(kNobody) != 0) ::_exit(126);
    }
    program.become();
  }
  ::close(to[0]);
  ::close(from[1]);
  if (::write(to[1], input.data(), input.size()) != static_cast<ssize_t>(input.size()))
    throw std::runtime_error("write");
  ::close(to[1]);
  return read_to_end(from[0], child);
}

Ran run_on_terminal(const std::vector<std::string>& command, const std::string& home) {
  Prepared program(command, home);
  int terminal = -1;
  winsize size{50, 120, 0, 0};
  const pid_t child = ::forkpty(&terminal, nullptr, nullptr, &size);
  if (child == 0) program.become();
  return read_to_end(terminal, child);
}

void hand_over(const std::string& path) {
  if (::geteuid() != 0) return;
  const auto give = [](const std::string& file) {
    // Somebody may be at work there.
    if (::lchown(file.c_str(), kNobody, kNobody) != 0 && errno != ENOENT)
      throw std::runtime_error("chown " + file);
  };
  give(path);
  std::error_code error;
  for (auto entry = std::filesystem::recursive_directory_iterator(path, error); entry != end(entry);
       entry.increment(error)) {
    give(entry->path().string());
  }
}

}  // namespace posthouse::maildir::test
