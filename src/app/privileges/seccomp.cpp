#include <linux/sched.h>
#include <seccomp.h>
#include <sys/syscall.h>

#include <cerrno>

#include "app/privileges/sandbox.h"
#include "base/log.h"

namespace posthouse::app {
namespace {

// What a mail server on RocksDB, OpenSSL and libunbound asks of the kernel, with what the C library may use
// instead on other versions. Names that this machine does not have are passed over.
constexpr const char* kAllowed[] = {
    // memory and threads
    "brk",
    "mmap",
    "munmap",
    "mremap",
    "mprotect",
    "madvise",
    "mincore",
    "mlock",
    "munlock",
    "msync",
    "membarrier",
    "futex",
    "futex_waitv",
    "set_robust_list",
    "get_robust_list",
    "rseq",
    "set_tid_address",
    "arch_prctl",
    "gettid",
    "sched_yield",
    "sched_getaffinity",
    "sched_setaffinity",
    "sched_getparam",
    "sched_getscheduler",
    "getcpu",
    "exit",
    "exit_group",
    "prctl",
    "setpriority",
    "getpriority",
    "ioprio_get",
    "ioprio_set",
    // signals, to itself
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigpending",
    "rt_sigtimedwait",
    "rt_sigsuspend",
    "sigaltstack",
    "tgkill",
    "restart_syscall",
    "signalfd4",
    // time
    "clock_gettime",
    "clock_getres",
    "clock_nanosleep",
    "nanosleep",
    "gettimeofday",
    "time",
    "times",
    "timerfd_create",
    "timerfd_settime",
    "timerfd_gettime",
    // who and what
    "getpid",
    "getppid",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "getgroups",
    "getresuid",
    "getresgid",
    "getpgrp",
    "getpgid",
    "getsid",
    "uname",
    "sysinfo",
    "getrusage",
    "getrlimit",
    "prlimit64",
    "getrandom",
    "capget",
    "umask",
    // files
    "open",
    "openat",
    "creat",
    "close",
    "close_range",
    "read",
    "readv",
    "pread64",
    "preadv",
    "preadv2",
    "write",
    "writev",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "lseek",
    "stat",
    "fstat",
    "lstat",
    "newfstatat",
    "statx",
    "statfs",
    "fstatfs",
    "access",
    "faccessat",
    "faccessat2",
    "readlink",
    "readlinkat",
    "getdents",
    "getdents64",
    "getcwd",
    "chdir",
    "fchdir",
    "mkdir",
    "mkdirat",
    "rmdir",
    "unlink",
    "unlinkat",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "chmod",
    "fchmod",
    "fchmodat",
    "truncate",
    "ftruncate",
    "fallocate",
    "fadvise64",
    "readahead",
    "sync_file_range",
    "fsync",
    "fdatasync",
    "syncfs",
    "flock",
    "fcntl",
    "utimensat",
    "ioctl",
    "dup",
    "dup2",
    "dup3",
    "pipe",
    "pipe2",
    "copy_file_range",
    "sendfile",
    "splice",

    "inotify_init1",
    "inotify_add_watch",
    "inotify_rm_watch",
    // connections and waiting for them
    "socket",
    "socketpair",
    "bind",
    "listen",
    "accept",
    "accept4",
    "connect",
    "shutdown",
    "getsockname",
    "getpeername",
    "getsockopt",
    "setsockopt",
    "sendto",
    "recvfrom",
    "sendmsg",
    "recvmsg",
    "sendmmsg",
    "recvmmsg",
    "poll",
    "ppoll",
    "select",
    "pselect6",
    "epoll_create",
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "eventfd",
    "eventfd2",
};

// What an intruder would try first: refused plainly, so that it shows.
constexpr const char* kRefused[] = {"execve",
                                    "execveat",
                                    "fork",
                                    "vfork",
                                    "ptrace",
                                    "process_vm_readv",
                                    "process_vm_writev",
                                    "kill",
                                    "tkill",
                                    "mount",
                                    "umount2",
                                    "pivot_root",
                                    "chroot",
                                    "setuid",
                                    "setgid",
                                    "setresuid",
                                    "setresgid",
                                    "setgroups",
                                    "unshare",
                                    "setns",
                                    "bpf",
                                    "perf_event_open",
                                    "init_module",
                                    "finit_module",
                                    "keyctl",
                                    "reboot"};

struct Release {
  void operator()(void* filter) const { seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, Release>;

Result<void> check(int done, const char* what) {
  if (done == 0) return {};
  return fail(FaultKind::io, fmt::format("seccomp: {}: {}", what, std::strerror(-done)));
}

Result<void> add(const Filter& filter, uint32_t action, const char* name) {
  int number = seccomp_syscall_resolve_name(name);
  if (number < 0) return {};  // this machine or library does not know it
  return check(seccomp_rule_add(filter.get(), action, number, 0), name);
}

Result<void> add_rules(const Filter& filter) {
  for (const char* name : kAllowed) {
    if (auto added = add(filter, SCMP_ACT_ALLOW, name); !added) return added;
  }
  for (const char* name : kRefused) {
    if (auto added = add(filter, SCMP_ACT_ERRNO(EPERM), name); !added) return added;
  }
  // Threads, but no processes. clone3 hides its flags from the filter; without it the C library uses clone.
  const scmp_arg_cmp thread{0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD};
  const scmp_arg_cmp process{0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0};
  auto threads =
      check(seccomp_rule_add_array(filter.get(), SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, &thread), "clone");
  if (!threads) return threads;
  return check(seccomp_rule_add_array(filter.get(), SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, &process),
               "clone");
}

}  // namespace

Result<bool> restrict_system_calls() {
  Filter filter(seccomp_init(SCMP_ACT_ERRNO(ENOSYS)));
  if (!filter) return fail(FaultKind::io, "seccomp: no memory");
  if (auto added = add_rules(filter); !added) return std::unexpected(added.error());
  int done = seccomp_load(filter.get());
  if (done == -EINVAL || done == -ENOSYS || done == -EOPNOTSUPP) {
    log::warn("sandbox.no_seccomp", {{"reason", std::strerror(-done)}});
    return false;
  }
  if (auto loaded = check(done, "load"); !loaded) return std::unexpected(loaded.error());
  log::info("sandbox.seccomp", {{"allowed", std::size(kAllowed)}});
  return true;
}

}  // namespace posthouse::app
