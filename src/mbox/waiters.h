// How many threads may wait for locks of other programs at the same time: the others are for those whose
// files are not locked.
#pragma once

#include <atomic>
#include <cstddef>

namespace posthouse::mbox {

// Thread-safe.
class Waiters {
 public:
  explicit Waiters(size_t most) : most_(most) {}
  bool enter() {
    if (waiting_.fetch_add(1) < most_) return true;
    waiting_.fetch_sub(1);
    return false;
  }
  void leave() { waiting_.fetch_sub(1); }

  // From now on nobody waits any more: the program ends.
  void close() { closed_ = true; }
  bool is_closed() const { return closed_; }

 private:
  const size_t most_;
  std::atomic<size_t> waiting_ = 0;
  std::atomic<bool> closed_ = false;
};

// One who waits, or may not for long.
class Waiting {
 public:
  explicit Waiting(Waiters* of) : of_(of), patient_(of == nullptr || of->enter()) {}
  ~Waiting() {
    if (of_ != nullptr && patient_) of_->leave();
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  bool is_patient() const { return patient_; }

 private:
  Waiters* const of_;
  const bool patient_;
};

}  // namespace posthouse::mbox
