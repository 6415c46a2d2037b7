#include "store/forgiving_reader.h"

#include <algorithm>

namespace posthouse::store {

namespace {

constexpr size_t kMostTold = 10000;
constexpr int kMostStumbles = 100000;  // in one scan
constexpr size_t kTail = 4;            // bytes at the end of a key that are counted up: a UID in most

// The key with its last bytes, as a number, `steps` further; "" behind the last one.
std::string further(std::string_view key, uint64_t steps) {
  std::string out(key);
  if (out.size() < 1 + kTail) out.resize(1 + kTail, '\0');
  const size_t at = out.size() - kTail;
  uint64_t number = steps;
  for (size_t i = 0, shift = 8 * (kTail - 1); i < kTail; ++i, shift -= 8)
    number += static_cast<uint64_t>(static_cast<unsigned char>(out[at + i])) << shift;
  if (number > UINT32_MAX) return "";
  for (size_t i = 0, shift = 8 * (kTail - 1); i < kTail; ++i, shift -= 8)
    out[at + i] = static_cast<char>(number >> shift);
  return out;
}

}  // namespace

void ForgivingReader::stumble(engine::PartitionKind kind, const Fault& fault) const {
  if (kind == engine::PartitionKind::account) missed_accounts_ = true;
  if (told_.size() < kMostTold && told_.insert(fault.what).second) tell_(fault.what);
}

Result<std::optional<std::string>> ForgivingReader::get(engine::Partition partition,
                                                        std::string_view key) const {
  Result<std::optional<std::string>> row = inside_.get(partition, key);
  if (row) return row;
  stumble(partition.kind, row.error());
  return std::nullopt;
}

// The first key behind `bad` from which can be read; "" if there is none before `end`. Tried further and
// further, then halved.
std::string ForgivingReader::behind(engine::Partition partition, std::string_view bad,
                                    std::string_view end) const {
  const auto readable = [&](const std::string& from) {
    return inside_.scan(partition, from, end, [](auto, auto) { return false; }).has_value();
  };
  uint64_t below = 0;
  uint64_t above = 1;
  for (;; above *= 2) {
    const std::string from = further(bad, above);
    if (from.empty() || (!end.empty() && from >= end)) return "";
    if (readable(from)) break;
    below = above;
  }
  while (above - below > 1) {
    const uint64_t middle = below + (above - below) / 2;
    (readable(further(bad, middle)) ? above : below) = middle;
  }
  return further(bad, above);
}

Result<void> ForgivingReader::scan(engine::Partition partition, std::string_view begin, std::string_view end,
                                   const engine::RowVisitor& visit) const {
  std::string from(begin);
  bool ended = false;
  for (int stumbles = 0; stumbles < kMostStumbles; ++stumbles) {
    std::string last = from;
    const Result<void> done =
        inside_.scan(partition, from, end, [&](std::string_view key, std::string_view value) {
          last.assign(key);
          ended = !visit(key, value);
          return !ended;
        });
    if (done) return {};
    stumble(partition.kind, done.error());
    if (ended) return {};
    from = behind(partition, last, end);
    if (from.empty()) return {};
  }
  return {};
}

Result<void> ForgivingReader::scan_back(engine::Partition partition, std::string_view begin,
                                        std::string_view end, const engine::RowVisitor& visit) const {
  const Result<void> done = inside_.scan_back(partition, begin, end, visit);
  if (!done) stumble(partition.kind, done.error());
  return {};
}

Result<void> ForgivingReader::partitions(engine::PartitionKind kind, uint64_t first,
                                         const engine::PartitionVisitor& visit) const {
  const Result<void> done = inside_.partitions(kind, first, visit);
  if (!done) stumble(kind, done.error());
  return {};
}

}  // namespace posthouse::store
