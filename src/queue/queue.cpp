#include "queue/queue.h"

#include <algorithm>

#include "base/id.h"
#include "base/log.h"
#include "engine/record.h"
#include "queue/impl.h"
#include "queue/letter_record.h"
#include "queue/limits.h"
#include "queue/match.h"

namespace posthouse::queue {

namespace {

// Should a schedule row ever be overlooked (see LeaseBook), it is found after this time.
constexpr seconds kRewindEvery{600};
constexpr size_t kMostRepairs = 500;  // rows looked after by one call; the rest by the next

std::string range_end(SystemTime now) {
  return schedule_key({schedule_millis(now) + 1, 0});
}

// What record() and its step share; the step may run more than once.
struct Recording {
  LetterId id = 0;
  std::vector<Recipient> recipients;
  SystemTime now{};
  std::shared_ptr<LeaseBook> book;
  std::shared_ptr<bool> finished = std::make_shared<bool>(false);
  std::shared_ptr<void> token;
  std::optional<uint64_t> due;
};

void merge(Recipient& stored, const Recipient& outcome) {
  // The operator's hold wins over a failed attempt that was under way.
  const bool stays_held = stored.state == RecipientState::held && outcome.state == RecipientState::waiting;
  stored.state = stays_held ? RecipientState::held : outcome.state;
  stored.attempts = outcome.attempts;
  stored.next_attempt = outcome.next_attempt;
  stored.last_reply = clean_reply(outcome.last_reply);
  stored.last_status = clean_reply(outcome.last_status);
  stored.last_host = clean_reply(outcome.last_host);
  stored.delay_warned = stored.delay_warned || outcome.delay_warned;
}

bool is_open(const Recipient& r) {
  return r.state == RecipientState::waiting || r.state == RecipientState::held;
}

bool is_delivered(const Recipient& r) {
  return r.state == RecipientState::delivered;
}

Result<void> apply_recording(Recording& recording, engine::Transaction& rows) {
  const auto stored = load_letter(rows, recording.id);
  if (!stored) return std::unexpected(stored.error());
  if (!*stored) return fail(FaultKind::not_found, "letter " + format_id(recording.id) + " is gone");
  Letter after = **stored;
  for (const Recipient& outcome : recording.recipients) {
    for (Recipient& r : after.recipients) {
      if (r.address == outcome.address && is_open(r)) merge(r, outcome);
    }
  }
  *recording.finished = is_finished(after);
  const auto due = due_time(after);
  recording.due = due ? std::optional<uint64_t>(schedule_millis(*due)) : std::nullopt;
  recording.token = due ? recording.book->expect(*recording.due) : nullptr;
  return change_letter(rows, &**stored, *recording.finished ? nullptr : &after);
}

}  // namespace

engine::Step drop_blob(const Letter& letter) {
  return engine::drop_reference(letter.blob, Queue::blob_reference(letter.id), letter.offset + letter.size);
}

engine::Step only_if(std::shared_ptr<const bool> flag, engine::Step step) {
  const engine::Partition partition = step.partition;
  return {partition,
          [flag = std::move(flag), inner = std::move(step.apply)](engine::Transaction& rows) -> Result<void> {
            return *flag ? inner(rows) : Result<void>();
          }};
}

Queue::Queue(engine::Engine& engine, const Clock& clock) : impl_(std::make_unique<Impl>(engine, clock)) {}
Queue::~Queue() = default;

std::string Queue::blob_reference(LetterId id) {
  return "q" + format_id(id);
}

engine::Step Queue::stage(Letter letter) {
  const auto due = due_time(letter);
  std::shared_ptr<void> token = due ? impl_->book->expect(schedule_millis(*due)) : nullptr;
  const engine::Partition shard = shard_of(letter.id);
  // The token is held as long as the step lives, and that is until the transaction is done.
  auto apply = [letter = std::move(letter), token](engine::Transaction& rows) -> Result<void> {
    const Result<void> sound = check_letter(letter);
    if (!sound) return sound;
    const auto before = load_letter(rows, letter.id);
    if (!before) return std::unexpected(before.error());
    return change_letter(rows, *before ? &**before : nullptr, &letter);
  };
  return {shard, std::move(apply)};
}

std::unique_ptr<engine::Watch> Queue::watch(std::function<void()> changed) {
  return impl_->engine.watch(shard_of(0), std::move(changed));
}

Result<void> Queue::Impl::load_places(const engine::Reader& reader, const std::vector<Place>& places,
                                      uint64_t now, std::vector<Letter>& letters, Repairs& repairs) const {
  for (const Place& place : places) {
    const std::string key = letter_key(place.second);
    const auto row = reader.get(shard_of(place.second), key);
    if (!row) {
      if (row.error().kind != FaultKind::corrupt) return std::unexpected(row.error());
      repairs.bad.push_back({key, row.error().what, place});
      continue;
    }
    if (!*row) {
      repairs.dangling.push_back(schedule_key(place));
      continue;
    }
    auto letter = decode_letter(place.second, **row);
    if (!letter) {
      repairs.bad.push_back({key, letter.error().what, place});
      continue;
    }
    const auto due = due_time(*letter);
    if (due && schedule_millis(*due) <= now) {
      letters.push_back(std::move(*letter));
    } else {
      repairs.dangling.push_back(schedule_key(place));
    }
  }
  return {};
}

Task<Result<std::vector<Letter>>> Queue::due(SystemTime now, size_t most, std::vector<LetterId> skip) {
  std::vector<Letter> letters;
  Repairs repairs;
  const std::unordered_set<LetterId> skipped(skip.begin(), skip.end());
  auto reading = [&](const engine::Reader& reader) -> Result<void> {
    std::vector<Place> places;
    auto walked = scan_schedule(
        reader, std::string(kScheduleBegin), range_end(now), [&](std::string_view key, std::string_view) {
          const auto place = read_schedule_key(key);
          if (!place) {
            repairs.bad.push_back({std::string(key), "schedule row with a bad key", std::nullopt});
          } else if (!skipped.contains(place->second)) {
            places.push_back(*place);
          }
          return places.size() < most && repairs.bad.size() < kMostRepairs;
        });
    if (!walked) return std::unexpected(walked.error());
    return impl_->load_places(reader, places, schedule_millis(now), letters, repairs);
  };
  if (most == 0) co_return letters;
  Result<void> done = co_await impl_->engine.read(reading);
  if (!done) co_return std::unexpected(done.error());
  if (!repairs.empty()) co_await impl_->repair(std::move(repairs));
  co_return letters;
}

void Queue::Impl::rewind_now_and_then() {
  const std::lock_guard lock(rewind_mutex);
  const SteadyTime now = clock.steady();
  if (now - last_rewind < kRewindEvery) return;
  last_rewind = now;
  book->rewind();
}

Task<Result<std::vector<Letter>>> Queue::lease(SystemTime now, size_t most) {
  std::vector<Letter> letters;
  if (most == 0) co_return letters;
  impl_->rewind_now_and_then();
  const uint64_t until = schedule_millis(now);
  std::optional<LeaseBook::Walk> walk = impl_->book->begin_walk(until, most);
  if (!walk) co_return fail(FaultKind::temporary, "the queue is being walked already");
  Repairs repairs;
  Place next{until + 1, 0};
  std::unordered_map<LetterId, uint64_t> millis;
  auto reading = [&](const engine::Reader& reader) -> Result<void> {
    std::vector<Place> places = walk->returned;
    auto walked = scan_schedule(
        reader, schedule_key(walk->from), range_end(now), [&](std::string_view key, std::string_view) {
          if (places.size() >= most || repairs.bad.size() >= kMostRepairs) {
            next = read_schedule_key(key).value_or(walk->from);
            return false;
          }
          const auto place = read_schedule_key(key);
          if (!place) {
            repairs.bad.push_back({std::string(key), "schedule row with a bad key", std::nullopt});
          } else if (impl_->book->is_free(place->second)) {
            places.push_back(*place);
          }
          return true;
        });
    if (!walked) return std::unexpected(walked.error());
    if (*walked) log::error("queue.schedule_damaged", {{"advice", "posthouse queue retry --all"}});
    for (const Place& place : places) millis.emplace(place.second, place.first);
    return impl_->load_places(reader, places, until, letters, repairs);
  };
  Result<void> done = co_await impl_->engine.read(reading);
  if (!done) {
    impl_->book->abandon_walk(*walk);
    co_return std::unexpected(done.error());
  }
  std::erase_if(letters, [&](const Letter& l) { return !impl_->book->lease(l.id, millis[l.id]); });
  impl_->book->end_walk(next);
  if (!repairs.empty()) co_await impl_->repair(std::move(repairs));
  co_return letters;
}

bool Queue::lease_one(LetterId id) {
  return impl_->book->lease_one(id);
}

void Queue::give_back(LetterId id) {
  impl_->book->give_back(id);
}

Task<Result<std::optional<SystemTime>>> Queue::next_due() {
  const auto [from, returned] = impl_->book->position();
  std::optional<Place> earliest = returned;
  auto reading = [&](const engine::Reader& reader) -> Result<void> {
    const auto walked =
        scan_schedule(reader, schedule_key(from), kScheduleEnd, [&](std::string_view key, std::string_view) {
          const auto place = read_schedule_key(key);
          if (!place || !impl_->book->is_free(place->second)) return true;
          if (!earliest || *place < *earliest) earliest = place;
          return false;
        });
    if (!walked) return std::unexpected(walked.error());
    return {};
  };
  Result<void> done = co_await impl_->engine.read(reading);
  if (!done) co_return std::unexpected(done.error());
  if (!earliest) co_return std::optional<SystemTime>();
  co_return std::optional<SystemTime>(schedule_time(earliest->first));
}

// Without it a letter that was sent would be sent again, which SMTP allows (RFC 5321 section 6.1); a
// result with a bounce, or one that says when to try again, is not for the power to take.
Task<Result<void>> Queue::Impl::write_result(std::vector<engine::Step> steps, bool delivered) {
  return delivered ? engine.transact_relaxed(std::move(steps)) : engine.transact(std::move(steps));
}

Task<Result<void>> Queue::record(Outcome outcome) {
  auto row = co_await impl_->engine.fetch(shard_of(outcome.id), letter_key(outcome.id));
  if (!row) co_return std::unexpected(row.error());
  if (!*row) co_return fail(FaultKind::not_found, "letter " + format_id(outcome.id) + " is gone");
  const auto letter = decode_letter(outcome.id, **row);
  if (!letter) {
    Repairs repairs;
    repairs.bad.push_back({letter_key(outcome.id), letter.error().what, std::nullopt});
    co_await impl_->repair(std::move(repairs));
    co_return std::unexpected(letter.error());
  }
  const bool all_delivered =
      outcome.also.empty() && std::all_of(outcome.recipients.begin(), outcome.recipients.end(), is_delivered);
  auto recording = std::make_shared<Recording>();
  recording->id = outcome.id;
  recording->recipients = std::move(outcome.recipients);
  recording->book = impl_->book;
  // A bounce comes first: where steps are applied one by one, a crash between them may double it, never lose
  // it.
  std::vector<engine::Step> steps = std::move(outcome.also);
  steps.push_back({shard_of(recording->id),
                   [recording](engine::Transaction& rows) { return apply_recording(*recording, rows); }});
  steps.push_back(only_if(recording->finished, drop_blob(*letter)));
  Result<void> done = co_await impl_->write_result(std::move(steps), all_delivered);
  if (done) impl_->book->moved(recording->id, recording->due);
  co_return done;
}

Task<Result<std::optional<Letter>>> Queue::find(LetterId id) {
  auto row = co_await impl_->engine.fetch(shard_of(id), letter_key(id));
  if (!row) co_return std::unexpected(row.error());
  if (!*row) co_return std::optional<Letter>();
  auto letter = decode_letter(id, **row);
  if (letter) co_return std::optional<Letter>(std::move(*letter));
  Repairs repairs;
  repairs.bad.push_back({letter_key(id), letter.error().what, std::nullopt});
  co_await impl_->repair(std::move(repairs));
  co_return std::unexpected(letter.error());
}

Task<Result<Queue::Totals>> Queue::totals() {
  Totals totals;
  auto reading = [&totals](const engine::Reader& reader) -> Result<void> {
    const auto c = read_counters(reader, shard_of(0));
    if (!c) return std::unexpected(c.error());
    totals.letters = c->letters;
    totals.waiting = c->scheduled;
    totals.held = c->letters - std::min(c->letters, c->scheduled);
    totals.set_aside = c->set_aside;
    return {};
  };
  Result<void> done = co_await impl_->engine.read(reading);
  if (!done) co_return std::unexpected(done.error());
  co_return totals;
}

}  // namespace posthouse::queue
