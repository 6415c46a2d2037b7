// THREAD and UID THREAD (RFC 5256).
#include "access/imap/commands.h"
#include "access/imap/filters.h"
#include "access/imap/found_messages.h"
#include "access/imap/limits.h"
#include "access/imap/thread_result.h"
#include "base/yield.h"

namespace posthouse::access::imap {

namespace {

// What the messages found refer to, from their stored summaries.
class Referring : public FoundMessages {
 public:
  bool needs_summary() const override { return true; }

  bool add(const store::Entry& entry, uint8_t) override {
    message::Summary summary;
    if (Result<message::Summary> decoded = message::decode_header(entry.summary); decoded)
      summary = std::move(*decoded);
    threads.add(message::thread_base(summary), sent_date(entry, summary));
    uids.push_back(entry.uid);
    return threads.memory() <= kSortMemory;
  }

  message::ReferenceThreads threads;
  std::vector<store::Uid> uids;
};

Task<std::optional<Reply>> by_subject(Session& s, wire::imap::Search& c) {
  using C = wire::imap::SortCriterion;
  SortOrder order({{C::subject, false}, {C::date, false}});
  std::optional<Reply> failed = co_await read_found(s, c, s.options->message_limit, order);
  if (failed) co_return failed;
  co_await order.sort();
  co_await tell_ordered_subjects(s, order, c.uid);
  co_return std::nullopt;
}

Task<std::optional<Reply>> by_references(Session& s, wire::imap::Search& c) {
  Referring found;
  std::optional<Reply> failed = co_await read_found(s, c, s.options->message_limit, found);
  if (failed) co_return failed;
  found.threads.gather();
  co_await LetOthers();
  found.threads.merge();
  co_await LetOthers();
  found.threads.arrange();
  co_await LetOthers();
  co_await tell_references(s, found.threads, found.uids, c.uid);
  co_return std::nullopt;
}

}  // namespace

Task<Reply> cmd_thread(Session& s, wire::imap::Thread& c) {
  if (std::optional<Reply> refusal = refuse_charset(c.search)) co_return std::move(*refusal);
  std::optional<Reply> unfiltered = co_await put_in_filters(s, c.search);
  if (unfiltered) co_return std::move(*unfiltered);
  co_await sync(s, Tell::all_but_gone);
  if (asks_for_modseq(c.search.key)) enable_condstore(s);
  const bool references = c.algorithm == wire::imap::Thread::references;
  auto work = references ? by_references(s, c.search) : by_subject(s, c.search);
  std::optional<Reply> failed = co_await work;
  if (failed) co_return std::move(*failed);
  co_return ok("THREAD done");
}

}  // namespace posthouse::access::imap
