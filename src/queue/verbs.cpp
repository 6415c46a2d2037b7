// What the operator sees and does: list, hold, release, retry, remove.
#include "base/log.h"
#include "engine/blob.h"
#include "queue/impl.h"
#include "queue/letter_record.h"
#include "queue/limits.h"
#include "queue/match.h"

namespace posthouse::queue {

namespace {

bool hold_recipient(Recipient& r, SystemTime) {
  if (r.state != RecipientState::waiting) return false;
  r.state = RecipientState::held;
  return true;
}

bool release_recipient(Recipient& r, SystemTime now) {
  if (r.state != RecipientState::held) return false;
  r.state = RecipientState::waiting;
  r.next_attempt = now;
  return true;
}

bool retry_recipient(Recipient& r, SystemTime now) {
  if (r.state != RecipientState::waiting) return false;
  r.next_attempt = now;
  return true;
}

bool remove_recipient(Recipient& r, SystemTime) {
  if (r.state != RecipientState::waiting && r.state != RecipientState::held) return false;
  r.state = RecipientState::failed;
  r.last_reply = "removed by the operator";
  r.last_status.clear();
  r.last_host.clear();
  return true;
}

// What a step of a verb shares with its transaction; the step may run more than once.
struct Changing {
  LetterId id = 0;
  Filter filter;
  SystemTime now{};
  Queue::Impl::Change change = nullptr;
  std::shared_ptr<bool> finished = std::make_shared<bool>(false);
  bool changed = false;
  std::optional<uint64_t> due;
};

Result<void> apply_change(Changing& changing, engine::Transaction& rows) {
  changing.changed = false;
  *changing.finished = false;
  const auto stored = load_letter(rows, changing.id);
  if (!stored || !*stored) return {};  // gone, or looked after elsewhere
  Letter after = **stored;
  for (Recipient& r : after.recipients) {
    if (matches(changing.filter, **stored, r) && changing.change(r, changing.now)) changing.changed = true;
  }
  if (!changing.changed) return {};
  *changing.finished = is_finished(after);
  const auto due = due_time(after);
  changing.due = due ? std::optional<uint64_t>(schedule_millis(*due)) : std::nullopt;
  return change_letter(rows, &**stored, *changing.finished ? nullptr : &after);
}

}  // namespace

Task<Result<std::vector<Letter>>> Queue::Impl::find_letters(Filter filter) {
  std::vector<Letter> letters;
  Repairs repairs;
  auto reading = [&](const engine::Reader& reader) -> Result<void> {
    const std::string begin = filter.id ? letter_key(*filter.id) : std::string(kLetterBegin);
    const std::string end = filter.id ? begin + '\0' : std::string(kLetterEnd);
    return reader.scan(shard_of(0), begin, end, [&](std::string_view key, std::string_view value) {
      const auto id = read_letter_key(key);
      auto letter = id ? decode_letter(*id, value) : fail(FaultKind::corrupt, "letter row with a bad key");
      if (!letter) {
        repairs.bad.push_back({std::string(key), letter.error().what, std::nullopt});
      } else if (matches(filter, *letter)) {
        letters.push_back(std::move(*letter));
      }
      return letters.size() < filter.most;
    });
  };
  if (filter.most == 0) co_return letters;
  Result<void> done = co_await engine.read(reading);
  if (!done) co_return std::unexpected(done.error());
  if (!repairs.empty()) co_await repair(std::move(repairs));
  co_return letters;
}

Task<Result<void>> Queue::Impl::change_batch(const std::vector<Letter>& batch, const Filter& filter,
                                             Change change, size_t& changed) {
  const SystemTime now = clock.now();
  const std::shared_ptr<void> token = book->expect(schedule_millis(now));
  // Letting go of a hold or of another recipient may uncover an older time of a third.
  std::vector<std::shared_ptr<void>> tokens;
  std::vector<std::shared_ptr<Changing>> changings;
  std::vector<engine::Step> steps;
  for (const Letter& letter : batch) {
    for (const Recipient& r : letter.recipients) {
      if (r.state == RecipientState::waiting) tokens.push_back(book->expect(schedule_millis(r.next_attempt)));
    }
    auto changing = std::make_shared<Changing>();
    changing->id = letter.id;
    changing->filter = filter;
    changing->now = now;
    changing->change = change;
    changings.push_back(changing);
    steps.push_back({shard_of(letter.id),
                     [changing](engine::Transaction& rows) { return apply_change(*changing, rows); }});
    steps.push_back(only_if(changing->finished, drop_blob(letter)));
  }
  Result<void> done = co_await engine.transact(std::move(steps));
  if (!done) co_return done;
  for (const auto& changing : changings) {
    if (!changing->changed) continue;
    ++changed;
    book->moved(changing->id, changing->due);
  }
  co_return done;
}

Task<Result<size_t>> Queue::Impl::change_letters(Filter filter, Change change) {
  auto letters = co_await find_letters(filter);
  if (!letters) co_return std::unexpected(letters.error());
  size_t changed = 0;
  for (size_t begin = 0; begin < letters->size(); begin += kVerbBatch) {
    const size_t end = std::min(letters->size(), begin + kVerbBatch);
    const std::vector<Letter> batch(letters->begin() + static_cast<ptrdiff_t>(begin),
                                    letters->begin() + static_cast<ptrdiff_t>(end));
    Result<void> done = co_await change_batch(batch, filter, change, changed);
    if (!done) co_return std::unexpected(done.error());
  }
  co_return changed;
}

Task<Result<std::vector<Letter>>> Queue::list(Filter filter) {
  return impl_->find_letters(std::move(filter));
}

Task<Result<size_t>> Queue::hold(Filter filter) {
  return impl_->change_letters(std::move(filter), hold_recipient);
}

Task<Result<size_t>> Queue::release(Filter filter) {
  return impl_->change_letters(std::move(filter), release_recipient);
}

Task<Result<size_t>> Queue::retry_now(Filter filter) {
  return impl_->change_letters(std::move(filter), retry_recipient);
}

Task<Result<size_t>> Queue::remove(Filter filter) {
  return impl_->change_letters(std::move(filter), remove_recipient);
}

}  // namespace posthouse::queue
