#include "store/change_log.h"

#include <algorithm>
#include <utility>

#include "store/limits.h"

namespace posthouse::store {

void ChangeLog::take(Uid uid, const FlagRow& before) {
  if (before.shares) {
    shared_.push_back({before.modseq, uid});
  } else if (before.modseq != before.created) {
    rows_.erase(change_key(mailbox_, before.modseq, uid));
  }
}

Result<void> ChangeLog::done() {
  if (!std::ranges::is_sorted(shared_)) std::ranges::sort(shared_);
  const Result<size_t> taken = take_out_all(std::exchange(shared_, {}));
  return taken ? Result<void>() : std::unexpected(taken.error());
}

Result<size_t> ChangeLog::forget(const std::vector<Change>& expunges) {
  return take_out_all(expunges);
}

Result<size_t> ChangeLog::take_out_all(const std::vector<Change>& rising) {
  size_t taken = 0;
  std::vector<Uid> uids;
  for (auto next = rising.begin(); next != rising.end();) {
    const ModSeq modseq = next->modseq;
    uids.clear();
    for (; next != rising.end() && next->modseq == modseq; ++next) uids.push_back(next->uid);
    const Result<size_t> some = take_out(modseq, uids);
    if (!some) return some;
    taken += *some;
  }
  return taken;
}

Result<size_t> ChangeLog::take_out(ModSeq modseq, const std::vector<Uid>& rising) {
  size_t taken = 0;
  std::vector<std::pair<Uid, ChangeRow>> touched;
  const std::string end = prefix_end(change_key(mailbox_, modseq, rising.back()));
  const Result<void> scanned =
      rows_.scan(change_key(mailbox_, modseq, 0), end, [&](std::string_view key, std::string_view value) {
        const Uid first = uid_of_key(key);
        Result<ChangeRow> row = decode_change(first, value);
        const size_t some = row ? row->remove(rising) : 0;
        if (some > 0) touched.emplace_back(first, std::move(*row));
        taken += some;
        return true;
      });
  if (!scanned) return std::unexpected(scanned.error());
  for (const auto& [first, row] : touched) {
    if (row.runs.empty() || row.runs.front().first != first) rows_.erase(change_key(mailbox_, modseq, first));
    if (!row.runs.empty()) put(modseq, row);
  }
  return taken;
}

void ChangeLog::put(ModSeq modseq, const ChangeRow& row) {
  rows_.put(change_key(mailbox_, modseq, row.runs.front().first), encode(row));
}

ChangeLog::Notes::Notes(ChangeLog& log, ModSeq modseq, bool expunged, size_t changes)
    : log_(log), modseq_(modseq) {
  row_.expunged = expunged;
  row_.shared = changes >= kSharedFrom;
}

void ChangeLog::Notes::add(Uid uid, ModSeq created) {
  if (row_.shared && row_.add(uid, created)) return;
  done();
  if (row_.shared) {
    row_.add(uid, created);
  } else {
    row_.runs.push_back({uid, 1, created, 0});
  }
}

void ChangeLog::Notes::done() {
  if (!row_.runs.empty()) log_.put(modseq_, row_);
  row_.runs.clear();
}

}  // namespace posthouse::store
