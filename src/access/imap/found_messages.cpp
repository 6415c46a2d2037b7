#include "access/imap/found_messages.h"

#include "access/imap/batches.h"
#include "access/imap/message_limit.h"
#include "access/imap/progress.h"

namespace posthouse::access::imap {

namespace {

class KeptHits : public SearchHits {
 public:
  explicit KeptHits(bool with_relevancy) : with_relevancy_(with_relevancy) {}
  void add(const SearchHit& hit) override {
    uids.append(hit.uid);
    if (with_relevancy_) relevancy_.push_back(hit.relevancy);
  }
  bool wants_relevancy() const override { return with_relevancy_; }
  uint8_t relevancy(store::Uid uid) const { return with_relevancy_ ? relevancy_[uids.sequence(uid) - 1] : 0; }

  store::UidList uids;

 private:
  bool with_relevancy_;
  std::vector<uint8_t> relevancy_;
};

Task<std::optional<Reply>> find(Session& s, wire::imap::Search& c, uint32_t most, SearchHits& hits) {
  SearchBound bound;
  bound.most = most;
  bound.refuses = true;
  Result<void> searched = co_await search(s, c, hits, bound);
  if (!searched) co_return refuse(searched.error());
  if (bound.lowest != 0) co_return over_limit(most);
  co_return std::nullopt;
}

}  // namespace

Task<std::optional<Reply>> find_messages(Session& s, wire::imap::Search& c, uint32_t most,
                                         store::UidList& found) {
  KeptHits hits(false);
  std::optional<Reply> failed = co_await find(s, c, most, hits);
  if (failed) co_return failed;
  found = store::without(hits.uids, s.view->gone);
  co_return std::nullopt;
}

Task<std::optional<Reply>> read_found(Session& s, wire::imap::Search& c, uint32_t most,
                                      FoundMessages& found) {
  KeptHits hits(found.needs_relevancy());
  std::optional<Reply> failed = co_await find(s, c, most, hits);
  if (failed) co_return failed;
  Batches batches(messages_of(*s.view, hits.uids), found.needs_summary() ? Wanted::summary : Wanted::entry);
  Progress progress(s, "Read", hits.uids.size());
  while (!batches.done()) {
    co_await progress.at(batches.asked());
    Result<std::vector<store::Entry>> entries = co_await batches.next(s, *s.view);
    if (!entries) co_return refuse(entries.error());
    for (const store::Entry& entry : *entries) {
      if (!found.add(entry, hits.relevancy(entry.uid))) co_return no("Too much to sort at once", "LIMIT");
    }
  }
  co_return std::nullopt;
}

}  // namespace posthouse::access::imap
