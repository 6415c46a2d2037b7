#include "queue/rows.h"

#include "base/id.h"
#include "engine/record.h"
#include "queue/letter_record.h"

namespace posthouse::queue {

namespace {

constexpr std::string_view kCountersKey = "n";
constexpr uint8_t kCountersVersion = 1;
constexpr uint8_t kSetAsideVersion = 1;

Result<Counters> decode_counters(std::string_view record) {
  engine::RecordReader in(record, kCountersVersion);
  Counters c;
  c.letters = in.varint();
  c.scheduled = in.varint();
  c.set_aside = in.varint();
  if (!in.ok()) return std::unexpected(in.fault("queue counters"));
  return c;
}

std::string encode_counters(const Counters& c) {
  engine::RecordWriter out(kCountersVersion);
  out.varint(c.letters).varint(c.scheduled).varint(c.set_aside);
  return out.finish();
}

// Only when the counters row was damaged. `scan` is Reader's or Transaction's for the shard.
Result<Counters> count_rows(
    const std::function<Result<void>(std::string_view, std::string_view, const engine::RowVisitor&)>& scan) {
  Counters c;
  const auto count = [&](std::string_view begin, std::string_view end, uint64_t& n) {
    return scan(begin, end, [&n](std::string_view, std::string_view) {
      ++n;
      return true;
    });
  };
  Result<void> done = count(kLetterBegin, kLetterEnd, c.letters);
  if (done) done = count(kScheduleBegin, kScheduleEnd, c.scheduled);
  if (done) done = count(kSetAsideBegin, kSetAsideEnd, c.set_aside);
  if (!done) return std::unexpected(done.error());
  return c;
}

// The counters may lag behind rows that were repaired; they never wrap.
void add(uint64_t& n, int delta) {
  if (delta < 0 && n == 0) return;
  n += static_cast<uint64_t>(static_cast<int64_t>(delta));
}

// Called after the rows themselves were changed.
Result<void> adjust_counters(engine::Transaction& rows, int letters, int scheduled, int set_aside) {
  if (letters == 0 && scheduled == 0 && set_aside == 0) return {};
  const auto row = rows.get(kCountersKey);
  if (!row) return std::unexpected(row.error());
  Result<Counters> c = *row ? decode_counters(**row) : Counters{};
  if (!c) {
    // Damaged: count. The rows are changed already, so that is the new number.
    const Result<Counters> counted =
        count_rows([&](std::string_view b, std::string_view e, const engine::RowVisitor& v) {
          return rows.scan(b, e, v);
        });
    if (!counted) return std::unexpected(counted.error());
    rows.put(kCountersKey, encode_counters(*counted));
    return {};
  }
  add(c->letters, letters);
  add(c->scheduled, scheduled);
  add(c->set_aside, set_aside);
  rows.put(kCountersKey, encode_counters(*c));
  return {};
}

bool is_corrupt(const Result<void>& done) {
  return !done && done.error().kind == FaultKind::corrupt;
}

// The time in a schedule row's key, or in the end of a range of them.
uint64_t millis_in(std::string_view key) {
  if (!key.starts_with(kScheduleBegin)) return UINT64_MAX;
  return key.size() < 9 ? 0 : engine::read_key_u64(key.substr(1));
}

// A time behind `bad` from which on the schedule can be read again: further and further, then by halving.
uint64_t behind_damage(const engine::Reader& reader, uint64_t bad, std::string_view end) {
  const auto stumbles = [&](uint64_t millis) {
    return is_corrupt(reader.scan(shard_of(0), schedule_key({millis, 0}), end,
                                  [](std::string_view, std::string_view) { return false; }));
  };
  uint64_t good = millis_in(end);
  for (uint64_t stride = 1; stride < good - bad; stride *= 2) {
    if (!stumbles(bad + stride)) {
      good = bad + stride;
      break;
    }
    bad += stride;
  }
  while (good - bad > 1) {
    const uint64_t middle = bad + (good - bad) / 2;
    (stumbles(middle) ? bad : good) = middle;
  }
  return good;
}

}  // namespace

engine::Partition shard_of(LetterId id) {
  return {engine::PartitionKind::queue, id % kShards};
}

std::string letter_key(LetterId id) {
  std::string key(kLetterBegin);
  engine::append_key_u64(key, id);
  return key;
}

std::optional<LetterId> read_letter_key(std::string_view key) {
  if (key.size() != 9 || key[0] != kLetterBegin[0]) return std::nullopt;
  return engine::read_key_u64(key.substr(1));
}

std::string schedule_key(Place place) {
  std::string key(kScheduleBegin);
  engine::append_key_u64(key, place.first);
  engine::append_key_u64(key, place.second);
  return key;
}

std::optional<Place> read_schedule_key(std::string_view key) {
  if (key.size() != 17 || key[0] != kScheduleBegin[0]) return std::nullopt;
  return Place{engine::read_key_u64(key.substr(1)), engine::read_key_u64(key.substr(9))};
}

uint64_t schedule_millis(SystemTime time) {
  const auto count = time.time_since_epoch().count();
  return count < 0 ? 0 : static_cast<uint64_t>(count);
}

SystemTime schedule_time(uint64_t millis) {
  return SystemTime(milliseconds(static_cast<int64_t>(millis)));
}

std::optional<SystemTime> due_time(const Letter& letter) {
  std::optional<SystemTime> earliest;
  for (const Recipient& r : letter.recipients) {
    if (r.state == RecipientState::waiting && (!earliest || r.next_attempt < *earliest))
      earliest = r.next_attempt;
  }
  return earliest;
}

Result<bool> scan_schedule(const engine::Reader& reader, std::string begin, std::string_view end,
                           const engine::RowVisitor& visit) {
  bool damaged = false;
  const uint64_t last = millis_in(end);
  while (true) {
    uint64_t seen = millis_in(begin);
    bool stopped = false;
    const Result<void> done =
        reader.scan(shard_of(0), begin, end, [&](std::string_view key, std::string_view value) {
          seen = std::max(seen, millis_in(key));
          stopped = !visit(key, value);
          return !stopped;
        });
    if (done || stopped) return damaged;
    if (!is_corrupt(done)) return std::unexpected(done.error());
    damaged = true;
    const uint64_t next = seen >= last ? last : behind_damage(reader, seen, end);
    if (next >= last) return damaged;
    begin = schedule_key({next, 0});
  }
}

bool is_finished(const Letter& letter) {
  return std::none_of(letter.recipients.begin(), letter.recipients.end(), [](const Recipient& r) {
    return r.state == RecipientState::waiting || r.state == RecipientState::held;
  });
}

Result<Counters> read_counters(const engine::Reader& reader, engine::Partition shard) {
  const auto row = reader.get(shard, kCountersKey);
  if (!row) return std::unexpected(row.error());
  if (!*row) return Counters{};
  if (auto c = decode_counters(**row)) return c;
  return count_all(reader, shard);
}

Result<Counters> count_all(const engine::Reader& reader, engine::Partition shard) {
  return count_rows([&](std::string_view b, std::string_view e, const engine::RowVisitor& v) {
    return reader.scan(shard, b, e, v);
  });
}

void put_counters(engine::Transaction& rows, const Counters& counters) {
  rows.put(kCountersKey, encode_counters(counters));
}

Result<void> change_letter(engine::Transaction& rows, const Letter* before, const Letter* after) {
  const LetterId id = before != nullptr ? before->id : after->id;
  const auto old_due = before != nullptr ? due_time(*before) : std::nullopt;
  const auto new_due = after != nullptr ? due_time(*after) : std::nullopt;
  if (old_due && old_due != new_due) rows.erase(schedule_key({schedule_millis(*old_due), id}));
  if (new_due && old_due != new_due) rows.put(schedule_key({schedule_millis(*new_due), id}), "");
  if (after != nullptr) {
    rows.put(letter_key(id), encode_letter(*after));
  } else {
    rows.erase(letter_key(id));
  }
  return adjust_counters(rows, (after != nullptr) - (before != nullptr),
                         new_due.has_value() - old_due.has_value(), 0);
}

Result<std::optional<Letter>> load_letter(const engine::Transaction& rows, LetterId id) {
  const auto row = rows.get(letter_key(id));
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::nullopt;
  auto letter = decode_letter(id, **row);
  if (!letter) return std::unexpected(letter.error());
  return std::optional<Letter>(std::move(*letter));
}

Result<void> set_row_aside(engine::Transaction& rows, std::string_view key, std::string_view reason,
                           SystemTime when, std::optional<Place> place) {
  int letters = 0;
  int scheduled = 0;
  int set_aside = 0;
  const auto row = rows.get(key);
  const bool lost = !row && row.error().kind == FaultKind::corrupt;
  if (!row && !lost) return std::unexpected(row.error());
  if (lost || *row) {
    const std::string bytes = lost ? std::string() : **row;
    rows.put(std::string(kSetAsideBegin) + std::string(key), encode_set_aside(when, reason, bytes));
    rows.erase(key);
    set_aside = 1;
    if (key.starts_with(kLetterBegin)) letters = -1;
    if (key.starts_with(kScheduleBegin)) scheduled = -1;
  }
  if (place) {
    const std::string schedule = schedule_key(*place);
    const auto there = rows.get(schedule);
    if (!there) return std::unexpected(there.error());
    if (*there) {
      rows.erase(schedule);
      --scheduled;
    }
  }
  return adjust_counters(rows, letters, scheduled, set_aside);
}

Result<void> drop_schedule_row(engine::Transaction& rows, std::string_view key) {
  const auto place = read_schedule_key(key);
  const auto there = rows.get(key);
  if (!there) return std::unexpected(there.error());
  if (!*there || !place) return {};
  const auto letter = load_letter(rows, place->second);
  if (!letter) return {};  // unreadable: that row is looked after by itself
  if (*letter) {
    const auto due = due_time(**letter);
    if (due && schedule_millis(*due) == place->first) return {};  // it is right after all
  }
  rows.erase(key);
  return adjust_counters(rows, 0, -1, 0);
}

Result<void> count_set_aside(engine::Transaction& rows, int delta) {
  return adjust_counters(rows, 0, 0, delta);
}

std::string encode_set_aside(SystemTime when, std::string_view reason, std::string_view value) {
  engine::RecordWriter out(kSetAsideVersion);
  out.varint(schedule_millis(when)).bytes(reason).bytes(value);
  return out.finish();
}

Result<Queue::SetAside> decode_set_aside(std::string_view key, std::string_view record) {
  engine::RecordReader in(record, kSetAsideVersion);
  Queue::SetAside out;
  const std::string_view original = key.substr(kSetAsideBegin.size());
  const auto id = read_letter_key(original);
  out.id = id ? *id : 0;
  out.key = original;
  out.when = schedule_time(in.varint());
  out.reason = in.bytes();
  out.value = in.bytes();
  if (!in.ok()) return std::unexpected(in.fault("set-aside row"));
  return out;
}

}  // namespace posthouse::queue
