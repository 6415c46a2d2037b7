// How many logins of one network are verified at the same time.
//
// Without it, guesses sent at once would all be under way before the first failure is counted, and a crowd of
// them would stand before everybody else at the pool. With it, a network has few places; who finds them taken
// waits in the network's own line, and the line has an end.
#pragma once

#include <coroutine>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/executor.h"
#include "base/task.h"

namespace posthouse::directory {

// Thread-safe. Outlives all who wait and all places. Memory is bounded by who is under way.
class LoginGate {
 public:
  // Gives the place to the next in line when it goes.
  class Place {
   public:
    Place(LoginGate& gate, std::string network) : gate_(&gate), network_(std::move(network)) {}
    Place(Place&& other) noexcept
        : gate_(std::exchange(other.gate_, nullptr)), network_(std::move(other.network_)) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (gate_ != nullptr) gate_->leave(network_);
    }

   private:
    LoginGate* gate_;
    std::string network_;
  };

  // Waits for a place, in the order of coming; nothing if the line is full. Comes back on its caller's
  // executor.
  Task<std::optional<Place>> enter(std::string network);

 private:
  struct Waiter {
    std::coroutine_handle<> caller;
    Executor* home;
  };
  struct Line {
    size_t inside = 0;
    std::deque<Waiter> waiting;
  };
  struct Entry;

  void leave(const std::string& network);

  std::mutex mutex_;
  std::unordered_map<std::string, Line> lines_;
};

}  // namespace posthouse::directory
