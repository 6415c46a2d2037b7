// Signals that come while a demo starts or clears up.
#pragma once

namespace posthouse::app {

// From its beginning to release(), and again from hold() to its end, SIGTERM, SIGINT and SIGHUP wait: a demo
// that was told to go when its folder was just made, or half removed, must not leave it behind. Threads that
// start meanwhile never see them.
class HeldSignals {
 public:
  HeldSignals() { hold(); }
  ~HeldSignals() { release(); }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;
  void hold();
  void release();

  // Whether one that ends a demo is waiting.
  static bool end_is_waiting();

 private:
  bool held_ = false;
};

}  // namespace posthouse::app
