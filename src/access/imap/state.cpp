#include "access/imap/state.h"

#include "access/imap/limits.h"
#include "wire/imap/encode.h"

namespace posthouse::access::imap {

Reply ok(std::string text, std::string code) {
  return {Reply::ok, std::move(code), std::move(text)};
}
Reply no(std::string text, std::string code) {
  return {Reply::no, std::move(code), std::move(text)};
}
Reply bad(std::string text, std::string code) {
  return {Reply::bad, std::move(code), std::move(text)};
}

// Response codes of RFC 5530.
Reply refuse(const Fault& fault) {
  switch (fault.kind) {
    case FaultKind::not_found:
      return no("There is no such mailbox", "NONEXISTENT");
    case FaultKind::exists:
      return no("A mailbox of that name exists", "ALREADYEXISTS");
    case FaultKind::over_quota:
      return no("The quota is used up", "OVERQUOTA");
    case FaultKind::syntax:
    case FaultKind::policy:
    case FaultKind::permanent:
      return no("That can't be done", "CANNOT");
    case FaultKind::no_space:
      return no("The server has no room now", "UNAVAILABLE");
    case FaultKind::corrupt:
      return no("A stored record is damaged", "SERVERBUG");
    case FaultKind::temporary:
    case FaultKind::io:
    case FaultKind::closed:
    case FaultKind::timeout:
      break;
  }
  return no("Can't be done now, try again later", "UNAVAILABLE");
}

Task<Result<store::Quota>> Session::quota() {
  if (services.quotas != nullptr) {
    Result<store::Quota> known = co_await services.quotas->quota_of(account);
    co_return known;
  }
  store::Quota quota;
  if (options->default_quota_bytes > 0) quota.bytes = options->default_quota_bytes;
  co_return quota;
}

void Session::untagged(std::string_view line) {
  out += "* ";
  out += line;
  out += "\r\n";
}

bool Session::wants_flush() const {
  return out.size() >= kOutputChunk;
}

void Session::arm() {
  // Before login the deadline stands from the start of the connection.
  if (state != kNotAuthenticated) stream->set_deadline(services.clock.steady() + options->idle_timeout);
}

Task<void> Session::flush() {
  ++flushes;
  if (out.empty()) co_return;
  arm();
  Result<void> written = co_await stream->write_all(out);
  if (out.capacity() > kKeptBuffer) {
    std::string().swap(out);
  } else {
    out.clear();
  }
  if (!written) throw SessionEnd{"", written.error()};
}

SessionEnd lost_input(const Session& s, const Fault& fault) {
  if (s.expelled) return {"This account may not stay logged in", fault};
  if (fault.kind == FaultKind::timeout) {
    return {s.state == kNotAuthenticated ? "Login took too long" : "Idle for too long", fault};
  }
  return {"Server is shutting down", fault};
}

Task<void> await_input(Session& s) {
  if (s.input.buffered() > 0) co_return;
  co_await s.flush();
  s.arm();
  s.stream->set_busy(!s.between);
  Result<std::string_view> got = co_await s.input.read_available(kReadAhead);
  s.stream->set_busy(true);
  if (!got) throw lost_input(s, got.error());
  if (got->empty()) throw SessionEnd{"", Fault{FaultKind::closed, "client closed the connection"}};
}

Task<wire::imap::Event> next_event(Session& s) {
  while (true) {
    co_await await_input(s);
    std::string_view input = s.input.peek();
    const size_t before = input.size();
    wire::imap::Event event = s.commands.next(input);
    s.input.consume(before - input.size());
    if (!std::holds_alternative<wire::imap::NeedMore>(event)) co_return event;
  }
}

void append_status(std::string& out, std::string_view tag, const Reply& reply) {
  out += tag;
  out += reply.kind == Reply::ok ? " OK " : reply.kind == Reply::no ? " NO " : " BAD ";
  if (!reply.code.empty()) {
    out += '[';
    out += reply.code;
    out += "] ";
  }
  wire::imap::append_text(out, reply.text);
  out += "\r\n";
}

}  // namespace posthouse::access::imap
