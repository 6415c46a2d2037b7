#include "access/pop3/state.h"

#include "access/pop3/limits.h"
#include "base/log.h"
#include "wire/pop3/limits.h"

namespace posthouse::access::pop3 {

void Session::ok(std::string_view text) {
  out += "+OK ";
  out += text;
  out += "\r\n";
}

void Session::error(std::string_view text) {
  out += "-ERR ";
  out += text;
  out += "\r\n";
}

void Session::bad(std::string_view text) {
  if (++bad_commands > options->max_bad_commands) {
    throw SessionEnd{"Too many errors", Fault{FaultKind::policy, "too many bad commands"}};
  }
  error(text);
}

void Session::refuse(const Fault& fault) {
  log::warn("pop3.failed", {{"sid", id}, {"user", address}, {"reason", fault.what}});
  error("[SYS/TEMP] Can't be done now, try again later");
}

Task<void> Session::flush() {
  if (out.empty()) co_return;
  const SteadyTime now = services.clock.steady();
  if (logged_in) stream->set_deadline(now + options->idle_timeout);
  lease.note_writing(now);
  Result<void> written = co_await stream->write_all(out);
  lease.note_writing({});
  if (out.capacity() > kKeptBuffer) {
    std::string().swap(out);
  } else {
    out.clear();
  }
  if (!written) throw SessionEnd{"", written.error()};
}

Task<void> Session::flush_if_much() {
  if (out.size() >= kOutputChunk) co_await flush();
}

Task<Result<std::string_view>> Session::read_line(size_t limit) {
  if (input.peek().find('\n') == std::string_view::npos) {
    co_await flush();
    if (in_a_row < kInARow) {
      ahead.clear();
      coming.reset();
    }
    // Before login the deadline stands from the start of the connection.
    if (logged_in) stream->set_deadline(services.clock.steady() + options->idle_timeout);
    stream->set_busy(false);
  }
  Result<std::string_view> line = co_await input.read_line(limit);
  if (!line && line.error().kind == FaultKind::syntax) {
    Result<void> skipped = co_await input.skip_line(wire::pop3::kMaxDiscard);
    if (!skipped) throw SessionEnd{"Line too long", skipped.error()};
  }
  stream->set_busy(true);
  if (line || line.error().kind == FaultKind::syntax) co_return line;
  const bool timeout = line.error().kind == FaultKind::timeout;
  throw SessionEnd{!timeout    ? ""
                   : logged_in ? "Idle for too long, nothing was removed"
                               : "Login took too long",
                   line.error()};
}

bool is_there(Session& s, uint32_t number) {
  if (s.drop.has(number)) return true;
  s.error("No such message");
  return false;
}

}  // namespace posthouse::access::pop3
