#include "access/imap/threading.h"

#include "access/imap/found_messages.h"
#include "access/imap/progress.h"
#include "access/imap/record_parts.h"
#include "access/imap/sort_key.h"
#include "access/imap/uid_sets.h"
#include "base/yield.h"

namespace posthouse::access::imap {

namespace {

struct Referring {
  store::Uid uid = 0;
  message::ThreadBase base;
  int64_t date = 0;
};

Referring referring(store::Uid uid, SystemTime internal_date, std::string_view summary) {
  const message::RecordView record(summary);
  return {uid, record.thread_base(), sent_date(internal_date, record)};
}

// Those of all parts together, in rising order. Nothing when all were taken, or why not.
Task<std::optional<Reply>> read_references(Session& s, KnownThreads& out) {
  using Part = std::vector<Referring>;
  RecordParts<Part> parts(s, *s.view, all_of(out.found), [](Part& part, const store::MessageRecord& message) {
    part.push_back(referring(message.uid, message.internal_date, message.summary));
  });
  Progress progress(s, "Read", out.found.size());
  const auto take = [&out](const Referring& one) {
    out.threads.add(one.base, one.date);
    out.uids.push_back(one.uid);
  };
  while (!parts.done()) {
    co_await progress.at(parts.taken());
    const Result<Part> part = co_await parts.next();
    if (!part) co_return refuse(part.error());
    for (const Referring& one : *part) take(one);
    if (out.threads.memory() > kSortMemory) co_return no("Too much to sort at once", "LIMIT");
  }
  const Result<std::vector<store::Entry>> others = co_await parts.others();
  if (!others) co_return refuse(others.error());
  for (const store::Entry& entry : *others) take(referring(entry.uid, entry.internal_date, entry.summary));
  co_return std::nullopt;
}

}  // namespace

Task<std::optional<Reply>> find_threads(Session& s, wire::imap::Search& c, uint32_t most,
                                        std::shared_ptr<const KnownThreads>& threads) {
  store::UidList found;
  std::optional<Reply> failed = co_await find_messages(s, c, most, found);
  if (failed) co_return failed;
  const Recall::Key key = Recall::key_of(*s.view, "references");
  if (s.services.recall != nullptr) threads = s.services.recall->find<KnownThreads>(key);
  if (threads && same(threads->found, found)) co_return std::nullopt;
  const auto fresh = std::make_shared<KnownThreads>();
  fresh->found = std::move(found);
  failed = co_await read_references(s, *fresh);
  if (failed) co_return failed;
  fresh->threads.gather();
  co_await LetOthers();
  fresh->threads.merge();
  co_await LetOthers();
  fresh->threads.arrange();
  co_await LetOthers();
  fresh->threads.settle();
  const size_t octets = sizeof(KnownThreads) + fresh->threads.memory() +
                        fresh->uids.size() * sizeof(store::Uid) +
                        fresh->found.runs().size() * sizeof(store::UidList::Run);
  if (s.services.recall != nullptr) s.services.recall->keep(key, fresh, octets);
  threads = fresh;
  co_return std::nullopt;
}

}  // namespace posthouse::access::imap
