#include "access/imap/progress.h"

#include "access/imap/limits.h"

namespace posthouse::access::imap {

Progress::Progress(Session& s, const char* what, uint64_t goal)
    : s_(s), what_(what), goal_(goal), next_(s.services.clock.steady() + kProgressTime) {}

Task<void> Progress::at(uint64_t done) {
  const SteadyTime now = s_.services.clock.steady();
  if (now < next_) co_return;
  next_ = now + kProgressTime;
  done += before_;
  // A tag with "]" would end the code too early for many (section 4).
  const std::string tag = s_.tag.find(']') == std::string::npos ? '"' + s_.tag + '"' : "NIL";
  std::string line = "OK [INPROGRESS (" + tag + " " + std::to_string(done) + " ";
  line += goal_ > 0 ? std::to_string(goal_) : "NIL";
  line += ")] ";
  line += what_;
  s_.untagged(line + " " + std::to_string(done) + " messages so far");
  co_await s_.flush();
}

Task<void> Progress::quietly_at(uint64_t done) {
  try {
    co_await at(done);
  } catch (const SessionEnd&) {
    next_ = SteadyTime::max();
  }
}

}  // namespace posthouse::access::imap
