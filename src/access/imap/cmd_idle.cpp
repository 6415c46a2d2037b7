// IDLE (RFC 2177): the session sleeps until the client says DONE; a second coroutine tells of changes
// meanwhile, woken by the store's watch.
#include <exception>

#include "access/imap/commands.h"
#include "access/imap/limits.h"
#include "base/ascii.h"
#include "wire/imap/encode.h"

namespace posthouse::access::imap {

namespace {

// Shared by the two coroutines; lives in the frame of cmd_idle, which outlasts the teller.
struct Idling {
  bool stop = false;
  bool ended = false;
  std::coroutine_handle<> waiting;
  std::exception_ptr error;

  // co_await idling.end(): until the teller is through.
  auto end() {
    struct Awaiter {
      Idling& idling;
      bool await_ready() const noexcept { return idling.ended; }
      void await_suspend(std::coroutine_handle<> caller) noexcept { idling.waiting = caller; }
      void await_resume() const noexcept {}
    };
    return Awaiter{*this};
  }
};

Task<void> tell_changes(Session& s, Idling& idling) {
  while (true) {
    co_await s.view->waker.wait();
    if (idling.stop) co_return;
    co_await sync(s, Tell::all);
    co_await s.flush();
  }
}

// Never throws: an error ends the reading side too, which then finds it.
Task<void> teller(Session& s, Idling& idling) {
  try {
    co_await tell_changes(s, idling);
  } catch (...) {
    idling.error = std::current_exception();
  }
  if (idling.error && !idling.stop) {
    try {
      std::rethrow_exception(idling.error);
    } catch (const SessionEnd& end) {
      if (!end.last_words.empty()) s.out += "* BYE ";
      wire::imap::append_text(s.out, end.last_words);
      if (!end.last_words.empty()) s.out += "\r\n";
    } catch (...) {
      s.out += "* BYE Internal error\r\n";
    }
    if (!s.out.empty()) {
      Result<void> written = co_await s.stream->write_all(s.out);
      (void)written;
      s.out.clear();
    }
    s.stream->cancel();
  }
  idling.ended = true;
  if (idling.waiting) Executor::current()->post(idling.waiting);
}

// Sleeps until a line comes; holds no buffer meanwhile.
Task<bool> read_done(Session& s) {
  s.stream->set_busy(false);  // a stop need not wait for the client
  Result<std::string_view> line = co_await s.input.read_line(kDoneLine);
  s.stream->set_busy(true);
  if (line) co_return iequals(trim(*line), "DONE");
  if (line.error().kind == FaultKind::syntax) throw SessionEnd{"DONE expected", line.error()};
  throw lost_input(s, line.error());
}

}  // namespace

Task<Reply> cmd_idle(Session& s, wire::imap::Idle&) {
  if (s.view) co_await sync(s, Tell::all_now);
  s.out += "+ idling\r\n";
  co_await s.flush();
  if (!s.view) {
    const bool done = co_await read_done(s);
    co_return done ? ok("IDLE done") : bad("DONE expected");
  }
  Idling idling;
  spawn(teller(s, idling));
  std::exception_ptr error;
  bool done = false;
  try {
    done = co_await read_done(s);
  } catch (...) {
    error = std::current_exception();
  }
  idling.stop = true;
  s.view->waker.signal();
  co_await idling.end();
  if (idling.error) throw SessionEnd{"", Fault{FaultKind::closed, "connection lost in IDLE"}};
  if (error) std::rethrow_exception(error);
  co_return done ? ok("IDLE done") : bad("DONE expected");
}

}  // namespace posthouse::access::imap
