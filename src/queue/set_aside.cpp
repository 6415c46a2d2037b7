// Rows that can't be read, or that nothing can be done for: out of the way, but kept and shown.
#include "base/id.h"
#include "base/log.h"
#include "queue/impl.h"
#include "queue/letter_record.h"
#include "queue/limits.h"

namespace posthouse::queue {

namespace {

std::string set_aside_key(LetterId id) {
  return std::string(kSetAsideBegin) + letter_key(id);
}

Result<Letter> read_set_aside(const std::string& key, const std::string& record) {
  const auto row = decode_set_aside(key, record);
  if (!row) return std::unexpected(row.error());
  return decode_letter(row->id, row->value);
}

Queue::SetAside show_set_aside(std::string_view key, std::string_view record) {
  if (auto row = decode_set_aside(key, record)) return *row;
  Queue::SetAside row;
  row.key = key.substr(kSetAsideBegin.size());
  row.id = read_letter_key(row.key).value_or(0);
  row.reason = "the set-aside row itself can't be read";
  row.value = record;
  return row;
}

Result<void> forget_row(engine::Transaction& rows, const std::string& key, const Letter* restored) {
  rows.erase(key);
  const Result<void> counted = count_set_aside(rows, -1);
  if (!counted || restored == nullptr) return counted;
  return change_letter(rows, nullptr, restored);
}

}  // namespace

Task<void> Queue::Impl::repair(Repairs repairs) {
  if (repairs.bad.size() > kMaxRecipients) repairs.bad.resize(kMaxRecipients);
  auto found = std::make_shared<const Repairs>(std::move(repairs));
  auto apply = [found, when = clock.now()](engine::Transaction& rows) -> Result<void> {
    for (const Repairs::Bad& bad : found->bad) {
      const auto id = read_letter_key(bad.key);
      if (id && load_letter(rows, *id)) continue;  // readable after all, or gone
      const Result<void> moved = set_row_aside(rows, bad.key, bad.reason, when, bad.place);
      if (!moved) return moved;
    }
    for (const std::string& key : found->dangling) {
      const Result<void> dropped = drop_schedule_row(rows, key);
      if (!dropped) return dropped;
    }
    return {};
  };
  std::vector<engine::Step> steps;
  steps.push_back({shard_of(0), std::move(apply)});
  Result<void> done = co_await engine.transact(std::move(steps));
  for (const Repairs::Bad& bad : found->bad) {
    const auto id = read_letter_key(bad.key);
    log::error("queue.row_set_aside", {{"qid", id ? format_id(*id) : std::string("?")},
                                       {"reason", bad.reason},
                                       {"moved", done.has_value()}});
    set_aside_count.add();
  }
}

Task<Result<void>> Queue::set_aside(LetterId id, std::string reason) {
  const SystemTime when = impl_->clock.now();
  auto apply = [id, reason, when](engine::Transaction& rows) -> Result<void> {
    const auto letter = load_letter(rows, id);
    if (!letter) return set_row_aside(rows, letter_key(id), reason, when, std::nullopt);
    if (!*letter) return fail(FaultKind::not_found, "letter " + format_id(id) + " is gone");
    const auto due = due_time(**letter);
    const auto place = due ? std::optional<Place>({schedule_millis(*due), id}) : std::nullopt;
    return set_row_aside(rows, letter_key(id), reason, when, place);
  };
  std::vector<engine::Step> steps;
  steps.push_back({shard_of(id), std::move(apply)});
  Result<void> done = co_await impl_->engine.transact(std::move(steps));
  if (done) {
    impl_->book->moved(id, std::nullopt);
    impl_->set_aside_count.add();
    log::warn("queue.letter_set_aside", {{"qid", format_id(id)}, {"reason", reason}});
  }
  co_return done;
}

Task<Result<std::vector<Queue::SetAside>>> Queue::list_set_aside(size_t most) {
  std::vector<SetAside> found;
  auto reading = [&found, most](const engine::Reader& reader) -> Result<void> {
    return reader.scan(shard_of(0), kSetAsideBegin, kSetAsideEnd,
                       [&](std::string_view key, std::string_view value) {
                         if (found.size() >= most) return false;
                         found.push_back(show_set_aside(key, value));
                         return true;
                       });
  };
  Result<void> done = co_await impl_->engine.read(reading);
  if (!done) co_return std::unexpected(done.error());
  co_return found;
}

Task<Result<std::optional<Queue::SetAside>>> Queue::find_set_aside(LetterId id) {
  const std::string key = set_aside_key(id);
  auto row = co_await impl_->engine.fetch(shard_of(id), key);
  if (!row) co_return std::unexpected(row.error());
  if (!*row) co_return std::optional<SetAside>();
  co_return std::optional<SetAside>(show_set_aside(key, **row));
}

Result<Letter> Queue::letter_of(const SetAside& row) {
  return decode_letter(row.id, row.value);
}

Task<Result<void>> Queue::restore(LetterId id) {
  const std::string key = set_aside_key(id);
  const SystemTime now = impl_->clock.now();
  const std::shared_ptr<void> token = impl_->book->expect(schedule_millis(now));
  auto apply = [key, now, id](engine::Transaction& rows) -> Result<void> {
    const auto row = rows.get(key);
    if (!row) return std::unexpected(row.error());
    if (!*row) return fail(FaultKind::not_found, "no letter " + format_id(id) + " is set aside");
    auto letter = read_set_aside(key, **row);
    if (!letter) return std::unexpected(letter.error());
    for (Recipient& r : letter->recipients) r.next_attempt = now;
    return forget_row(rows, key, &*letter);
  };
  std::vector<engine::Step> steps;
  steps.push_back({shard_of(id), std::move(apply)});
  Result<void> done = co_await impl_->engine.transact(std::move(steps));
  co_return done;
}

Task<Result<void>> Queue::discard(LetterId id) {
  const std::string key = set_aside_key(id);
  auto row = co_await impl_->engine.fetch(shard_of(id), key);
  if (!row) co_return std::unexpected(row.error());
  if (!*row) co_return fail(FaultKind::not_found, "no letter " + format_id(id) + " is set aside");
  std::vector<engine::Step> steps;
  steps.push_back({shard_of(id), [key](engine::Transaction& rows) -> Result<void> {
                     const auto there = rows.get(key);
                     if (!there) return std::unexpected(there.error());
                     return *there ? forget_row(rows, key, nullptr) : Result<void>();
                   }});
  // Where the blob is can only be told from a row that can be read.
  if (const auto letter = read_set_aside(key, **row)) steps.push_back(drop_blob(*letter));
  Result<void> done = co_await impl_->engine.transact(std::move(steps));
  co_return done;
}

}  // namespace posthouse::queue
