#include "access/imap/found_messages.h"

#include "access/imap/batches.h"
#include "access/imap/progress.h"

namespace posthouse::access::imap {

namespace {

struct KeptHits : SearchHits {
  void add(store::Uid uid, uint32_t, store::ModSeq) override { uids.append(uid); }
  store::UidList uids;
};

}  // namespace

Task<std::optional<Reply>> read_found(Session& s, wire::imap::Search& c, FoundMessages& found) {
  KeptHits hits;
  Result<void> searched = co_await search(s, c, hits);
  if (!searched) co_return refuse(searched.error());
  Batches batches(messages_of(*s.view, hits.uids), found.needs_summary() ? Wanted::summary : Wanted::entry);
  Progress progress(s, "Read", hits.uids.size());
  while (!batches.done()) {
    co_await progress.at(batches.asked());
    Result<std::vector<store::Entry>> entries = co_await batches.next(s, *s.view);
    if (!entries) co_return refuse(entries.error());
    for (const store::Entry& entry : *entries) {
      if (!found.add(entry)) co_return no("Too much to sort at once", "LIMIT");
    }
  }
  co_return std::nullopt;
}

}  // namespace posthouse::access::imap
