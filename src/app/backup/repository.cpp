#include "app/backup/repository.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <ranges>
#include <thread>

#include "app/backup/hashing.h"
#include "app/core/core.h"
#include "base/clock.h"

namespace posthouse::app::backup {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMark = "posthouse-backups";
constexpr std::string_view kMarkText =
    "Backups of Posthouse, format 1. `posthouse backup list` shows them.\n";
constexpr const char* kFolders[] = {"pool", "backups"};
constexpr std::string_view kExtension = ".json";
constexpr size_t kLargestCatalog = 1 << 30;
constexpr size_t kFoldersOneByOne = 4;  // of the pool; more are flushed together with all else
constexpr int kLockTries = 200;         // of a folder that others make their mark in
constexpr milliseconds kLockPause{10};
constexpr mode_t kFolderMode = 0700;
constexpr mode_t kFileMode = 0600;

std::unexpected<Fault> system_fault(const std::string& path) {
  return fail(FaultKind::io, fmt::format("{}: {}", path, std::strerror(errno)));
}

bool is_ours(const std::string& directory) {
  std::error_code error;
  return fs::exists(fs::path(directory) / kMark, error);
}

// What a start leaves that came to no end; earlier versions made their folders before the mark.
bool is_of_a_start(const fs::directory_entry& entry) {
  const std::string name = entry.path().filename().string();
  if (name == std::string(kMark) + ".new") return true;
  std::error_code error;
  return std::ranges::find(kFolders, name) != std::end(kFolders) && entry.is_directory(error) &&
         fs::is_empty(entry.path(), error);
}

// Of a folder, while its mark is made: several may begin at once, and none may put a mark over the one that
// another has locked by then. Where folders can't be locked, or somebody else keeps this one locked (flock(1)
// around us), it goes on without.
class FolderLock {
 public:
  explicit FolderLock(const std::string& directory)
      : fd_(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    for (int tries = 0; fd_ >= 0 && tries < kLockTries && ::flock(fd_, LOCK_EX | LOCK_NB) != 0; ++tries) {
      if (errno != EINTR && errno != EWOULDBLOCK) break;
      std::this_thread::sleep_for(kLockPause);
    }
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock() {
    if (fd_ >= 0) ::close(fd_);
  }

 private:
  int fd_;
};

Result<void> make_ours_alone(const std::string& directory);

Result<void> make_ours(const std::string& directory) {
  auto made = make_folder(directory, kFolderMode);
  const bool placeless =
      !made && (made.error().kind == FaultKind::not_found || made.error().kind == FaultKind::io);
  if (placeless) return fail(FaultKind::exists, made.error().what);
  if (!made) return made;
  const FolderLock lock(directory);
  return is_ours(directory) ? Result<void>() : make_ours_alone(directory);
}

// The mark comes first: with it the folder is ours, whatever else is there yet.
Result<void> make_ours_alone(const std::string& directory) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    if (name == "lost+found" || is_of_a_start(entry)) continue;
    return fail(
        FaultKind::policy,
        fmt::format("{}: expected a folder of backups, or an empty one; there is {} in it", directory, name));
  }
  auto made = write_file(fmt::format("{}/{}", directory, kMark), kMarkText, kFileMode);
  const bool placeless =
      !made && (made.error().kind == FaultKind::not_found || made.error().kind == FaultKind::io);
  return placeless ? fail(FaultKind::exists, made.error().what) : made;
}

void remove_all_in(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    std::error_code ignored;
    fs::remove_all(entry.path(), ignored);
  }
}

bool is_id(const std::string& id) {
  const auto good = [](char c) { return (c >= '0' && c <= '9') || c == 'T' || c == 'Z' || c == '-'; };
  return !id.empty() && id.size() < 40 && std::ranges::all_of(id, good);
}

}  // namespace

Repository::Repository(Repository&& other) noexcept
    : directory_(std::move(other.directory_)),
      lock_(std::exchange(other.lock_, -1)),
      packs_(other.packs_),
      whole_(std::move(other.whole_)) {}

Repository::~Repository() {
  if (lock_ >= 0) ::close(lock_);
}

Result<Repository> Repository::open(const std::string& directory) {
  std::error_code error;
  if (is_ours(directory)) return Repository(fs::absolute(directory, error).string(), -1);
  return fail(FaultKind::not_found,
              fmt::format("{}: no folder of backups: is its disk mounted, is the path right?", directory));
}

Result<Repository> Repository::open_to_write(const std::string& directory) {
  if (!is_ours(directory)) {
    if (auto made = make_ours(directory); !made) return std::unexpected(made.error());
  }
  const int fd = ::open(fmt::format("{}/{}", directory, kMark).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return system_fault(directory);
  std::error_code error;
  Repository out(fs::absolute(directory, error).string(), fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0)
    return fail(FaultKind::temporary, fmt::format("{}: another backup is being made there", directory));
  for (const std::string& path : {out.directory_ + "/pool", out.directory_ + "/backups", out.scratch()}) {
    if (auto made = make_folder(path, kFolderMode); !made) return std::unexpected(made.error());
  }
  remove_all_in(out.scratch());
  return out;
}

std::string Repository::pool_path(const std::string& sha256) const {
  return fmt::format("{}/pool/{}/{}", directory_, sha256.substr(0, 2), sha256);
}

std::string Repository::catalog_path(const std::string& id) const {
  return fmt::format("{}/backups/{}{}", directory_, id, kExtension);
}

std::vector<std::string> Repository::ids() const {
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory_ + "/backups", error)) {
    if (entry.path().extension() == kExtension) out.push_back(entry.path().stem().string());
  }
  std::ranges::sort(out);
  return out;
}

Result<Catalog> Repository::read(const std::string& id, bool* newer) const {
  auto text = read_file(catalog_path(id), kLargestCatalog);
  if (!text) return std::unexpected(text.error());
  return decode(*text, catalog_path(id), newer);
}

std::vector<Catalog> Repository::list(std::vector<std::string>& damaged,
                                      std::vector<std::string>* newer) const {
  std::vector<Catalog> out;
  for (const std::string& id : ids()) {
    bool is_newer = false;
    auto catalog = read(id, &is_newer);
    if (catalog) {
      out.push_back(std::move(*catalog));
    } else if (is_newer && newer != nullptr) {
      newer->push_back(catalog.error().what);
    } else {
      damaged.push_back(catalog.error().what);
    }
  }
  return out;
}

Result<Catalog> Repository::find(const std::string& id) const {
  const std::vector<std::string> all = ids();
  if (id.empty() && !all.empty()) return read(all.back());
  if (is_id(id) && std::ranges::find(all, id) != all.end()) return read(id);
  if (!id.empty())
    return fail(FaultKind::not_found, fmt::format("{}: there is no backup {}", directory_, id));
  std::error_code error;
  const fs::path pool = fs::path(directory_) / "pool";
  const bool files = fs::exists(pool, error) && !fs::is_empty(pool, error);
  return fail(
      FaultKind::not_found,
      files ? fmt::format("{0}: no backup: there are files in {0}/pool, but no list in {0}/backups that says "
                          "what they are; copy it back from where you have it",
                          directory_)
            : fmt::format("{}: there is no backup yet", directory_));
}

bool Repository::has(const File& file) const {
  std::error_code error;
  return is_sha256(file.sha256) && fs::file_size(pool_path(file.sha256), error) == file.size && !error;
}

Result<bool> Repository::take(const std::string& from, File& file, const Took& took) {
  const std::string fresh = scratch() + "/copy";
  auto copied = copy_file(from, fresh, kFileMode, took);
  if (!copied) return std::unexpected(copied.error());
  file.size = copied->size;
  file.sha256 = copied->sha256;
  const bool known = has(file);
  const std::string path = pool_path(file.sha256);
  const std::string folder = fs::path(path).parent_path().string();
  if (auto made = make_folder(folder, kFolderMode); !made) return std::unexpected(made.error());
  // Also over one that is there: this one was just read back.
  if (::rename(fresh.c_str(), path.c_str()) != 0) return system_fault(path);
  if (auto synced = sync_folder(folder); !synced) return std::unexpected(synced.error());
  return !known;
}

Result<uint64_t> Repository::take_all(const std::vector<Fresh>& files) {
  uint64_t fresh = 0;
  if (files.empty()) return fresh;
  if (auto synced = sync_file_system(scratch()); !synced) return std::unexpected(synced.error());
  std::set<std::string> folders;
  for (const Fresh& one : files) {
    auto back = read_back(one.path);
    if (!back) return std::unexpected(back.error());
    if (*back != one.what.sha256)
      return fail(FaultKind::corrupt,
                  fmt::format("{}: the disk gives back something else than was written", one.path));
    File file;
    file.size = one.what.size;
    file.sha256 = one.what.sha256;
    if (!has(file)) fresh += file.size;
    const std::string path = pool_path(file.sha256);
    const std::string folder = fs::path(path).parent_path().string();
    if (folders.insert(folder).second) {
      if (auto made = make_folder(folder, kFolderMode); !made) return std::unexpected(made.error());
    }
    if (::rename(one.path.c_str(), path.c_str()) != 0) return system_fault(path);
    whole_.insert(one.what.sha256);
  }
  if (folders.size() > kFoldersOneByOne) {
    if (auto synced = sync_file_system(scratch()); !synced) return std::unexpected(synced.error());
    return fresh;
  }
  for (const std::string& folder : folders) {
    if (auto synced = sync_folder(folder); !synced) return std::unexpected(synced.error());
  }
  return fresh;
}

Result<std::vector<ListedLetter>> Repository::letters(const File& list) const {
  const std::string path = file(list);
  auto text = read_file(path, kLargestCatalog);
  if (!text) return fail(FaultKind::corrupt, text.error().what);
  if (sha256(*text) == list.sha256) {
    whole_.insert(list.sha256);
    return decode_letters(*text, path);
  }
  return fail(FaultKind::corrupt,
              path +
                  ": this list of letters is damaged: use another backup (`posthouse backup verify` tells "
                  "which are whole)");
}

Result<void> Repository::add(const Catalog& catalog) {
  if (auto synced = sync_folder(directory_ + "/pool"); !synced) return synced;
  return write_file(catalog_path(catalog.id), encode(catalog), kFileMode);
}

// A catalog that can't be read may name any file: then none is removed.
Result<void> Repository::prune(uint64_t keep, const std::set<std::string>& listed) {
  const std::vector<std::string> all = ids();
  if (keep > 0 && all.size() > keep) {
    for (size_t i = 0; i < all.size() - keep; ++i) ::unlink(catalog_path(all[i]).c_str());
    if (auto synced = sync_folder(directory_ + "/backups"); !synced) return synced;
  }
  std::vector<std::string> damaged;
  const std::vector<Catalog> catalogs = list(damaged);
  if (!damaged.empty()) return fail(FaultKind::corrupt, damaged.front());
  auto unwanted = unnamed(catalogs, listed);
  if (!unwanted) return std::unexpected(unwanted.error());
  std::error_code error;
  for (const auto& [name, path] : *unwanted) fs::remove(path, error);
  return {};
}

// The latest has most of what there is, so no more lists are read than it takes until nothing is left.
Result<Repository::Paths> Repository::unnamed(const std::vector<Catalog>& catalogs,
                                              const std::set<std::string>& listed) const {
  Paths out;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(directory_ + "/pool", error)) {
    if (entry.is_regular_file(error)) out.emplace(entry.path().filename().string(), entry.path().string());
  }
  for (const std::string& name : listed) out.erase(name);
  for (const Catalog& catalog : catalogs) {
    for (const File& file : catalog.files) out.erase(file.sha256);
  }
  std::set<std::string> read;
  for (const Catalog& catalog : std::views::reverse(catalogs)) {
    for (const File& file : catalog.files) {
      if (out.empty()) return out;
      if (file.part != Part::letters || !read.insert(file.sha256).second) continue;
      auto list = letters(file);
      if (!list) return std::unexpected(list.error());
      for (const ListedLetter& letter : *list) out.erase(letter.pool_name());
    }
  }
  return out;
}

std::string Repository::new_id() const {
  const std::string id = fmt::format("{:%Y%m%dT%H%M%SZ}", std::chrono::floor<seconds>(system_clock().now()));
  const std::vector<std::string> all = ids();
  // Names sort as times do: two of one second, and a clock that was set back, come behind the last.
  if (all.empty() || all.back() < id) return id;
  const std::string& last = all.back();
  const size_t dash = last.find('-');
  const uint64_t number = dash == std::string::npos ? 1 : std::stoull(last.substr(dash + 1));
  return fmt::format("{}-{:03}", last.substr(0, dash), number + 1);
}

Result<uint64_t> Repository::free_space() const {
  struct statvfs info{};
  if (::statvfs(directory_.c_str(), &info) != 0) return system_fault(directory_);
  return uint64_t{info.f_bavail} * info.f_frsize;
}

}  // namespace posthouse::app::backup
