// Ids that are unique in this installation, sort by time, and never come back.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace posthouse {

class Clock;
class Random;

// 42 bits of milliseconds since 1970, 22 bits that count up from a random start: at most 4 million a
// millisecond. Thread-safe; later calls give larger ids, also when the clock steps back.
class IdSource {
 public:
  IdSource(const Clock& clock, Random& random);
  uint64_t next();

 private:
  const Clock& clock_;
  Random& random_;
  std::atomic<uint64_t> last_{0};
};

// 13 characters [0-9a-z] (Crockford's base 32), in the order of the numbers: what people see of an id.
std::string format_id(uint64_t id);
std::optional<uint64_t> parse_id(std::string_view text);

}  // namespace posthouse
