// SORT and UID SORT (RFC 5256; RETURN: RFC 5267 section 3; DISPLAYFROM, DISPLAYTO: RFC 5957).
#include <algorithm>

#include "access/imap/commands.h"
#include "access/imap/filters.h"
#include "access/imap/sort_result.h"
#include "access/imap/sorting.h"

namespace posthouse::access::imap {

namespace {

Task<Reply> sort(Session& s, wire::imap::Sort& c) {
  wire::imap::Search& search = c.search;
  if (std::optional<Reply> refusal = refuse_charset(search)) co_return std::move(*refusal);
  std::optional<Reply> unfiltered = co_await put_in_filters(s, search);
  if (unfiltered) co_return std::move(*unfiltered);
  const bool tells_relevancy = (search.results.value_or(0) & wire::imap::Search::kRelevancy) != 0;
  const bool by_relevancy =
      std::ranges::any_of(c.criteria, [](const auto& one) { return one.key == one.relevancy; });
  // RFC 6203 section 6
  if ((tells_relevancy || by_relevancy) && !asks_fuzzily(search.key)) co_return no_relevancy();
  co_await sync(s, Tell::all_but_gone);
  const bool modseq = asks_for_modseq(search.key);
  if (modseq) enable_condstore(s);
  SortOrder order(c.criteria, tells_relevancy);
  std::optional<Reply> failed = co_await find_sorted(s, search, s.options->message_limit, modseq, order);
  if (failed) co_return std::move(*failed);
  if (!search.results) {
    co_await tell_sorted(s, order, search.uid, modseq);
    co_return ok("SORT done");
  }
  co_await tell_sorted_extended(s, order, search, modseq);
  if ((*search.results & wire::imap::Search::kSave) != 0) {
    s.view->saved = saved_of(order, search);
  }
  if ((*search.results & wire::imap::Search::kUpdate) != 0)
    keep_context(s, std::move(search), std::move(c.criteria), order);
  co_return ok("SORT done");
}

}  // namespace

Task<Reply> cmd_sort(Session& s, wire::imap::Sort& c) {
  if (reuses_tag(s, c.search)) co_return bad("The tag belongs to a search that is kept up to date");
  const bool saves = (c.search.results.value_or(0) & wire::imap::Search::kSave) != 0;
  Reply reply = co_await sort(s, c);
  // RFC 5182 section 2.1
  if (saves && reply.kind != Reply::ok) s.view->saved = {};
  co_return reply;
}

}  // namespace posthouse::access::imap
