// Confinement of the process that talks to strangers: it reaches only the files it needs (Landlock), can't
// start programs or processes, trace, mount, load modules (seccomp), and can't get it back.
#pragma once

#include <string>
#include <vector>

#include "app/config/config.h"
#include "base/result.h"

namespace posthouse::app {

// What a process may still do with files.
struct FileAccess {
  std::vector<std::string> read_write;  // folders: everything below, except to start programs
  std::vector<std::string> read_only;   // files or folders
  std::vector<std::string> programs;    // files or folders that may be read and started
};

// The folders and files that a worker with this configuration needs.
FileAccess files_for(const Config& config, const std::string& config_file);

// Landlock. Paths that don't exist are passed over. Returns false when the kernel has no Landlock (a warning
// was logged), true when the rules are in force. Binds this thread and all made later: call before there are
// others.
Result<bool> restrict_files(const FileAccess& access);

// Seccomp: the system calls on the list, no others; execve, execveat, ptrace and their like fail with EPERM,
// all that is not on the list with ENOSYS. Same rule about threads. False when the kernel has no seccomp.
Result<bool> restrict_system_calls();

// Both, and no_new_privs. What is missing in the kernel is logged as a warning.
Result<void> confine(const FileAccess& access);

// What a confined process can still do that it must not; for `posthouse serve --check-sandbox`.
struct SandboxReport {
  struct Attempt {
    std::string what;
    bool good = false;  // refused, or for its own work: allowed
    std::string detail;
  };
  std::vector<Attempt> attempts;
  bool tight() const;
};
SandboxReport try_to_escape(const Config& config);

}  // namespace posthouse::app
