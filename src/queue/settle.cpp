// A queue that may have lost rows when damaged files were mended: every letter that waits has its place in
// the schedule again, and the counters are what is there.
#include "base/log.h"
#include "queue/impl.h"
#include "queue/letter_record.h"
#include "queue/rows.h"

namespace posthouse::queue {

namespace {

constexpr size_t kTogether = 1000;  // rows in one transaction

Result<void> find_unscheduled(const engine::Reader& reader, std::vector<Place>& out) {
  Result<void> inside;
  const engine::Partition shard = shard_of(0);
  const Result<void> scanned =
      reader.scan(shard, kLetterBegin, kLetterEnd, [&](std::string_view key, std::string_view value) {
        const std::optional<LetterId> id = read_letter_key(key);
        const Result<Letter> letter = id ? decode_letter(*id, value) : Result<Letter>(Letter());
        const std::optional<SystemTime> due = id && letter ? due_time(*letter) : std::nullopt;
        if (!due) return true;  // one that can't be read is set aside when somebody meets it
        const Place place{schedule_millis(*due), *id};
        const auto there = reader.get(shard, schedule_key(place));
        if (!there) inside = std::unexpected(there.error());
        if (there && !*there) out.push_back(place);
        return inside.has_value();
      });
  return scanned ? inside : scanned;
}

engine::Step schedule_step(std::vector<Place> places) {
  return engine::Step{shard_of(0), [places = std::move(places)](engine::Transaction& rows) -> Result<void> {
                        for (const Place& place : places) rows.put(schedule_key(place), "");
                        return {};
                      }};
}

}  // namespace

Task<Result<void>> Queue::settle() {
  std::vector<Place> places;
  std::function<Result<void>(const engine::Reader&)> look = [&](const engine::Reader& reader) {
    return find_unscheduled(reader, places);
  };
  Result<void> done = co_await impl_->engine.read(std::move(look));
  if (!done) co_return done;
  for (size_t at = 0; at < places.size(); at += kTogether) {
    const auto begin = places.begin() + static_cast<ptrdiff_t>(at);
    const size_t count = std::min(kTogether, places.size() - at);
    std::vector<engine::Step> steps;
    steps.push_back(schedule_step({begin, begin + static_cast<ptrdiff_t>(count)}));
    done = co_await impl_->engine.transact(std::move(steps));
    if (!done) co_return done;
  }
  Counters counters;
  std::function<Result<void>(const engine::Reader&)> count =
      [&](const engine::Reader& reader) -> Result<void> {
    const Result<Counters> counted = count_all(reader, shard_of(0));
    if (!counted) return std::unexpected(counted.error());
    counters = *counted;
    return {};
  };
  done = co_await impl_->engine.read(std::move(count));
  if (!done) co_return done;
  std::vector<engine::Step> steps;
  steps.push_back({shard_of(0), [&counters](engine::Transaction& rows) -> Result<void> {
                     put_counters(rows, counters);
                     return {};
                   }});
  done = co_await impl_->engine.transact(std::move(steps));
  log::warn("queue.settled", {{"scheduled", places.size()}});
  co_return done;
}

}  // namespace posthouse::queue
