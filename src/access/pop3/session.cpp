// From greeting to end: the loop over commands.
#include "access/pop3/session.h"

#include "access/pop3/limits.h"
#include "access/pop3/state.h"
#include "base/ascii.h"
#include "base/log.h"
#include "base/metrics.h"
#include "wire/pop3/limits.h"

namespace posthouse::access::pop3 {

namespace {

using wire::pop3::Command;
using wire::pop3::Verb;

const metrics::Gauge& open_sessions() {
  static const metrics::Gauge gauge("posthouse_pop3_sessions", "POP3 sessions that are open.");
  return gauge;
}

struct CountedSession {
  CountedSession() { open_sessions().add(1); }
  ~CountedSession() { open_sessions().add(-1); }
  CountedSession(const CountedSession&) = delete;
  CountedSession& operator=(const CountedSession&) = delete;
};

// RFC 2595 section 4. Whatever came behind the command in clear text was perhaps put there by somebody else,
// so the connection ends.
Task<void> begin_tls(Session& s) {
  s.pending_tls = false;
  co_await s.flush();
  if (s.input.buffered() > 0)
    throw SessionEnd{"", Fault{FaultKind::syntax, "input after STLS in clear text"}};
  Result<void> secured = co_await s.stream->start_tls_server(s.options->tls);
  if (!secured) throw SessionEnd{"", secured.error()};
  s.user.clear();  // nothing that was said in clear text counts any more
}

void cmd_stls(Session& s) {
  if (s.stream->tls().active) return s.bad("TLS is active already");
  if (!s.options->tls) return s.error("TLS isn't configured");
  if (s.utf8) return s.bad("STLS comes before UTF8");  // RFC 6856 section 2.1
  if (s.input.buffered() > 0) {
    throw SessionEnd{"Input after STLS", Fault{FaultKind::syntax, "input after STLS in clear text"}};
  }
  s.pending_tls = true;
  s.ok("Begin TLS now");
}

void cmd_user(Session& s, Command& c) {
  if (!s.stream->tls().active && !s.options->allow_plain_login) return s.error("Passwords need TLS");
  s.user = std::move(c.text);
  s.ok("Send the password");
}

// RFC 6856 section 2.1: headers may be UTF-8 from now on (see cmd_retr.cpp).
void cmd_utf8(Session& s) {
  s.utf8 = true;
  s.ok("UTF-8 it is");
}

// True if it was a command of the AUTHORIZATION state.
Task<bool> run_before_login(Session& s, Command& c) {
  switch (c.verb) {
    case Verb::user:
      cmd_user(s, c);
      break;
    case Verb::pass:
      co_await cmd_pass(s, c);
      break;
    case Verb::auth:
      co_await cmd_auth(s, c);
      break;
    case Verb::stls:
      cmd_stls(s);
      break;
    case Verb::utf8:
      cmd_utf8(s);
      break;
    case Verb::apop:
      s.bad("APOP is not offered here");  // it needs passwords in clear text on the server
      break;
    default:
      co_return false;
  }
  co_return true;
}

// The same of the TRANSACTION state.
Task<bool> run_after_login(Session& s, Command& c) {
  switch (c.verb) {
    case Verb::stat:
      co_await cmd_stat(s);
      break;
    case Verb::list:
    case Verb::uidl:
      co_await cmd_list(s, c);
      break;
    case Verb::retr:
    case Verb::top:
      co_await cmd_retr(s, c);
      break;
    case Verb::dele:
      co_await cmd_dele(s, c);
      break;
    case Verb::noop:
      s.ok("Nothing done");
      break;
    case Verb::rset:
      s.drop.unmark_all();
      s.ok("Nothing is marked any more");
      break;
    default:
      co_return false;
  }
  co_return true;
}

Task<void> run_command(Session& s, Command& c) {
  if (log::enabled(log::Level::debug)) {
    log::debug("pop3.command", {{"sid", s.id}, {"command", wire::pop3::name_of(c.verb)}});
  }
  if (c.verb == Verb::capa) {
    cmd_capa(s);
  } else if (c.verb == Verb::lang) {
    cmd_lang(s, c);
  } else if (c.verb == Verb::quit) {
    co_await cmd_quit(s);
  } else {
    bool ran = false;
    if (s.logged_in) {
      ran = co_await run_after_login(s, c);
    } else {
      ran = co_await run_before_login(s, c);
    }
    if (!ran) s.bad(s.logged_in ? "Not after login" : "Log in first");
  }
  co_await s.flush_if_much();
  if (s.pending_tls) co_await begin_tls(s);
}

Task<void> serve_commands(Session& s) {
  while (!s.over) {
    // RFC 5034 section 4 has clients send a long initial response by itself; some send tokens with AUTH all
    // the same, and nobody is helped by refusing them.
    Result<std::string_view> line = co_await s.read_line(wire::pop3::kMaxAuthLine);
    if (!line || (line->size() > wire::pop3::kMaxLine && !istarts_with(*line, "AUTH "))) {
      s.bad("Line too long");
      continue;
    }
    Result<Command> command = wire::pop3::parse_command(*line);
    if (!command) {
      s.bad(command.error().what);
      continue;
    }
    co_await run_command(s, *command);
  }
  co_await s.flush();
}

Task<void> greet(Session& s) {
  s.stream->set_deadline(s.services.clock.steady() + s.options->login_timeout);
  if (s.options->implicit_tls && !s.stream->tls().active) {
    Result<void> secured = co_await s.stream->start_tls_server(s.options->tls);
    if (!secured) throw SessionEnd{"", secured.error()};
  }
  // No "<...>" in it: that would announce APOP (RFC 1939 section 7).
  s.ok(s.options->hostname + " POP3 ready");
}

Task<void> talk(Session& s) {
  co_await greet(s);
  co_await serve_commands(s);
}

Task<void> farewell(Session& s, std::string last_words) {
  s.stream->set_deadline(s.services.clock.steady() + kFarewellTime);
  s.error(last_words);
  // Whatever still waits goes out with it, if the connection takes it.
  Result<void> written = co_await s.stream->write_all(s.out);
  (void)written;
}

}  // namespace

Task<void> serve(std::unique_ptr<net::Stream> stream, std::shared_ptr<const ServerOptions> options,
                 Services services, std::shared_ptr<Maildrops> maildrops, std::string session_id) {
  const CountedSession counted;
  Session s(std::move(stream), std::move(options), services, std::move(maildrops), std::move(session_id));
  Ending ending = co_await run_to_end(talk(s), "quit", "[SYS/TEMP] Internal error", "pop3.exception", s.id);
  // Before the client can be back with its next session.
  s.lease = Maildrops::Lease();
  if (!ending.last_words.empty())
    co_await run_behind(farewell(s, std::move(ending.last_words)), "pop3.exception", s.id);
  log::info("pop3.closed", {{"sid", s.id},
                            {"peer", s.stream->peer().ip.to_string()},
                            {"user", s.address},
                            {"retrieved", s.retrieved},
                            {"removed", s.removed},
                            {"why", ending.why}});
  s.stream->close();
}

}  // namespace posthouse::access::pop3
