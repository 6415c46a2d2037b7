#include "maildir/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "maildir/limits.h"

namespace posthouse::maildir {

namespace {

FaultKind kind_of(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return FaultKind::not_found;
    case EEXIST:
      return FaultKind::exists;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return FaultKind::no_space;
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP:
      return FaultKind::policy;
    case ENAMETOOLONG:
      return FaultKind::permanent;
    default:
      return FaultKind::io;
  }
}

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

}  // namespace

File& File::operator=(File&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void File::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

std::unexpected<Fault> os_fault(std::string_view what, std::string_view path) {
  const int error = errno;
  return fail(kind_of(error), fmt::format("{} {}: {}", what, path, std::strerror(error)));
}

namespace {

// Others who share the folder by its group may read and write what is in it; nobody else may. Where the group
// can't be given, the file stays its owner's.
void share(const File& file, const struct stat& like, mode_t mode) {
  struct stat own{};
  if (::fstat(file.fd(), &own) != 0) return;
  if (::geteuid() == 0 && own.st_uid != like.st_uid && ::fchown(file.fd(), like.st_uid, like.st_gid) != 0)
    return;
  if (own.st_gid != like.st_gid && ::fchown(file.fd(), static_cast<uid_t>(-1), like.st_gid) != 0) return;
  if ((own.st_mode & 0777) != mode) (void)::fchmod(file.fd(), mode);
}

}  // namespace

Result<File> open_folder(const std::string& path) {
  File folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder) return os_fault("open folder", path);
  return folder;
}

Result<File> open_folder_in(int folder, const std::string& name) {
  File inner(::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!inner) return os_fault("open folder", name);
  return inner;
}

Result<File> open_file_in(int folder, const std::string& name) {
  // Not blocking: somebody may have put a fifo there.
  File file(::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file) return os_fault("open", name);
  struct stat facts{};
  if (::fstat(file.fd(), &facts) != 0) return os_fault("stat", name);
  if (!S_ISREG(facts.st_mode)) return fail(FaultKind::syntax, fmt::format("{} is no regular file", name));
  return file;
}

Result<File> create_file_in(int folder, const std::string& name) {
  File file(::openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return os_fault("create", name);
  struct stat of_folder{};
  if (::fstat(folder, &of_folder) == 0) share(file, of_folder, 0600 | (of_folder.st_mode & 0060));
  return file;
}

Result<void> flush(int fd, std::string_view path) {
  if (::fsync(fd) != 0) return os_fault("flush", path);
  return {};
}

Result<void> flush_folder(const std::string& path) {
  const File folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return os_fault("open folder", path);
  return flush(folder.fd(), path);
}

Result<void> write_all(int fd, std::string_view bytes, std::string_view path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return os_fault("write", path);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

Result<bool> make_folder_in(int folder, const std::string& name) {
  if (::mkdirat(folder, name.c_str(), 0700) == 0) {
    const Result<File> made = open_folder_in(folder, name);
    struct stat above{};
    if (made && ::fstat(folder, &above) == 0) share(*made, above, 0700 | (above.st_mode & 02070));
    return true;
  }
  if (errno != EEXIST) return os_fault("make folder", name);
  return false;
}

int rename_in(int from, const std::string& name, int to, const std::string& new_name) {
  if (::renameat2(from, name.c_str(), to, new_name.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return -1;
  // A file system that can't rename so: a link never replaces anything either.
  if (::linkat(from, name.c_str(), to, new_name.c_str(), 0) != 0) return -1;
  return ::unlinkat(from, name.c_str(), 0);
}

Result<void> each_entry(
    int folder, std::string_view path,
    const std::function<bool(std::string_view name, unsigned char type, uint64_t inode)>& see) {
  // A descriptor of its own: each call begins at the beginning.
  const int copy = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, CloseFolder> entries(copy < 0 ? nullptr : ::fdopendir(copy));
  if (!entries) return os_fault("read folder", path);
  for (;;) {
    errno = 0;
    const dirent* const entry = ::readdir(entries.get());
    if (entry == nullptr) break;
    const std::string_view name(static_cast<const char*>(entry->d_name));
    if (name == "." || name == "..") continue;
    if (!see(name, entry->d_type, entry->d_ino)) return {};
  }
  if (errno != 0) return os_fault("read folder", path);
  return {};
}

Result<std::optional<std::string>> read_small(int folder, const std::string& name, size_t limit) {
  const Result<File> file = open_file_in(folder, name);
  if (!file && file.error().kind == FaultKind::not_found) return std::nullopt;
  if (!file) return std::unexpected(file.error());
  std::string text;
  std::string block(kReadBuffer, '\0');
  for (;;) {
    const ssize_t got = ::read(file->fd(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return os_fault("read", name);
    if (got == 0) return text;
    text.append(block.data(), static_cast<size_t>(got));
    if (text.size() > limit) return fail(FaultKind::syntax, fmt::format("{} is too large", name));
  }
}

Result<void> replace_file(int folder, const std::string& name, const std::string& unique,
                          std::string_view text, Sync sync) {
  const Result<File> tmp = open_folder_in(folder, "tmp");
  if (!tmp) return std::unexpected(tmp.error());
  const Result<File> file = create_file_in(tmp->fd(), unique);
  if (!file) return std::unexpected(file.error());
  struct stat old{};
  if (::fstatat(folder, name.c_str(), &old, AT_SYMLINK_NOFOLLOW) == 0)
    share(*file, old, 0600 | (old.st_mode & 0066));
  Result<void> done = write_all(file->fd(), text, name);
  if (done && sync == Sync::now) done = flush(file->fd(), name);
  if (done && ::renameat(tmp->fd(), unique.c_str(), folder, name.c_str()) != 0)
    done = os_fault("rename to", name);
  if (!done) {
    ::unlinkat(tmp->fd(), unique.c_str(), 0);
    return done;
  }
  return sync == Sync::now ? flush(folder, name) : Result<void>{};
}

std::string parent_of(const std::string& path) {
  const size_t end = path.find_last_not_of('/');
  const size_t slash = end == std::string::npos ? end : path.rfind('/', end);
  if (slash == std::string::npos) return path.starts_with('/') ? "/" : ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string without_slashes(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

int64_t nanoseconds_of(const timespec& time) {
  // Anybody may give his file a time at which signed numbers would overflow.
  return static_cast<int64_t>(static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 +
                              static_cast<uint64_t>(time.tv_nsec));
}

int64_t milliseconds_of(const timespec& time) {
  return static_cast<int64_t>(time.tv_sec) * 1'000 + time.tv_nsec / 1'000'000;
}

}  // namespace posthouse::maildir
