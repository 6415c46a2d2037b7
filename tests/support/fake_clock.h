// A clock that stands still until a test moves it.
#pragma once

#include <functional>
#include <map>
#include <mutex>

#include "base/clock.h"

namespace posthouse::test {

// Thread-safe. Starts at 2026-01-01 00:00:00 UTC.
class FakeClock : public Clock {
 public:
  static constexpr SystemTime kStart{milliseconds(1767225600000)};

  SystemTime now() const override {
    const std::lock_guard lock(mutex_);
    return kStart + offset_ + step_;
  }
  SteadyTime steady() const override {
    const std::lock_guard lock(mutex_);
    return SteadyTime(std::chrono::hours(1)) + offset_;
  }

  // Time goes on: both clocks move, then the listeners hear of it.
  void advance(milliseconds by) {
    std::map<const void*, std::function<void()>> listeners;
    {
      const std::lock_guard lock(mutex_);
      offset_ += by;
      listeners = listeners_;
    }
    for (const auto& [who, call] : listeners) call();
  }

  // Somebody sets the machine's time: only the system clock jumps, perhaps back.
  void step(milliseconds by) {
    const std::lock_guard lock(mutex_);
    step_ += by;
  }

  // `call` runs inside every advance() until forget(who).
  void listen(const void* who, std::function<void()> call) {
    const std::lock_guard lock(mutex_);
    listeners_[who] = std::move(call);
  }
  void forget(const void* who) {
    const std::lock_guard lock(mutex_);
    listeners_.erase(who);
  }

 private:
  mutable std::mutex mutex_;
  milliseconds offset_{0};
  milliseconds step_{0};
  std::map<const void*, std::function<void()>> listeners_;
};

}  // namespace posthouse::test
