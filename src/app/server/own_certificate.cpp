#include "app/server/own_certificate.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "app/privileges/user.h"
#include "base/log.h"
#include "net/tls.h"

namespace posthouse::app {
namespace {

std::string own_folder(const Config& config) {
  return config.server.data_directory + "/tls";
}

}  // namespace

std::vector<CertificateFiles> certificate_files(const Config& config) {
  if (!config.tls.certificates.empty()) return config.tls.certificates;
  return {{own_folder(config) + "/certificate.pem", own_folder(config) + "/key.pem"}};
}

Result<void> write_new_file(const std::string& path, const std::string& text, unsigned mode) {
  int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (fd < 0) {
    return fail(errno == EEXIST ? FaultKind::exists : FaultKind::io,
                fmt::format("{}: {}", path, std::strerror(errno)));
  }
  bool good = true;
  for (size_t at = 0; good && at < text.size();) {
    ssize_t n = ::write(fd, text.data() + at, text.size() - at);
    good = n > 0;
    at += good ? static_cast<size_t>(n) : 0;
  }
  good = good && fchmod(fd, mode) == 0 && fsync(fd) == 0;
  int error = errno;
  close(fd);
  if (!good) return fail(FaultKind::io, fmt::format("{}: {}", path, std::strerror(error)));
  return {};
}

Result<void> add_own_certificate(Config& config) {
  if (!config.tls.certificates.empty()) return {};
  std::string folder = own_folder(config);
  CertificateFiles files = certificate_files(config).front();
  std::error_code error;
  bool there = std::filesystem::exists(files.chain, error) && std::filesystem::exists(files.key, error);
  if (!there) {
    if (auto made = make_directory(folder, 0700, nullptr); !made) return made;
    auto made = net::make_self_signed(
        {effective_hostname(config), effective_domain(config), "localhost", "127.0.0.1"});
    if (!made) return std::unexpected(made.error());
    // Left over by a start that was cut off in between.
    std::filesystem::remove(files.key, error);
    std::filesystem::remove(files.chain, error);
    if (auto done = write_new_file(files.key, made->key_pem, 0600); !done) return done;
    if (auto done = write_new_file(files.chain, made->chain_pem, 0644); !done) return done;
    log::warn("server.self_signed_certificate", {{"file", files.chain}});
  }
  config.tls.certificates = {files};
  return {};
}

}  // namespace posthouse::app
