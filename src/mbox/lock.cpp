#include "mbox/lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/ascii.h"
#include "base/process.h"
#include "base/random.h"
#include "mbox/limits.h"

namespace posthouse::mbox {

namespace {

// Sleeps longer each time, never beyond `until`; signals don't shorten it. False when the time is over.
class Naps {
 public:
  Naps(SteadyTime until, const LockOptions& options) : until_(until), options_(options) {}
  bool take() {
    const SteadyTime now = options_.clock->steady();
    if (!waiting_) {
      waiting_.emplace(options_.waiters);
      if (!waiting_->is_patient()) until_ = std::min<SteadyTime>(until_, now + kShortPatience);
    }
    if (now >= until_ || (options_.waiters != nullptr && options_.waiters->is_closed())) return false;
    std::this_thread::sleep_for(std::min<SteadyTime::duration>(nap_, until_ - now));
    nap_ = std::min(nap_ * 2, kLongestNap);
    return true;
  }

 private:
  SteadyTime until_;
  const LockOptions& options_;
  std::optional<Waiting> waiting_;
  milliseconds nap_ = kFirstNap;
};

// Who made a lock file: "PID", as liblockfile and mutt write it, or "PID:HOST" of Dovecot. Process 0: it does
// not say.
struct Owner {
  pid_t process = 0;
  bool elsewhere = false;  // on another host
};

Owner owner_of(std::string_view text) {
  text = trim(text);
  const size_t colon = text.find(':');
  const auto pid = parse_uint(text.substr(0, colon));
  if (!pid || *pid > INT32_MAX) return {};
  char host[256] = {};
  const bool elsewhere = colon != std::string_view::npos &&
                         (::gethostname(host, sizeof host - 1) != 0 || text.substr(colon + 1) != host);
  return {elsewhere ? 0 : static_cast<pid_t>(*pid), elsewhere};
}

// How long locks stand unchanged that may be stale, by our own steady clock: the clock on the wall may have
// been set.
class Watched {
 public:
  bool is_old(const std::string& name, const struct ::stat& lock, SteadyTime now) {
    const std::lock_guard guard(mutex_);
    if (seen_.size() > kMostWatched) seen_.clear();
    const auto [at, first] = seen_.try_emplace(name, Seen{lock, now});
    Seen& seen = at->second;
    const bool same = seen.lock.st_dev == lock.st_dev && seen.lock.st_ino == lock.st_ino &&
                      seen.lock.st_mtim.tv_sec == lock.st_mtim.tv_sec &&
                      seen.lock.st_mtim.tv_nsec == lock.st_mtim.tv_nsec;
    if (!same) seen = {lock, now};
    if (now - seen.since <= kDotlockAge) return false;
    seen_.erase(at);
    return true;
  }

 private:
  static constexpr size_t kMostWatched = 1'000;
  struct Seen {
    struct ::stat lock = {};
    SteadyTime since{};
  };
  std::mutex mutex_;
  std::unordered_map<std::string, Seen> seen_;
};

bool is_before_start(const struct ::stat& lock) {
  return std::chrono::sys_seconds(seconds(lock.st_mtim.tv_sec)) + seconds(1) < machine_started();
}

// A lock is stale when who made it is gone for certain. When that can't be known: if it names nobody here,
// when it is old by the clock of the file system (`now` is the time of a file made there just before); if it
// names a process that may have got the number since, when it stood unchanged for so long under our eyes, or
// is from before the machine's start and as old.
bool is_stale(const std::string& name, int fd, const struct ::stat& lock, time_t now, const Clock& clock) {
  static Watched watched;
  std::string text;
  if (fd >= 0) text = system_disk().read(fd, 0, 300).value_or("");
  const Owner owner = owner_of(text);
  const bool old = now - lock.st_mtime > kDotlockAge.count();
  if (owner.process == 0) return old;
  switch (maker_of_lock(owner.process, lock)) {
    case LockMaker::gone:
      return true;
    case LockMaker::unknown:
      return (old && is_before_start(lock)) || watched.is_old(name, lock, clock.steady());
    case LockMaker::here:
      break;
  }
  return false;
}

constexpr std::string_view kCandidate = ".lk";
constexpr size_t kTokenLength = 10;

using Candidate = SpareLock::Candidate;

// What a process of ours that was killed left of its candidates. Other programs' names are others.
bool is_left_behind(const std::filesystem::directory_entry& entry) {
  const std::string name = entry.path().filename().string();
  const size_t dot = name.rfind('.');
  if (!name.starts_with(kCandidate) || dot < kCandidate.size() || name.size() - dot - 1 != kTokenLength)
    return false;
  const auto pid = parse_uint(std::string_view(name).substr(kCandidate.size(), dot - kCandidate.size()));
  struct ::stat info = {};
  if (!pid || *pid > INT32_MAX || ::lstat(entry.path().c_str(), &info) < 0 || !S_ISREG(info.st_mode))
    return false;
  return maker_of_lock(static_cast<pid_t>(*pid), info) == LockMaker::gone;
}

// Once in the life of this process, before it makes one there. Whatever can't be done is left to the next.
void clear_left_behind(const std::string& folder) {
  static std::mutex mutex;
  static std::unordered_set<std::string> cleared;
  const std::lock_guard lock(mutex);
  if (!cleared.insert(folder).second) return;
  std::error_code none;
  std::vector<std::filesystem::path> left;
  for (std::filesystem::directory_iterator it(folder.empty() ? "." : folder, none), end; !none && it != end;
       it.increment(none)) {
    if (is_left_behind(*it)) left.push_back(it->path());
  }
  for (const std::filesystem::path& path : left) ::unlink(path.c_str());
}

// The file that is to become the lock, with our process in it.
Result<Candidate> make_candidate(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
  clear_left_behind(folder);
  Candidate made{
      fmt::format("{}{}{}.{}", folder, kCandidate, ::getpid(), system_random().token(kTokenLength)), {}};
  const int fd = ::open(made.name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) return disk_fault(made.name, errno);
  const Handle handle(fd);
  const auto written = system_disk().write(fd, 0, std::to_string(::getpid()) + "\n");
  if (!written || ::fstat(fd, &made.info) < 0) {
    auto fault = written ? disk_fault(made.name, errno) : std::unexpected(written.error());
    ::unlink(made.name.c_str());
    return fault;
  }
  note_own_lock(made.info.st_dev, made.info.st_ino);
  return made;
}

enum class Try { done, taken };

// link() tells on every file system, also when its answer got lost: then the count of names does.
Result<Try> try_link(const Candidate& made, const std::string& name) {
  if (::link(made.name.c_str(), name.c_str()) == 0) return Try::done;
  const int error = errno;
  struct ::stat info = {};
  if (::lstat(made.name.c_str(), &info) == 0 && info.st_nlink == 2) return Try::done;
  if (error == EEXIST || error == EINTR) return Try::taken;
  return disk_fault(name, error);
}

bool is_same(const std::string& name, const struct ::stat& known) {
  struct ::stat now = {};
  return ::lstat(name.c_str(), &now) == 0 && now.st_dev == known.st_dev && now.st_ino == known.st_ino;
}

// Puts the candidate in the place of the stale lock in one step, so that nobody finds none in between; what
// was there gets the candidate's name. If it is not the one that was judged (another program was faster), it
// goes back, which has never left the name free either. Nothing where the file system can't.
std::optional<Result<Try>> exchange(const Candidate& made, const std::string& name,
                                    const struct ::stat& stale) {
  const auto swap = [&] {
    return ::renameat2(AT_FDCWD, made.name.c_str(), AT_FDCWD, name.c_str(), RENAME_EXCHANGE) == 0;
  };
  if (!swap()) {
    if (errno == ENOENT) return try_link(made, name);
    if (errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP) return std::nullopt;
    return disk_fault(name, errno);
  }
  if (is_same(made.name, stale)) return Try::done;
  // Fails when its owner has taken away, by its name, what he thought to be his: then nobody has the lock.
  swap();
  return Try::taken;
}

// The same where the file system knows no exchange (NFS): for a moment there is no lock.
Result<Try> replace(const Candidate& made, const std::string& name, const struct ::stat& stale) {
  const std::string aside = made.name + ".old";
  if (!is_same(name, stale)) return Try::taken;
  if (::rename(name.c_str(), aside.c_str()) < 0) return Try::taken;
  if (!is_same(aside, stale)) {  // goes back, unless somebody has made yet another
    [[maybe_unused]] const int back = ::link(aside.c_str(), name.c_str());
    ::unlink(aside.c_str());
    return Try::taken;
  }
  ::unlink(aside.c_str());
  return try_link(made, name);
}

// Takes the place of a stale lock, if it is still the one that was judged.
Result<Try> take_over(const Candidate& made, const std::string& name, const Clock& clock) {
  // Kept open: its inode's number is not given again.
  const Handle handle(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct ::stat lock = {};
  const bool known = handle ? ::fstat(handle.get(), &lock) == 0 : ::lstat(name.c_str(), &lock) == 0;
  if (!known) return try_link(made, name);
  if (!is_stale(name, handle ? handle.get() : -1, lock, made.info.st_mtime, clock)) return Try::taken;
  std::optional<Result<Try>> done = exchange(made, name, lock);
  return done ? std::move(*done) : replace(made, name, lock);
}

}  // namespace

Result<void> lock_file(int fd, bool exclusive, SteadyTime until, const LockOptions& options,
                       const std::string& path) {
  Naps naps(until, options);
  for (;;) {
    struct flock lock = {};
    lock.l_type = exclusive ? F_WRLCK : F_RDLCK;
    lock.l_whence = SEEK_SET;
    if (::fcntl(fd, F_OFD_SETLK, &lock) == 0) return {};
    if (errno != EAGAIN && errno != EACCES && errno != EINTR) return disk_fault(path, errno);
    if (!naps.take()) return fail(FaultKind::temporary, path + ": another program keeps it locked");
  }
}

Result<DotlockFile> DotlockFile::make(const std::string& path, const LockOptions& options) {
  if (options.dotlock == Dotlock::never) return DotlockFile("", 0, 0);
  const std::string name = path + ".lock";
  std::optional<Candidate> spare = options.spare ? options.spare->take() : std::nullopt;
  auto made = spare ? Result<Candidate>(std::move(*spare)) : make_candidate(path);
  if (!made) {
    if (options.dotlock == Dotlock::if_permitted && made.error().kind == FaultKind::policy) {
      return DotlockFile("", 0, 0);
    }
    return std::unexpected(made.error());
  }
  auto linked = try_link(*made, name);
  if (options.spare && linked && *linked == Try::done) {
    DotlockFile lock(name, made->info.st_dev, made->info.st_ino);
    lock.return_to(options.spare, std::move(*made));
    return lock;
  }
  if (linked && *linked == Try::taken) {
    linked = take_over(*made, name, *options.clock);
  }
  const bool untouched = linked && *linked == Try::taken && is_same(made->name, made->info);
  if (options.spare && untouched) {
    forget_own_lock(made->info.st_dev, made->info.st_ino);
    options.spare->keep(std::move(*made));
    return fail(FaultKind::temporary, name + ": another program keeps it");
  }
  ::unlink(made->name.c_str());
  if (!linked || *linked != Try::done) forget_own_lock(made->info.st_dev, made->info.st_ino);
  if (!linked) return std::unexpected(linked.error());
  if (*linked == Try::taken) return fail(FaultKind::temporary, name + ": another program keeps it");
  return DotlockFile(name, made->info.st_dev, made->info.st_ino);
}

Result<DotlockFile> DotlockFile::wait(const std::string& path, const LockOptions& options) {
  Naps naps(options.clock->steady() + options.patience, options);
  for (;;) {
    Result<DotlockFile> made = make(path, options);
    if (made || made.error().kind != FaultKind::temporary || !naps.take()) return made;
  }
}

Result<DotlockFile> lock_for_writing(int fd, SteadyTime until, const LockOptions& options,
                                     const std::string& path) {
  Naps naps(until, options);
  for (;;) {
    if (auto locked = lock_file(fd, true, until, options, path); !locked)
      return std::unexpected(locked.error());
    auto dotlock = DotlockFile::make(path, options);
    if (dotlock || dotlock.error().kind != FaultKind::temporary) return dotlock;
    struct flock lock = {};
    lock.l_type = F_UNLCK;
    lock.l_whence = SEEK_SET;
    ::fcntl(fd, F_OFD_SETLK, &lock);
    if (!naps.take()) return dotlock;
  }
}

DotlockFile::~DotlockFile() {
  release();
}

DotlockFile::DotlockFile(DotlockFile&& other) noexcept
    : name_(std::exchange(other.name_, {})),
      device_(other.device_),
      inode_(other.inode_),
      spare_(std::move(other.spare_)),
      candidate_(std::move(other.candidate_)) {}

DotlockFile& DotlockFile::operator=(DotlockFile&& other) noexcept {
  if (this != &other) {
    release();
    name_ = std::exchange(other.name_, {});
    device_ = other.device_;
    inode_ = other.inode_;
    spare_ = std::move(other.spare_);
    candidate_ = std::move(other.candidate_);
  }
  return *this;
}

void DotlockFile::touch() {
  if (!name_.empty()) ::utimensat(AT_FDCWD, name_.c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
}

// Only if it is still ours: somebody may have judged it stale.
void DotlockFile::release() {
  if (name_.empty()) return;
  struct ::stat info = {};
  const bool ours = ::lstat(name_.c_str(), &info) == 0 && info.st_dev == device_ && info.st_ino == inode_;
  const bool free = ours && ::unlink(name_.c_str()) == 0;
  forget_own_lock(device_, inode_);
  name_.clear();
  if (!spare_) return;
  if (free) {
    spare_->keep(std::move(candidate_));
  } else {
    ::unlink(candidate_.name.c_str());
  }
  spare_.reset();
}

void DotlockFile::return_to(std::shared_ptr<SpareLock> spare, SpareLock::Candidate candidate) {
  spare_ = std::move(spare);
  candidate_ = std::move(candidate);
}

SpareLock::~SpareLock() {
  if (candidate_) ::unlink(candidate_->name.c_str());
}

// Whatever happened to it meanwhile: only a file with the one name, that we made, may become a lock.
std::optional<SpareLock::Candidate> SpareLock::take() {
  std::optional<Candidate> out;
  {
    const std::lock_guard lock(mutex_);
    out = std::exchange(candidate_, std::nullopt);
  }
  if (!out) return std::nullopt;
  const struct ::stat known = out->info;
  const bool fresh = ::utimensat(AT_FDCWD, out->name.c_str(), nullptr, AT_SYMLINK_NOFOLLOW) == 0 &&
                     ::lstat(out->name.c_str(), &out->info) == 0;
  const bool same = fresh && S_ISREG(out->info.st_mode) && out->info.st_dev == known.st_dev &&
                    out->info.st_ino == known.st_ino && out->info.st_nlink == 1 &&
                    out->info.st_size == known.st_size;
  if (!same) {
    ::unlink(out->name.c_str());
    return std::nullopt;
  }
  note_own_lock(out->info.st_dev, out->info.st_ino);
  return out;
}

void SpareLock::keep(Candidate candidate) {
  {
    const std::lock_guard lock(mutex_);
    if (!candidate_) {
      candidate_ = std::move(candidate);
      return;
    }
  }
  ::unlink(candidate.name.c_str());  // another thread made one as well
}

}  // namespace posthouse::mbox
