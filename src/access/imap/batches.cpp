#include "access/imap/batches.h"

#include <algorithm>

#include "access/imap/limits.h"

namespace posthouse::access::imap {

Task<Result<std::vector<store::Entry>>> Batches::next(Session& s) {
  const size_t most = with_summary_ ? kEntriesWithSummary : kEntriesPlain;
  const View& view = *s.view;
  // A long range is read as it stands in the store, scattered messages by their UIDs.
  const uint32_t first = messages_[at_].first;
  const size_t in_range = messages_[at_].last - first + 1;
  if (in_range >= most || at_ + 1 == messages_.size()) {
    const uint32_t last = first + static_cast<uint32_t>(std::min(in_range, most)) - 1;
    messages_[at_].first = last + 1;
    if (last == messages_[at_].last) at_++;
    asked_ += last - first + 1;
    auto entries = co_await s.store().entries(view.account, view.mailbox, view.uids.at(first),
                                              view.uids.at(last), most, with_summary_);
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
  auto entries = co_await s.store().entries(view.account, view.mailbox, std::move(uids), with_summary_);
  co_return entries;
}

}  // namespace posthouse::access::imap
