// SEARCH and UID SEARCH (RFC 3501 section 6.4.4).
#include "access/imap/commands.h"
#include "access/imap/filters.h"
#include "access/imap/message_limit.h"
#include "access/imap/search_result.h"
#include "access/imap/searcher.h"

namespace posthouse::access::imap {

namespace {

// Kept until all are found, as the answer is one line.
class PlainHits : public SearchHits {
 public:
  explicit PlainHits(bool uid) : uid_(uid) {}
  void add(const SearchHit& hit) override {
    highest_ = std::max(highest_, hit.modseq);
    numbers_.append(uid_ ? hit.uid : hit.sequence);
  }
  store::ModSeq highest() const { return highest_; }
  const store::UidList& numbers() const { return numbers_; }

 private:
  bool uid_;
  store::UidList numbers_;
  store::ModSeq highest_ = 0;
};

// The answer of RFC 3501 section 7.2.5.
Task<Result<void>> search_plain(Session& s, wire::imap::Search& c, bool modseq, SearchBound& bound) {
  PlainHits hits(c.uid);
  Result<void> done = co_await search(s, c, hits, bound);
  s.out += "* SEARCH";
  const uint32_t count = hits.numbers().size();
  for (uint32_t i = 1; i <= count; i++) {
    s.out += ' ';
    // RFC 9738 section 3.1: a search that is cut off goes from the highest down
    s.out += std::to_string(hits.numbers().at(bound.lowest != 0 ? count + 1 - i : i));
    if (s.wants_flush()) co_await s.flush();
  }
  // RFC 7162 section 3.1.6
  if (modseq && hits.highest() != 0) s.out += " (MODSEQ " + std::to_string(hits.highest()) + ")";
  s.out += "\r\n";
  co_return done;
}

// RFC 4731; a SEARCH of IMAP4rev2 is always answered so (RFC 9051 section 6.4.4).
Task<Result<void>> search_extended(Session& s, wire::imap::Search& c, bool modseq, SearchBound& bound) {
  const uint16_t wanted = c.results.value_or(wire::imap::Search::kAll);
  SearchResult result(wanted, c.uid, c.partial);
  Result<void> done = co_await search(s, c, result, bound);
  if (!done) co_return done;
  result.append_response(s.out, s.tag, modseq);
  if ((wanted & wire::imap::Search::kSave) != 0) s.view->saved = result.saved();
  if ((wanted & wire::imap::Search::kUpdate) != 0) keep_context(s, std::move(c), result.uids(), "");
  co_return done;
}

// A SEARCH that was to be saved and is refused leaves "$" empty (RFC 5182 section 2.1).
Reply refuse_search(Session& s, const wire::imap::Search& c, Reply reply) {
  if ((c.results.value_or(0) & wire::imap::Search::kSave) != 0) s.view->saved = {};
  return reply;
}

}  // namespace

Task<Reply> cmd_search(Session& s, wire::imap::Search& c) {
  if (reuses_tag(s, c)) co_return bad("The tag belongs to a search that is kept up to date");
  // RFC 6855 section 3
  if (s.utf8_accept && !s.rev2 && !c.charset.empty())
    co_return refuse_search(s, c, bad("No charset after ENABLE UTF8=ACCEPT"));
  if (std::optional<Reply> refusal = refuse_charset(c)) co_return refuse_search(s, c, std::move(*refusal));
  std::optional<Reply> unfiltered = co_await put_in_filters(s, c);
  if (unfiltered) co_return refuse_search(s, c, std::move(*unfiltered));
  if ((c.results.value_or(0) & wire::imap::Search::kRelevancy) != 0 && !asks_fuzzily(c.key))
    co_return refuse_search(s, c, no_relevancy());
  co_await sync(s, Tell::all_but_gone);
  const bool modseq = asks_for_modseq(c.key);
  if (modseq) enable_condstore(s);
  const bool plain = !c.results && !s.rev2;
  SearchBound bound;
  bound.most = s.options->message_limit;
  auto work = plain ? search_plain(s, c, modseq, bound) : search_extended(s, c, modseq, bound);
  Result<void> done = co_await work;
  if (!done) co_return refuse_search(s, c, refuse(done.error()));
  if (bound.lowest != 0) co_return limited(s, ok("SEARCH done"), bound.lowest);
  co_return ok("SEARCH done");
}

}  // namespace posthouse::access::imap
