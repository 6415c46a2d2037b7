#include "access/imap/state.h"

#include "access/imap/limits.h"
#include "access/imap/telling.h"
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
    case FaultKind::io:
      return no("The server can't read or write its files now, try again later", "UNAVAILABLE");
    case FaultKind::temporary:
    case FaultKind::closed:
    case FaultKind::timeout:
      break;
  }
  return no("Can't be done now, try again later", "UNAVAILABLE");
}

Task<Result<store::Quota>> Session::quota(store::AccountId of) {
  if (services.quotas != nullptr) {
    Result<store::Quota> known = co_await services.quotas->quota_of(of);
    co_return known;
  }
  store::Quota quota;
  if (options->default_quota_bytes > 0) quota.bytes = options->default_quota_bytes;
  if (options->default_domain_bytes > 0) quota.group_bytes = options->default_domain_bytes;
  co_return quota;
}

void Session::untagged(std::string_view line) {
  out += "* ";
  out += line;
  out += "\r\n";
}

void Session::untagged_ok(std::string code, std::string text) {
  append_status(*this, "*", ok(std::move(text), std::move(code)));
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
  const bool goes_on = wants_flush() && !between;  // there is as much to come, probably
  Result<void> written = co_await stream->write_all(out);
  out.clear();
  if (!goes_on && out.capacity() > kKeptBuffer) std::string().swap(out);
  if (!written) throw SessionEnd{"", written.error()};
}

SessionEnd lost_input(const Session& s, const Fault& fault) {
  if (s.expelled) return {"This account may not stay logged in", fault};
  if (fault.kind == FaultKind::timeout) {
    return {s.state == kNotAuthenticated ? "Login took too long" : "Idle for too long", fault};
  }
  // RFC 4978 section 3: behind broken octets of a stream there is no way to go on.
  if (fault.kind == FaultKind::corrupt) return {"Broken compressed octets", fault};
  return {"Server is shutting down", fault};
}

namespace {

// RFC 5465 section 3.1: news go out while the session waits.
Task<Result<std::string_view>> read_telling(Session& s) {
  const wire::imap::NotifyGroup* group = s.observer->for_selected();
  const bool delayed = group != nullptr && group->filter == wire::imap::NotifyGroup::selected_delayed;
  Telling telling(s, delayed ? Tell::all_but_gone : Tell::all);
  telling.start();
  std::exception_ptr error;
  Result<std::string_view> got;
  try {
    got = co_await s.input.read_available(kReadAhead);
  } catch (...) {
    error = std::current_exception();
  }
  const bool lost = co_await telling.stop();
  if (lost) throw SessionEnd{"", Fault{FaultKind::closed, "connection lost"}};
  if (error) std::rethrow_exception(error);
  co_return got;
}

Task<Result<std::string_view>> read_some(Session& s) {
  if (s.between && s.observer && s.observer->tells_at_any_time()) {
    Result<std::string_view> got = co_await read_telling(s);
    co_return got;
  }
  Result<std::string_view> got = co_await s.input.read_available(kReadAhead);
  co_return got;
}

}  // namespace

Task<void> await_input(Session& s) {
  if (s.input.buffered() > 0) co_return;
  co_await s.flush();
  if (s.out.capacity() > kKeptBuffer) std::string().swap(s.out);
  s.arm();
  s.stream->set_busy(!s.between);
  Result<std::string_view> got = co_await read_some(s);
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

void append_human(Session& s, std::string_view text) {
  const std::string in_words = translated(s.language, text);
  if (in_words == text) return wire::imap::append_text(s.out, text);
  s.out += in_words;  // UTF-8 (RFC 5255 section 3.5)
}

void append_status(Session& s, std::string_view tag, const Reply& reply) {
  s.out += tag;
  s.out += reply.kind == Reply::ok ? " OK " : reply.kind == Reply::no ? " NO " : " BAD ";
  if (!reply.code.empty()) {
    s.out += '[';
    s.out += reply.code;
    s.out += "] ";
  }
  append_human(s, reply.text);
  s.out += "\r\n";
}

}  // namespace posthouse::access::imap
