// The rows of a queue shard, and how they change together inside one transaction step.
//
//   l <id:u64>              the letter (queue/letter_record.h)
//   s <due:u64 ms> <id:u64> schedule: empty value; one for each letter that has a waiting recipient
//   n                       counters
//   x <key of a bad row>    set aside: when, why, and the bytes as they were
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "engine/engine.h"
#include "queue/queue.h"

namespace posthouse::queue {

// All letters are in shard 0 today; several shards differ only in this function and in who walks them.
constexpr uint64_t kShards = 1;
engine::Partition shard_of(LetterId id);

// Where a letter stands in the schedule: milliseconds since 1970, then its id.
using Place = std::pair<uint64_t, LetterId>;
constexpr LetterId kLastId = UINT64_MAX;

constexpr std::string_view kLetterBegin = "l", kLetterEnd = "m";
constexpr std::string_view kScheduleBegin = "s", kScheduleEnd = "t";
constexpr std::string_view kSetAsideBegin = "x", kSetAsideEnd = "y";

std::string letter_key(LetterId id);
std::optional<LetterId> read_letter_key(std::string_view key);
std::string schedule_key(Place place);
std::optional<Place> read_schedule_key(std::string_view key);
uint64_t schedule_millis(SystemTime time);
SystemTime schedule_time(uint64_t millis);

// The earliest time a waiting recipient is to be tried; nothing when none waits.
std::optional<SystemTime> due_time(const Letter& letter);
// No recipient is waiting or held any more.
bool is_finished(const Letter& letter);

// Scans the schedule as Reader::scan does, over stretches of it that the store can't read: a damaged one must
// not stop the letters behind it. True if there was one; its letters keep their rows, and a retry by the
// operator gives them new places.
Result<bool> scan_schedule(const engine::Reader& reader, std::string begin, std::string_view end,
                           const engine::RowVisitor& visit);

struct Counters {
  uint64_t letters = 0;    // letter rows
  uint64_t scheduled = 0;  // of them with a schedule row
  uint64_t set_aside = 0;  // set-aside rows
};
// All zero when there is none; counted anew from the rows when it is damaged.
Result<Counters> read_counters(const engine::Reader& reader, engine::Partition shard);

// Counted anew in any case.
Result<Counters> count_all(const engine::Reader& reader, engine::Partition shard);
void put_counters(engine::Transaction& rows, const Counters& counters);

// Writes `after` in place of `before` (either may be null: a new letter, a letter that goes), with schedule
// and counters.
Result<void> change_letter(engine::Transaction& rows, const Letter* before, const Letter* after);
// The letter, or nothing; `corrupt` when it can't be read.
Result<std::optional<Letter>> load_letter(const engine::Transaction& rows, LetterId id);

// Moves the row to the set-aside kind, if it is still there; without its bytes when the store can't read
// them. `place`: its schedule row, which goes as well.
Result<void> set_row_aside(engine::Transaction& rows, std::string_view key, std::string_view reason,
                           SystemTime when, std::optional<Place> place);
// Removes a schedule row whose letter is gone or is not due then.
Result<void> drop_schedule_row(engine::Transaction& rows, std::string_view key);

// One set-aside row more or less.
Result<void> count_set_aside(engine::Transaction& rows, int delta);
std::string encode_set_aside(SystemTime when, std::string_view reason, std::string_view value);
Result<Queue::SetAside> decode_set_aside(std::string_view key, std::string_view record);

}  // namespace posthouse::queue
