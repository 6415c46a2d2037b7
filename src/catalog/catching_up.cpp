// How the catalog follows the store.
#include <xxhash.h>

#include <algorithm>
#include <map>

#include "catalog/catalog.h"
#include "catalog/conversation.h"
#include "catalog/edit.h"
#include "catalog/limits.h"

namespace posthouse::catalog {
namespace {

// Of all of a mailbox but its counts. `ordered`: when its place among the others changed.
uint64_t digest_of(const store::MailboxInfo& mailbox, ModSeq ordered) {
  const std::string text = fmt::format("{}\n{}\n{}\n{}", mailbox.name, static_cast<int>(mailbox.role),
                                       mailbox.subscribed, ordered);
  return XXH3_64bits(text.data(), text.size());
}

const KnownMailbox* known_of(const Head& head, MailboxId id) {
  const auto at = std::lower_bound(head.mailboxes.begin(), head.mailboxes.end(), id,
                                   [](const KnownMailbox& one, MailboxId wanted) { return one.id < wanted; });
  return at != head.mailboxes.end() && at->id == id ? &*at : nullptr;
}

// An edit in one transaction, which does nothing that has to be seen after a crash: the head says what was
// done.
using Work = std::function<Result<void>(CatalogEdit&)>;

}  // namespace

// One time that the catalog follows. What came and changed is taken in from all mailboxes before what is gone
// is taken out: a letter that was moved never seems to be gone.
struct Catalog::Round {
  AccountId account = 0;
  Head head;
  ModSeq position = 0;
  std::vector<store::MailboxInfo> mailboxes;  // rising
  std::map<MailboxId, ModSeq> ordered;        // those that have a place among the others
  std::vector<Place> vanished;
  std::set<MailboxId> counted;

  engine::Step step(Work work) {
    return {partition(account), [this, work = std::move(work)](engine::Transaction& rows) -> Result<void> {
              CatalogEdit edit(rows, head, position);
              Result<void> done = work(edit);
              if (done) counted.insert(edit.counted().begin(), edit.counted().end());
              return done;
            }};
  }
};

Task<Result<Head>> Catalog::head_of(AccountId account) {
  const Result<std::optional<std::string>> record =
      co_await engine_.fetch(partition(account), std::string(kHeadKey));
  if (!record) co_return std::unexpected(record.error());
  if (!*record) co_return Head();
  co_return decode_head(**record);
}

Task<Result<Position>> Catalog::refresh(AccountId account) {
  Turnstile::Awaiter next = turnstile(account).take();
  const Turnstile::Turn turn = co_await next;
  Result<Head> head = co_await head_of(account);
  if (!head) co_return std::unexpected(head.error());
  co_return co_await catch_up(account, std::move(*head));
}

Task<Result<Position>> Catalog::catch_up(AccountId account, Head head) {
  Round round;
  round.account = account;
  // The first look finds what other programs did in files of the account. The MODSEQ comes before the second:
  // all that happened up to it is seen then.
  Result<std::vector<store::MailboxInfo>> listed = co_await store_.mailboxes(account);
  if (!listed) co_return std::unexpected(listed.error());
  Result<ModSeq> modseq = co_await store_.modseq(account);
  if (!modseq) co_return std::unexpected(modseq.error());
  if (head.epoch != 0 && *modseq == head.through) co_return Position{head.epoch, head.through, 0, 0, 0};
  listed = co_await store_.mailboxes(account);
  if (!listed) co_return std::unexpected(listed.error());
  std::ranges::sort(*listed, {}, &store::MailboxInfo::id);
  Result<std::optional<store::MailStore::AnnotationNames>> annotated =
      co_await store_.annotation_names(account, 0);
  if (!annotated) co_return std::unexpected(annotated.error());
  if (*annotated) {
    for (const auto& [key, changed] : (*annotated)->all) {
      if (key.second == kSortOrderEntry) round.ordered[key.first] = changed;
    }
  }
  bool anew = head.epoch == 0 || *modseq < head.through;
  for (const store::MailboxInfo& mailbox : *listed) {
    const KnownMailbox* known = known_of(head, mailbox.id);
    anew = anew || (known != nullptr && known->uid_validity != mailbox.uid_validity);
  }
  if (anew) {
    Result<void> erased = co_await engine_.erase_partition(partition(account));
    if (!erased) co_return std::unexpected(erased.error());
    head = Head();
    while (head.epoch == 0) random_.fill({reinterpret_cast<unsigned char*>(&head.epoch), sizeof head.epoch});
  }
  round.head = std::move(head);
  round.position = *modseq;
  round.mailboxes = std::move(*listed);
  for (const store::MailboxInfo& mailbox : round.mailboxes) {
    Result<void> taken = co_await take_mailbox(round, mailbox);
    if (!taken) co_return std::unexpected(taken.error());
  }
  const std::vector<KnownMailbox> before = round.head.mailboxes;
  for (const KnownMailbox& known : before) {
    const bool there =
        std::ranges::any_of(round.mailboxes, [&](const auto& one) { return one.id == known.id; });
    if (there) continue;
    Result<void> dropped = co_await drop_mailbox(round, known.id);
    if (!dropped) co_return std::unexpected(dropped.error());
  }
  Result<void> done = co_await remove_vanished(round);
  if (done) done = co_await finish(round);
  if (!done) co_return std::unexpected(done.error());
  co_return Position{round.head.epoch, round.head.through, 0, 0, 0};
}

Task<Result<void>> Catalog::take_mailbox(Round& round, store::MailboxInfo mailbox) {
  const KnownMailbox* known = known_of(round.head, mailbox.id);
  if (known == nullptr) co_return co_await take_all(round, std::move(mailbox));
  if (known->modseq == mailbox.highest_modseq) co_return Result<void>();
  co_return co_await take_changes(round, std::move(mailbox), known->modseq);
}

// A mailbox of which nothing is known, whatever its size.
Task<Result<void>> Catalog::take_all(Round& round, store::MailboxInfo mailbox) {
  Uid next = 1;
  while (mailbox.uid_next > next) {
    Result<std::vector<store::Entry>> entries = co_await store_.entries(
        round.account, mailbox.id, next, std::numeric_limits<Uid>::max(), kPart, true);
    if (!entries) co_return std::unexpected(entries.error());
    if (entries->empty()) break;
    next = entries->back().uid + 1;
    Result<void> added = co_await add(round, std::move(*entries));
    if (!added) co_return added;
  }
  co_return Result<void>();
}

Task<Result<void>> Catalog::take_changes(Round& round, store::MailboxInfo mailbox, ModSeq since) {
  Result<store::Changes> changes = co_await store_.changes(round.account, mailbox.id, since);
  if (!changes) co_return std::unexpected(changes.error());
  if (changes->mailbox_gone) co_return Result<void>();  // seen the next time
  for (const Uid uid : changes->vanished) round.vanished.push_back({mailbox.id, uid});
  std::vector<Uid> uids;
  for (const store::Entry& entry : changes->changed) uids.push_back(entry.uid);
  for (size_t at = 0; at < uids.size(); at += kPart) {
    const auto from = uids.begin() + static_cast<ptrdiff_t>(at);
    std::vector<Uid> some(from, from + static_cast<ptrdiff_t>(std::min(kPart, uids.size() - at)));
    Result<void> taken = co_await take_some(round, mailbox.id, std::move(some));
    if (!taken) co_return taken;
  }
  if (changes->forgetful) co_return co_await find_vanished(round, mailbox.id);
  co_return Result<void>();
}

Task<Result<void>> Catalog::take_some(Round& round, MailboxId mailbox, std::vector<Uid> uids) {
  Result<std::vector<store::Entry>> entries =
      co_await store_.entries(round.account, mailbox, std::move(uids), true);
  if (!entries) co_return std::unexpected(entries.error());
  co_return co_await add(round, std::move(*entries));
}

// Letters marked \Deleted must not be seen (RFC 8621 section 4.1.1): they are gone unless the mark is taken
// off.
Task<Result<void>> Catalog::add(Round& round, std::vector<store::Entry> entries) {
  std::vector<Arrival> arrivals;
  for (const store::Entry& entry : entries) {
    if ((entry.flags.system & store::kDeleted) != 0) {
      round.vanished.push_back({entry.mailbox, entry.uid});
      continue;
    }
    arrivals.push_back({{entry.mailbox, entry.uid}, entry.email, conversation_keys(entry.summary)});
  }
  std::vector<engine::Step> steps;
  steps.push_back(round.step([&arrivals](CatalogEdit& edit) -> Result<void> {
    for (const Arrival& arrival : arrivals) {
      if (Result<void> added = edit.add(arrival); !added) return added;
    }
    return {};
  }));
  co_return co_await engine_.transact(std::move(steps));
}

// The log of changes does not go back so far: what the mailbox does not have any more is gone.
Task<Result<void>> Catalog::find_vanished(Round& round, MailboxId mailbox) {
  Result<store::MailStore::Opened> opened = co_await store_.open(round.account, mailbox, false);
  if (!opened) co_return std::unexpected(opened.error());
  Result<std::vector<std::pair<Uid, EmailId>>> known = co_await of_mailbox(round.account, mailbox);
  if (!known) co_return std::unexpected(known.error());
  for (const auto& [uid, email] : *known) {
    if (!opened->uids.contains(uid)) round.vanished.push_back({mailbox, uid});
  }
  co_return Result<void>();
}

Task<Result<void>> Catalog::drop_mailbox(Round& round, MailboxId mailbox) {
  Result<std::vector<std::pair<Uid, EmailId>>> known = co_await of_mailbox(round.account, mailbox);
  if (!known) co_return std::unexpected(known.error());
  for (const auto& [uid, email] : *known) round.vanished.push_back({mailbox, uid});
  co_return Result<void>();
}

Task<Result<void>> Catalog::remove_vanished(Round& round) {
  for (size_t at = 0; at < round.vanished.size(); at += kPart) {
    const std::span<const Place> part =
        std::span<const Place>(round.vanished).subspan(at, std::min(kPart, round.vanished.size() - at));
    const Head before = round.head;
    std::vector<engine::Step> steps;
    steps.push_back(round.step([&round, &before, part](CatalogEdit& edit) -> Result<void> {
      round.head = before;  // an engine may run this again
      for (const Place& place : part) {
        if (Result<void> removed = edit.remove(place); !removed) return removed;
      }
      if (Result<void> forgotten = edit.forget_some(); !forgotten) return forgotten;
      edit.put_head();
      return {};
    }));
    Result<void> done = co_await engine_.transact(std::move(steps));
    if (!done) co_return done;
  }
  co_return Result<void>();
}

// The mailboxes, and the head, without which all this has not happened.
Task<Result<void>> Catalog::finish(Round& round) {
  Head next = round.head;
  next.through = round.position;
  next.mailboxes.clear();
  std::vector<MailboxId> gone;
  for (const KnownMailbox& known : round.head.mailboxes) {
    const bool there =
        std::ranges::any_of(round.mailboxes, [&](const auto& one) { return one.id == known.id; });
    if (!there) gone.push_back(known.id);
  }
  for (const store::MailboxInfo& mailbox : round.mailboxes) {
    next.mailboxes.push_back({mailbox.id, mailbox.uid_validity, mailbox.highest_modseq});
  }
  const std::set<MailboxId> counted = round.counted;
  Head written;
  std::vector<engine::Step> steps;
  steps.push_back({partition(round.account), [&](engine::Transaction& rows) -> Result<void> {
                     written = next;
                     CatalogEdit edit(rows, written, round.position);
                     for (const store::MailboxInfo& mailbox : round.mailboxes) {
                       const bool changed = counted.contains(mailbox.id);
                       const auto ordered = round.ordered.find(mailbox.id);
                       const ModSeq order = ordered == round.ordered.end() ? 0 : ordered->second;
                       Result<void> noted = edit.note_mailbox(mailbox.id, digest_of(mailbox, order), changed);
                       if (!noted) return noted;
                     }
                     for (const MailboxId id : gone) {
                       if (Result<void> noted = edit.note_mailbox_gone(id); !noted) return noted;
                     }
                     if (Result<void> done = edit.forget_some_mailboxes(); !done) return done;
                     edit.put_head();
                     return {};
                   }});
  Result<void> done = co_await engine_.transact(std::move(steps));
  if (done) round.head = std::move(written);
  co_return done;
}

Task<Result<void>> Catalog::forget(AccountId account) {
  Turnstile::Awaiter next = turnstile(account).take();
  const Turnstile::Turn turn = co_await next;
  co_return co_await engine_.erase_partition(partition(account));
}

}  // namespace posthouse::catalog
