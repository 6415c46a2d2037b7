#include "maildir/folder.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "base/ascii.h"
#include "maildir/folder_impl.h"
#include "maildir/limits.h"

namespace posthouse::maildir {

namespace {

State::Part part_of(const struct stat& facts) {
  return {facts.st_dev, facts.st_ino, static_cast<uint64_t>(facts.st_size), nanoseconds_of(facts.st_mtim),
          nanoseconds_of(facts.st_ctim)};
}

Result<State::Part> part_of_folder(int folder, const char* name) {
  struct stat facts{};
  if (::fstat(folder, &facts) != 0) return os_fault("stat", name);
  return part_of(facts);
}

// Zeros if it is not there.
State::Part part_of_file(int folder, const char* name) {
  struct stat facts{};
  if (::fstatat(folder, name, &facts, AT_SYMLINK_NOFOLLOW) != 0) return {};
  return part_of(facts);
}

}  // namespace

const char* name_of(Where where) {
  return where == Where::fresh ? "new" : "cur";
}

bool is_message_name(std::string_view file) {
  return !file.empty() && file[0] != '.' && file[0] != ':';
}

bool State::is_same(const State& later) const {
  return settled && fresh == later.fresh && current == later.current && keywords == later.keywords &&
         own_keywords == later.own_keywords;
}

std::string State::to_text() const {
  std::string text = settled ? "1" : "0";
  for (const Part* part : {&fresh, &current, &keywords, &own_keywords}) {
    text +=
        fmt::format(" {} {} {} {} {}", part->device, part->inode, part->size, part->modified, part->changed);
  }
  return text;
}

std::optional<State> State::from_text(std::string_view text) {
  const std::vector<std::string_view> fields = split(text, ' ');
  if (fields.size() != 21 || (fields[0] != "0" && fields[0] != "1")) return std::nullopt;
  State state;
  state.settled = fields[0] == "1";
  size_t at = 1;
  bool good = true;
  const auto read = [&](auto& value) {
    const std::string_view field = fields[at++];
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
    good = good && error == std::errc{} && end == field.data() + field.size();
  };
  for (Part* part : {&state.fresh, &state.current, &state.keywords, &state.own_keywords}) {
    read(part->device);
    read(part->inode);
    read(part->size);
    read(part->modified);
    read(part->changed);
  }
  return good ? std::optional(state) : std::nullopt;
}

Folder::Folder(const std::string& root, std::string directory)
    : root_(without_slashes(root)),
      directory_(std::move(directory)),
      path_(directory_.empty() ? root_ : root_ + "/" + directory_) {}

Result<File> Folder::open_directory() const {
  Result<File> root = open_folder(root_);
  if (!root || directory_.empty()) return root;
  if (directory_.find('/') != std::string::npos) return fail(FaultKind::syntax, "not a name for a folder");
  return open_folder_in(root->fd(), directory_);
}

Result<void> Folder::make() const {
  if (directory_.empty()) {
    if (::mkdir(path_.c_str(), 0700) != 0 && errno != EEXIST) return os_fault("make folder", path_);
  } else {
    const Result<File> root = open_folder(root_);
    const Result<bool> made = root ? make_folder_in(root->fd(), directory_) : std::unexpected(root.error());
    if (!made) return std::unexpected(made.error());
  }
  const Result<File> folder = open_directory();
  if (!folder) return std::unexpected(folder.error());
  for (const char* part : {"tmp", "new", "cur"}) {  // cur last: it is what makes a folder one for readers
    if (Result<bool> made = make_folder_in(folder->fd(), part); !made) return std::unexpected(made.error());
  }
  if (Result<void> flushed = flush(folder->fd(), path_); !flushed) return flushed;
  return flush_folder(parent_of(path_));
}

bool Folder::exists() const {
  const Result<File> folder = open_directory();
  struct stat facts{};
  return folder && ::fstatat(folder->fd(), "cur", &facts, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(facts.st_mode);
}

Result<Folder::Folders> Folder::open() const {
  Folders folders;
  Result<File> root = open_directory();
  if (!root) return std::unexpected(root.error());
  folders.root = std::move(*root);
  for (const auto& [file, name] : {std::pair(&folders.fresh, "new"), std::pair(&folders.current, "cur"),
                                   std::pair(&folders.tmp, "tmp")}) {
    Result<File> part = open_folder_in(folders.root.fd(), name);
    if (!part) return fail(part.error().kind, fmt::format("{}/: {}", path_, part.error().what));
    *file = std::move(*part);
  }
  return folders;
}

Result<State> Folder::state_of(const Folders& folders) const {
  State state;
  const Result<State::Part> fresh = part_of_folder(folders.fresh.fd(), "new");
  const Result<State::Part> current = part_of_folder(folders.current.fd(), "cur");
  if (!fresh) return std::unexpected(fresh.error());
  if (!current) return std::unexpected(current.error());
  state.fresh = *fresh;
  state.current = *current;
  state.keywords = part_of_file(folders.root.fd(), "dovecot-keywords");
  state.own_keywords = part_of_file(folders.root.fd(), "posthouse-keywords");
  return state;
}

Result<State> Folder::state() const {
  const Result<Folders> folders = open();
  if (!folders) return std::unexpected(folders.error());
  return state_of(*folders);
}

// The file system's own clock (a server's, perhaps) is read off a folder that is touched. One that may not be
// written is on the clock of this machine, as far as anybody knows.
std::optional<int64_t> Folder::disk_time(const Folders& folders) {
  struct stat facts{};
  if (::futimens(folders.tmp.fd(), nullptr) == 0 && ::fstat(folders.tmp.fd(), &facts) == 0) {
    return nanoseconds_of(facts.st_mtim);
  }
  timespec now{};
  if (::clock_gettime(CLOCK_REALTIME_COARSE, &now) != 0) return std::nullopt;
  return nanoseconds_of(now);
}

Result<void> Folder::sync() const {
  const Result<Folders> folders = open();
  if (!folders) return std::unexpected(folders.error());
  if (Result<void> flushed = flush(folders->fresh.fd(), path_ + "/new"); !flushed) return flushed;
  return flush(folders->current.fd(), path_ + "/cur");
}

Result<void> Folder::sync(Where where) const {
  const Result<Folders> folders = open();
  if (!folders) return std::unexpected(folders.error());
  return flush(folders->of(where), path_ + "/" + name_of(where));
}

Result<void> Folder::flush_files() const {
  const Result<Folders> folders = open();
  if (!folders) return std::unexpected(folders.error());
  if (::syncfs(folders->tmp.fd()) != 0) return os_fault("flush the file system of", path_);
  return {};
}

Result<size_t> Folder::clean_tmp(std::chrono::nanoseconds age) const {
  const Result<Folders> folders = open();
  if (!folders) return std::unexpected(folders.error());
  const std::optional<int64_t> now = disk_time(*folders);
  size_t removed = 0;
  const Result<void> read =
      each_entry(folders->tmp.fd(), path_ + "/tmp", [&](std::string_view name, unsigned char, uint64_t) {
        struct stat facts{};
        const std::string file(name);
        const bool regular = ::fstatat(folders->tmp.fd(), file.c_str(), &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
                             S_ISREG(facts.st_mode);
        // A file that is written for days changes its time; one with a date set (a commit that died) has its
        // own ctime.
        const int64_t used = std::max(nanoseconds_of(facts.st_mtim), nanoseconds_of(facts.st_ctim));
        if (regular && now && name[0] != '.' && used < *now - age.count() &&
            ::unlinkat(folders->tmp.fd(), file.c_str(), 0) == 0) {
          ++removed;
        }
        return true;
      });
  if (!read) return std::unexpected(read.error());
  return removed;
}

}  // namespace posthouse::maildir
