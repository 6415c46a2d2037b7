#include "access/imap/telling.h"

#include "access/imap/limits.h"
#include "wire/imap/encode.h"

namespace posthouse::access::imap {

// One of the two: their watches are told of a change one after the other.
Waker& Telling::waker() {
  return s_.observer ? s_.observer->waker : s_.view->waker;
}

void Telling::start() {
  ended_ = false;
  spawn(run_to_end());
}

Task<bool> Telling::stop() {
  struct Awaiter {
    Telling& telling;
    bool await_ready() const noexcept { return telling.ended_; }
    void await_suspend(std::coroutine_handle<> caller) noexcept { telling.waiting_ = caller; }
    void await_resume() const noexcept {}
  };
  stop_ = true;
  waker().signal();
  co_await Awaiter{*this};
  co_return error_ != nullptr;
}

Task<void> Telling::run() {
  while (true) {
    co_await waker().wait();
    if (stop_) co_return;
    if (s_.observer) {
      s_.observer->waker.take();
      if (s_.view) s_.view->stale = true;
    }
    co_await sync(s_, tell_);
    if (s_.observer) co_await tell_observed(s_);
    co_await s_.flush();
    if (s_.out.capacity() > kKeptBuffer) std::string().swap(s_.out);
  }
}

Task<void> Telling::take_leave() {
  try {
    std::rethrow_exception(error_);
  } catch (const SessionEnd& end) {
    if (!end.last_words.empty()) s_.out += "* BYE ";
    append_human(s_, end.last_words);
    if (!end.last_words.empty()) s_.out += "\r\n";
  } catch (...) {
    s_.out += "* BYE Internal error\r\n";
  }
  if (!s_.out.empty()) {
    Result<void> written = co_await s_.stream->write_all(s_.out);
    (void)written;
    s_.out.clear();
  }
  s_.stream->cancel();
}

// Never throws: an error ends the reading side too, which then finds it.
Task<void> Telling::run_to_end() {
  try {
    co_await run();
  } catch (...) {
    error_ = std::current_exception();
  }
  if (error_ && !stop_) co_await take_leave();
  ended_ = true;
  if (waiting_) Executor::current()->post(waiting_);
}

}  // namespace posthouse::access::imap
