#include "net/file_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <system_error>

#include "base/log.h"
#include "net/descriptor.h"

namespace posthouse::net {

namespace {
namespace fs = std::filesystem;
// A key and its certificate come one after the other; both should be there when they are read.
constexpr milliseconds kQuiet{1000};
constexpr uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ATTRIB;
}  // namespace

struct FileWatch::Impl {
  Impl(Loop& on, std::function<void()> call) : loop(on), changed(std::move(call)) {}
  ~Impl() {
    descriptor.reset();
    if (fd >= 0) ::close(fd);
  }

  Loop& loop;
  std::function<void()> changed;
  int fd = -1;  // until the descriptor has it
  std::unique_ptr<Descriptor> descriptor;
  std::map<int, std::set<std::string>> names;  // by watched folder
  std::atomic<bool> stopped{false};
  bool announced = false;  // a call of `changed` is on its way
  uint64_t seen = 0;       // changes so far

  void watch(const fs::path& file);
  bool read_events();
  static Task<void> announce(std::shared_ptr<Impl> self);
  static Task<void> run(std::shared_ptr<Impl> self);
};

void FileWatch::Impl::watch(const fs::path& file) {
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  const int id = inotify_add_watch(fd, folder.c_str(), kEvents);
  if (id < 0) {
    log::warn("net.file_watch_failed", {{"folder", folder.string()}, {"what", std::strerror(errno)}});
    return;
  }
  names[id].insert(file.filename().string());
  // A link into another folder, as certificate tools make them: its target may be written in place.
  std::error_code error;
  if (!fs::is_symlink(file, error)) return;
  const fs::path target = fs::canonical(file, error);
  if (!error && target.parent_path() != folder) watch(target);
}

// Takes all events there are; true if one concerned our files.
bool FileWatch::Impl::read_events() {
  bool ours = false;
  alignas(inotify_event) char buffer[4096];
  for (;;) {
    const ssize_t size = ::read(descriptor->fd(), buffer, sizeof buffer);
    if (size <= 0) break;
    for (ssize_t at = 0; at < size;) {
      const auto* const event = reinterpret_cast<const inotify_event*>(buffer + at);
      const auto watched = names.find(event->wd);
      ours = ours || (event->mask & IN_Q_OVERFLOW) != 0;
      ours = ours || (watched != names.end() && event->len != 0 && watched->second.contains(event->name));
      at += static_cast<ssize_t>(sizeof *event + event->len);
    }
  }
  descriptor->drained();
  return ours;
}

Task<void> FileWatch::Impl::announce(std::shared_ptr<Impl> self) {
  if (self->announced) co_return;
  self->announced = true;
  for (uint64_t known = 0; known != self->seen;) {
    known = self->seen;
    const Result<void> slept = co_await self->loop.sleep(kQuiet);
    if (!slept || self->stopped) co_return;
  }
  self->announced = false;
  self->changed();
}

Task<void> FileWatch::Impl::run(std::shared_ptr<Impl> self) {
  if (self->stopped) co_return;
  self->descriptor = std::make_unique<Descriptor>(self->loop, std::exchange(self->fd, -1));
  while (!self->stopped) {
    Descriptor::Awaiter readable = self->descriptor->wait_readable();
    const Result<void> ready = co_await readable;
    if (!ready) break;
    if (self->read_events()) {
      ++self->seen;
      spawn(announce(self));
    }
  }
  self->descriptor.reset();
}

FileWatch::FileWatch(Loop& loop, const std::vector<std::string>& files, std::function<void()> changed)
    : impl_(std::make_shared<Impl>(loop, std::move(changed))) {
  impl_->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (impl_->fd < 0) throw std::system_error(errno, std::generic_category(), "inotify_init1");
  for (const std::string& file : files) impl_->watch(file);
  loop.post([impl = impl_] { spawn(Impl::run(impl)); });
}

FileWatch::~FileWatch() {
  impl_->stopped = true;
  if (impl_->descriptor) impl_->descriptor->close();
}

}  // namespace posthouse::net
