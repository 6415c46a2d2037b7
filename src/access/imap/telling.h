// Telling news while the session waits for its client: in IDLE (RFC 2177), and after NOTIFY at any time
// (RFC 5465 section 3.1).
#pragma once

#include <coroutine>
#include <exception>

#include "access/imap/commands.h"
#include "access/waker.h"

namespace posthouse::access::imap {

// A second coroutine beside the one that reads. The object outlives it: start(), read, stop().
class Telling {
 public:
  Telling(Session& s, Tell tell) : s_(s), tell_(tell) {}
  Telling(const Telling&) = delete;
  Telling& operator=(const Telling&) = delete;

  void start();
  // Until it is through. True: the connection was lost while it told.
  Task<bool> stop();

 private:
  Waker& waker();
  Task<void> run();
  Task<void> run_to_end();
  Task<void> take_leave();

  Session& s_;
  Tell tell_;
  bool stop_ = false;
  bool ended_ = true;
  std::coroutine_handle<> waiting_;
  std::exception_ptr error_;
};

}  // namespace posthouse::access::imap
