// Many deadlines, one clock hand: the coarse timers of a loop's connections.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace posthouse::net {

// Deadlines to the second, in constant time and without allocating. Moving a deadline later, which sessions
// do with every command, only stores it: the node is looked at when its old time comes, and goes to its new
// place then. Not thread-safe.
class TimerWheel {
 public:
  // Part of what has the deadline. Remove it from the wheel before it goes.
  struct Node {
    SteadyTime deadline = SteadyTime::max();
    Node* previous = nullptr;  // set while it is filed
    Node* next = nullptr;
    uint64_t due = 0;  // the tick it is filed under; may be before the deadline, never a tick after
  };
  static constexpr seconds kTick{1};

  explicit TimerWheel(SteadyTime start);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Sets or moves the deadline; SteadyTime::max() is none.
  void set(Node& node, SteadyTime deadline);
  void remove(Node& node);

  // Calls `expired(node)` for each node whose deadline is not after `now`, after removing it. At most one
  // tick late. `expired` must not touch the wheel.
  template <class F>
  void advance(SteadyTime now, F expired) {
    const uint64_t last = tick_of(now);
    if (last > hand_ + kSlots) hand_ = last - kSlots;  // after a long pause one turn sees every slot
    while (hand_ < last) {
      ++hand_;
      Node* node = take_slot(hand_);
      while (node != nullptr) {
        Node* const following = node->next;
        node->previous = node->next = nullptr;
        if (node->deadline <= now) {
          node->deadline = SteadyTime::max();
          expired(*node);
        } else if (node->deadline != SteadyTime::max()) {
          file(*node);
        }
        node = following;
      }
    }
  }

  // When advance() has something to do next.
  SteadyTime next_tick() const;

 private:
  static constexpr uint64_t kSlots = 512;

  uint64_t tick_of(SteadyTime when) const;  // rounded down
  void file(Node& node);
  Node* take_slot(uint64_t tick);  // a list linked by next

  SteadyTime start_;
  uint64_t hand_ = 0;
  std::array<Node, kSlots> slots_;  // heads of rings
};

}  // namespace posthouse::net
