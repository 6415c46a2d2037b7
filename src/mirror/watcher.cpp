#include "mirror/watcher.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>

#include "mirror/limits.h"

namespace posthouse::mirror {

Result<int> Watcher::open() {
  const std::lock_guard lock(mutex_);
  Result<maildir::Watch> opened = maildir::Watch::open(most_);
  if (!opened) return std::unexpected(opened.error());
  watch_.emplace(std::move(*opened));
  const int fd = ::fcntl(watch_->fd(), F_DUPFD_CLOEXEC, 0);
  if (fd < 0) return fail(FaultKind::temporary, std::string("inotify: ") + std::strerror(errno));
  return fd;
}

bool Watcher::wants(const Which& which, bool by_session) {
  const std::lock_guard lock(mutex_);
  if (!watch_) return false;
  const auto found = by_mailbox_.find(which);
  if (found == by_mailbox_.end()) return by_session;
  if (by_session) {
    found->second->looked = clock_.steady();
    entries_.splice(entries_.begin(), entries_, found->second);
  }
  return found->second->polled;
}

void Watcher::add(const Which& which, const std::vector<std::string>& paths) {
  const std::lock_guard lock(mutex_);
  if (!watch_) return;
  auto known = by_mailbox_.find(which);
  if (known == by_mailbox_.end()) {
    if (entries_.size() >= most_) drop(std::prev(entries_.end()));
    entries_.push_front({which, ++last_key_, false, clock_.steady()});
    known = by_mailbox_.emplace(which, entries_.begin()).first;
    by_key_.emplace(last_key_, entries_.begin());
  }
  Entry& entry = *known->second;
  watch_->remove(entry.key);
  entry.polled = paths.empty() || !watch_->add_paths(entry.key, paths);
}

void Watcher::drop(Entries::iterator entry) {
  watch_->remove(entry->key);
  by_key_.erase(entry->key);
  by_mailbox_.erase(entry->which);
  entries_.erase(entry);
}

std::vector<Watcher::Which> Watcher::take_changed() {
  const std::lock_guard lock(mutex_);
  std::vector<Which> found;
  const Result<maildir::Watch::Changes> changes = watch_->read_events();
  const bool all = !changes || changes->all;
  if (all) {
    for (const Entry& entry : entries_) found.push_back(entry.which);
  }
  if (!changes) return found;
  for (const uint64_t key : changes->keys) {
    if (const auto entry = by_key_.find(key); entry != by_key_.end() && !all)
      found.push_back(entry->second->which);
  }
  for (const uint64_t key : changes->gone) {
    if (const auto entry = by_key_.find(key); entry != by_key_.end()) entry->second->polled = true;
  }
  return found;
}

std::vector<Watcher::Which> Watcher::polled() {
  const std::lock_guard lock(mutex_);
  std::vector<Which> found;
  for (const Entry& entry : entries_) {
    if (entry.polled) found.push_back(entry.which);
  }
  return found;
}

std::vector<Watcher::Which> Watcher::all() {
  const std::lock_guard lock(mutex_);
  std::vector<Which> found;
  const SteadyTime now = clock_.steady();
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto entry = it++;
    if (now - entry->looked > kWatchedFor) {
      drop(entry);
    } else {
      found.push_back(entry->which);
    }
  }
  return found;
}

}  // namespace posthouse::mirror
