#include "engine/patch_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

namespace posthouse::engine {

namespace {

Result<void> sync_folder(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  if (fd >= 0) ::close(fd);
  if (synced) return {};
  return fail(FaultKind::io, fmt::format("{}: {}", folder, std::strerror(errno)));
}

}  // namespace

Result<PatchFile> PatchFile::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  struct stat found{};
  if (fd >= 0 && ::fstat(fd, &found) == 0) return PatchFile(path, fd, static_cast<uint64_t>(found.st_size));
  const int error = errno;
  if (fd >= 0) ::close(fd);
  return fail(error == ENOENT ? FaultKind::not_found : FaultKind::io,
              fmt::format("{}: {}", path, std::strerror(error)));
}

PatchFile::~PatchFile() {
  if (fd_ >= 0) ::close(fd_);
}

PatchFile::PatchFile(PatchFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), size_(other.size_) {}

std::unexpected<Fault> PatchFile::fault(const char* what) const {
  return fail(FaultKind::io, fmt::format("{}: cannot {}: {}", path_, what, std::strerror(errno)));
}

Result<std::string> PatchFile::read(uint64_t offset, uint64_t length) const {
  if (offset > size_ || length > size_ - offset) {
    errno = ENODATA;
    return fault("read");
  }
  std::string out(length, '\0');
  for (size_t done = 0; done < length;) {
    const ssize_t n = ::pread(fd_, out.data() + done, length - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fault("read");
    done += static_cast<size_t>(n);
  }
  return out;
}

Result<void> PatchFile::write(uint64_t offset, std::string_view bytes) {
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t n =
        ::pwrite(fd_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fault("write");
    done += static_cast<size_t>(n);
  }
  return flush();
}

Result<void> PatchFile::flush() const {
  if (::fdatasync(fd_) != 0) return fault("flush");
  return {};
}

Result<void> write_whole(const std::string& path, std::string_view bytes) {
  const std::string fresh = path + ".new";
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return fail(FaultKind::io, fmt::format("{}: {}", fresh, std::strerror(errno)));
  ::close(fd);
  Result<PatchFile> file = PatchFile::open(fresh);
  if (!file) return std::unexpected(file.error());
  if (Result<void> written = file->write(0, bytes); !written) return written;
  return replace_file(fresh, path);
}

Result<void> replace_file(const std::string& fresh, const std::string& path) {
  if (::rename(fresh.c_str(), path.c_str()) != 0)
    return fail(FaultKind::io, fmt::format("{}: {}", path, std::strerror(errno)));
  return sync_folder(path);
}

std::string read_whole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace posthouse::engine
