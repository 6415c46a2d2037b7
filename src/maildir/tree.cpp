#include "maildir/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <set>

#include "maildir/folder_name.h"
#include "maildir/limits.h"

namespace posthouse::maildir {

namespace {

constexpr std::string_view kInbox = "INBOX";
// No dot at the start: no reader of Maildir++ takes it for a folder.
constexpr std::string_view kMaking = "posthouse-new-";
constexpr std::string_view kDeleted = "posthouse-deleted-";
constexpr const char* kFolderMark = "maildirfolder";

enum class Kind { folder, something_else, unreadable };

Kind kind_of(int root, const std::string& name) {
  const File folder(::openat(root, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  // A link is none.
  if (!folder)
    return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? Kind::something_else : Kind::unreadable;
  struct stat facts{};
  if (::fstatat(folder.fd(), "cur", &facts, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT ? Kind::something_else : Kind::unreadable;
  return S_ISDIR(facts.st_mode) ? Kind::folder : Kind::something_else;
}

bool is_folder(int root, const std::string& name) {
  return kind_of(root, name) == Kind::folder;
}

Result<void> remove_all(int folder, const std::string& name, int depth) {
  if (depth > kMaxDeletionDepth) return fail(FaultKind::syntax, name + ": too many folders within folders");
  if (::unlinkat(folder, name.c_str(), 0) == 0 || errno == ENOENT) return {};
  if (errno != EISDIR && errno != EPERM) return os_fault("remove", name);
  {
    const Result<File> inner = open_folder_in(folder, name);
    if (!inner) return std::unexpected(inner.error());
    std::vector<std::string> names;
    const Result<void> read =
        each_entry(inner->fd(), name, [&](std::string_view entry, unsigned char, uint64_t) {
          names.emplace_back(entry);
          return true;
        });
    if (!read) return read;
    for (const std::string& entry : names) {
      if (Result<void> removed = remove_all(inner->fd(), entry, depth + 1); !removed) return removed;
    }
  }
  if (::unlinkat(folder, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) return os_fault("remove", name);
  return {};
}

// The index knows INBOX as a first level in one spelling only: ".inbox.foo" needs another name than
// ".INBOX.foo".
bool misspells_inbox(std::string_view name) {
  const std::string_view first = name.substr(0, name.find('/'));
  return is_inbox(first) && (first != kInbox || first.size() == name.size());
}

std::string shown_raw(const std::string& directory, const std::function<bool(const std::string&)>& taken) {
  RawName name = raw_folder_name(directory);
  const size_t end_of_first = name.text.find('/');
  if (end_of_first != name.text.npos && misspells_inbox(name.text))
    name.text =
        shown_name({name.text.substr(0, end_of_first), true}, "", is_inbox) + name.text.substr(end_of_first);
  return shown_name(name, directory, taken);
}

}  // namespace

Result<void> Tree::make() const {
  return Folder(root_).make();
}

Result<std::vector<FolderEntry>> Tree::list() const {
  const Result<File> root = open_folder(root_);
  if (!root) return std::unexpected(root.error());
  std::map<std::string, Kind> directories;
  const Result<void> read =
      each_entry(root->fd(), root_, [&](std::string_view name, unsigned char type, uint64_t) {
        const bool may_be = name[0] == '.' && name != ".." && (type == DT_DIR || type == DT_UNKNOWN);
        const Kind kind = may_be ? kind_of(root->fd(), std::string(name)) : Kind::something_else;
        if (kind != Kind::something_else) directories.emplace(name, kind);
        return directories.size() <= kMaxFolders;
      });
  if (!read) return std::unexpected(read.error());
  // Some of them would make the others seem to be gone.
  if (directories.size() > kMaxFolders) return fail(FaultKind::permanent, root_ + ": too many folders");
  std::vector<FolderEntry> folders{{std::string(kInbox), "", false, false}};
  std::set<std::string> names;
  std::vector<FolderEntry> raw;
  for (const auto& [directory, kind] : directories) {
    const std::optional<std::string> name = decode_folder(directory);
    const bool unreadable = kind == Kind::unreadable;
    if (!name || misspells_inbox(*name) || !raw_name(*name).plain) {
      raw.push_back({"", directory, true, unreadable});
    } else {
      names.insert(*name);
      folders.push_back({*name, directory, false, unreadable});
    }
  }
  // Somebody's ".inbox", or two spellings of one name: nothing is hidden.
  const auto taken = [&](const std::string& name) { return is_inbox(name) || names.contains(name); };
  for (FolderEntry& entry : raw) {
    entry.name = shown_raw(entry.directory, taken);
    names.insert(entry.name);
    folders.push_back(std::move(entry));
  }
  return folders;
}

Result<std::string> Tree::directory_of(std::string_view name) const {
  if (is_inbox(name)) return std::string();
  const Result<File> root = open_folder(root_);
  if (!root) return std::unexpected(root.error());
  const Result<std::string> directory = encode_folder(name);
  if (directory && is_folder(root->fd(), *directory)) return *directory;
  const Result<std::vector<FolderEntry>> folders = list();
  if (!folders) return std::unexpected(folders.error());
  for (const FolderEntry& entry : *folders) {
    if (entry.name == name) return entry.directory;
  }
  return fail(FaultKind::not_found, fmt::format("{}: no folder {}", root_, name));
}

Result<Folder> Tree::folder(std::string_view name) const {
  const Result<std::string> directory = directory_of(name);
  if (!directory) return std::unexpected(directory.error());
  return Folder(root_, *directory);
}

Result<Folder> Tree::create(std::string_view name, const std::string& unique) const {
  if (is_inbox(name)) return fail(FaultKind::exists, "INBOX is there");
  const Result<std::string> directory = encode_folder(name);
  if (!directory) return std::unexpected(directory.error());
  if (directory_of(name)) return fail(FaultKind::exists, fmt::format("{}: folder {} is there", root_, name));
  const std::string making = fmt::format("{}{}", kMaking, unique);
  const Result<File> root = open_folder(root_);
  if (!root) return std::unexpected(root.error());
  Result<void> made = Folder(root_, making).make();
  const Result<File> folder = Folder(root_, making).open_directory();
  if (made && !folder) made = std::unexpected(folder.error());
  if (made) {
    const Result<File> mark = create_file_in(folder->fd(), kFolderMark);
    if (!mark && mark.error().kind != FaultKind::exists) made = std::unexpected(mark.error());
  }
  if (made) made = flush(folder->fd(), making);
  if (made && rename_in(root->fd(), making, root->fd(), *directory) != 0)
    made = os_fault("make folder", *directory);
  if (!made) {
    (void)remove_all(root->fd(), making, 0);
    return std::unexpected(made.error());
  }
  if (Result<void> flushed = flush(root->fd(), root_); !flushed) return std::unexpected(flushed.error());
  return Folder(root_, *directory);
}

Result<void> Tree::rename(std::string_view from, std::string_view to) const {
  if (is_inbox(from)) return fail(FaultKind::policy, "INBOX is not renamed");
  if (is_inbox(to)) return fail(FaultKind::exists, "INBOX is there");
  const Result<std::vector<FolderEntry>> folders = list();
  if (!folders) return std::unexpected(folders.error());
  const std::string below = std::string(from) + "/";
  if (to.starts_with(below)) return fail(FaultKind::policy, "a folder can't become its own inferior");
  std::vector<std::pair<std::string, std::string>>
      renames;  // inferiors first: what is left can be renamed again
  std::set<std::string> taken;
  for (const FolderEntry& entry : *folders) {
    taken.insert(entry.name);
    if (entry.name != from && !entry.name.starts_with(below)) continue;
    Result<std::string> directory = encode_folder(std::string(to) + entry.name.substr(from.size()));
    if (!directory) return std::unexpected(directory.error());
    renames.emplace_back(entry.directory, std::move(*directory));
  }
  if (renames.empty()) return fail(FaultKind::not_found, fmt::format("{}: no folder {}", root_, from));
  for (const auto& [old_directory, directory] : renames) {
    if (taken.contains(decode_folder(directory).value_or(""))) {
      return fail(FaultKind::exists, fmt::format("{}: {} is there", root_, directory));
    }
  }
  const Result<File> root = open_folder(root_);
  if (!root) return std::unexpected(root.error());
  std::sort(renames.begin(), renames.end(),
            [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
  for (const auto& [old_directory, directory] : renames) {
    if (rename_in(root->fd(), old_directory, root->fd(), directory) != 0)
      return os_fault("rename folder", old_directory);
  }
  return flush(root->fd(), root_);
}

Result<std::string> Tree::detach(std::string_view name, const std::string& unique) const {
  if (is_inbox(name)) return fail(FaultKind::policy, "INBOX is not deleted");
  const Result<std::string> directory = directory_of(name);
  if (!directory) return std::unexpected(directory.error());
  const Result<File> root = open_folder(root_);
  if (!root) return std::unexpected(root.error());
  const std::string deleted = fmt::format("{}{}", kDeleted, unique);
  if (rename_in(root->fd(), *directory, root->fd(), deleted) != 0)
    return os_fault("delete folder", *directory);
  if (Result<void> flushed = flush(root->fd(), root_); !flushed) return std::unexpected(flushed.error());
  return root_ + "/" + deleted;
}

Result<void> Tree::destroy(const std::string& detached) const {
  const std::string prefix = root_ + "/";
  const std::string name = detached.starts_with(prefix) ? detached.substr(prefix.size()) : "";
  if ((!name.starts_with(kDeleted) && !name.starts_with(kMaking)) || name.find('/') != std::string::npos) {
    return fail(FaultKind::policy, fmt::format("{} is no deleted folder", detached));
  }
  const Result<File> root = open_folder(root_);
  if (!root) return std::unexpected(root.error());
  return remove_all(root->fd(), name, 0);
}

Result<std::vector<std::string>> Tree::leftovers() const {
  const Result<File> root = open_folder(root_);
  if (!root) return std::unexpected(root.error());
  std::vector<std::string> paths;
  const Result<void> read =
      each_entry(root->fd(), root_, [&](std::string_view name, unsigned char, uint64_t) {
        if (name.starts_with(kMaking) || name.starts_with(kDeleted))
          paths.push_back(fmt::format("{}/{}", root_, name));
        return true;
      });
  if (!read) return std::unexpected(read.error());
  return paths;
}

}  // namespace posthouse::maildir
