#include "app/privileges/program_sandbox.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <memory>

#include "app/privileges/sandbox.h"
#include "app/privileges/user.h"

namespace posthouse::app {
namespace {

constexpr int kNotConfined = 126, kNotStarted = 127;
constexpr int kLowestPriority = 19;
constexpr rlim_t kOpenFiles = 64;

// Programs, their interpreters, and what both are made of.
constexpr const char* kPrograms[] = {"/usr/bin", "/usr/lib", "/usr/lib64", "/usr/local/lib",
                                     "/bin",     "/lib",     "/lib64"};
// What they read besides: fonts, tables of charsets.
constexpr const char* kTheirFiles[] = {"/usr/share",    "/usr/local/share", "/etc/ld.so.cache", "/etc/fonts",
                                       "/etc/catdocrc", "/etc/localtime",   "/dev/urandom",     "/dev/null"};

// What a program asks of the kernel that turns a file into text.
constexpr const char* kCalls[] = {
    // memory
    "brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "membarrier", "futex", "set_robust_list",
    "rseq", "set_tid_address", "arch_prctl",
    // itself
    "execve", "exit", "exit_group", "getpid", "getppid", "gettid", "getuid", "geteuid", "getgid", "getegid",
    "getgroups", "getresuid", "getresgid", "uname", "sysinfo", "getrusage", "getrlimit", "sched_getaffinity",
    "sched_yield", "getcpu", "getrandom", "umask", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
    "sigaltstack", "restart_syscall",
    // time
    "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "times",
    // files: Landlock says which
    "open", "openat", "close", "close_range", "read", "readv", "pread64", "preadv", "write", "writev",
    "lseek", "stat", "fstat", "lstat", "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat",
    "faccessat2", "readlink", "readlinkat", "getdents64", "getcwd", "fadvise64", "dup", "dup2", "dup3",
    "pipe", "pipe2", "poll", "ppoll", "select", "pselect6"};

// What shows that somebody else is in the program.
constexpr const char* kRefused[] = {"socket", "socketpair", "connect",  "kill",    "tkill", "ptrace", "fork",
                                    "vfork",  "clone",      "execveat", "unshare", "setns", "mount"};

using Filter = std::unique_ptr<void, decltype(&seccomp_release)>;

bool add(const Filter& filter, uint32_t action, const char* name) {
  const int number = seccomp_syscall_resolve_name(name);
  return number < 0 || seccomp_rule_add(filter.get(), action, number, 0) == 0;
}

// Allowed only where an argument is one of these.
bool add_for(const Filter& filter, int number, unsigned argument, std::initializer_list<uint64_t> values) {
  return std::ranges::all_of(values, [&](uint64_t value) {
    const scmp_arg_cmp equal{argument, SCMP_CMP_EQ, value, 0};
    return seccomp_rule_add_array(filter.get(), SCMP_ACT_ALLOW, number, 1, &equal) == 0;
  });
}

bool restrict_calls() {
  const Filter filter(seccomp_init(SCMP_ACT_ERRNO(ENOSYS)), seccomp_release);
  if (!filter) return false;
  const auto allow = [&](const char* name) { return add(filter, SCMP_ACT_ALLOW, name); };
  const auto refuse = [&](const char* name) { return add(filter, SCMP_ACT_ERRNO(EPERM), name); };
  if (!std::ranges::all_of(kCalls, allow) || !std::ranges::all_of(kRefused, refuse)) return false;
  // Descriptors have an owner who gets signals for them, and limits are those of any process of the user's.
  const bool added =
      add_for(filter, SCMP_SYS(fcntl), 1, {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL}) &&
      add_for(filter, SCMP_SYS(ioctl), 1, {TCGETS, TIOCGWINSZ, FIONREAD, FIOCLEX, FIONCLEX}) &&
      add_for(filter, SCMP_SYS(prlimit64), 0, {0}) &&
      add_for(filter, SCMP_SYS(tgkill), 0, {static_cast<uint64_t>(getpid())});
  return added && seccomp_load(filter.get()) == 0;
}

bool limit(__rlimit_resource what, rlim_t most) {
  rlimit now{};
  if (getrlimit(what, &now) != 0) return false;
  const rlim_t both = std::min(most, now.rlim_max);
  const rlimit wanted{both, both};
  return setrlimit(what, &wanted) == 0;
}

bool set_limits(const ProgramLimits& limits) {
  return limit(RLIMIT_CORE, 0) && limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_NPROC, 0) &&
         limit(RLIMIT_NOFILE, kOpenFiles) && limit(RLIMIT_MEMLOCK, 0) && limit(RLIMIT_MSGQUEUE, 0) &&
         limit(RLIMIT_CPU, static_cast<rlim_t>(limits.processor.count())) && limit(RLIMIT_AS, limits.memory);
}

// 0 to 2, and no others.
bool arrange_descriptors(int input, int output) {
  const int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
  const int complaints = nothing < 0 ? open("/dev/null", O_RDONLY | O_CLOEXEC) : nothing;
  if (complaints < 0) return false;
  // Out of the way of each other first.
  const int in = fcntl(input, F_DUPFD_CLOEXEC, 3);
  const int out = fcntl(output, F_DUPFD_CLOEXEC, 3);
  if (in < 0 || out < 0) return false;
  const bool placed = dup2(in, STDIN_FILENO) == STDIN_FILENO && dup2(out, STDOUT_FILENO) == STDOUT_FILENO &&
                      dup2(complaints, STDERR_FILENO) == STDERR_FILENO;
  return placed && close_range(3, ~0U, 0) == 0;
}

void forget_signals() {
  for (int signal = 1; signal < NSIG; signal++) std::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace

Result<void> confine_to_programs(const std::vector<std::string>& programs) {
  FileAccess access;
  access.programs.assign(std::begin(kPrograms), std::end(kPrograms));
  access.programs.insert(access.programs.end(), programs.begin(), programs.end());
  access.read_only.assign(std::begin(kTheirFiles), std::end(kTheirFiles));
  if (auto kept = set_no_new_privileges(); !kept) return kept;
  const auto restricted = restrict_files(access);
  if (!restricted) return std::unexpected(restricted.error());
  if (!*restricted) return fail(FaultKind::policy, "the kernel has no Landlock");
  return {};
}

[[noreturn]] void become_program(const std::string& path, const std::vector<std::string>& arguments,
                                 int input, int output, const ProgramLimits& limits) {
  std::vector<char*> words{const_cast<char*>(path.c_str())};
  for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  char search_path[] = "PATH=/usr/bin:/bin";
  char language[] = "LC_ALL=C.UTF-8";
  char home[] = "HOME=/nonexistent";
  char* environment[] = {search_path, language, home, nullptr};

  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  setsid();
  forget_signals();
  if (!arrange_descriptors(input, output)) _exit(kNotConfined);
  setpriority(PRIO_PROCESS, 0, kLowestPriority);
  // Many systems refuse these; what counts is refused by seccomp as well.
  if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) != 0) errno = 0;
  if (!restrict_calls() || !set_limits(limits)) _exit(kNotConfined);
  execve(path.c_str(), words.data(), environment);
  _exit(kNotStarted);
}

}  // namespace posthouse::app
