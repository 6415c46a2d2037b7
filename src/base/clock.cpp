#include "base/clock.h"

namespace posthouse {

namespace {
class MachineClock : public Clock {
 public:
  SystemTime now() const override {
    return std::chrono::floor<milliseconds>(std::chrono::system_clock::now());
  }
  SteadyTime steady() const override { return std::chrono::steady_clock::now(); }
};
}  // namespace

const Clock& system_clock() {
  static const MachineClock clock;
  return clock;
}

}  // namespace posthouse
