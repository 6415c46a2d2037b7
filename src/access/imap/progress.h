// Tells a client how far a long command has come (RFC 9585).
#pragma once

#include <cstdint>
#include <string>

#include "access/imap/state.h"

namespace posthouse::access::imap {

// One command's. Nothing is told in its first kProgressTime, and then once in that time.
class Progress {
 public:
  // `what` becomes part of the text: "Searched". `goal`: how many messages there are to do; 0: not known yet.
  Progress(Session& s, const char* what, uint64_t goal);
  // Whether at() may have something to tell. For loops with little work for each message: mostly it does not
  // even look at the clock.
  bool due() { return ++calls_ % 64 == 0; }
  // How many there are, if that was not known.
  void expect(uint64_t goal) { goal_ = goal_ == 0 ? goal : goal_; }
  // `more` messages of other parts are done; what comes counts from 0 again.
  void next_part(uint64_t more) { before_ += more; }
  // Call with what was done so far, never less than before, where a line of s.out has just ended.
  Task<void> at(uint64_t done);
  // The same for who must come to an end also when the client is gone: the next flush will tell.
  Task<void> quietly_at(uint64_t done);

 private:
  Session& s_;
  const char* what_;
  uint64_t goal_;
  uint64_t before_ = 0;
  SteadyTime next_;
  uint32_t calls_ = 0;
};

}  // namespace posthouse::access::imap
