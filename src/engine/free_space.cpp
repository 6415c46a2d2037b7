#include "engine/free_space.h"

#include <sys/statvfs.h>

#include <algorithm>

namespace posthouse::engine {

namespace {

constexpr int64_t kMaxAge = 1000;  // ms

}  // namespace

FreeSpace::FreeSpace(std::string directory, uint64_t reserve, const Clock& clock)
    : directory_(std::move(directory)), reserve_(reserve), clock_(clock), asked_(now_ms()) {
  refresh();
}

int64_t FreeSpace::now_ms() const {
  return std::chrono::duration_cast<milliseconds>(clock_.steady().time_since_epoch()).count();
}

// A fast disk takes more in a second than a reserve is large.
void FreeSpace::spend(uint64_t bytes) {
  uint64_t usable = usable_.load();
  while (!usable_.compare_exchange_weak(usable, usable - std::min(usable, bytes))) {
  }
}

uint64_t FreeSpace::usable() const {
  const int64_t now = now_ms();
  int64_t asked = asked_.load();
  // Whoever wins the exchange asks; the others take the old number.
  const bool old = now - asked >= kMaxAge;
  if (old && asked_.compare_exchange_strong(asked, now)) refresh();
  return usable_.load();
}

void FreeSpace::refresh() const {
  struct statvfs disk{};
  if (::statvfs(directory_.c_str(), &disk) != 0) return;
  const uint64_t free = uint64_t{disk.f_bavail} * disk.f_frsize;
  usable_.store(free > reserve_ ? free - reserve_ : 0);
}

}  // namespace posthouse::engine
