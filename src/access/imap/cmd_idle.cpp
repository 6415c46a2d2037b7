// IDLE (RFC 2177): the session sleeps until the client says DONE; a second coroutine tells of changes
// meanwhile, woken by the store's watch.
#include <exception>

#include "access/imap/commands.h"
#include "access/imap/limits.h"
#include "access/imap/telling.h"
#include "base/ascii.h"

namespace posthouse::access::imap {

namespace {

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
  s.out.shrink_to_fit();
  if (!s.view && !s.observer) {
    const bool done = co_await read_done(s);
    co_return done ? ok("IDLE done") : bad("DONE expected");
  }
  Telling telling(s, Tell::all);
  telling.start();
  std::exception_ptr error;
  bool done = false;
  try {
    done = co_await read_done(s);
  } catch (...) {
    error = std::current_exception();
  }
  const bool lost = co_await telling.stop();
  if (lost) throw SessionEnd{"", Fault{FaultKind::closed, "connection lost in IDLE"}};
  if (error) std::rethrow_exception(error);
  co_return done ? ok("IDLE done") : bad("DONE expected");
}

}  // namespace posthouse::access::imap
