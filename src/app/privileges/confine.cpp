#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "app/core/file_places.h"
#include "app/privileges/sandbox.h"
#include "app/privileges/user.h"

namespace posthouse::app {
namespace {

// What libraries read while they run: name servers, authorities, time zones, the DNSSEC root, character sets.
constexpr const char* kSystemFiles[] = {"/etc/resolv.conf",
                                        "/etc/hosts",
                                        "/etc/nsswitch.conf",
                                        "/etc/gai.conf",
                                        "/etc/localtime",
                                        "/etc/ssl",
                                        "/usr/lib/ssl",
                                        "/usr/share/ca-certificates",
                                        "/usr/local/share/ca-certificates",
                                        "/etc/pki",
                                        "/usr/share/zoneinfo",
                                        "/usr/share/dns",
                                        "/usr/lib",
                                        "/lib",
                                        "/lib64",
                                        "/usr/lib64",
                                        "/dev/urandom",
                                        "/dev/null",
                                        "/proc/self",
                                        "/proc/meminfo",
                                        "/proc/cpuinfo",
                                        "/proc/sys/kernel/random/boot_id",  // mbox: for journals
                                        "/sys/devices/system/cpu",
                                        "/run/systemd/resolve"};

// The folder a file is in, and where it really is when it is a link: renewed certificates are new files.
void add_folders(std::vector<std::string>& out, const std::string& file) {
  if (file.empty()) return;
  std::error_code error;
  out.push_back(std::filesystem::path(file).parent_path().string());
  auto real = std::filesystem::canonical(file, error);
  if (!error) out.push_back(real.parent_path().string());
}

SandboxReport::Attempt try_to_read(const std::string& path) {
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {"read " + path, true, std::strerror(errno)};
  close(fd);
  return {"read " + path, false, "it was opened"};
}

SandboxReport::Attempt try_to_write(const std::string& path) {
  int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return {"create " + path, true, std::strerror(errno)};
  close(fd);
  unlink(path.c_str());
  return {"create " + path, false, "it was created"};
}

SandboxReport::Attempt try_to_fork() {
  pid_t child = fork();
  if (child < 0) return {"start a process", true, std::strerror(errno)};
  if (child == 0) _exit(0);
  waitpid(child, nullptr, 0);
  return {"start a process", false, "it ran"};
}

// Replaces this process when it works, by a program that ends with failure: so the caller must do this last.
SandboxReport::Attempt try_to_execute() {
  char program[] = "/bin/false";
  char* arguments[] = {program, nullptr};
  char* environment[] = {nullptr};
  execve(program, arguments, environment);
  return {"start the program /bin/false", true, std::strerror(errno)};
}

}  // namespace

FileAccess files_for(const Config& config, const std::string& config_file) {
  FileAccess out;
  out.read_write.push_back(config.server.data_directory);
  if (!config.server.control_socket.empty()) {
    out.read_write.push_back(std::filesystem::path(config.server.control_socket).parent_path().string());
  }
  if (!config.log.file.empty()) {
    out.read_write.push_back(std::filesystem::path(config.log.file).parent_path().string());
  }
  for (std::string& root : file_roots(config)) out.read_write.push_back(std::move(root));
  out.read_only.assign(std::begin(kSystemFiles), std::end(kSystemFiles));
  for (const CertificateFiles& files : config.tls.certificates) {
    add_folders(out.read_only, files.chain);
    add_folders(out.read_only, files.key);
  }
  add_folders(out.read_only, config.tls.ca_file);
  add_folders(out.read_only, config.smarthost.password_file);
  add_folders(out.read_only, config.oauth.client_secret_file);
  add_folders(out.read_only, config.resolver.trust_anchor);
  add_folders(out.read_only, config_file);
  // A file in / or /etc must not open the whole folder.
  auto broad = [](const std::string& path) {
    return path.empty() || path == "/" || path == "/etc" || path == "/root";
  };
  std::erase_if(out.read_only, broad);
  if (!config_file.empty()) out.read_only.push_back(config_file);
  return out;
}

Result<void> confine(const FileAccess& access) {
  if (auto kept = set_no_new_privileges(); !kept) return kept;
  if (auto files = restrict_files(access); !files) return std::unexpected(files.error());
  if (auto calls = restrict_system_calls(); !calls) return std::unexpected(calls.error());
  return {};
}

bool SandboxReport::tight() const {
  return std::all_of(attempts.begin(), attempts.end(), [](const Attempt& a) { return a.good; });
}

SandboxReport try_to_escape(const Config& config) {
  SandboxReport report;
  report.attempts.push_back(try_to_read("/etc/shadow"));
  report.attempts.push_back(try_to_read("/etc/passwd"));
  report.attempts.push_back(try_to_write("/tmp/posthouse-sandbox-check"));
  report.attempts.push_back(try_to_fork());
  // It must still be able to do its work.
  std::string own = config.server.data_directory + "/.sandbox-check";
  auto work = try_to_write(own);
  report.attempts.push_back({"work in " + config.server.data_directory, !work.good, work.detail});
  report.attempts.push_back(try_to_execute());
  return report;
}

}  // namespace posthouse::app
