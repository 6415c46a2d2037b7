// A session whose account is disabled ends at once, whatever it waits for.
#include "access/imap/state.h"

namespace posthouse::access::imap {

Task<void> guard(Session& s) {
  s.guarded = true;
  co_await s.ender.wait();
  if (!s.over) {
    s.expelled = true;
    s.stream->cancel();
  }
  s.guarded = false;
  if (s.leaver) Executor::current()->post(s.leaver);
}

Task<void> leave_guard(Session& s) {
  struct Awaiter {
    Session& s;
    bool await_ready() const noexcept { return !s.guarded; }
    void await_suspend(std::coroutine_handle<> caller) noexcept { s.leaver = caller; }
    void await_resume() const noexcept {}
  };
  s.over = true;
  s.ender.signal();
  co_await Awaiter{s};
}

}  // namespace posthouse::access::imap
