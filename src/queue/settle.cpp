// A queue that may have lost rows when damaged files were mended: every letter that waits has its place in
// the schedule again, and the counters are what is there.
#include <algorithm>
#include <iterator>

#include "base/log.h"
#include "queue/impl.h"
#include "queue/letter_record.h"
#include "queue/rows.h"

namespace posthouse::queue {

namespace {

constexpr size_t kTogether = 1000;  // rows in one transaction

struct Missing {
  std::vector<Place> places;
  std::vector<Letter> references;  // letters whose body does not know them
};

class Search {
 public:
  Search(const engine::Reader& reader, const std::vector<engine::PartitionRange>& lost, Missing& out)
      : reader_(reader), lost_(lost), out_(out) {}

  Result<void> run() {
    Result<void> inside;
    const Result<void> scanned = reader_.scan(shard_of(0), kLetterBegin, kLetterEnd,
                                              [&](std::string_view key, std::string_view value) {
                                                const std::optional<LetterId> id = read_letter_key(key);
                                                if (!id) return true;
                                                const Result<Letter> letter = decode_letter(*id, value);
                                                if (!letter)
                                                  return true;  // it is set aside when somebody meets it
                                                inside = check_place(*letter);
                                                if (inside) inside = check_reference(*letter);
                                                return inside.has_value();
                                              });
    return scanned ? inside : scanned;
  }

 private:
  Result<void> check_place(const Letter& letter) {
    const std::optional<SystemTime> due = due_time(letter);
    if (!due) return {};
    const Place place{schedule_millis(*due), letter.id};
    const auto there = reader_.get(shard_of(0), schedule_key(place));
    if (!there) return std::unexpected(there.error());
    if (!*there) out_.places.push_back(place);
    return {};
  }
  Result<void> check_reference(const Letter& letter) {
    if (!engine::contains(lost_, engine::Partition{engine::PartitionKind::blob, letter.blob})) return {};
    const auto known = engine::has_reference(reader_, letter.blob, Queue::blob_reference(letter.id));
    if (!known) return std::unexpected(known.error());
    if (!*known) out_.references.push_back(letter);
    return {};
  }

  const engine::Reader& reader_;
  const std::vector<engine::PartitionRange>& lost_;
  Missing& out_;
};

engine::Step schedule_step(Place place) {
  return engine::Step{shard_of(0), [place](engine::Transaction& rows) -> Result<void> {
                        rows.put(schedule_key(place), "");
                        return {};
                      }};
}

std::vector<engine::Step> repairs(const Missing& missing) {
  std::vector<engine::Step> out;
  for (const Place& place : missing.places) out.push_back(schedule_step(place));
  for (const Letter& letter : missing.references)
    out.push_back(engine::restore_reference(letter.blob, Queue::blob_reference(letter.id)));
  return out;
}

}  // namespace

Task<Result<void>> Queue::settle(std::vector<engine::PartitionRange> lost) {
  Missing missing;
  std::function<Result<void>(const engine::Reader&)> look = [&](const engine::Reader& reader) {
    return Search(reader, lost, missing).run();
  };
  Result<void> done = co_await impl_->engine.read(std::move(look));
  if (!done) co_return done;
  std::vector<engine::Step> all = repairs(missing);
  for (size_t at = 0; at < all.size(); at += kTogether) {
    const auto begin = all.begin() + static_cast<ptrdiff_t>(at);
    const auto end = all.begin() + static_cast<ptrdiff_t>(std::min(at + kTogether, all.size()));
    std::vector<engine::Step> part(std::make_move_iterator(begin), std::make_move_iterator(end));
    done = co_await impl_->engine.transact(std::move(part));
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
  log::warn("queue.settled",
            {{"scheduled", missing.places.size()}, {"references", missing.references.size()}});
  co_return done;
}

}  // namespace posthouse::queue
