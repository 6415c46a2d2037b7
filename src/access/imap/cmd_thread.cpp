// THREAD and UID THREAD (RFC 5256).
#include "access/imap/commands.h"
#include "access/imap/filters.h"
#include "access/imap/searcher.h"
#include "access/imap/sorting.h"
#include "access/imap/thread_result.h"
#include "access/imap/threading.h"

namespace posthouse::access::imap {

namespace {

Task<std::optional<Reply>> by_subject(Session& s, wire::imap::Search& c) {
  using C = wire::imap::SortCriterion;
  SortOrder order({{C::subject, false}, {C::date, false}});
  std::optional<Reply> failed = co_await find_sorted(s, c, s.options->message_limit, false, order);
  if (failed) co_return failed;
  co_await tell_ordered_subjects(s, order, c.uid);
  co_return std::nullopt;
}

Task<std::optional<Reply>> by_references(Session& s, wire::imap::Search& c) {
  std::shared_ptr<const KnownThreads> threads;
  std::optional<Reply> failed = co_await find_threads(s, c, s.options->message_limit, threads);
  if (failed) co_return failed;
  co_await tell_references(s, threads->threads, threads->uids, c.uid);
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
