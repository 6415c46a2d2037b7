// What others changed in mbox files.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <unordered_map>

#include "mbox/hash.h"
#include "mirror/limits.h"
#include "mirror/mbox_files.h"

namespace posthouse::mirror {

namespace {

using mbox::Record;
using store::FlagSet;
using store::Uid;

constexpr std::string_view kTail = " tail ";  // in a state that lasts
constexpr uint64_t kTailRead = 4096;

// Finds the messages of the index among the file's: by UID and text, then by text alone, as letters of
// others bear no UID until they are given theirs.
class Matcher {
 public:
  Matcher(const std::vector<Driver::Known>& known, Driver::Look& out)
      : known_(known), out_(out), before_(known.size()), matched_(known.size(), 0) {
    for (size_t i = 0; i < known.size(); ++i) {
      before_[i] = parse_location(known[i].location).value_or(MboxLocation());
      by_uid_.emplace(known[i].uid, i);
      by_digest_.emplace(before_[i].digest, i);
    }
  }

  void run(const std::vector<Record>& records) {
    std::vector<const Record*> strangers;
    for (const Record& record : records) {
      out_.order.push_back({0, record.metadata.uid, false});
      const auto it = by_uid_.find(record.claimed_uid);
      const bool ours = it != by_uid_.end() && !matched_[it->second] &&
                        before_[it->second].digest == hex_digest(record.digest);
      if (ours) {
        match(record, it->second, out_.order.back());
      } else {
        strangers.push_back(&record);
      }
    }
    for (const Record* const record : strangers) {
      if (const std::optional<size_t> i = similar(*record)) {
        match(*record, *i, out_.order[static_cast<size_t>(record - records.data())]);
      } else {
        add(*record);
      }
    }
    for (size_t i = 0; i < known_.size(); ++i) {
      if (!matched_[i]) out_.gone.push_back(known_[i].uid);
    }
  }

 private:
  void match(const Record& record, size_t i, NamedMessage& named) {
    matched_[i] = 1;
    named.index = known_[i].uid;
    named.confirmed = before_[i].uid == known_[i].uid;
    const FlagSet has = to_flags(record.metadata);
    const bool only_lost = named.confirmed && record.metadata.uid == 0;
    const Uid uid = only_lost || record.claimed_uid == known_[i].uid ? known_[i].uid : 0;
    out_.misnamed = out_.misnamed || record.metadata.uid != known_[i].uid;
    if (has == before_[i].flags && uid == before_[i].uid) return;
    out_.changed.push_back({known_[i].uid, location_of(record, uid, has), difference(has, before_[i].flags),
                            difference(before_[i].flags, has)});
  }

  std::optional<size_t> similar(const Record& record) const {
    std::optional<size_t> earliest;
    const auto [from, to] = by_digest_.equal_range(hex_digest(record.digest));
    for (auto it = from; it != to; ++it) {
      if (!matched_[it->second] && (!earliest || it->second < *earliest)) earliest = it->second;
    }
    return earliest;
  }

  void add(const Record& record) {
    Driver::Look::Fresh fresh;
    fresh.flags = to_flags(record.metadata);
    if (record.metadata.uid <= kHighestForeignUid) fresh.uid = record.metadata.uid;
    fresh.location = location_of(record, 0, fresh.flags);
    fresh.date = SystemTime(seconds(record.from.time));
    out_.fresh.push_back(std::move(fresh));
  }

  const std::vector<Driver::Known>& known_;
  Driver::Look& out_;
  std::vector<MboxLocation> before_;
  std::vector<char> matched_;
  std::unordered_map<Uid, size_t> by_uid_;
  std::unordered_multimap<std::string, size_t> by_digest_;
};

}  // namespace

std::string to_text(const mbox::State& state) {
  return fmt::format("{} {} {} {} {} {}", state.exists, state.size, state.modified, state.device, state.inode,
                     state.changed);
}

Result<bool> MboxDriver::is_same(const std::string& mailbox, const std::string& state) {
  const Result<mbox::File> of = file(mailbox);
  if (!of) return std::unexpected(of.error());
  const Result<mbox::State> now = of->state();
  if (!now && now.error().kind == FaultKind::policy) return false;  // a directory now
  if (!now) return std::unexpected(now.error());
  const std::lock_guard lock(mutex_);
  Cached& known = cached(mailbox);
  if (to_text(*now) == state || (known.told == state && known.still == to_text(*now))) return true;
  if (state.find(kTail) == state.npos) return false;
  std::string still;
  const Result<std::string> lasts = lasting_state(mailbox, still);
  if (!lasts) return std::unexpected(lasts.error());
  if (*lasts != state) return false;
  known.told = state;
  known.still = still;
  return true;
}

// Size and times, and the file's end as well: that is where others write.
Result<std::string> MboxDriver::lasting_state(const std::string& mailbox, std::string& state) const {
  const Result<std::string> path = tree_.path_of(mailbox);
  if (!path) return path;
  const int fd = ::open(path->c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return std::string();
  struct stat facts{};
  std::string tail(kTailRead, '\0');
  const bool known = ::fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode);
  const auto size = static_cast<uint64_t>(std::max<off_t>(facts.st_size, 0));
  const ssize_t read =
      known ? ::pread(fd, tail.data(), tail.size(), static_cast<off_t>(size - std::min(size, kTailRead)))
            : -1;
  ::close(fd);
  if (read < 0) return std::string();
  tail.resize(static_cast<size_t>(read));
  const auto nanoseconds = [](const timespec& time) {
    return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  };
  state = to_text(mbox::State{true, size, nanoseconds(facts.st_mtim), facts.st_dev, facts.st_ino,
                              nanoseconds(facts.st_ctim)});
  // Another change may show the same time.
  const auto now = system_clock().now().time_since_epoch();
  if (now - seconds(std::max(facts.st_ctim.tv_sec, facts.st_mtim.tv_sec)) < kSameTime) return std::string();
  mbox::Hash hash;
  hash.update(tail);
  return fmt::format("{}{}{}", state, kTail, hex_digest(hash.digest()));
}

Result<std::string> MboxDriver::lasting(const std::string& mailbox, const std::string& state) {
  const std::lock_guard lock(mutex_);
  std::string now;
  Result<std::string> lasts = lasting_state(mailbox, now);
  if (!lasts || lasts->empty()) return lasts;
  const Cached& known = cached(mailbox);
  const bool same = now == state || *lasts == state || (known.told == state && known.still == now);
  return same ? lasts : std::string();
}

// A file that is not there is empty: mutt removes one whose last message it deleted. But where even its
// folder is missing, a disk may not be mounted.
Result<Driver::Look> MboxDriver::look(const std::string& mailbox, const std::vector<Known>& known) {
  const std::lock_guard lock(mutex_);
  Look out;
  std::vector<Record> none;
  const std::vector<Record>* all = &none;
  Result<mbox::Held> held = hold(mailbox, mbox::Access::read);
  if (held) {
    const Result<MboxRecords*> read = records(mailbox, *held);
    if (!read) return std::unexpected(read.error());
    all = &(*read)->all();
    out.state = to_text((*read)->state());
    cached(mailbox).told = cached(mailbox).still = out.state;
    const std::optional<mbox::Base>& base = (*read)->base();
    if (base) out.uid_validity = base->validity;
    if (base && base->last_uid <= kHighestForeignUid) out.uid_next = base->last_uid + 1;
  } else {
    if (held.error().kind != FaultKind::not_found) return std::unexpected(held.error());
    const Result<std::string> path = tree_.path_of(mailbox);
    if (!path) return std::unexpected(path.error());
    const std::string folder = path->substr(0, path->rfind('/') + 1);
    struct stat facts{};
    if (!known.empty() && ::stat(folder.c_str(), &facts) != 0)
      return fail(FaultKind::io, "no folder at " + folder + " (is its disk mounted?)");
  }
  Matcher(known, out).run(*all);
  return out;
}

}  // namespace posthouse::mirror
