#include "access/imap/batches.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "access/imap/limits.h"

namespace posthouse::access::imap {

size_t Batches::count() const {
  size_t count = 0;
  for (const auto& range : messages_) count += range.last - range.first + 1;
  return count;
}

store::Entry Batches::entry_of(const View& view, const store::FlagSheet::Mark& mark) const {
  store::Entry entry;
  entry.uid = mark.uid;
  entry.mailbox = view.mailbox;
  entry.modseq = mark.modseq;
  entry.flags.system = mark.system;
  if (mark.keywords != 0) entry.flags.keywords = sheet_->keywords(mark).names;
  return entry;
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
      found.push_back(entry_of(view, mark));
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

// Of all messages that are still there: the rows of their flags need not be read.
void Batches::begin_shapes(Session& s, const View& view) {
  std::vector<store::Uid> uids;
  for (const auto& range : messages_) {
    asked_ += range.last - range.first + 1;
    sheet_->for_each(view.uids.at(range.first), view.uids.at(range.last),
                     [&](const store::FlagSheet::Mark& mark) {
                       uids.push_back(mark.uid);
                       return true;
                     });
  }
  const auto make = [](std::vector<store::Entry>& part, const store::MessageRecord& record) {
    store::Entry& entry = part.emplace_back();
    entry.uid = record.uid;
    entry.size = record.size;
    entry.internal_date = record.internal_date;
    entry.summary = record.summary;
  };
  shapes_ = std::make_unique<RecordParts<std::vector<store::Entry>>>(s, view, std::move(uids), make,
                                                                     kEntriesWithSummary);
}

Task<Result<std::vector<store::Entry>>> Batches::shapes_of_next(const View& view) {
  if (shapes_->done()) co_return std::vector<store::Entry>();
  Result<std::vector<store::Entry>> part = co_await shapes_->next();
  if (!part) co_return part;
  Result<std::vector<store::Entry>> others = co_await shapes_->others();
  if (!others) co_return others;
  if (!part->empty()) {
    auto entry = part->begin();
    sheet_->for_each(part->front().uid, part->back().uid, [&](const store::FlagSheet::Mark& mark) {
      if (entry == part->end() || mark.uid != entry->uid) return true;
      store::Entry with_flags = entry_of(view, mark);
      with_flags.size = entry->size;
      with_flags.internal_date = entry->internal_date;
      with_flags.summary = std::move(entry->summary);
      *entry++ = std::move(with_flags);
      return true;
    });
  }
  if (others->empty()) co_return part;
  std::vector<store::Entry> all;
  std::merge(std::make_move_iterator(part->begin()), std::make_move_iterator(part->end()),
             std::make_move_iterator(others->begin()), std::make_move_iterator(others->end()),
             std::back_inserter(all),
             [](const store::Entry& a, const store::Entry& b) { return a.uid < b.uid; });
  co_return all;
}

// As the next ones of a walk over these alone.
Task<Result<std::vector<store::Entry>>> Batches::last(Session& s, const View& view) {
  if (wanted_ == Wanted::shape) wanted_ = Wanted::summary;
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

// A long range is read as it stands in the store, scattered messages by their UIDs.
Batches::Ask Batches::ask(const View& view) {
  const size_t most = wanted_ == Wanted::summary ? kEntriesWithSummary : kEntriesPlain;
  const uint32_t first = messages_[at_].first;
  const size_t in_range = messages_[at_].last - first + 1;
  if (in_range >= most || at_ + 1 == messages_.size()) {
    const uint32_t last = first + static_cast<uint32_t>(std::min(in_range, most)) - 1;
    messages_[at_].first = last + 1;
    if (last == messages_[at_].last) at_++;
    asked_ += last - first + 1;
    return {view.uids.at(first), view.uids.at(last), most, {}};
  }
  Ask out;
  while (at_ < messages_.size() && out.uids.size() < most) {
    out.uids.push_back(view.uids.at(messages_[at_].first));
    if (messages_[at_].first == messages_[at_].last) {
      at_++;
    } else {
      messages_[at_].first++;
    }
  }
  asked_ += out.uids.size();
  return out;
}

void Batches::begin_next(Session& s, const View& view) {
  const bool from_rows = wanted_ == Wanted::entry || wanted_ == Wanted::summary;
  if (!from_rows || from_end_ || shapes_ != nullptr || sheet_ != nullptr || begun_ || done()) return;
  const bool with_summary = wanted_ == Wanted::summary;
  Ask what = ask(view);
  engine::Engine& engine = s.services.engine;
  if (what.uids.empty()) {
    begun_ = store::begin_entries(engine, view.account, view.mailbox, what.first, what.last, what.most,
                                  with_summary);
  } else {
    begun_ = store::begin_entries(engine, view.account, view.mailbox, std::move(what.uids), with_summary);
  }
}

Task<Result<std::vector<store::Entry>>> Batches::next(Session& s, const View& view) {
  if (from_end_) co_return co_await last(s, view);
  if (wanted_ == Wanted::flags || wanted_ == Wanted::shape) {
    const bool shapes = wanted_ == Wanted::shape;
    auto sheet = co_await s.store().flags(view.account, view.mailbox, count());
    if (!sheet) co_return std::unexpected(sheet.error());
    sheet_ = std::move(*sheet);
    if (shapes && sheet_ != nullptr) begin_shapes(s, view);
    wanted_ = shapes ? Wanted::summary : Wanted::entry;  // without a sheet
  }
  if (shapes_ != nullptr) co_return co_await shapes_of_next(view);
  if (sheet_ != nullptr) co_return flags_of_next(view);
  if (const auto begun = std::exchange(begun_, std::nullopt)) co_return co_await begun->take();
  const bool with_summary = wanted_ == Wanted::summary;
  Ask what = ask(view);
  if (what.uids.empty()) {
    auto entries = co_await s.store().entries(view.account, view.mailbox, what.first, what.last, what.most,
                                              with_summary);
    co_return entries;
  }
  auto entries = co_await s.store().entries(view.account, view.mailbox, std::move(what.uids), with_summary);
  co_return entries;
}

}  // namespace posthouse::access::imap
