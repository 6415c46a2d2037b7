#include "net/timer_wheel.h"

#include <algorithm>

namespace posthouse::net {

TimerWheel::TimerWheel(SteadyTime start) : start_(start) {
  for (Node& head : slots_) head.previous = head.next = &head;
}

uint64_t TimerWheel::tick_of(SteadyTime when) const {
  if (when <= start_) return 0;
  return static_cast<uint64_t>(std::chrono::floor<seconds>(when - start_) / kTick);
}

SteadyTime TimerWheel::next_tick() const {
  return start_ + kTick * static_cast<int64_t>(hand_ + 1);
}

void TimerWheel::set(Node& node, SteadyTime deadline) {
  node.deadline = deadline;
  if (deadline == SteadyTime::max()) return;  // a filed node is dropped when its tick comes
  if (node.previous != nullptr && node.due <= tick_of(deadline) + 1) return;
  remove(node);
  file(node);
}

void TimerWheel::remove(Node& node) {
  if (node.previous == nullptr) return;
  node.previous->next = node.next;
  node.next->previous = node.previous;
  node.previous = node.next = nullptr;
}

void TimerWheel::file(Node& node) {
  // One tick later than rounded down, so that the deadline has passed by then; far ones come by again.
  node.due = std::clamp(tick_of(node.deadline) + 1, hand_ + 1, hand_ + kSlots - 1);
  Node& head = slots_[node.due % kSlots];
  node.previous = head.previous;
  node.next = &head;
  head.previous->next = &node;
  head.previous = &node;
}

TimerWheel::Node* TimerWheel::take_slot(uint64_t tick) {
  Node& head = slots_[tick % kSlots];
  if (head.next == &head) return nullptr;
  Node* const first = head.next;
  head.previous->next = nullptr;
  head.previous = head.next = &head;
  return first;
}

}  // namespace posthouse::net
