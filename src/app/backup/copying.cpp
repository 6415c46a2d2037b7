#include "app/backup/copying.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <thread>

#include <fmt/format.h>

#include "app/backup/hashing.h"

namespace posthouse::app::backup {
namespace {

constexpr size_t kPiece = 1 << 20;
constexpr size_t kLeastPiece = 4096;

std::unexpected<Fault> failed(const std::string& path) {
  const int error = errno;
  const FaultKind kind = error == ENOSPC || error == EDQUOT  ? FaultKind::no_space
                         : error == ENOENT                   ? FaultKind::not_found
                         : error == EACCES || error == EPERM ? FaultKind::policy
                                                             : FaultKind::io;
  return fail(kind, fmt::format("{}: {}", path, std::strerror(error)));
}

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags, mode_t mode = 0)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  explicit operator bool() const { return fd_ >= 0; }
  int get() const { return fd_; }

 private:
  int fd_;
};

// Whoever fails half-way leaves nothing.
struct Unfinished {
  const std::string& path;
  bool done = false;
  ~Unfinished() {
    if (!done) ::unlink(path.c_str());
  }
};

Result<size_t> read_piece(const Descriptor& from, std::span<char> piece, const std::string& path) {
  ssize_t n = 0;
  do {
    n = ::read(from.get(), piece.data(), piece.size());
  } while (n < 0 && errno == EINTR);
  if (n < 0) return failed(path);
  return static_cast<size_t>(n);
}

Result<void> write_all(const Descriptor& to, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(to.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed(path);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

// Reads to the end; `use` gets every piece.
Result<void> read_all(const Descriptor& from, const std::string& path, const Took& took,
                      const std::function<Result<void>(std::string_view)>& use) {
  struct stat facts{};
  if (::fstat(from.get(), &facts) != 0) return failed(path);
  // A small file costs a small buffer, and none is cleared.
  const auto size = static_cast<uint64_t>(std::max<off_t>(facts.st_size, 0));
  const auto room = static_cast<size_t>(std::clamp<uint64_t>(size + 1, kLeastPiece, kPiece));
  const auto piece = std::make_unique_for_overwrite<char[]>(room);
  while (true) {
    auto n = read_piece(from, {piece.get(), room}, path);
    if (!n) return std::unexpected(n.error());
    if (*n == 0) return {};
    if (auto used = use({piece.get(), *n}); !used) return used;
    if (took) took(*n);
  }
}

Result<void> read_all(const std::string& path, const Took& took,
                      const std::function<Result<void>(std::string_view)>& use) {
  const Descriptor from(path, O_RDONLY);
  if (!from) return failed(path);
  return read_all(from, path, took, use);
}

Result<void> finish(const Descriptor& to, const std::string& path) {
  if (::fsync(to.get()) != 0) return failed(path);
  // What is read back shall come from the disk.
  static_cast<void>(::posix_fadvise(to.get(), 0, 0, POSIX_FADV_DONTNEED));
  return {};
}

}  // namespace

void Rate::spend(uint64_t bytes) {
  if (limit_ == 0) return;
  spent_ += bytes;
  const auto due = begin_ + std::chrono::duration_cast<SteadyTime::duration>(std::chrono::duration<double>(
                                static_cast<double>(spent_) / static_cast<double>(limit_)));
  std::this_thread::sleep_until(due);
}

Result<Copied> copy_file(const std::string& from, const std::string& to, mode_t mode, const Took& took) {
  const Descriptor out(to, O_WRONLY | O_CREAT | O_EXCL, mode);
  if (!out) return failed(to);
  Unfinished unfinished{to};
  Sha256 hash;
  Copied copied;
  auto done = read_all(from, took, [&](std::string_view piece) {
    hash.feed(piece);
    copied.size += piece.size();
    return write_all(out, piece, to);
  });
  if (done) done = finish(out, to);
  if (!done) return std::unexpected(done.error());
  copied.sha256 = hash.finish();
  auto back = hash_file(to, nullptr);
  if (!back) return std::unexpected(back.error());
  if (*back != copied.sha256)
    return fail(FaultKind::corrupt,
                fmt::format("{}: the disk gives back something else than was written", to));
  unfinished.done = true;
  return copied;
}

struct PieceWriter::Impl {
  Impl(std::string to) : path(std::move(to)), out(path, O_WRONLY | O_CREAT | O_EXCL, 0600) {}
  std::string path;
  Descriptor out;
  Unfinished unfinished{path};
  Sha256 hash;
  uint64_t size = 0;
};

PieceWriter::PieceWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PieceWriter::PieceWriter(PieceWriter&& other) noexcept = default;
PieceWriter::~PieceWriter() = default;

Result<PieceWriter> PieceWriter::make(std::string path) {
  auto impl = std::make_unique<Impl>(std::move(path));
  if (impl->out) return PieceWriter(std::move(impl));
  impl->unfinished.done = true;  // perhaps it is another's
  return failed(impl->path);
}

Result<void> PieceWriter::append(std::string_view bytes) {
  impl_->hash.feed(bytes);
  impl_->size += bytes.size();
  return write_all(impl_->out, bytes, impl_->path);
}

uint64_t PieceWriter::size() const {
  return impl_->size;
}

const std::string& PieceWriter::path() const {
  return impl_->path;
}

Copied PieceWriter::close() {
  impl_->unfinished.done = true;
  return {impl_->hash.finish(), impl_->size};
}

Result<Copied> copy_unflushed(const std::string& from, const std::string& to, const Took& took) {
  auto writer = PieceWriter::make(to);
  if (!writer) return std::unexpected(writer.error());
  auto done = read_all(from, took, [&](std::string_view piece) { return writer->append(piece); });
  if (!done) return std::unexpected(done.error());
  return writer->close();
}

Result<Copied> write_pieces(const std::string& to, const Pieces& pieces, const Took& took) {
  auto writer = PieceWriter::make(to);
  if (!writer) return std::unexpected(writer.error());
  while (true) {
    auto piece = pieces(writer->size());
    if (!piece) return std::unexpected(piece.error());
    if (piece->empty()) return writer->close();
    if (auto written = writer->append(*piece); !written) return std::unexpected(written.error());
    if (took) took(piece->size());
  }
}

Result<void> sync_file_system(const std::string& folder) {
  const Descriptor there(folder, O_RDONLY | O_DIRECTORY);
  if (!there || ::syncfs(there.get()) != 0) return failed(folder);
  return {};
}

Result<std::string> read_back(const std::string& path) {
  const Descriptor file(path, O_RDONLY);
  if (!file) return failed(path);
  static_cast<void>(::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED));
  Sha256 hash;
  auto done = read_all(file, path, nullptr, [&](std::string_view piece) -> Result<void> {
    hash.feed(piece);
    return {};
  });
  if (!done) return std::unexpected(done.error());
  return hash.finish();
}

Result<std::string> read_range(const std::string& path, uint64_t offset, uint64_t length) {
  const Descriptor file(path, O_RDONLY);
  if (!file) return failed(path);
  std::string out(length, '\0');
  size_t have = 0;
  while (have < out.size()) {
    const ssize_t n =
        ::pread(file.get(), out.data() + have, out.size() - have, static_cast<off_t>(offset + have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed(path);
    if (n == 0) break;
    have += static_cast<size_t>(n);
  }
  out.resize(have);
  return out;
}

Result<std::string> hash_file(const std::string& path, const Took& took) {
  Sha256 hash;
  auto done = read_all(path, took, [&](std::string_view piece) -> Result<void> {
    hash.feed(piece);
    return {};
  });
  if (!done) return std::unexpected(done.error());
  return hash.finish();
}

Result<void> write_file(const std::string& path, std::string_view bytes, mode_t mode) {
  const std::string fresh = path + ".new";
  ::unlink(fresh.c_str());
  {
    const Descriptor out(fresh, O_WRONLY | O_CREAT | O_EXCL, mode);
    if (!out) return failed(fresh);
    Unfinished unfinished{fresh};
    auto done = write_all(out, bytes, fresh);
    if (done) done = finish(out, fresh);
    if (!done) return done;
    if (::rename(fresh.c_str(), path.c_str()) != 0) return failed(path);
    unfinished.done = true;
  }
  return sync_folder(std::filesystem::path(path).parent_path().string());
}

Result<void> sync_folder(const std::string& path) {
  const Descriptor folder(path.empty() ? "." : path, O_RDONLY | O_DIRECTORY);
  if (!folder || ::fsync(folder.get()) != 0) return failed(path);
  return {};
}

Result<void> make_folder(const std::string& path, mode_t mode) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return failed(path);
  return {};
}

}  // namespace posthouse::app::backup
