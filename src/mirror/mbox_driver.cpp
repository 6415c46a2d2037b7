#include "mirror/mbox_driver.h"

#include <sys/stat.h>

#include <algorithm>
#include <list>
#include <mutex>
#include <span>
#include <unordered_map>

#include "mbox/file.h"
#include "mbox/tree.h"
#include "mirror/limits.h"
#include "mirror/mbox_location.h"

namespace posthouse::mirror {

namespace {

using mbox::Access;
using mbox::Held;
using mbox::Metadata;
using mbox::Record;
using store::FlagSet;
using store::Uid;

// What is known of a file's messages; good as long as the file is as `known` says.
struct Records {
  std::string mailbox;
  std::optional<mbox::Known> known;
  std::vector<Record> all;  // but for c-client's own
  std::unordered_map<Uid, size_t> by_uid;
  int grown = 0;

  const Record* find(const MboxLocation& location) const {
    if (const auto it = by_uid.find(location.uid); it != by_uid.end()) {
      if (hex_digest(all[it->second].digest) == location.digest) return &all[it->second];
    }
    const auto same = [&](const Record& r) {
      return r.metadata.uid == 0 && hex_digest(r.digest) == location.digest;
    };
    const auto it = std::ranges::find_if(all, same);
    return it == all.end() ? nullptr : &*it;
  }
};

std::string to_text(const mbox::State& state) {
  return fmt::format("{} {} {} {} {}", state.exists, state.size, state.modified, state.device, state.inode);
}

std::string location_of(const Record& record, Uid uid, const FlagSet& flags) {
  return format_location({uid, hex_digest(record.digest), flags});
}

class MboxDriver final : public Driver {
 public:
  MboxDriver(const store::FilePlace& place, const Clock& clock)
      : place_(place), tree_(place.folders, place.inbox) {
    options_.lock.clock = &clock;
    options_.lock.dotlock = mbox::Dotlock::if_permitted;
  }

  Result<void> make(const std::string& mailbox) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> erase(const std::string& mailbox) override;
  Result<void> subscribe(const std::string& mailbox, bool subscribed) override {
    return tree_.subscribe(mailbox, subscribed);
  }
  Result<std::vector<Level>> mailboxes() override;
  Result<std::vector<std::string>> subscriptions() override { return tree_.subscriptions(); }
  void put(const std::string& mailbox, std::vector<Put>& messages) override;
  void change(const std::string& mailbox, std::vector<Change>& messages) override;
  Result<void> remove(const std::string& mailbox, const std::vector<std::string>& locations) override;
  Result<bool> is_same(const std::string& mailbox, const std::string& state) override;
  Result<Look> look(const std::string& mailbox, const std::vector<Known>& known) override;
  Result<void> note_uids(const std::string& mailbox, const Uids& uids) override;
  Result<Bytes> open(const std::string& mailbox, const std::string& location) override;
  std::vector<std::string> watched(const std::string& mailbox) override;

 private:
  Result<mbox::File> file(const std::string& mailbox) const;
  Result<Held> hold(const std::string& mailbox, Access access) const;
  // The file's records as they are now. Under mutex_.
  Result<Records*> records(const std::string& mailbox, Held& held);
  Records& cached(const std::string& mailbox);
  // X-IMAPbase with our UIDVALIDITY, which everything that uses UIDs relies on.
  Result<void> found(const std::string& mailbox, Held& held, uint32_t uid_validity);
  Result<void> rewrite(const std::string& mailbox, Held& held, std::span<const mbox::Change> changes,
                       const std::optional<mbox::Base>& base = std::nullopt);
  Result<void> put_all(const std::string& mailbox, std::vector<Put>& messages);
  Result<Record> put_one(Held& held, const Put& message, const std::optional<mbox::Base>& base);
  Result<void> change_all(const std::string& mailbox, std::vector<Change>& messages);
  Result<std::string> read_block(const std::string& mailbox, const MboxLocation& location, uint64_t offset);

  store::FilePlace place_;
  mbox::Tree tree_;
  mbox::FileOptions options_;
  std::mutex mutex_;            // open() may run beside all else
  std::list<Records> records_;  // the latest first
};

Result<mbox::File> MboxDriver::file(const std::string& mailbox) const {
  const Result<std::string> path = tree_.path_of(mailbox);
  if (!path) return std::unexpected(path.error());
  return mbox::File(*path, options_);
}

Result<Held> MboxDriver::hold(const std::string& mailbox, Access access) const {
  const Result<mbox::File> of = file(mailbox);
  if (!of) return std::unexpected(of.error());
  return of->open(access);
}

Records& MboxDriver::cached(const std::string& mailbox) {
  const auto known = std::ranges::find(records_, mailbox, &Records::mailbox);
  if (known != records_.end()) {
    records_.splice(records_.begin(), records_, known);
  } else {
    records_.push_front({mailbox, {}, {}, {}, 0});
    if (records_.size() > kKnownFiles) records_.pop_back();
  }
  return records_.front();
}

Result<Records*> MboxDriver::records(const std::string& mailbox, Held& held) {
  Records& out = cached(mailbox);
  const Result<mbox::State> now = held.state();
  if (!now) return std::unexpected(now.error());
  if (out.known && out.known->state == *now) return &out;
  std::vector<Record> seen;
  const auto take = [&](Record&& record) {
    if (!record.pseudo) seen.push_back(std::move(record));
  };
  // Of a file that grew only what is new is read, if reading all takes long; what others changed before that
  // at the same time is found once in a while.
  const bool grew = out.known && now->size > out.known->state.size && now->size > kReadWhole &&
                    ++out.grown % kReadAllEach != 0;
  const Result<mbox::ScanResult> scanned = held.scan(take, grew ? &*out.known : nullptr);
  if (!scanned) {
    out.known.reset();
    return std::unexpected(scanned.error());
  }
  if (!scanned->continued) {
    out.all.clear();
    out.by_uid.clear();
  }
  for (Record& record : seen) {
    if (record.metadata.uid != 0) out.by_uid.emplace(record.metadata.uid, out.all.size());
    out.all.push_back(std::move(record));
  }
  out.known = scanned->known;
  return &out;
}

Result<void> MboxDriver::found(const std::string& mailbox, Held& held, uint32_t uid_validity) {
  const Result<Records*> all = records(mailbox, held);
  if (!all) return std::unexpected(all.error());
  const std::optional<mbox::Base>& base = (*all)->known->base;
  if (uid_validity == 0 || (*all)->all.empty() || (base && base->validity == uid_validity)) return {};
  mbox::Base ours;
  ours.validity = uid_validity;
  return rewrite(mailbox, held, {}, ours);
}

// All records may stand elsewhere then, or look otherwise.
Result<void> MboxDriver::rewrite(const std::string& mailbox, Held& held,
                                 std::span<const mbox::Change> changes,
                                 const std::optional<mbox::Base>& base) {
  cached(mailbox).known.reset();
  return held.rewrite(changes, base);
}

Result<void> MboxDriver::make(const std::string& mailbox) {
  Result<void> done = make_parents(place_.inbox);
  if (done) done = make_parents(place_.folders + "/");
  if (!done || mailbox == "INBOX") return done;
  done = tree_.create(mailbox);
  if (!done && done.error().kind == FaultKind::exists) return {};
  // What is a mailbox above becomes a holder, as long as it is empty: the format has no room for both.
  for (size_t at = mailbox.find('/'); !done && done.error().kind == FaultKind::policy && at != mailbox.npos;
       at = mailbox.find('/', at + 1)) {
    const Result<std::string> path = tree_.path_of(mailbox.substr(0, at));
    struct stat facts{};
    const bool empty =
        path && ::lstat(path->c_str(), &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_size == 0;
    if (!empty) continue;
    const Result<void> removed = tree_.remove(mailbox.substr(0, at));
    if (!removed) return removed;
    done = tree_.create(mailbox);
  }
  return done;
}

Result<void> MboxDriver::rename(const std::string& from, const std::string& to) {
  Result<void> done = tree_.rename(from, to);
  if (done || done.error().kind != FaultKind::not_found) return done;
  return make(to);  // went along with what is above it
}

Result<void> MboxDriver::erase(const std::string& mailbox) {
  const Result<void> done = tree_.remove(mailbox);
  const bool fine =
      !done && (done.error().kind == FaultKind::not_found || done.error().kind == FaultKind::exists);
  return fine ? Result<void>() : done;
}

Result<std::vector<Driver::Level>> MboxDriver::mailboxes() {
  struct stat facts{};
  if (::stat(place_.folders.c_str(), &facts) != 0)
    return fail(FaultKind::io, "no folder at " + place_.folders + " (is its disk mounted?)");
  const Result<std::vector<mbox::Folder>> all = tree_.list();
  if (!all) return std::unexpected(all.error());
  std::vector<Level> levels;
  for (const mbox::Folder& folder : *all) levels.push_back({folder.name, !folder.selectable});
  return levels;
}

void MboxDriver::put(const std::string& mailbox, std::vector<Put>& messages) {
  const std::lock_guard lock(mutex_);
  const Result<void> done = put_all(mailbox, messages);
  if (done) return;
  for (Put& message : messages) message.done = done;
}

Result<void> MboxDriver::put_all(const std::string& mailbox, std::vector<Put>& messages) {
  Result<Held> held = hold(mailbox, Access::write);
  if (!held) return std::unexpected(held.error());
  Result<void> ours = found(mailbox, *held, messages.front().uid_validity);
  if (!ours) return ours;
  const Result<Records*> before = records(mailbox, *held);
  if (!before) return std::unexpected(before.error());
  std::optional<mbox::Base> base;
  if ((*before)->all.empty()) {
    base.emplace();
    base->validity = messages.front().uid_validity;
  }
  for (Put& message : messages) {
    const auto there = (*before)->by_uid.find(message.uid);
    if (message.again && there != (*before)->by_uid.end()) {
      const Record& record = (*before)->all[there->second];
      message.location = location_of(record, message.uid, to_flags(record.metadata));
      continue;
    }
    const Result<Record> record = put_one(*held, message, base);
    if (!record) return std::unexpected(record.error());
    base.reset();
    message.location = location_of(*record, message.uid, to_flags(record->metadata));
  }
  return held->commit();
}

Result<Record> MboxDriver::put_one(Held& held, const Put& message, const std::optional<mbox::Base>& base) {
  const Result<std::string> begin = message.bytes(0, kPiece);
  if (!begin) return std::unexpected(begin.error());
  mbox::Letter letter;
  letter.sender = sender_of(*begin);
  letter.time = std::chrono::duration_cast<seconds>(message.date.time_since_epoch()).count();
  letter.metadata = to_metadata(message.flags, message.uid, {});
  letter.base = base;
  uint64_t at = 0;
  std::string piece;
  const mbox::Source source = [&]() -> Result<std::string_view> {
    if (at >= message.size) return std::string_view();
    Result<std::string> next = message.bytes(at, kPiece);
    if (!next) return std::unexpected(next.error());
    if (next->empty()) return fail(FaultKind::corrupt, "the message ends early");
    piece = std::move(*next);
    at += piece.size();
    return std::string_view(piece);
  };
  return held.append(letter, source);
}

void MboxDriver::change(const std::string& mailbox, std::vector<Change>& messages) {
  const std::lock_guard lock(mutex_);
  const Result<void> done = change_all(mailbox, messages);
  if (done) return;
  for (Change& message : messages) message.done = done;
}

Result<void> MboxDriver::change_all(const std::string& mailbox, std::vector<Change>& messages) {
  Result<Held> held = hold(mailbox, Access::write);
  if (!held) return std::unexpected(held.error());
  const Result<Records*> all = records(mailbox, *held);
  if (!all) return std::unexpected(all.error());
  std::vector<mbox::Change> changes;
  for (Change& message : messages) {
    const std::optional<MboxLocation> seen = parse_location(message.location);
    const Record* const record = seen ? (*all)->find(*seen) : nullptr;
    if (record == nullptr) {
      message.done = fail(FaultKind::not_found, "the message is gone");
      continue;
    }
    const FlagSet wanted = with_change(to_flags(record->metadata), difference(message.flags, seen->flags),
                                       difference(seen->flags, message.flags));
    const Metadata metadata = to_metadata(wanted, seen->uid, record->metadata);
    message.now = to_flags(metadata);
    message.location = location_of(*record, seen->uid, message.now);
    if (metadata != record->metadata) changes.push_back({record->offset, record->next, false, metadata});
  }
  return changes.empty() ? Result<void>() : rewrite(mailbox, *held, changes);
}

Result<void> MboxDriver::remove(const std::string& mailbox, const std::vector<std::string>& locations) {
  const std::lock_guard lock(mutex_);
  Result<Held> held = hold(mailbox, Access::write);
  if (!held) return std::unexpected(held.error());
  const Result<Records*> all = records(mailbox, *held);
  if (!all) return std::unexpected(all.error());
  std::vector<mbox::Change> changes;
  for (const std::string& location : locations) {
    const std::optional<MboxLocation> seen = parse_location(location);
    const Record* const record = seen ? (*all)->find(*seen) : nullptr;
    if (record != nullptr) changes.push_back({record->offset, record->next, true, {}});
  }
  return changes.empty() ? Result<void>() : rewrite(mailbox, *held, changes);
}

Result<bool> MboxDriver::is_same(const std::string& mailbox, const std::string& state) {
  const Result<mbox::File> of = file(mailbox);
  if (!of) return std::unexpected(of.error());
  const Result<mbox::State> now = of->state();
  if (!now) return std::unexpected(now.error());
  return to_text(*now) == state;
}

Result<Driver::Look> MboxDriver::look(const std::string& mailbox, const std::vector<Known>& known) {
  const std::lock_guard lock(mutex_);
  Look out;
  Result<Held> held = hold(mailbox, Access::read);
  const bool absent = !held && held.error().kind == FaultKind::not_found;
  if (!held && !absent) return std::unexpected(held.error());
  const Records none;
  const Records* all = &none;
  if (held) {
    const Result<Records*> read = records(mailbox, *held);
    if (!read) return std::unexpected(read.error());
    all = *read;
    out.state = to_text(all->known->state);
    if (all->known->base) out.uid_validity = all->known->base->validity;
    if (all->known->base) out.uid_next = all->known->base->last_uid + 1;
  }
  std::unordered_map<Uid, size_t> by_uid;
  std::unordered_multimap<std::string, size_t> by_digest;
  std::vector<MboxLocation> before(known.size());
  for (size_t i = 0; i < known.size(); ++i) {
    before[i] = parse_location(known[i].location).value_or(MboxLocation());
    by_uid.emplace(known[i].uid, i);
    by_digest.emplace(before[i].digest, i);
  }
  std::vector<char> matched(known.size(), 0);
  const auto match = [&](const Record& record, size_t i) {
    matched[i] = 1;
    const FlagSet has = to_flags(record.metadata);
    if (has == before[i].flags) return;
    out.changed.push_back({known[i].uid, location_of(record, known[i].uid, has),
                           difference(has, before[i].flags), difference(before[i].flags, has)});
  };
  std::vector<const Record*> strangers;
  for (const Record& record : all->all) {
    const auto it = by_uid.find(record.metadata.uid);
    const bool ours =
        it != by_uid.end() && !matched[it->second] && before[it->second].digest == hex_digest(record.digest);
    if (ours) {
      match(record, it->second);
    } else {
      strangers.push_back(&record);
    }
  }
  // Letters of others bear no UID until a rewrite gives them theirs.
  for (const Record* const record : strangers) {
    std::optional<size_t> earliest;
    const auto [from, to] = by_digest.equal_range(hex_digest(record->digest));
    for (auto it = from; it != to; ++it) {
      if (!matched[it->second] && (!earliest || it->second < *earliest)) earliest = it->second;
    }
    if (earliest) {
      match(*record, *earliest);
      continue;
    }
    Look::Fresh fresh;
    fresh.flags = to_flags(record->metadata);
    fresh.uid = record->metadata.uid;
    fresh.location = location_of(*record, fresh.uid, fresh.flags);
    fresh.date = SystemTime(seconds(record->from.time));
    out.fresh.push_back(std::move(fresh));
  }
  for (size_t i = 0; i < known.size(); ++i) {
    if (!matched[i]) out.gone.push_back(known[i].uid);
  }
  return out;
}

// They get into the file, where other programs find them too.
Result<void> MboxDriver::note_uids(const std::string& mailbox, const Uids& uids) {
  const std::lock_guard lock(mutex_);
  Result<Held> held = hold(mailbox, Access::write);
  if (!held) return std::unexpected(held.error());
  Result<void> ours = found(mailbox, *held, uids.uid_validity);
  if (!ours) return ours;
  const Result<Records*> all = records(mailbox, *held);
  if (!all) return std::unexpected(all.error());
  std::unordered_multimap<std::string, const Record*> unnamed;
  for (auto it = (*all)->all.rbegin(); it != (*all)->all.rend(); ++it) {
    if (it->metadata.uid == 0) unnamed.emplace(hex_digest(it->digest), &*it);
  }
  std::vector<mbox::Change> changes;
  for (const Known& given : uids.given) {
    const std::optional<MboxLocation> location = parse_location(given.location);
    const auto it = location ? unnamed.find(location->digest) : unnamed.end();
    if (it == unnamed.end()) continue;
    Metadata metadata = it->second->metadata;
    metadata.uid = given.uid;
    changes.push_back({it->second->offset, it->second->next, false, std::move(metadata)});
    unnamed.erase(it);
  }
  return changes.empty() ? Result<void>() : rewrite(mailbox, *held, changes);
}

Result<std::string> MboxDriver::read_block(const std::string& mailbox, const MboxLocation& location,
                                           uint64_t offset) {
  const std::lock_guard lock(mutex_);
  Result<Held> held = hold(mailbox, Access::read);
  if (!held) return std::unexpected(held.error());
  const Result<Records*> all = records(mailbox, *held);
  if (!all) return std::unexpected(all.error());
  const Record* const record = (*all)->find(location);
  if (record == nullptr) return fail(FaultKind::not_found, "the message is gone");
  Result<mbox::Reader> reader = held->reader(*record);
  if (!reader) return std::unexpected(reader.error());
  return reader->read(offset, kBlock);
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

std::vector<std::string> MboxDriver::watched(const std::string& mailbox) {
  const Result<std::string> path = tree_.path_of(mailbox);
  return path ? std::vector<std::string>{*path} : std::vector<std::string>();
}

}  // namespace

std::unique_ptr<Driver> make_mbox_driver(const store::FilePlace& place, const Clock& clock) {
  return std::make_unique<MboxDriver>(place, clock);
}

}  // namespace posthouse::mirror
