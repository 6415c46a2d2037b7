#include "search/indexer.h"

#include <sys/resource.h>

#include <algorithm>
#include <bit>

#include "base/log.h"
#include "base/metrics.h"
#include "search/letter_reader.h"
#include "search/limits.h"

namespace posthouse::search {

namespace {

constexpr int kLowestPriority = 19;
constexpr int kLevels = 11;  // of 32 bits by threes

const metrics::Counter& letters_total() {
  static const metrics::Counter counter("posthouse_search_indexed_letters_total",
                                        "Letters that the search index took in.");
  return counter;
}
const metrics::Counter& bytes_total() {
  static const metrics::Counter counter("posthouse_search_indexed_bytes_total", "Octets read of those.");
  return counter;
}

bool is_small(const store::Entry& entry) {
  return entry.size <= kSmallLetter;
}

// Sizes whose like are merged: a power of the width.
int level_of(const Segment& segment) {
  return static_cast<int>(std::bit_width(segment.letters) / std::bit_width(kMergeWidth - 1));
}

uint32_t letters_in(const store::UidList& uids, const Segment& segment) {
  const uint32_t first = uids.lower_bound(segment.first);
  uint32_t behind = uids.lower_bound(segment.last);
  if (behind <= uids.size() && uids.at(behind) == segment.last) behind++;
  return behind - first;
}

}  // namespace

std::pair<size_t, size_t> segments_to_merge(const std::vector<Segment>& segments,
                                            const std::function<bool(const Segment&)>& wasted) {
  for (size_t i = 0; i < segments.size(); i++) {
    if (wasted(segments[i])) return {i, i + 1};
  }
  // The last ones, if enough of them are of a size and none is larger: so each letter is written anew only
  // once for each power of the width.
  for (int level = 0; level <= kLevels; level++) {
    size_t begin = segments.size();
    size_t count = 0;
    uint64_t letters = 0;
    while (begin > 0 && level_of(segments[begin - 1]) <= level) {
      begin--;
      letters += segments[begin].letters;
      count += level_of(segments[begin]) == level ? 1 : 0;
    }
    if (count >= kMergeWidth && letters <= kMergedLetters) return {begin, segments.size()};
  }
  return {0, 0};
}

Indexer::Indexer(Index& index, store::MailStore& store, Options options)
    : index_(index), store_(store), options_(std::move(options)), pool_(1, "search") {
  // On Linux that is of the calling thread alone.
  pool_.submit([] { setpriority(PRIO_PROCESS, 0, kLowestPriority); });
  if (options_.tail == 0) options_.tail = kTail;
  if (options_.largest_letter == 0) options_.largest_letter = UINT64_MAX;
}

Indexer::~Indexer() = default;

Task<Result<void>> Indexer::tidy(std::vector<AccountId> accounts) {
  const Turnstile::Turn turn = co_await turns_.take();
  for (const auto& [account, mailbox] : index_.take_damaged()) {
    log::warn("search.index_damaged", {{"account", account}, {"mailbox", mailbox}});
    Result<void> done = co_await index_.forget(account, mailbox);
    if (!done) co_return done;
  }
  std::sort(accounts.begin(), accounts.end());
  const auto indexed = co_await index_.accounts();
  if (!indexed) co_return std::unexpected(indexed.error());
  for (const AccountId account : *indexed) {
    if (std::binary_search(accounts.begin(), accounts.end(), account)) continue;
    Result<void> done = co_await index_.forget(account);
    if (!done) co_return done;
  }
  co_return Result<void>();
}

Task<Result<void>> Indexer::forget(AccountId account) {
  const Turnstile::Turn turn = co_await turns_.take();
  Result<void> done = co_await index_.forget(account);
  co_return done;
}

Task<Result<void>> Indexer::look_at(AccountId account) {
  const Turnstile::Turn turn = co_await turns_.take();
  const auto mailboxes = co_await store_.mailboxes(account);
  if (!mailboxes) co_return std::unexpected(mailboxes.error());
  const auto indexed = co_await index_.mailboxes(account);
  if (!indexed) co_return std::unexpected(indexed.error());
  for (const MailboxId id : *indexed) {
    const bool there = std::any_of(mailboxes->begin(), mailboxes->end(),
                                   [id](const store::MailboxInfo& info) { return info.id == id; });
    if (there) continue;
    Result<void> done = co_await index_.forget(account, id);
    if (!done) co_return done;
  }
  for (const store::MailboxInfo& mailbox : *mailboxes) {
    Result<void> done = co_await look_at(account, mailbox);
    if (!done && done.error().kind == FaultKind::corrupt) {
      log::warn("search.index_damaged", {{"account", account}, {"reason", done.error().what}});
      done = co_await index_.forget(account, mailbox.id);
    }
    if (!done && done.error().kind != FaultKind::not_found) co_return done;
  }
  co_return Result<void>();
}

Task<Result<void>> Indexer::look_at(AccountId account, const store::MailboxInfo& mailbox) {
  Result<MailboxState> state = co_await checked_state(account, mailbox);
  if (!state) co_return std::unexpected(state.error());
  const Result<bool> enough = co_await has_enough(account, mailbox, *state);
  if (!enough) co_return std::unexpected(enough.error());
  if (*enough) {
    Result<void> done = co_await add_letters(account, mailbox, *state);
    if (!done) co_return done;
  }
  Result<void> merged = co_await merge(account, mailbox, *state);
  co_return merged;
}

// Looks at the mailbox only where there is something to do.
Task<Result<void>> Indexer::merge(AccountId account, const store::MailboxInfo& mailbox, MailboxState& state) {
  uint64_t indexed = 0;
  for (const Segment& segment : state.segments) indexed += segment.letters;
  const bool wide = segments_to_merge(state.segments, [](const Segment&) { return false; }).second != 0;
  if (!wide && indexed <= 2 * uint64_t{mailbox.exists}) co_return Result<void>();
  Result<void> merged = co_await merge_segments(account, mailbox.id, state);
  co_return merged;
}

Task<Result<MailboxState>> Indexer::checked_state(AccountId account, const store::MailboxInfo& mailbox) {
  auto state = co_await index_.state(account, mailbox.id);
  if (!state) co_return std::unexpected(state.error());
  MailboxState fresh;
  fresh.uid_validity = mailbox.uid_validity;
  if (!*state) co_return fresh;
  const Result<bool> holds = co_await still_holds(account, mailbox, **state);
  if (!holds) co_return std::unexpected(holds.error());
  if (*holds) co_return std::move(**state);
  Result<void> done = co_await index_.forget(account, mailbox.id);
  if (!done) co_return std::unexpected(done.error());
  co_return fresh;
}

// Whoever puts an older store in the place of a newer one, and leaves the index as it is, makes UIDs name
// other letters.
Task<Result<bool>> Indexer::still_holds(AccountId account, const store::MailboxInfo& mailbox,
                                        const MailboxState& state) {
  if (state.uid_validity != mailbox.uid_validity || state.through >= mailbox.uid_next) co_return false;
  std::vector<Uid> uids;
  for (const Segment& segment : state.segments) uids.push_back(segment.last);
  if (uids.empty()) co_return true;
  const auto entries = co_await store_.entries(account, mailbox.id, std::move(uids), false);
  if (!entries) co_return std::unexpected(entries.error());
  for (const store::Entry& entry : *entries) {
    for (const Segment& segment : state.segments) {
      if (segment.last == entry.uid && segment.last_email != entry.email) co_return false;
    }
  }
  co_return true;
}

Task<Result<bool>> Indexer::has_enough(AccountId account, const store::MailboxInfo& mailbox,
                                       const MailboxState& state) {
  const uint64_t ever = uint64_t{mailbox.uid_next} - 1 - state.through;
  if (ever > 0 && mailbox.exists > 0 && options_.extractor != nullptr) {
    const Result<bool> documents = co_await has_documents(account, mailbox, state);
    if (!documents || *documents) co_return documents;
  }
  if (ever < options_.tail || mailbox.exists < options_.tail) co_return false;
  const auto entries =
      co_await store_.entries(account, mailbox.id, state.through + 1, UINT32_MAX, options_.tail, false);
  if (!entries) co_return std::unexpected(entries.error());
  co_return entries->size() >= options_.tail;
}

// Only the index has their text: they don't wait for others.
Task<Result<bool>> Indexer::has_documents(AccountId account, const store::MailboxInfo& mailbox,
                                          const MailboxState& state) {
  const std::pair<AccountId, MailboxId> place(account, mailbox.id);
  const auto plain = plain_.find(place);
  if (plain != plain_.end() && plain->second == mailbox.uid_next) co_return false;
  const auto entries =
      co_await store_.entries(account, mailbox.id, state.through + 1, UINT32_MAX, options_.tail, true);
  if (!entries) co_return std::unexpected(entries.error());
  const bool found = entries->size() >= options_.tail ||
                     std::any_of(entries->begin(), entries->end(),
                                 [this](const auto& entry) { return has_known_documents(entry); });
  if (found) co_return true;
  if (plain_.size() >= kMailboxesKnown) plain_.clear();
  plain_[place] = mailbox.uid_next;
  co_return false;
}

// Sleeps as long as reading so much should have taken.
Task<bool> Indexer::rest(uint64_t bytes) {
  if (!options_.sleep) co_return true;
  if (options_.rate == 0) {
    const bool on = co_await options_.sleep(milliseconds(0));
    co_return on;
  }
  const SteadyTime now = system_clock().steady();
  rested_ = std::max(rested_, now - milliseconds(100)) +
            std::chrono::duration_cast<SteadyTime::duration>(std::chrono::duration<double>(
                static_cast<double>(bytes) / static_cast<double>(options_.rate)));
  const auto wait = std::chrono::duration_cast<milliseconds>(rested_ - now);
  const bool on = co_await options_.sleep(std::max(wait, milliseconds(0)));
  co_return on;
}

Task<Result<void>> Indexer::add_letters(AccountId account, const store::MailboxInfo& mailbox,
                                        MailboxState& state) {
  SegmentBuilder builder;
  Uid through = state.through;
  while (through < UINT32_MAX) {
    const auto entries =
        co_await store_.entries(account, mailbox.id, through + 1, UINT32_MAX, kEntriesTogether, true);
    if (!entries) co_return std::unexpected(entries.error());
    if (entries->empty()) break;
    for (size_t at = 0; at < entries->size();) {
      bool waits = false;
      const bool on = co_await add_some(builder, account, *entries, at, waits);
      if (waits) {  // with those behind it, for the next round
        if (builder.empty()) co_return Result<void>();
        Result<void> done = co_await flush(builder, account, mailbox.id, state, through);
        co_return done;
      }
      if (!on) co_return fail(FaultKind::closed, "stopped");
      through = (*entries)[at - 1].uid;
      if (!builder.full()) continue;
      Result<void> done = co_await flush(builder, account, mailbox.id, state, through);
      if (done) done = co_await merge(account, mailbox, state);
      if (!done) co_return done;
    }
  }
  if (builder.empty()) co_return Result<void>();
  Result<void> done = co_await flush(builder, account, mailbox.id, state, through);
  co_return done;
}

bool Indexer::has_known_documents(const store::Entry& entry) const {
  if (options_.extractor == nullptr) return false;
  const auto summary = message::decode(entry.summary);
  return summary && !documents_for(*options_.extractor, *summary).empty();
}

Task<uint64_t> Indexer::add_one(SegmentBuilder& builder, AccountId account, const store::Entry& entry) {
  builder.begin_letter(entry.uid, entry.email);
  letters_total().add();
  const auto summary = message::decode(entry.summary);
  if (!summary || entry.size > options_.largest_letter) {
    builder.set_opaque();
    co_return 0;
  }
  uint64_t bytes =
      co_await add_long_letter(store_, pool_, builder, account, entry, *summary, options_.stopping);
  if (options_.extractor == nullptr) co_return bytes;
  const std::vector<message::Document> documents = documents_for(*options_.extractor, *summary);
  bytes += co_await add_documents(store_, pool_, *options_.extractor, builder, account, entry, documents);
  co_return bytes;
}

// The letters from `at` on that are read together, or a long one.
Task<bool> Indexer::add_some(SegmentBuilder& builder, AccountId account,
                             const std::vector<store::Entry>& entries, size_t& at, bool& waits) {
  const store::Entry& first = entries[at];
  uint64_t bytes = 0;
  if (!is_small(first) || has_known_documents(first)) {
    bytes = co_await add_one(builder, account, first);
    at++;
    bytes_total().add(static_cast<double>(bytes));
    const bool on = co_await rest(bytes);
    co_return on;
  }
  size_t end = at;
  while (end < entries.size() && is_small(entries[end]) && bytes < kReadTogether &&
         (end == at || !has_known_documents(entries[end])))
    bytes += entries[end++].size;
  std::vector<store::Entry> wanted(entries.begin() + static_cast<ptrdiff_t>(at),
                                   entries.begin() + static_cast<ptrdiff_t>(end));
  auto read = co_await store_.read_whole(account, std::move(wanted), kReadTogether);
  // Another program keeps their file.
  waits = !read && read.error().kind == FaultKind::temporary;
  if (waits) co_return true;
  // The first of them can't be read, perhaps not any more.
  std::vector<std::string> letters;
  if (read) letters = std::move(*read);
  bytes = 0;
  auto add = [&] {
    const size_t count = std::max<size_t>(1, letters.size());
    for (size_t i = 0; i < count; i++) {
      const store::Entry& entry = entries[at + i];
      builder.begin_letter(entry.uid, entry.email);
      const auto summary = message::decode(entry.summary);
      const bool good = summary && i < letters.size() && letters[i].size() == entry.size;
      if (!good) {
        builder.set_opaque();
        continue;
      }
      add_letter(builder, *summary, letters[i]);
      bytes += letters[i].size();
    }
    at += count;
    letters_total().add(static_cast<double>(count));
  };
  co_await offload(pool_, add);
  bytes_total().add(static_cast<double>(bytes));
  const bool on = co_await rest(bytes);
  co_return on;
}

Task<Result<void>> Indexer::flush(SegmentBuilder& builder, AccountId account, MailboxId mailbox,
                                  MailboxState& state, Uid through) {
  auto build = [&] { return builder.build(mailbox, state.next_segment); };
  BuiltSegment built = co_await offload(pool_, build);
  Result<void> done = co_await index_.append(account, mailbox, state, std::move(built), through);
  co_return done;
}

Task<Result<void>> Indexer::merge_segments(AccountId account, MailboxId mailbox, MailboxState& state) {
  const auto opened = co_await store_.open(account, mailbox, false);
  if (!opened) co_return std::unexpected(opened.error());
  const store::UidList& uids = opened->uids;
  while (true) {
    const auto [begin, end] = segments_to_merge(state.segments, [&uids](const Segment& segment) {
      return letters_in(uids, segment) < segment.letters / 2;
    });
    if (begin == end) co_return Result<void>();
    Index::Breath breath = [this](uint64_t bytes) { return rest(bytes); };
    Result<void> done = co_await index_.merge(account, mailbox, state, begin, end, uids, std::move(breath));
    if (!done) co_return done;
  }
}

}  // namespace posthouse::search
