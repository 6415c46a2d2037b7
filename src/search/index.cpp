#include "search/index.h"

#include <algorithm>

#include "search/limits.h"
#include "search/lookup.h"

namespace posthouse::search {

namespace {

// Questions made ready: one of the two each.
struct Ready {
  Needle needle;
  std::optional<FuzzyKey> fuzzy;
};

Result<void> ask_exactly(const SegmentLookup& lookup, const SegmentLetters& letters, const Question& question,
                         const Needle& needle, std::vector<Truth>& out) {
  const auto all = static_cast<uint32_t>(letters.uids.size());
  LetterSet yes(all);
  LetterSet maybe(all);
  for (const Field field : question.fields) {
    if (Result<void> done = lookup.ask(field, needle, yes, maybe); !done) return done;
  }
  for (uint32_t i = 0; i < all; i++) {
    const bool open = maybe.has(i) || letters.opaque[i];
    out.push_back(yes.has(i) ? Truth::yes : open ? Truth::unknown : Truth::no);
  }
  return {};
}

// Of a letter that is not wholly indexed nothing is known: more text may make it fit better.
Result<void> ask_fuzzily(const SegmentLookup& lookup, const SegmentLetters& letters, const Question& question,
                         const FuzzyKey& key, std::vector<Truth>& out, std::vector<uint8_t>& scores) {
  const auto all = static_cast<uint32_t>(letters.uids.size());
  SegmentLookup::Likeness found(key, all);
  for (const Field field : question.fields) {
    Result<void> done = lookup.compare(field, key, question.fields.size() > 1, found);
    if (!done) return done;
  }
  const auto score_of = [&](uint32_t letter) {
    return key.score(found.marks.data() + letter * key.words().size());
  };
  std::vector<uint8_t> without(question.documents ? all : 0);
  for (uint32_t i = 0; i < without.size(); i++) without[i] = score_of(i);
  if (question.documents) {
    Result<void> done = lookup.compare(Field::documents, key, question.fields.size() > 1, found);
    if (!done) return done;
  }
  for (uint32_t i = 0; i < all; i++) {
    const uint8_t score = score_of(i);
    const bool open = found.open.has(i) || letters.opaque[i];
    // A look at the letter would not see what its documents say.
    const bool by_documents = question.documents && score > without[i];
    out.push_back(open && !by_documents ? Truth::unknown : score > 0 ? Truth::yes : Truth::no);
    scores.push_back(score);
  }
  return {};
}

// The answer of one segment, behind those of the segments before.
Result<void> ask_segment(const engine::Reader& reader, AccountId account, MailboxId mailbox,
                         const Segment& segment, const std::vector<Question>& questions,
                         const std::vector<Ready>& ready, Answer& answer) {
  const auto row = reader.get(partition_of(account), letters_key(mailbox, segment.id));
  if (!row) return std::unexpected(row.error());
  if (!*row) return fail(FaultKind::corrupt, "a segment of the search index is missing");
  const Result<SegmentLetters> letters = decode_letters(**row);
  if (!letters) return std::unexpected(letters.error());
  if (letters->uids.size() != segment.letters)
    return fail(FaultKind::corrupt, "letters of a segment of the search index");
  answer.uids.insert(answer.uids.end(), letters->uids.begin(), letters->uids.end());
  const SegmentLookup lookup(reader, account, mailbox, segment);
  for (size_t q = 0; q < questions.size(); q++) {
    Result<void> done =
        ready[q].fuzzy
            ? ask_fuzzily(lookup, *letters, questions[q], *ready[q].fuzzy, answer.truths[q], answer.scores[q])
            : ask_exactly(lookup, *letters, questions[q], ready[q].needle, answer.truths[q]);
    if (!done) return done;
  }
  return {};
}

Result<std::optional<MailboxState>> read_state(const engine::Reader& reader, AccountId account,
                                               MailboxId mailbox) {
  const auto row = reader.get(partition_of(account), state_key(mailbox));
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::optional<MailboxState>();
  Result<MailboxState> state = decode_state(**row);
  if (!state) return std::unexpected(state.error());
  return std::move(*state);
}

// Some rows of a range. Whether there may be more.
engine::Step erase_some(AccountId account, const std::string& prefix, bool& more) {
  return {partition_of(account), [&prefix, &more](engine::Transaction& rows) -> Result<void> {
            std::vector<std::string> keys;
            more = false;
            Result<void> scanned =
                rows.scan(prefix, behind(prefix), [&](std::string_view key, std::string_view) {
                  keys.emplace_back(key);
                  more = keys.size() >= kRowsTogether;
                  return !more;
                });
            for (const std::string& key : keys) rows.erase(key);
            return scanned;
          }};
}

}  // namespace

void Totals::add(const Totals& other) {
  mailboxes += other.mailboxes;
  segments += other.segments;
  letters += other.letters;
  bytes += other.bytes;
  text += other.text;
}

Task<Result<std::optional<Answer>>> Index::ask(AccountId account, MailboxId mailbox, uint32_t uid_validity,
                                               std::vector<Question> questions) {
  std::vector<Ready> ready(questions.size());
  for (size_t q = 0; q < questions.size(); q++) {
    if (questions[q].fuzzy) {
      ready[q].fuzzy.emplace(questions[q].text);
    } else {
      ready[q].needle = parse_needle(questions[q].text);
    }
  }
  std::optional<Answer> answer;
  std::function<Result<void>(const engine::Reader&)> look =
      [&](const engine::Reader& reader) -> Result<void> {
    const auto state = read_state(reader, account, mailbox);
    if (!state) return std::unexpected(state.error());
    if (!*state || (*state)->uid_validity != uid_validity) return {};
    answer.emplace();
    answer->truths.resize(questions.size());
    answer->scores.resize(questions.size());
    for (const Segment& segment : (*state)->segments) {
      Result<void> done = ask_segment(reader, account, mailbox, segment, questions, ready, *answer);
      if (!done) return done;
    }
    return {};
  };
  Result<void> done = co_await engine_.read(std::move(look));
  if (!done && done.error().kind == FaultKind::corrupt) {
    const std::lock_guard lock(damaged_mutex_);
    damaged_.emplace(account, mailbox);
  }
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(answer);
}

std::vector<std::pair<AccountId, MailboxId>> Index::take_damaged() {
  const std::lock_guard lock(damaged_mutex_);
  std::vector<std::pair<AccountId, MailboxId>> taken(damaged_.begin(), damaged_.end());
  damaged_.clear();
  return taken;
}

Task<Result<std::optional<MailboxState>>> Index::state(AccountId account, MailboxId mailbox) {
  std::optional<MailboxState> state;
  std::function<Result<void>(const engine::Reader&)> look =
      [&](const engine::Reader& reader) -> Result<void> {
    Result<std::optional<MailboxState>> found = read_state(reader, account, mailbox);
    if (!found) return std::unexpected(found.error());
    state = std::move(*found);
    return {};
  };
  Result<void> done = co_await engine_.read(std::move(look));
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(state);
}

Task<Result<std::vector<MailboxId>>> Index::mailboxes(AccountId account) {
  std::vector<MailboxId> found;
  std::function<Result<void>(const engine::Reader&)> look = [&](const engine::Reader& reader) {
    const std::string prefix(kStatePrefix);
    return reader.scan(partition_of(account), prefix, behind(prefix),
                       [&found](std::string_view key, std::string_view) {
                         found.push_back(mailbox_of_state_key(key));
                         return true;
                       });
  };
  Result<void> done = co_await engine_.read(std::move(look));
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(found);
}

Task<Result<std::vector<AccountId>>> Index::accounts() {
  std::vector<AccountId> found;
  std::function<Result<void>(const engine::Reader&)> look = [&](const engine::Reader& reader) {
    return reader.partitions(engine::PartitionKind::account, 0, [&found](uint64_t id) {
      found.push_back(id);
      return true;
    });
  };
  Result<void> done = co_await engine_.read(std::move(look));
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(found);
}

Task<Result<void>> Index::put_rows(AccountId account, std::vector<Row> rows) {
  for (size_t at = 0; at < rows.size(); at += kRowsTogether) {
    const size_t end = std::min(rows.size(), at + kRowsTogether);
    std::vector<engine::Step> steps;
    steps.push_back({partition_of(account), [&rows, at, end](engine::Transaction& out) -> Result<void> {
                       for (size_t i = at; i < end; i++) out.put(rows[i].key, rows[i].value);
                       return {};
                     }});
    Result<void> done = co_await engine_.transact(std::move(steps));
    if (!done) co_return done;
  }
  co_return Result<void>();
}

Task<Result<void>> Index::put_state(AccountId account, MailboxId mailbox, const MailboxState& state,
                                    std::vector<Row> rows) {
  rows.push_back({state_key(mailbox), encode(state)});
  Result<void> done = co_await put_rows(account, std::move(rows));
  co_return done;
}

Task<Result<void>> Index::erase_rows(AccountId account, std::string prefix) {
  bool more = true;
  while (more) {
    std::vector<engine::Step> steps;
    steps.push_back(erase_some(account, prefix, more));
    Result<void> done = co_await engine_.transact(std::move(steps));
    if (!done) co_return done;
  }
  co_return Result<void>();
}

Task<Result<void>> Index::append(AccountId account, MailboxId mailbox, MailboxState& state,
                                 BuiltSegment built, Uid through) {
  // Perhaps of one that was interrupted.
  Result<void> done = co_await erase_rows(account, segment_prefix(mailbox, built.segment.id));
  if (done) done = co_await put_rows(account, std::move(built.rows));
  if (!done) co_return done;
  MailboxState next = state;
  next.segments.push_back(built.segment);
  next.next_segment = built.segment.id + 1;
  next.through = through;
  std::vector<Row> none;
  done = co_await put_state(account, mailbox, next, std::move(none));
  if (done) state = std::move(next);
  co_return done;
}

Task<Result<void>> Index::merge(AccountId account, MailboxId mailbox, MailboxState& state, size_t begin,
                                size_t end, store::UidList present, Breath between) {
  Result<void> done = co_await erase_leaving(account, mailbox, state);
  if (done) done = co_await erase_rows(account, segment_prefix(mailbox, state.next_segment));
  if (!done) co_return done;
  const auto from = state.segments.begin() + static_cast<ptrdiff_t>(begin);
  const auto to = state.segments.begin() + static_cast<ptrdiff_t>(end);
  SegmentMerge merging(account, mailbox, std::vector<Segment>(from, to), state.next_segment,
                       std::move(present));
  while (true) {
    Result<std::vector<Row>> rows = std::vector<Row>();
    std::function<Result<void>(const engine::Reader&)> look =
        [&](const engine::Reader& reader) -> Result<void> {
      rows = merging.next(reader);
      return rows ? Result<void>() : std::unexpected(rows.error());
    };
    done = co_await engine_.read(std::move(look));
    if (!done) co_return done;
    if (rows->empty()) break;
    uint64_t bytes = 0;
    for (const Row& row : *rows) bytes += row.key.size() + row.value.size();
    done = co_await put_rows(account, std::move(*rows));
    if (!done) co_return done;
    const bool on = co_await between(bytes);
    if (!on) co_return fail(FaultKind::closed, "stopped");
  }
  MailboxState next = state;
  for (size_t i = begin; i < end; i++) next.leaving.push_back(state.segments[i].id);
  next.segments.erase(next.segments.begin() + static_cast<ptrdiff_t>(begin),
                      next.segments.begin() + static_cast<ptrdiff_t>(end));
  if (merging.result().letters > 0)
    next.segments.insert(next.segments.begin() + static_cast<ptrdiff_t>(begin), merging.result());
  next.next_segment++;
  std::vector<Row> none;
  done = co_await put_state(account, mailbox, next, std::move(none));
  if (!done) co_return done;
  state = std::move(next);
  done = co_await erase_leaving(account, mailbox, state);
  co_return done;
}

// Who reads them has a view of before.
Task<Result<void>> Index::erase_leaving(AccountId account, MailboxId mailbox, MailboxState& state) {
  if (state.leaving.empty()) co_return Result<void>();
  for (const SegmentId id : state.leaving) {
    Result<void> done = co_await erase_rows(account, segment_prefix(mailbox, id));
    if (!done) co_return done;
  }
  state.leaving.clear();
  std::vector<Row> none;
  Result<void> done = co_await put_state(account, mailbox, state, std::move(none));
  co_return done;
}

// What says that there is something goes first.
Task<Result<void>> Index::forget(AccountId account, MailboxId mailbox) {
  Result<void> done = co_await erase_rows(account, state_key(mailbox));
  if (done) done = co_await erase_rows(account, segments_prefix(mailbox));
  co_return done;
}

Task<Result<void>> Index::forget(AccountId account) {
  Result<void> done = co_await engine_.erase_partition(partition_of(account));
  co_return done;
}

Task<Result<Totals>> Index::totals(AccountId account) {
  Totals totals;
  std::function<Result<void>(const engine::Reader&)> look =
      [&](const engine::Reader& reader) -> Result<void> {
    const std::string prefix(kStatePrefix);
    return reader.scan(partition_of(account), prefix, behind(prefix),
                       [&totals](std::string_view, std::string_view value) {
                         const Result<MailboxState> state = decode_state(value);
                         if (!state) return true;
                         totals.mailboxes++;
                         totals.segments += state->segments.size();
                         for (const Segment& segment : state->segments) {
                           totals.letters += segment.letters;
                           totals.bytes += segment.bytes;
                           totals.text += segment.text;
                         }
                         return true;
                       });
  };
  Result<void> done = co_await engine_.read(std::move(look));
  if (!done) co_return std::unexpected(done.error());
  co_return totals;
}

}  // namespace posthouse::search
