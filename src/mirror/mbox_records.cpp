#include "mirror/mbox_records.h"

#include <algorithm>

#include "mirror/limits.h"

namespace posthouse::mirror {

namespace {

using mbox::Record;
using store::Uid;

}  // namespace

Result<void> MboxRecords::refresh(mbox::Held& held) {
  const Result<mbox::State> now = held.state();
  if (!now) return std::unexpected(now.error());
  if (known_ && known_->state == *now) return {};
  // Of a file that grew only what is new is read, if reading all takes long; what others changed before that
  // at the same time is found once in a while.
  const bool grew =
      known_ && now->size > known_->state.size && now->size > kReadWhole && ++grown_ % kReadAllEach != 0;
  return read(held, grew);
}

Result<void> MboxRecords::read(mbox::Held& held, bool only_new) {
  std::vector<Record> seen;
  const auto take = [&](Record&& record) {
    if (!record.pseudo) seen.push_back(std::move(record));
  };
  const Result<mbox::ScanResult> scanned = held.scan(take, only_new ? &*known_ : nullptr);
  if (!scanned) {
    known_.reset();
    return std::unexpected(scanned.error());
  }
  if (!scanned->continued) clear();
  for (Record& record : seen) add(std::move(record));
  known_ = scanned->known;
  return {};
}

void MboxRecords::clear() {
  all_.clear();
  by_uid_.clear();
  by_digest_.clear();
}

void MboxRecords::add(Record record) {
  if (record.claimed_uid != 0) by_uid_.emplace(record.claimed_uid, all_.size());
  by_digest_.emplace(record.digest, all_.size());
  all_.push_back(std::move(record));
}

Result<void> MboxRecords::refresh_around(mbox::Held& held) {
  const Result<mbox::State> now = held.state();
  if (!now) return std::unexpected(now.error());
  if (is_of(*now)) return {};
  known_.reset();
  clear();
  const Result<mbox::State> scanned = held.scan_around([&](Record&& record) {
    if (!record.pseudo) add(std::move(record));
  });
  if (!scanned) return std::unexpected(scanned.error());
  known_.emplace();
  known_->state = *scanned;
  return {};
}

// UIDs are believed as a scan does it (mbox/scan.h).
void MboxRecords::follow_appends(mbox::Held& held, std::vector<mbox::Record> appended) {
  if (held.has_moved()) known_.reset();
  if (!known_) return;
  mbox::Known next = *known_;
  Uid last = all_.empty() || all_.back().metadata.uid == 0 ? next.uid_before_last : all_.back().metadata.uid;
  const auto base = held.base();
  for (Record& record : appended) {
    const Uid uid = record.claimed_uid;
    const bool believed = uid != 0 && base && *base && uid <= (*base)->last_uid && uid > last;
    record.metadata.uid = believed ? uid : 0;
    next.uid_before_last = last;
    if (believed) last = uid;
  }
  if (!appended.empty()) {
    next.any = true;
    next.last_offset = appended.back().offset;
    next.last_end = appended.back().end;
  }
  const Result<mbox::Known> renewed = base ? held.renew(next) : std::unexpected(base.error());
  if (!renewed) {
    static_cast<void>(read(held, true));
    return;
  }
  for (Record& record : appended) add(std::move(record));
  known_ = *renewed;
}

Result<void> MboxRecords::rewrite(mbox::Held& held, std::span<const mbox::Change> changes,
                                  const std::optional<mbox::Base>& base) {
  const std::optional<mbox::Known> before = std::exchange(known_, std::nullopt);
  const Result<bool> moved = held.rewrite(changes, base);
  if (!moved) return std::unexpected(moved.error());
  if (*moved || base || !before) return {};
  for (const mbox::Change& change : changes) {
    const auto at = std::ranges::lower_bound(all_, change.offset, {}, &Record::offset);
    if (at == all_.end() || at->offset != change.offset) return {};
    at->metadata = change.metadata;
    if (at->claimed_uid == change.metadata.uid) continue;
    at->claimed_uid = change.metadata.uid;
    by_uid_.emplace(at->claimed_uid, static_cast<size_t>(at - all_.begin()));
  }
  const Result<mbox::Known> renewed = held.renew(*before);
  if (renewed) known_ = *renewed;
  return {};
}

std::optional<size_t> MboxRecords::exact(store::Uid uid, const mbox::Digest& digest) const {
  const auto [from, to] = by_uid_.equal_range(uid);
  for (auto it = from; it != to; ++it) {
    const Record& record = all_[it->second];
    if (record.claimed_uid == uid && record.digest == digest) return it->second;
  }
  return std::nullopt;
}

std::optional<size_t> MboxRecords::similar(const MboxLocation& location,
                                           const std::unordered_set<size_t>& taken, store::Uid next) const {
  const std::optional<mbox::Digest> digest = parse_digest(location.digest);
  if (!digest) return std::nullopt;
  if (location.uid == 0) {
    next = 1;
  } else if (next == 0) {
    next = UINT32_MAX;
  }
  return named_anew(next - 1, *digest, taken);
}

std::optional<size_t> MboxRecords::named_anew(store::Uid uid, const mbox::Digest& digest,
                                              const std::unordered_set<size_t>& taken) const {
  std::optional<size_t> unnamed, named;
  const auto [from, to] = by_digest_.equal_range(digest);
  for (auto it = from; it != to; ++it) {
    const store::Uid has = all_[it->second].metadata.uid;
    if (taken.contains(it->second) || (has != 0 && has <= uid)) continue;
    std::optional<size_t>& first = has == 0 ? unnamed : named;
    if (!first || it->second < *first) first = it->second;
  }
  return unnamed ? unnamed : named;
}

std::vector<std::optional<size_t>> MboxRecords::assign(std::span<const std::optional<MboxLocation>> locations,
                                                       store::Uid next) const {
  std::vector<std::optional<size_t>> found(locations.size());
  std::unordered_set<size_t> taken;
  for (size_t i = 0; i < locations.size(); ++i) {
    if (!locations[i] || locations[i]->uid == 0) continue;
    const std::optional<mbox::Digest> digest = parse_digest(locations[i]->digest);
    if (digest) found[i] = exact(locations[i]->uid, *digest);
    if (found[i] && !taken.insert(*found[i]).second) found[i].reset();
  }
  for (size_t i = 0; i < locations.size(); ++i) {
    if (!locations[i] || found[i]) continue;
    found[i] = similar(*locations[i], taken, next);
    if (found[i]) taken.insert(*found[i]);
  }
  return found;
}

}  // namespace posthouse::mirror
