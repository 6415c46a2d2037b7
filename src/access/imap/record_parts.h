// What is worked out from the records of many messages, on the threads that read them.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <utility>
#include <vector>

#include "access/imap/limits.h"
#include "access/imap/state.h"
#include "base/begun.h"
#include "store/message_records.h"

namespace posthouse::access::imap {

// In parts of which some are begun ahead. `make` takes one message after
// another into a Part, on any thread and perhaps after the session has ended: it owns what it refers to.
template <class Part>
class RecordParts {
 public:
  using Make = std::function<void(Part&, const store::MessageRecord&)>;

  // `rising`: of the messages in the view, which must not change meanwhile. `together`: messages of a part.
  RecordParts(Session& s, const View& view, std::vector<store::Uid> rising, Make make,
              size_t together = kRecordsTogether)
      : s_(s), view_(view), rising_(std::move(rising)), make_(std::move(make)), together_(together) {}

  bool done() const { return taken_ == rising_.size(); }
  // How many messages were in the parts so far.
  size_t taken() const { return taken_; }

  // The next part, in rising order.
  Task<Result<Part>> next() {
    while (begun_at_ < rising_.size() && begun_.size() < kRecordsAhead) begin();
    const Begun<Result<Read>> first = std::move(begun_.front());
    begun_.pop_front();
    taken_ = std::min(taken_ + together_, rising_.size());
    Result<Read> read = co_await first.take();
    if (!read) co_return std::unexpected(read.error());
    missed_.insert(missed_.end(), read->missed.begin(), read->missed.end());
    co_return std::move(read->part);
  }

  // Those of the parts so far that had no record that can be read, as far as they are there; each once.
  Task<Result<std::vector<store::Entry>>> others() {
    if (missed_.empty()) co_return std::vector<store::Entry>();
    co_return co_await s_.store().entries(view_.account, view_.mailbox, std::exchange(missed_, {}), true);
  }

 private:
  struct Read {
    Part part;
    std::vector<store::Uid> missed;
  };

  static Result<Read> read(const engine::Reader& reader, store::AccountId account, store::MailboxId mailbox,
                           const std::vector<store::Uid>& uids, const Make& make) {
    Read out;
    auto next = uids.begin();
    const auto visit = [&](const store::MessageRecord& record) {
      for (; *next != record.uid; ++next) out.missed.push_back(*next);
      ++next;
      make(out.part, record);
    };
    const Result<void> seen = store::for_records(reader, account, mailbox, uids, visit);
    if (!seen) return std::unexpected(seen.error());
    out.missed.insert(out.missed.end(), next, uids.end());
    return out;
  }

  void begin() {
    const size_t end = std::min(begun_at_ + together_, rising_.size());
    std::vector<store::Uid> some(rising_.begin() + static_cast<ptrdiff_t>(begun_at_),
                                 rising_.begin() + static_cast<ptrdiff_t>(end));
    begun_at_ = end;
    const Begun<Result<Read>> work;
    begun_.push_back(work);
    s_.services.engine.begin_read([work, account = view_.account, mailbox = view_.mailbox,
                                   uids = std::move(some), make = make_](const engine::Reader& reader) {
      work.give(read(reader, account, mailbox, uids, make));
    });
  }

  Session& s_;
  const View& view_;
  std::vector<store::Uid> rising_;
  Make make_;
  size_t together_;
  std::deque<Begun<Result<Read>>> begun_;
  size_t begun_at_ = 0, taken_ = 0;
  std::vector<store::Uid> missed_;
};

}  // namespace posthouse::access::imap
