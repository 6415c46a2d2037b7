#include "access/imap/batches.h"

#include <algorithm>
#include <iterator>

#include "access/imap/limits.h"

namespace posthouse::access::imap {

size_t Batches::count() const {
  size_t count = 0;
  for (const auto& range : messages_) count += range.last - range.first + 1;
  return count;
}

std::vector<store::Entry> Batches::flags_of_next(const View& view) {
  std::vector<store::Entry> found;
  found.reserve(kEntriesPlain);
  while (at_ < messages_.size() && found.size() < kEntriesPlain) {
    auto& range = messages_[at_];
    const auto room = static_cast<uint32_t>(kEntriesPlain - found.size());
    const uint32_t last = range.first + std::min(range.last - range.first + 1, room) - 1;
    asked_ += last - range.first + 1;
    sheet_->for_each(view.uids.at(range.first), view.uids.at(last), [&](const store::FlagSheet::Mark& mark) {
      // One that the view doesn't have yet is left out by who reads this.
      store::Entry& entry = found.emplace_back();
      entry.uid = mark.uid;
      entry.mailbox = view.mailbox;
      entry.modseq = mark.modseq;
      entry.flags.system = mark.system;
      if (mark.keywords != 0) entry.flags.keywords = sheet_->keywords(mark).names;
      return true;
    });
    if (last == range.last) {
      at_++;
    } else {
      range.first = last + 1;
    }
  }
  return found;
}

// As the next ones of a walk over these alone.
Task<Result<std::vector<store::Entry>>> Batches::last(Session& s, const View& view) {
  const auto most = static_cast<uint32_t>(wanted_ == Wanted::summary ? kEntriesWithSummary : kEntriesPlain);
  std::vector<wire::imap::NumberRange> some;
  uint32_t left = most;
  while (!messages_.empty() && left > 0) {
    wire::imap::NumberRange& range = messages_.back();
    const uint32_t size = range.last - range.first + 1;
    const uint32_t taken = std::min(left, size);
    some.push_back({range.last - taken + 1, range.last});
    left -= taken;
    range.last -= taken;
    if (taken == size) messages_.pop_back();
  }
  asked_ += most - left;
  std::reverse(some.begin(), some.end());
  Batches walk(std::move(some), wanted_ == Wanted::flags ? Wanted::entry : wanted_);
  std::vector<store::Entry> entries;
  while (!walk.done()) {
    Result<std::vector<store::Entry>> part = co_await walk.next(s, view);
    if (!part) co_return std::unexpected(part.error());
    entries.insert(entries.end(), std::make_move_iterator(part->begin()),
                   std::make_move_iterator(part->end()));
  }
  co_return entries;
}

Task<Result<std::vector<store::Entry>>> Batches::next(Session& s, const View& view) {
  if (from_end_) co_return co_await last(s, view);
  if (wanted_ == Wanted::flags) {
    auto sheet = co_await s.store().flags(view.account, view.mailbox, count());
    if (!sheet) co_return std::unexpected(sheet.error());
    sheet_ = std::move(*sheet);
    wanted_ = Wanted::entry;  // without a sheet
  }
  if (sheet_ != nullptr) co_return flags_of_next(view);
  const bool with_summary = wanted_ == Wanted::summary;
  const size_t most = with_summary ? kEntriesWithSummary : kEntriesPlain;
  // A long range is read as it stands in the store, scattered messages by their UIDs.
  const uint32_t first = messages_[at_].first;
  const size_t in_range = messages_[at_].last - first + 1;
  if (in_range >= most || at_ + 1 == messages_.size()) {
    const uint32_t last = first + static_cast<uint32_t>(std::min(in_range, most)) - 1;
    messages_[at_].first = last + 1;
    if (last == messages_[at_].last) at_++;
    asked_ += last - first + 1;
    auto entries = co_await s.store().entries(view.account, view.mailbox, view.uids.at(first),
                                              view.uids.at(last), most, with_summary);
    co_return entries;
  }
  std::vector<store::Uid> uids;
  while (at_ < messages_.size() && uids.size() < most) {
    uids.push_back(view.uids.at(messages_[at_].first));
    if (messages_[at_].first == messages_[at_].last) {
      at_++;
    } else {
      messages_[at_].first++;
    }
  }
  asked_ += uids.size();
  auto entries = co_await s.store().entries(view.account, view.mailbox, std::move(uids), with_summary);
  co_return entries;
}

}  // namespace posthouse::access::imap
