#include "mbox/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <tuple>

#include "base/ascii.h"
#include "base/modified_utf7.h"
#include "base/raw_name.h"
#include "mbox/disk.h"
#include "mbox/folder_name.h"
#include "mbox/journal.h"
#include "mbox/limits.h"

namespace posthouse::mbox {

namespace {

enum class Kind { nothing, mailbox, holder, other, unknown };

Kind kind_of(const std::string& path) {
  struct ::stat info = {};
  if (::lstat(path.c_str(), &info) < 0)
    return errno == ENOENT || errno == ENOTDIR ? Kind::nothing : Kind::unknown;
  if (S_ISDIR(info.st_mode)) return Kind::holder;
  return S_ISREG(info.st_mode) ? Kind::mailbox : Kind::other;
}

bool is_same_file(const std::string& a, const std::string& b) {
  struct ::stat first = {};
  struct ::stat second = {};
  return ::lstat(a.c_str(), &first) == 0 && ::lstat(b.c_str(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

enum class Look { mailbox, something_else, unreadable };

Look look_at(const std::string& path) {
  const auto fd = system_disk().open(path, O_RDONLY, 0);
  if (!fd && fd.error().kind == FaultKind::not_found) return Look::something_else;
  if (!fd) return Look::unreadable;
  const Handle handle(*fd);
  const auto start = system_disk().read(handle.get(), 0, 5);
  if (!start) return Look::unreadable;
  return start->empty() || *start == "From " ? Look::mailbox : Look::something_else;
}

// All that is there. Half of it would make the rest seem to be gone.
Result<std::vector<std::string>> names_in(const std::string& path) {
  const auto close = [](DIR* dir) { ::closedir(dir); };
  const std::unique_ptr<DIR, decltype(close)> dir(::opendir(path.c_str()), close);
  if (!dir) return disk_fault(path, errno);
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* const entry = ::readdir(dir.get());
    if (entry == nullptr && errno != 0) return disk_fault(path, errno);
    if (entry == nullptr) return names;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    if (names.size() > kMaxFolders) return fail(FaultKind::permanent, path + ": too many files");
  }
}

// What a directory that holds others has the name of.
std::string_view without_mark(std::string_view directory) {
  if (directory.size() > kBelowMailbox.size() && directory.ends_with(kBelowMailbox))
    directory.remove_suffix(kBelowMailbox.size());
  return directory;
}

// The names that what is in a folder has: those that are no modified UTF-7, or stand for control characters,
// and in the root (`top`) other spellings of INBOX and a file of that name, are shown in their own way
// (base/raw_name.h): clients know INBOX in any case (RFC 9051 section 5.1), and its file is another.
class Names {
 public:
  Names(const std::string& folder, const std::vector<std::string>& entries, bool top) : top_(top) {
    std::set<std::string> raw;
    for (const std::string& entry : entries) {
      const std::string bytes = key_of(folder, entry);
      if (!may_be_part(without_file_mark(bytes))) continue;
      const std::optional<std::string> name = from_modified_utf7(without_file_mark(bytes));
      const bool like_inbox = top_ && iequals(without_file_mark(bytes), "INBOX") && bytes != "INBOX";
      if (name && raw_name(*name).plain && !like_inbox) {
        taken_.insert(*name);
        names_.emplace(bytes, *name);
      } else {
        raw.insert(bytes);
      }
    }
    const auto is_taken = [&](const std::string& name) {
      return iequals(name, "INBOX") || taken_.contains(name);
    };
    for (const std::string& bytes : raw) {
      const std::string_view real = without_file_mark(bytes);
      const std::string name = shown_name(raw_name(real), real, is_taken);
      taken_.insert(name);
      names_.emplace(bytes, name);
    }
  }

  // Nothing for what is no part of a name.
  std::optional<std::string> of(const std::string& folder, const std::string& entry) const {
    const auto known = names_.find(key_of(folder, entry));
    return known == names_.end() ? std::nullopt : std::optional(known->second);
  }
  // The bytes of the name.
  std::optional<std::string> bytes_of_name(std::string_view name) const {
    const auto has = [&](const auto& one) { return one.second == name; };
    const auto known = std::ranges::find_if(names_, has);
    if (known == names_.end()) return std::nullopt;
    return std::string(without_file_mark(known->first));
  }

 private:
  // The bytes of a name; a mailbox and what is below it have the same, but for a file INBOX in the root.
  std::string key_of(const std::string& folder, const std::string& entry) const {
    const Kind kind = kind_of(folder + "/" + entry);
    const bool holds = kind == Kind::holder || kind == Kind::unknown;
    std::string key(holds ? without_mark(entry) : std::string_view(entry));
    if (top_ && !holds && key == "INBOX") key += kFileMark;
    return key;
  }
  static std::string_view without_file_mark(std::string_view key) {
    if (key.ends_with(kFileMark)) key.remove_suffix(1);
    return key;
  }

  static constexpr char kFileMark = '/';  // in no name
  bool top_;

  std::map<std::string, std::string> names_;
  std::set<std::string> taken_;
};

void walk(const std::string& path, const std::string& prefix, size_t depth, std::vector<Folder>& found);

void add_file(const std::string& path, const std::string& name, std::vector<Folder>& found) {
  const Look look = folder_parts(name) ? look_at(path) : Look::something_else;
  if (look == Look::something_else) return;
  found.push_back({name, look == Look::mailbox, false});
}

void walk(const std::string& path, const std::string& prefix, size_t depth, std::vector<Folder>& found) {
  if (depth > kMaxNameDepth) return;
  const auto names = names_in(path);
  if (!names && !found.empty()) found.back().unread = names.error().kind != FaultKind::not_found;
  if (!names) return;
  const Names shown(path, *names, prefix.empty());
  for (const std::string& part : *names) {
    if (found.size() >= kMaxFolders) return;
    const std::string full = path + "/" + part;
    const Kind kind = kind_of(full);
    const std::optional<std::string> level = shown.of(path, part);
    if (!level) continue;
    if (kind == Kind::mailbox) {
      add_file(full, prefix + *level, found);
    } else if (kind == Kind::unknown) {
      found.push_back({prefix + *level, false, true});
    } else if (kind == Kind::holder) {
      const bool inbox = prefix.empty() && level == "INBOX";
      if (!inbox && !folder_parts(prefix + *level)) continue;
      found.push_back({prefix + *level, false, false});
      walk(full, prefix + *level + "/", depth + 1, found);
    }
  }
}

using Parts = std::span<const std::string>;

std::string below_mailbox(const std::string& path) {
  return path + std::string(kBelowMailbox);
}

// The directories that hold what lies below the mailbox `path`: one as a rule, two if others made them.
std::vector<std::string> holders_of(const std::string& path) {
  std::vector<std::string> found;
  for (std::string each : {path, below_mailbox(path)}) {
    if (kind_of(each) == Kind::holder) found.push_back(std::move(each));
  }
  return found;
}

bool is_there(const std::string& path) {
  return kind_of(path) != Kind::nothing || kind_of(below_mailbox(path)) == Kind::holder;
}

// What has the name `part` (modified UTF-7) in that folder, or would have.
std::string path_in(const std::string& folder, const std::string& part, bool top) {
  std::string path = folder + "/" + part;
  const std::optional<std::string> name = from_modified_utf7(part);
  if (!name || !may_be_raw(*name) || is_there(path)) return path;
  const auto entries = names_in(folder);
  if (!entries) return path;
  const std::optional<std::string> bytes = Names(folder, *entries, top).bytes_of_name(*name);
  return bytes ? folder + "/" + *bytes : path;
}

// Where the last of `parts` is or would be, below `folder`.
Result<std::string> locate(const std::string& folder, Parts parts, bool top = false) {
  std::string path = path_in(folder, parts.front(), top);
  const Kind kind = kind_of(path);
  if (kind == Kind::other) return fail(FaultKind::policy, path + ": neither file nor directory");
  if (kind == Kind::unknown) return fail(FaultKind::io, path + ": can't be looked at");
  if (parts.size() == 1) return path;
  if (top && path == folder + "/INBOX" && parts.front() != "INBOX")
    return fail(FaultKind::policy, path + ": what is below it is below INBOX");
  const std::vector<std::string> holders = holders_of(path);
  if (holders.size() == 2) {
    const Result<std::string> first = locate(holders[0], parts.subspan(1));
    return first && is_there(*first) ? first : locate(holders[1], parts.subspan(1));
  }
  if (holders.size() == 1) return locate(holders[0], parts.subspan(1));
  return locate(kind == Kind::mailbox ? below_mailbox(path) : path, parts.subspan(1));
}

Result<void> make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0) return system_disk().sync_folder_of(path);
  return errno == EEXIST && kind_of(path) == Kind::holder ? Result<void>() : disk_fault(path, errno);
}

// Not over something that is there, even if it comes at this moment.
Result<void> move(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) < 0)
    return disk_fault(to, errno);
  if (auto synced = system_disk().sync_folder_of(to); !synced) return synced;
  return system_disk().sync_folder_of(from);
}

// What has a name that is taken there stays where it is.
Result<void> move_entries(const std::string& from, const std::string& to) {
  const auto names = names_in(from);
  if (!names) return std::unexpected(names.error());
  for (const std::string& name : *names) {
    const Result<void> moved = move(from + "/" + name, to + "/" + name);
    if (!moved && moved.error().kind != FaultKind::exists) return moved;
  }
  ::rmdir(from.c_str());
  return {};
}

Result<void> move_holder(const std::string& from, const std::string& to) {
  if (const auto there = holders_of(to); !there.empty()) return move_entries(from, there.back());
  return move(from, kind_of(to) == Kind::mailbox ? below_mailbox(to) : to);
}

Result<void> make_room_at(const std::string& path) {
  if (kind_of(path) != Kind::holder) return {};
  const std::string below = below_mailbox(path);
  if (kind_of(below) == Kind::nothing) return move(path, below);
  if (auto moved = move_entries(path, below); !moved) return moved;
  if (kind_of(path) == Kind::nothing) return {};
  return fail(FaultKind::policy, path + ": holds what " + below + " has too");
}

// Where the part ends with what tells a directory below a mailbox, it would be taken for one.
bool is_reserved(std::string_view name) {
  return std::ranges::any_of(split(name, '/'),
                             [](std::string_view part) { return part.ends_with(kBelowMailbox); });
}

// Dovecot's: a TAB, and what would be mistaken for one.
std::string escaped(std::string_view part) {
  std::string out;
  for (char c : part) {
    if (c == '\001') {
      out += "\0011";
    } else if (c == '\t') {
      out += "\001t";
    } else if (c == '\r') {
      out += "\001r";
    } else if (c == '\n') {
      out += "\001n";
    } else {
      out += c;
    }
  }
  return out;
}

std::string unescaped(std::string_view part) {
  std::string out;
  for (size_t i = 0; i < part.size(); ++i) {
    if (part[i] != '\001' || i + 1 == part.size()) {
      out += part[i];
      continue;
    }
    const char c = part[++i];
    out += c == 't' ? '\t' : c == 'r' ? '\r' : c == 'n' ? '\n' : c == '1' ? '\001' : c;
  }
  return out;
}

}  // namespace

Result<void> check_new_name(std::string_view name) {
  if (iequals(name, "INBOX")) return {};
  if (is_reserved(name)) return fail(FaultKind::syntax, "no name for a new folder: " + std::string(name));
  const auto parts = folder_parts(name);
  return parts ? Result<void>() : std::unexpected(parts.error());
}

Tree::Tree(std::string root, std::string inbox, LockOptions lock)
    : root_(std::move(root)), inbox_(std::move(inbox)), lock_(std::move(lock)) {}

Result<std::vector<Folder>> Tree::list() const {
  if (const auto names = names_in(root_); !names && names.error().kind != FaultKind::not_found)
    return std::unexpected(names.error());
  std::vector<Folder> found;
  walk(root_, "", 1, found);
  // Some of them would make the others seem to be gone.
  if (found.size() >= kMaxFolders) return fail(FaultKind::permanent, root_ + ": too many folders");
  std::erase_if(found, [&](const Folder& folder) {
    const auto path = folder.selectable ? path_of(folder.name) : Result<std::string>("");
    return path && is_same_file(*path, inbox_);
  });
  found.push_back({"INBOX", true, false});
  // INBOX first; of a name the mailbox before what is below it.
  std::ranges::sort(found, [](const Folder& a, const Folder& b) {
    using Key = std::tuple<bool, const std::string&, bool>;
    return Key(a.name != "INBOX", a.name, !a.selectable) < Key(b.name != "INBOX", b.name, !b.selectable);
  });
  std::vector<Folder> merged;
  for (Folder& folder : found) {
    if (merged.empty() || merged.back().name != folder.name) {
      merged.push_back(std::move(folder));
    } else {
      merged.back().unread = merged.back().unread || folder.unread;
    }
  }
  return merged;
}

Result<std::string> Tree::path_of(std::string_view name) const {
  if (iequals(name, "INBOX")) return inbox_;
  const auto parts = folder_parts(name);
  if (!parts) return std::unexpected(parts.error());
  return locate(root_, *parts, true);
}

bool Tree::is_mailbox(std::string_view name) const {
  const auto path = path_of(name);
  return path && kind_of(*path) == Kind::mailbox;
}

bool Tree::is_holder(std::string_view name) const {
  const auto path = path_of(name);
  return path && !holders_below(name, *path).empty();
}

std::vector<std::string> Tree::holders_below(std::string_view name, const std::string& path) const {
  if (path == root_ + "/INBOX" && name != "INBOX") return {};  // of a mere file; they are below INBOX
  return holders_of(path);
}

// The directories above the mailbox, and where it is to be.
Result<std::string> Tree::make_above(std::string_view name) const {
  auto path = path_of(name);
  if (!path) return path;
  if (::mkdir(root_.c_str(), 0700) < 0 && errno != EEXIST) return disk_fault(root_, errno);
  for (size_t at = path->find('/', root_.size() + 1); at != path->npos; at = path->find('/', at + 1)) {
    if (auto made = make_directory(path->substr(0, at)); !made) return std::unexpected(made.error());
  }
  return path;
}

Result<void> Tree::create(std::string_view name) const {
  if (iequals(name, "INBOX")) return fail(FaultKind::exists, "INBOX is always there");
  const bool holder = name.ends_with('/');
  if (holder) name.remove_suffix(1);
  if (is_reserved(name)) return fail(FaultKind::syntax, "no name for a new folder: " + std::string(name));
  const auto path = make_above(name);
  if (!path) return std::unexpected(path.error());
  if (is_there(*path)) return fail(FaultKind::exists, *path + ": there is such a folder");
  if (holder) return make_directory(*path);
  const auto fd = system_disk().open(*path, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (!fd) return std::unexpected(fd.error());
  const Handle file(*fd);
  return system_disk().sync_folder_of(*path);
}

Result<void> Tree::make_room(std::string_view name) const {
  const auto path = path_of(name);
  return path ? make_room_at(*path) : std::unexpected(path.error());
}

Result<void> Tree::remove(std::string_view name) const {
  if (iequals(name, "INBOX")) return fail(FaultKind::policy, "INBOX can't be deleted");
  const auto path = path_of(name);
  if (!path) return std::unexpected(path.error());
  const auto holders = holders_below(name, *path);
  const bool mailbox = kind_of(*path) == Kind::mailbox;
  if (!mailbox && holders.empty()) return fail(FaultKind::not_found, *path + ": no such folder");
  if (mailbox) {
    // A journal would wait for a file that never comes.
    ::unlink(journal_path(*path).c_str());
    if (auto removed = system_disk().remove(*path); !removed) return removed;
  }
  for (const std::string& holder : holders) {
    if (::rmdir(holder.c_str()) < 0 && !(mailbox && errno == ENOTEMPTY)) return disk_fault(holder, errno);
  }
  return system_disk().sync_folder_of(*path);
}

Result<void> Tree::rename(std::string_view from, std::string_view to) const {
  if (iequals(from, "INBOX") || iequals(to, "INBOX"))
    return fail(FaultKind::policy, "INBOX can't be renamed");
  if (to.starts_with(std::string(from) + "/")) return fail(FaultKind::policy, "a folder can't hold itself");
  if (is_reserved(to)) return fail(FaultKind::syntax, "no name for a new folder: " + std::string(to));
  const auto old_path = path_of(from);
  if (!old_path) return std::unexpected(old_path.error());
  if (auto possible = folder_parts(to); !possible) return std::unexpected(possible.error());
  if (!is_there(*old_path)) return fail(FaultKind::not_found, *old_path + ": no such folder");
  const auto new_path = make_above(to);
  if (!new_path) return std::unexpected(new_path.error());
  if (kind_of(*new_path) == Kind::mailbox)
    return fail(FaultKind::exists, *new_path + ": there is such a folder");
  if (kind_of(*old_path) == Kind::mailbox) {
    Result<void> moved = make_room_at(*new_path);
    if (moved) moved = move(*old_path, *new_path);
    if (!moved) return moved;
  }
  for (const std::string& holder : holders_below(from, *old_path)) {
    if (auto moved = move_holder(holder, *new_path); !moved) return moved;
  }
  return {};
}

Result<void> Tree::rename_below(std::string_view from, std::string_view to) const {
  const auto old_path = path_of(from);
  const auto new_path = path_of(to);
  if (!old_path || !new_path) return std::unexpected((old_path ? new_path : old_path).error());
  if (kind_of(*old_path) == Kind::mailbox || kind_of(*new_path) != Kind::mailbox)
    return fail(FaultKind::exists, *new_path + ": there is such a folder");
  for (const std::string& holder : holders_below(from, *old_path)) {
    if (auto moved = move_holder(holder, *new_path); !moved) return moved;
  }
  return {};
}

Result<std::vector<std::string>> Tree::subscriptions() const {
  const auto fd = system_disk().open(root_ + "/.subscriptions", O_RDONLY, 0);
  if (!fd) {
    if (fd.error().kind == FaultKind::not_found) return std::vector<std::string>();
    return std::unexpected(fd.error());
  }
  const Handle file(*fd);
  const auto text = system_disk().read(*fd, 0, kMaxSubscriptions);
  if (!text) return std::unexpected(text.error());
  std::vector<std::string> names;
  const bool newer = text->starts_with("V\t2\n");
  const std::string_view lines = newer ? std::string_view(*text).substr(4) : std::string_view(*text);
  for (std::string_view line : split(lines, '\n')) {
    if (line.empty()) continue;
    std::string name;
    for (std::string_view part : newer ? split(line, '\t') : std::vector{line}) {
      if (!name.empty()) name += '/';
      name += newer ? unescaped(part) : std::string(part);
    }
    if (auto readable = from_modified_utf7(name)) names.push_back(std::move(*readable));
  }
  return names;
}

namespace {

Result<std::string> subscriptions_text(const std::vector<std::string>& names) {
  std::string text = "V\t2\n\n";
  for (const std::string& each : names) {
    const std::string on_disk = to_modified_utf7(each);
    std::string line;
    for (std::string_view part : split(on_disk, '/')) line += (line.empty() ? "" : "\t") + escaped(part);
    text += line + "\n";
  }
  if (text.size() > kMaxSubscriptions) return fail(FaultKind::permanent, "too many subscriptions");
  return text;
}

// Whole, or as it was. Under lock, so what a crash left of another is written over.
Result<void> replace(const std::string& path, const std::string& text) {
  const std::string written = path + ".new";
  const auto fd = system_disk().open(written, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (!fd) return std::unexpected(fd.error());
  const Handle file(*fd);
  Result<void> step = system_disk().write(*fd, 0, text);
  if (step) step = system_disk().sync(*fd);
  if (step) step = system_disk().rename(written, path);
  if (!step) static_cast<void>(system_disk().remove(written));
  return step ? system_disk().sync_folder_of(path) : step;
}

// True: they are other ones now.
bool change(std::vector<std::string>& names, const std::string& name, bool subscribed) {
  const auto at = std::ranges::find(names, name);
  if ((at != names.end()) == subscribed) return false;
  if (subscribed) {
    names.push_back(name);
  } else {
    names.erase(at);
  }
  return true;
}

}  // namespace

Result<void> Tree::subscribe(std::string_view name, bool subscribed,
                             std::optional<milliseconds> patience) const {
  const bool inbox = iequals(name, "INBOX");
  if (const auto possible = folder_parts(name); !possible && !inbox) return std::unexpected(possible.error());
  const std::string wanted = inbox ? "INBOX" : std::string(name);
  auto names = subscriptions();
  if (!names) return std::unexpected(names.error());
  if (!change(*names, wanted, subscribed)) return {};
  if (::mkdir(root_.c_str(), 0700) < 0 && errno != EEXIST) return disk_fault(root_, errno);
  const std::string path = root_ + "/.subscriptions";
  LockOptions options = lock_;
  options.patience = patience.value_or(lock_.patience);
  const auto lock = DotlockFile::wait(path, options);
  if (!lock) return std::unexpected(lock.error());
  names = subscriptions();  // somebody may have changed them meanwhile
  if (!names) return std::unexpected(names.error());
  if (!change(*names, wanted, subscribed)) return {};
  const auto text = subscriptions_text(*names);
  return text ? replace(path, *text) : std::unexpected(text.error());
}

}  // namespace posthouse::mbox
