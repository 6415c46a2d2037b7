// From greeting to BYE: the loop over commands.
#include "access/imap/session.h"

#include "access/imap/commands.h"
#include "access/imap/limits.h"
#include "access/imap/sharing.h"
#include "access/imap/state.h"
#include "base/log.h"
#include "base/metrics.h"
#include "wire/imap/encode.h"

namespace posthouse::access::imap {

namespace {

const metrics::Gauge& open_sessions() {
  static const metrics::Gauge gauge("posthouse_imap_sessions", "IMAP sessions that are open.");
  return gauge;
}

struct CountedSession {
  CountedSession() { open_sessions().add(1); }
  ~CountedSession() { open_sessions().add(-1); }
  CountedSession(const CountedSession&) = delete;
  CountedSession& operator=(const CountedSession&) = delete;
};

void count_error(Session& s) {
  if (++s.bad_commands > s.options->max_bad_commands) {
    throw SessionEnd{"Too many errors", Fault{FaultKind::policy, "too many bad commands"}};
  }
}

// A command that can't run now: an APPEND's message is refused with it.
Reply wrong_state(Session& s, const wire::imap::Command& command) {
  if (s.commands.offers_body()) s.commands.refuse_body();
  count_error(s);
  if (s.state == kNotAuthenticated) return bad("Log in first");
  if (s.state == kAuthenticated) {
    const uint8_t states = entry_of(command).states;
    return bad(states == kNotAuthenticated ? "Already logged in" : "Select a mailbox first");
  }
  return bad("Not allowed now");
}

// RFC 3501 section 6.2.1. Nothing that was read in clear text counts any more.
Task<void> begin_tls(Session& s) {
  s.pending_tls = false;
  co_await s.flush();
  if (s.input.buffered() > 0)
    throw SessionEnd{"", Fault{FaultKind::syntax, "input after STARTTLS in clear text"}};
  Result<void> secured = co_await s.stream->start_tls_server(s.options->tls);
  if (!secured) throw SessionEnd{"", secured.error()};
  s.language = Language::i_default;  // RFC 5255 section 7: who chose it was perhaps somebody else
}

// RFC 4978 section 3: the client has not sent more before it saw the answer.
Task<void> begin_deflate(Session& s) {
  s.pending_deflate = false;
  co_await s.flush();
  if (s.input.buffered() > 0) throw SessionEnd{"", Fault{FaultKind::syntax, "input behind COMPRESS"}};
  s.stream->begin();
}

// RFC 8437 section 4.1: the answer is the last that is compressed.
Task<void> end_deflate(Session& s) {
  s.pending_plain = false;
  Result<void> ended = co_await s.stream->end(s.out);
  s.out.clear();
  if (!ended) throw SessionEnd{"", ended.error()};
}

Task<void> run_command(Session& s, wire::imap::Parsed& parsed) {
  const CommandEntry& entry = entry_of(parsed.command);
  Reply reply;
  Tell tell = Tell::nothing;
  if ((entry.states & s.state) == 0) {
    reply = wrong_state(s, parsed.command);
  } else if (s.uid_only && uses_numbers(parsed.command)) {
    if (s.commands.offers_body()) s.commands.refuse_body();
    reply = bad("Message numbers are not in use", "UIDREQUIRED");
  } else {
    s.tag = parsed.tag;
    tell = tell_after(parsed.command);
    // Rights that were withdrawn count from the next command on.
    if (s.view && (entry.states == kSelected || tell != Tell::nothing)) co_await refresh_rights(s);
    reply = co_await entry.run(s, parsed.command);
    // Errors count in a row, so that a session of weeks does not end by a few; a stranger's all count.
    if (reply.kind == Reply::ok && s.state != kNotAuthenticated) s.bad_commands = 0;
  }
  if (log::enabled(log::Level::debug)) {
    log::debug("imap.command", {{"sid", s.id}, {"command", entry.name}, {"ok", reply.kind == Reply::ok}});
  }
  if (s.view) co_await sync(s, tell);
  if (s.observer && tell != Tell::nothing) {
    const bool woken = s.observer->waker.take();
    if (woken || s.observer->stale || tell == Tell::all_now) co_await tell_observed(s);
  }
  tell_highest(s, reply);
  if (reply.kind != Reply::none) append_status(s, parsed.tag, reply);
  if (s.wants_flush()) co_await s.flush();
  if (s.pending_tls) co_await begin_tls(s);
  if (s.pending_deflate) co_await begin_deflate(s);
  if (s.pending_plain) co_await end_deflate(s);
}

void reject(Session& s, const wire::imap::Rejected& rejected) {
  Reply reply = bad(rejected.text);
  if (rejected.too_big) reply.code = "TOOBIG";
  append_status(s, rejected.tag, reply);
  if (rejected.fatal) throw SessionEnd{"Too much input", Fault{FaultKind::syntax, rejected.text}};
  count_error(s);
}

Task<void> serve_commands(Session& s) {
  while (s.state != kLogout) {
    wire::imap::Event event = co_await next_event(s);
    s.between = !std::holds_alternative<wire::imap::NeedContinuation>(event);
    if (std::holds_alternative<wire::imap::NeedContinuation>(event)) {
      s.out += "+ OK\r\n";
    } else if (auto* rejected = std::get_if<wire::imap::Rejected>(&event)) {
      reject(s, *rejected);
    } else if (auto* parsed = std::get_if<wire::imap::Parsed>(&event)) {
      s.between = false;
      co_await run_command(s, *parsed);
      s.between = true;
    }
  }
  co_await s.flush();
}

Task<void> greet(Session& s) {
  s.stream->set_deadline(s.services.clock.steady() + s.options->login_timeout);
  s.commands.set_append_limit(s.options->append_limit);
  if (s.options->implicit_tls && !s.stream->tls().active) {
    Result<void> secured = co_await s.stream->start_tls_server(s.options->tls);
    if (!secured) throw SessionEnd{"", secured.error()};
  }
  s.untagged("OK [CAPABILITY " + capabilities(s) + "] " + s.options->hostname + " ready");
}

Task<void> talk(Session& s) {
  co_await greet(s);
  co_await serve_commands(s);
}

Task<void> farewell(Session& s, std::string bye) {
  s.stream->set_deadline(s.services.clock.steady() + kFarewellTime);
  s.out += "* BYE ";
  append_human(s, bye);
  s.out += "\r\n";
  // Whatever still waits goes out with it, if the connection takes it.
  Result<void> written = co_await s.stream->write_all(s.out);
  (void)written;
}

}  // namespace

Task<void> serve(std::unique_ptr<net::Stream> stream, std::shared_ptr<const ServerOptions> options,
                 Services services, std::shared_ptr<SessionRegistry> registry, std::string session_id) {
  const CountedSession counted;
  Session s(std::move(stream), std::move(options), services, std::move(registry), std::move(session_id));
  Ending ending = co_await run_to_end(talk(s), "logout", "Internal error", "imap.exception", s.id);
  if (!ending.last_words.empty())
    co_await run_behind(farewell(s, std::move(ending.last_words)), "imap.exception", s.id);
  log::info(
      "imap.closed",
      {{"sid", s.id}, {"peer", s.stream->peer().ip.to_string()}, {"user", s.address}, {"why", ending.why}});
  co_await leave_guard(s);
  // The client is rid of first; then what it was told is noted.
  s.stream->close();
  co_await run_behind(retire_from_mailbox(s), "imap.exception", s.id);
}

}  // namespace posthouse::access::imap
