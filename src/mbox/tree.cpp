#include "mbox/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/ascii.h"
#include "mbox/disk.h"
#include "mbox/folder_name.h"
#include "mbox/limits.h"

namespace posthouse::mbox {

namespace {

enum class Kind { nothing, mailbox, holder, other };

Kind kind_of(const std::string& path) {
  struct ::stat info = {};
  if (::lstat(path.c_str(), &info) < 0) return Kind::nothing;
  if (S_ISDIR(info.st_mode)) return Kind::holder;
  return S_ISREG(info.st_mode) ? Kind::mailbox : Kind::other;
}

bool looks_like_mbox(const std::string& path) {
  const Handle handle(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!handle) return false;
  const auto start = system_disk().read(handle.get(), 0, 5);
  return start && (start->empty() || *start == "From ");
}

Result<std::vector<std::string>> names_in(const std::string& path) {
  const auto close = [](DIR* dir) { ::closedir(dir); };
  const std::unique_ptr<DIR, decltype(close)> dir(::opendir(path.c_str()), close);
  if (!dir) return disk_fault(path, errno);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(dir.get())) {
    if (is_folder_part(entry->d_name)) names.emplace_back(entry->d_name);
    if (names.size() > kMaxFolders) return fail(FaultKind::permanent, path + ": too many files");
  }
  return names;
}

Result<void> walk(const std::string& path, const std::string& prefix, size_t depth,
                  std::vector<Folder>& found) {
  if (depth > kMaxNameDepth) return {};
  auto names = names_in(path);
  if (!names) return std::unexpected(names.error());
  for (const std::string& part : *names) {
    const auto readable = from_modified_utf7(part);
    const std::string full = path + "/" + part;
    const Kind kind = kind_of(full);
    if (!readable || !folder_path(prefix + *readable) || found.size() >= kMaxFolders) continue;
    if (kind == Kind::mailbox && looks_like_mbox(full)) found.push_back({prefix + *readable, true});
    if (kind != Kind::holder) continue;
    found.push_back({prefix + *readable, false});
    if (auto below = walk(full, prefix + *readable + "/", depth + 1, found); !below) return below;
  }
  return {};
}

// Makes the directories above `relative`; none of its parts may be anything else.
Result<void> make_above(const std::string& root, const std::string& relative) {
  if (::mkdir(root.c_str(), 0700) < 0 && errno != EEXIST) return disk_fault(root, errno);
  for (size_t slash = relative.find('/'); slash != std::string::npos; slash = relative.find('/', slash + 1)) {
    const std::string path = root + "/" + relative.substr(0, slash);
    if (::mkdir(path.c_str(), 0700) == 0) {
      if (auto synced = system_disk().sync_folder_of(path); !synced) return synced;
      continue;
    }
    if (errno != EEXIST) return disk_fault(path, errno);
    if (kind_of(path) != Kind::holder) return fail(FaultKind::policy, path + ": a mailbox can't hold others");
  }
  return {};
}

// Nothing above may be a link, which others could have put there.
Result<void> check_above(const std::string& root, const std::string& relative) {
  for (size_t slash = relative.find('/'); slash != std::string::npos; slash = relative.find('/', slash + 1)) {
    if (kind_of(root + "/" + relative.substr(0, slash)) != Kind::holder) {
      return fail(FaultKind::not_found, relative + ": no such folder");
    }
  }
  return {};
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

Tree::Tree(std::string root, std::string inbox) : root_(std::move(root)), inbox_(std::move(inbox)) {}

Result<std::vector<Folder>> Tree::list() const {
  std::vector<Folder> found;
  if (auto walked = walk(root_, "", 1, found); !walked && walked.error().kind != FaultKind::not_found) {
    return std::unexpected(walked.error());
  }
  std::sort(found.begin(), found.end(), [](const Folder& a, const Folder& b) { return a.name < b.name; });
  found.insert(found.begin(), Folder{"INBOX", true});
  return found;
}

Result<std::string> Tree::path_of(std::string_view name) const {
  if (iequals(name, "INBOX")) return inbox_;
  const auto relative = folder_path(name);
  if (!relative) return relative;
  return root_ + "/" + *relative;
}

Result<void> Tree::create(std::string_view name) const {
  if (iequals(name, "INBOX")) return fail(FaultKind::exists, "INBOX is always there");
  const bool holder = name.ends_with('/');
  if (holder) name.remove_suffix(1);
  const auto relative = folder_path(name);
  if (!relative) return std::unexpected(relative.error());
  if (auto above = make_above(root_, *relative); !above) return above;
  const std::string path = root_ + "/" + *relative;
  if (holder) {
    if (::mkdir(path.c_str(), 0700) < 0) return disk_fault(path, errno);
  } else {
    if (kind_of(path) != Kind::nothing)
      return fail(FaultKind::exists, *relative + ": there is such a folder");
    const auto fd = system_disk().open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (!fd) return std::unexpected(fd.error());
    const Handle file(*fd);
  }
  return system_disk().sync_folder_of(path);
}

Result<void> Tree::remove(std::string_view name) const {
  if (iequals(name, "INBOX")) return fail(FaultKind::policy, "INBOX can't be deleted");
  const auto relative = folder_path(name);
  if (!relative) return std::unexpected(relative.error());
  if (auto above = check_above(root_, *relative); !above) return above;
  const std::string path = root_ + "/" + *relative;
  const Kind kind = kind_of(path);
  if (kind == Kind::nothing) return fail(FaultKind::not_found, *relative + ": no such folder");
  if (kind == Kind::other) return fail(FaultKind::policy, *relative + ": neither file nor directory");
  const int result = kind == Kind::holder ? ::rmdir(path.c_str()) : ::unlink(path.c_str());
  if (result < 0) return disk_fault(path, errno);
  return system_disk().sync_folder_of(path);
}

Result<void> Tree::rename(std::string_view from, std::string_view to) const {
  if (iequals(from, "INBOX") || iequals(to, "INBOX"))
    return fail(FaultKind::policy, "INBOX can't be renamed");
  const auto old_relative = folder_path(from);
  const auto new_relative = folder_path(to);
  if (!old_relative) return std::unexpected(old_relative.error());
  if (!new_relative) return std::unexpected(new_relative.error());
  if (auto above = check_above(root_, *old_relative); !above) return above;
  if (new_relative->starts_with(*old_relative + "/"))
    return fail(FaultKind::policy, "a folder can't hold itself");
  const std::string old_path = root_ + "/" + *old_relative;
  const std::string new_path = root_ + "/" + *new_relative;
  if (kind_of(old_path) == Kind::nothing)
    return fail(FaultKind::not_found, *old_relative + ": no such folder");
  if (auto above = make_above(root_, *new_relative); !above) return above;
  // What is there already is not replaced, even if it comes at this moment.
  if (::renameat2(AT_FDCWD, old_path.c_str(), AT_FDCWD, new_path.c_str(), RENAME_NOREPLACE) < 0) {
    return disk_fault(new_path, errno);
  }
  if (auto synced = system_disk().sync_folder_of(new_path); !synced) return synced;
  return system_disk().sync_folder_of(old_path);
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

// Written whole under another name, as Dovecot does it, under the same lock file.
Result<void> Tree::subscribe(std::string_view name, bool subscribed) const {
  const auto relative = iequals(name, "INBOX") ? Result<std::string>("INBOX") : folder_path(name);
  if (!relative) return std::unexpected(relative.error());
  auto names = subscriptions();
  if (!names) return std::unexpected(names.error());
  const std::string wanted = iequals(name, "INBOX") ? "INBOX" : std::string(name);
  const auto at = std::find(names->begin(), names->end(), wanted);
  if ((at != names->end()) == subscribed) return {};
  if (subscribed) {
    names->push_back(wanted);
  } else {
    names->erase(at);
  }
  std::string text = "V\t2\n\n";
  for (const std::string& each : *names) {
    const auto disk_name = to_modified_utf7(each);
    if (!disk_name) continue;
    std::string line;
    for (std::string_view part : split(*disk_name, '/')) line += (line.empty() ? "" : "\t") + escaped(part);
    text += line + "\n";
  }
  if (text.size() > kMaxSubscriptions) return fail(FaultKind::permanent, "too many subscriptions");
  if (auto above = make_above(root_, ""); !above) return above;
  const std::string lock = root_ + "/.subscriptions.lock";
  const auto fd = system_disk().open(lock, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (!fd) {
    return fail(fd.error().kind == FaultKind::exists ? FaultKind::temporary : fd.error().kind,
                fd.error().what);
  }
  const Handle file(*fd);
  Result<void> step = system_disk().write(*fd, 0, text);
  if (step) step = system_disk().sync(*fd);
  if (step) step = system_disk().rename(lock, root_ + "/.subscriptions");
  if (!step) static_cast<void>(system_disk().remove(lock));
  return step ? system_disk().sync_folder_of(lock) : step;
}

}  // namespace posthouse::mbox
