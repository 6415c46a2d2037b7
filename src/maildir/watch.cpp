#include "maildir/watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>

namespace posthouse::maildir {

namespace {
constexpr uint32_t kGone = IN_DELETE_SELF | IN_MOVE_SELF;
constexpr uint32_t kMessages = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | kGone;
constexpr uint32_t kFolder = IN_ONLYDIR | IN_DONT_FOLLOW;
constexpr uint32_t kContent = IN_MODIFY | IN_CLOSE_WRITE;
}  // namespace

Result<Watch> Watch::open(size_t max_folders) {
  File inotify(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify) return os_fault("inotify", "instance");
  return Watch(std::move(inotify), max_folders);
}

Result<int> Watch::watch(uint64_t key, const std::string& path, uint32_t events) {
  const int id = ::inotify_add_watch(inotify_.fd(), path.c_str(), events);
  if (id < 0 && errno == ENOSPC)
    return fail(FaultKind::policy, "no more inotify watches: fs.inotify.max_user_watches");
  if (id < 0) return os_fault("watch", path);
  keys_[id].insert(key);
  return id;
}

Result<void> Watch::add_all(uint64_t key, const std::vector<std::string>& paths, uint32_t events) {
  if (watches_.contains(key)) return {};
  if (watches_.size() >= max_folders_) return fail(FaultKind::policy, "no more folders are watched");
  std::vector<int>& ids = watches_[key];
  for (const std::string& path : paths) {
    const Result<int> id = watch(key, path, events);
    if (!id) {
      remove(key);
      return std::unexpected(id.error());
    }
    ids.push_back(*id);
  }
  return {};
}

Result<void> Watch::add(uint64_t key, const std::string& folder) {
  return add_all(key, {folder + "/new", folder + "/cur"}, kMessages | kFolder);
}

Result<void> Watch::add_tree(uint64_t key, const std::string& root) {
  return add_all(key, {root}, kMessages | kFolder);
}

Result<void> Watch::add_paths(uint64_t key, const std::vector<std::string>& paths) {
  return add_all(key, paths, kMessages | kContent);
}

void Watch::remove(uint64_t key) {
  const auto found = watches_.find(key);
  if (found == watches_.end()) return;
  for (const int id : found->second) {
    const auto keys = keys_.find(id);
    if (keys == keys_.end()) continue;
    keys->second.erase(key);
    if (!keys->second.empty()) continue;
    (void)::inotify_rm_watch(inotify_.fd(), id);
    keys_.erase(keys);
  }
  watches_.erase(found);
}

Result<Watch::Changes> Watch::read_events() {
  std::set<uint64_t> changed;
  std::set<uint64_t> gone;
  Changes changes;
  alignas(inotify_event) char buffer[16 * 1024];
  for (;;) {
    const ssize_t size = ::read(inotify_.fd(), buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno != EAGAIN) return os_fault("read", "inotify");
    if (size <= 0) break;
    for (ssize_t at = 0; at < size;) {
      const auto* const event = reinterpret_cast<const inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof *event + event->len);
      changes.all = changes.all || (event->mask & IN_Q_OVERFLOW) != 0;
      const auto keys = keys_.find(event->wd);
      if (keys == keys_.end()) continue;  // removed since
      changed.insert(keys->second.begin(), keys->second.end());
      if ((event->mask & (kGone | IN_IGNORED)) != 0) gone.insert(keys->second.begin(), keys->second.end());
    }
  }
  for (const uint64_t key : gone) remove(key);
  changes.keys.assign(changed.begin(), changed.end());
  changes.gone.assign(gone.begin(), gone.end());
  return changes;
}

}  // namespace posthouse::maildir
