#include "engine/free_space.h"

#include <sys/statvfs.h>

#include "base/clock.h"

namespace posthouse::engine {

namespace {

constexpr int64_t kMaxAge = 50;  // ms: a fast writer must not run through the reserve unseen

int64_t now_ms() {
  return std::chrono::duration_cast<milliseconds>(system_clock().steady().time_since_epoch()).count();
}

}  // namespace

FreeSpace::FreeSpace(std::string directory, uint64_t reserve)
    : directory_(std::move(directory)), reserve_(reserve), asked_(now_ms()) {
  refresh();
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
