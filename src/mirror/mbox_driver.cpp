// Mailboxes and reading; what changes them is in mbox_change.cpp, what others did in mbox_look.cpp.
#include "mirror/mbox_driver.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "mbox/limits.h"
#include "mirror/limits.h"
#include "mirror/mbox_files.h"

namespace posthouse::mirror {

using mbox::Access;
using mbox::Held;

// The folder of INBOX, such as /var/mail, often is not ours to write.
constexpr std::string_view kInboxJournal = "/.inbox";

namespace {

mbox::LockOptions lock_options(const Clock& clock, mbox::Waiters* waiters) {
  mbox::LockOptions options;
  options.clock = &clock;
  options.waiters = waiters;
  options.dotlock = mbox::Dotlock::if_permitted;
  return options;
}

}  // namespace

MboxDriver::MboxDriver(const store::FilePlace& place, const Clock& clock, mbox::Waiters* waiters)
    : place_(place), tree_(place.folders, place.inbox, lock_options(clock, waiters)) {
  options_.lock = lock_options(clock, waiters);
  // What is being put is in the database, so that a power cut leaves nothing torn for long.
  options_.announce_appends = false;
}

MboxDriver::~MboxDriver() {
  flush_all();
}

milliseconds MboxDriver::patience_for(const std::string& mailbox, Access access) const {
  if (patient_) return options_.lock.patience;
  const std::lock_guard lock(locked_mutex_);
  return locked_.contains({mailbox, access}) ? milliseconds(0) : mbox::kShortPatience;
}

void MboxDriver::note_lock(const std::string& mailbox, Access access, bool locked) const {
  const std::lock_guard lock(locked_mutex_);
  if (locked) {
    locked_.emplace(mailbox, access);
  } else {
    locked_.erase({mailbox, access});
  }
}

Result<mbox::File> MboxDriver::file(const std::string& mailbox, Access access) const {
  const Result<std::string> path = tree_.path_of(mailbox);
  if (!path) return std::unexpected(path.error());
  mbox::FileOptions options = options_;
  options.lock.patience = patience_for(mailbox, access);
  if (mailbox == "INBOX") {
    options.journal_base = place_.folders + std::string(kInboxJournal);
    options.keep_journal = true;
    options.lock.spare = inbox_lock_;
  }
  return mbox::File(*path, std::move(options));
}

Result<Held> MboxDriver::hold(const std::string& mailbox, Access access) {
  flush(mailbox);
  // A level that only held others gets messages now.
  if (access == Access::write && mailbox != "INBOX") {
    if (const Result<void> room = tree_.make_room(mailbox); !room) return final_fault(room.error());
  }
  const Result<mbox::File> of = file(mailbox, access);
  if (!of) return final_fault(of.error());
  struct stat facts{};
  const bool holder = ::lstat(of->path().c_str(), &facts) == 0 && S_ISDIR(facts.st_mode);
  if (holder && mailbox == "INBOX")
    return fail(FaultKind::policy, of->path() + ": a directory is where the mbox should be");
  if (holder) return fail(FaultKind::not_found, of->path() + ": it only holds others");
  Result<Held> held = of->open(access);
  note_lock(mailbox, access, !held && held.error().kind == FaultKind::temporary);
  return held;
}

MboxDriver::Cached& MboxDriver::cached(const std::string& mailbox) {
  const auto known = std::ranges::find(records_, mailbox, &Cached::mailbox);
  if (known != records_.end()) {
    records_.splice(records_.begin(), records_, known);
  } else {
    records_.push_front({mailbox, {}, {}, {}, {}});
    if (records_.size() > kKnownFiles) records_.pop_back();
  }
  return records_.front();
}

Result<MboxRecords*> MboxDriver::records(const std::string& mailbox, Held& held) {
  MboxRecords& out = cached(mailbox).records;
  const Result<void> fresh = out.refresh(held);
  if (!fresh) return std::unexpected(fresh.error());
  return &out;
}

// What is a mailbox above `mailbox` becomes a mere holder as long as it is empty: so Dovecot sees what is
// below. Under lock, as somebody may be about to put a letter into it.
void MboxDriver::make_holders_above(const std::string& mailbox) {
  for (size_t at = mailbox.find('/'); at != mailbox.npos; at = mailbox.find('/', at + 1)) {
    const std::string level = mailbox.substr(0, at);
    if (level == "INBOX" || !tree_.is_mailbox(level) || tree_.is_holder(level)) continue;
    const Result<Held> held = hold(level, Access::write);
    if (!held) continue;
    const Result<mbox::State> now = held->state();
    if (!now || now->size != 0) continue;
    const Result<void> removed = tree_.remove(level);
    if (removed) static_cast<void>(tree_.create(level + "/"));  // never neither: it would seem to be gone
  }
}

Result<void> MboxDriver::make(const std::string& mailbox) {
  flush_all();
  Result<void> done = make_parents(place_.inbox);
  if (done) done = make_parents(place_.folders + "/");
  if (!done || mailbox == "INBOX") return done;
  if (const Result<void> named = mbox::check_new_name(mailbox); !named) return final_fault(named.error());
  make_holders_above(mailbox);
  done = tree_.create(mailbox);
  if (!done && done.error().kind == FaultKind::exists) return {};
  return done ? done : final_fault(done.error());
}

Result<void> MboxDriver::rename(const std::string& from, const std::string& to) {
  flush_all();
  if (!mbox::check_new_name(from)) return make(to);  // it was in the index only
  if (const Result<void> named = mbox::check_new_name(to); !named) return final_fault(named.error());
  // What a crash left undone is done first: its journal stays behind under the old name.
  std::optional<Held> held;
  if (tree_.is_mailbox(from)) {
    Result<Held> locked = hold(from, Access::write);
    if (!locked) return final_fault(locked.error());
    held.emplace(std::move(*locked));
  }
  make_holders_above(to);
  Result<void> done = tree_.rename(from, to);
  if (!done && done.error().kind == FaultKind::exists) done = tree_.rename_below(from, to);
  if (done) return done;
  if (done.error().kind != FaultKind::not_found) return final_fault(done.error());
  return make(to);  // went along with what is above it
}

Result<void> MboxDriver::erase(const std::string& mailbox) {
  flush_all();
  const Result<void> done = tree_.remove(mailbox);
  const bool fine =
      !done && (done.error().kind == FaultKind::not_found || done.error().kind == FaultKind::exists);
  return done || fine ? Result<void>() : final_fault(done.error());
}

// Without its disk nothing is made in its place, and nothing is gone.
bool MboxDriver::has_folders() const {
  struct stat facts{};
  return ::stat(place_.folders.c_str(), &facts) == 0;
}

Result<std::vector<Driver::Level>> MboxDriver::mailboxes() {
  if (!has_folders())
    return fail(FaultKind::io, "no folder at " + place_.folders + " (is its disk mounted?)");
  const Result<std::vector<mbox::Folder>> all = tree_.list();
  if (!all) return std::unexpected(all.error());
  std::vector<Level> levels;
  for (const mbox::Folder& folder : *all) levels.push_back({folder.name, !folder.selectable, folder.unread});
  return levels;
}

namespace {

std::optional<mbox::Record> pick(const MboxRecords& records, const MboxLocation& location) {
  const std::optional<MboxLocation> named[] = {location};
  const std::optional<MboxLocation> any[] = {MboxLocation{0, location.digest, {}}};  // has the same octets
  std::optional<size_t> at = records.assign(named).front();
  if (!at) at = records.assign(any).front();
  return at ? std::optional(records.all()[*at]) : std::nullopt;
}

}  // namespace

// Where a part of the file can't be read, the messages that lie elsewhere can be.
Result<mbox::Record> MboxDriver::find(const std::string& mailbox, Held& held, const MboxLocation& location) {
  const Result<mbox::State> now = held.state();
  if (!now) return std::unexpected(now.error());
  MboxRecords& around = cached(mailbox).around;
  if (around.is_of(*now)) {
    if (const auto there = pick(around, location)) return *there;
  }
  const Result<MboxRecords*> all = records(mailbox, held);
  if (!all && all.error().kind == FaultKind::io) {
    const Result<void> read = around.refresh_around(held);
    const auto there = read ? pick(around, location) : std::nullopt;
    return there ? Result<mbox::Record>(*there) : std::unexpected(all.error());
  }
  if (!all) return std::unexpected(all.error());
  const auto there = pick(**all, location);
  if (!there) return fail(FaultKind::not_found, "the message is gone");
  return *there;
}

Result<std::unique_lock<std::timed_mutex>> MboxDriver::lock_to_read(const std::string& mailbox) {
  std::unique_lock lock(mutex_, std::try_to_lock);
  const milliseconds patience = patient_ ? options_.lock.patience : mbox::kShortPatience;
  if (!lock && !lock.try_lock_for(patience))
    return fail(FaultKind::temporary, mailbox + ": its file is locked, or being written");
  return lock;
}

Result<std::string> MboxDriver::read_block(const std::string& mailbox, const MboxLocation& location,
                                           uint64_t offset) {
  const auto lock = lock_to_read(mailbox);
  if (!lock) return std::unexpected(lock.error());
  Result<Held> held = hold(mailbox, Access::read);
  if (!held) return std::unexpected(held.error());
  const Result<mbox::Record> record = find(mailbox, *held, location);
  if (!record) return std::unexpected(record.error());
  Result<mbox::Reader> reader = held->reader(*record);
  if (!reader) return std::unexpected(reader.error());
  return reader->read(offset, kBlock);
}

Result<std::vector<std::string>> MboxDriver::read_beginnings(const std::string& mailbox,
                                                             const std::vector<std::string>& locations,
                                                             uint64_t most) {
  const auto lock = lock_to_read(mailbox);
  if (!lock) return std::unexpected(lock.error());
  Result<Held> held = hold(mailbox, Access::read);
  if (!held) return std::unexpected(held.error());
  std::vector<std::string> out;
  for (const std::string& location : locations) {
    const std::optional<MboxLocation> at = parse_location(location);
    if (!at) return fail(FaultKind::corrupt, "a location that can't be read");
    const Result<mbox::Record> record = find(mailbox, *held, *at);
    if (!record) return std::unexpected(record.error());
    Result<mbox::Reader> reader = held->reader(*record);
    if (!reader) return std::unexpected(reader.error());
    Result<std::string> bytes = reader->read(0, static_cast<size_t>(most));
    if (!bytes) return std::unexpected(bytes.error());
    out.push_back(std::move(*bytes));
  }
  return out;
}

Result<Bytes> MboxDriver::open(const std::string& mailbox, const std::string& location) {
  const std::optional<MboxLocation> at = parse_location(location);
  if (!at) return fail(FaultKind::corrupt, "a location that can't be read");
  struct Block {
    std::mutex mutex;
    bool read = false;
    uint64_t begin = 0;
    std::string bytes;
  };
  auto block = std::make_shared<Block>();
  // A block at a time, as the file is locked only while it is read.
  return Bytes([this, mailbox, at = *at, block](uint64_t offset, uint64_t length) -> Result<std::string> {
    const std::lock_guard lock(block->mutex);
    std::string out;
    while (out.size() < length) {
      const uint64_t begin = (offset + out.size()) / kBlock * kBlock;
      if (!block->read || block->begin != begin) {
        Result<std::string> bytes = read_block(mailbox, at, begin);
        if (!bytes) return bytes;
        block->bytes = std::move(*bytes);
        block->begin = begin;
        block->read = true;
      }
      const uint64_t from = offset + out.size() - begin;
      if (from >= block->bytes.size()) break;
      out.append(block->bytes, from, length - out.size());
    }
    return out;
  });
}

// What is new to a backup. That the digests are right proves that these are the messages.
std::optional<std::vector<mbox::Record>> MboxDriver::find_at_end(
    const std::string& mailbox, const Held& held, const std::vector<std::optional<MboxLocation>>& locations,
    uint64_t octets) {
  const Result<mbox::State> now = held.state();
  const uint64_t end = octets + octets / 8 + locations.size() * kHeaderOctets + kPiece;
  if (!now || cached(mailbox).records.is_of(*now) || end > now->size / 4) return std::nullopt;
  std::map<std::pair<store::Uid, std::string>, size_t> wanted;
  for (size_t i = 0; i < locations.size(); ++i) {
    if (!locations[i] || locations[i]->uid == 0) return std::nullopt;
    wanted.emplace(std::pair(locations[i]->uid, locations[i]->digest), i);
  }
  std::vector<mbox::Record> out(locations.size());
  size_t found = 0;
  const Result<void> scanned = held.scan_end(end, [&](mbox::Record&& record) {
    const auto one = wanted.find({record.claimed_uid, hex_digest(record.digest)});
    if (one == wanted.end()) return;
    ++found;
    out[one->second] = std::move(record);
    wanted.erase(one);
  });
  if (!scanned || found < locations.size()) return std::nullopt;
  return out;
}

// Locked once, and each message's place found once. Where something is in the way, each is tried by itself.
std::vector<Result<std::string>> MboxDriver::read_all(const std::string& mailbox,
                                                      const std::vector<Wanted>& wanted) {
  std::vector<std::optional<MboxLocation>> locations;
  locations.reserve(wanted.size());
  uint64_t octets = 0;
  for (const Wanted& one : wanted) {
    locations.push_back(parse_location(one.location));
    octets += one.size;
  }
  std::unique_lock lock(mutex_);
  Result<Held> held = hold(mailbox, Access::read);
  if (const auto last = held ? find_at_end(mailbox, *held, locations, octets) : std::nullopt) {
    std::vector<Result<std::string>> out;
    for (size_t i = 0; i < wanted.size(); ++i) {
      Result<mbox::Reader> reader = held->reader((*last)[i]);
      out.push_back(reader ? reader->read(0, wanted[i].size + 1) : std::unexpected(reader.error()));
    }
    return out;
  }
  const Result<MboxRecords*> all = held ? records(mailbox, *held) : std::unexpected(held.error());
  if (!all) {
    held = std::unexpected(all.error());
    lock.unlock();
    return Driver::read_all(mailbox, wanted);
  }
  const std::vector<std::optional<size_t>> places = (*all)->assign(locations);
  std::vector<Result<std::string>> out;
  out.reserve(wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    std::optional<mbox::Record> record;
    if (places[i]) {
      record = (*all)->all()[*places[i]];
    } else if (locations[i]) {
      record = pick(**all, *locations[i]);  // the same octets twice, of which one is left
    }
    if (!record) {
      out.emplace_back(fail(FaultKind::not_found, "the message is gone"));
      continue;
    }
    Result<mbox::Reader> reader = held->reader(*record);
    out.push_back(reader ? reader->read(0, wanted[i].size + 1) : std::unexpected(reader.error()));
  }
  return out;
}

std::string MboxDriver::named(const std::string& location, store::Uid uid) const {
  std::optional<MboxLocation> at = parse_location(location);
  if (!at) return location;
  at->uid = uid;
  return format_location(*at);
}

std::string MboxDriver::name_in(const std::string& location) {
  const std::optional<MboxLocation> at = parse_location(location);
  return at ? at->digest : std::string();
}

Result<void> MboxDriver::subscribe(const std::string& mailbox, bool subscribed) {
  const std::string list = "/subscriptions";  // no mailbox has that name
  const Result<void> done = tree_.subscribe(mailbox, subscribed, patience_for(list, Access::write));
  note_lock(list, Access::write, !done && done.error().kind == FaultKind::temporary);
  return done ? done : final_fault(done.error());
}

Result<std::vector<std::string>> MboxDriver::subscriptions() {
  return tree_.subscriptions();
}

std::vector<std::string> MboxDriver::watched(const std::string& mailbox) {
  const Result<std::string> path = tree_.path_of(mailbox);
  return path ? std::vector<std::string>{*path} : std::vector<std::string>();
}

std::unique_ptr<Driver> make_mbox_driver(const store::FilePlace& place, const Clock& clock,
                                         mbox::Waiters* waiters) {
  return std::make_unique<MboxDriver>(place, clock, waiters);
}

}  // namespace posthouse::mirror
