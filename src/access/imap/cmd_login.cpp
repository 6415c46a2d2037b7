// LOGIN and AUTHENTICATE (RFC 3501 sections 6.2.2 and 6.2.3; SASL-IR: RFC 4959), and UNAUTHENTICATE (RFC
// 8437).
#include "access/imap/commands.h"
#include "access/imap/limits.h"
#include "base/base64.h"
#include "base/log.h"
#include "base/metrics.h"
#include "wire/imap/limits.h"
#include "wire/sasl/failed_login.h"

namespace posthouse::access::imap {

namespace {

void count_login(bool good) {
  static const metrics::Counter accepted("posthouse_imap_logins_total", "IMAP logins.", {{"result", "ok"}});
  static const metrics::Counter refused("posthouse_imap_logins_total", "IMAP logins.",
                                        {{"result", "refused"}});
  (good ? accepted : refused).add();
}

// One answer for a wrong name and a wrong password (RFC 5530 section 3).
Reply refused(Session& s, const Fault& fault) {
  count_login(false);
  if (++s.failed_logins >= kMaxFailedLogins) {
    throw SessionEnd{"Too many failed logins", Fault{FaultKind::policy, "too many failed logins"}};
  }
  // Also when too many have failed before: "wrong password" would make programs forget the right one.
  if (fault.kind == FaultKind::temporary || fault.kind == FaultKind::io) {
    return no("Can't check logins now, try again later", "UNAVAILABLE");
  }
  if (fault.kind == wire::sasl::kNoSuchBinding) return no("This channel binding can't be used", "CANNOT");
  return no("Wrong name or password", "AUTHENTICATIONFAILED");
}

Task<Reply> logged_in(Session& s, wire::sasl::Identity who) {
  auto lease = SessionRegistry::enter(s.registry, who, s.options->max_sessions_per_account, s.ender);
  if (!lease) {
    log::info("imap.too_many_sessions",
              {{"sid", s.id}, {"peer", s.stream->peer().ip.to_string()}, {"user", who.address}});
    co_return no("Too many sessions of this account", "LIMIT");
  }
  const bool stands = co_await s.services.authenticator.still_stands(who);
  if (!stands) {
    const Fault taken_back{FaultKind::policy, "taken back meanwhile"};
    log_failed_login(channel(s), who.address, taken_back);
    lease.reset();
    s.ender.take();
    co_return refused(s, taken_back);
  }
  s.lease = std::move(*lease);
  spawn(guard(s));
  s.account = who.account;
  s.address = who.address;
  s.state = kAuthenticated;
  s.commands.set_authenticated(true);
  s.arm();
  count_login(true);
  log::info("imap.login", {{"sid", s.id},
                           {"peer", s.stream->peer().ip.to_string()},
                           {"user", s.address},
                           {"app_password", who.app_password == 0 ? "-" : who.app_password_name}});
  co_return ok("Logged in", "CAPABILITY " + capabilities(s));
}

// The client's answer to a challenge: a base64 line, or "*" to give up.
struct Answer {
  bool cancelled = false;
  std::optional<std::string> message;
};

Task<Answer> read_answer(Session& s) {
  co_await await_input(s);
  Result<std::string_view> line = co_await s.input.read_line(wire::imap::kMaxAuthLine);
  if (!line) {
    const bool too_long = line.error().kind == FaultKind::syntax;
    throw SessionEnd{too_long ? "Line too long" : "", line.error()};
  }
  std::string_view text = *line;
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  Answer answer;
  answer.cancelled = text == "*";
  if (!answer.cancelled) answer.message = base64_decode(text);
  co_return answer;
}

}  // namespace

// RFC 8437 section 3: everything but TLS is as after the greeting. What counts against a stranger (failed
// logins, bad commands) stays.
Task<Reply> cmd_unauthenticate(Session& s, wire::imap::Unauthenticate&) {
  co_await retire_from_mailbox(s);
  co_await leave_guard(s);
  if (s.expelled)
    throw SessionEnd{"This account may not stay logged in", Fault{FaultKind::policy, "account ended"}};
  s.lease = SessionRegistry::Lease();
  s.ender.take();
  s.over = false;
  s.leaver = nullptr;
  log::info("imap.unauthenticated", {{"sid", s.id}, {"user", s.address}});
  s.account = 0;
  s.address.clear();
  s.observer.reset();
  s.language = Language::i_default;
  s.condstore = s.qresync = s.rev2 = s.utf8_accept = s.uid_only = false;
  s.commands.set_utf8(false);
  s.pending_plain = s.stream->active();
  s.state = kNotAuthenticated;
  s.commands.set_authenticated(false);
  s.stream->set_deadline(s.services.clock.steady() + s.options->login_timeout);
  co_return ok("Logged out, log in again");
}

Task<Reply> cmd_login(Session& s, wire::imap::Login& c) {
  if (!s.stream->tls().active && !s.options->allow_plain_login) {
    co_return no("Passwords need TLS", "PRIVACYREQUIRED");
  }
  std::string user = c.user;
  Secret password = std::move(c.password);
  const IpAddress peer = s.stream->peer().ip;
  std::string protocol = "imap";
  Result<wire::sasl::Identity> who = co_await s.services.authenticator.verify_password(
      std::move(user), std::move(password), peer, std::move(protocol));
  if (!who) {
    log_failed_login(channel(s), c.user, who.error());
    co_return refused(s, who.error());
  }
  Task<Reply> done = logged_in(s, std::move(*who));
  co_return co_await done;
}

Task<Reply> cmd_authenticate(Session& s, wire::imap::Authenticate& c) {
  const wire::sasl::Channel with = channel(s);
  auto started = wire::sasl::start(c.mechanism, with, s.services.authenticator);
  if (!started) {
    const bool unknown = started.error().kind == FaultKind::syntax;
    co_return unknown ? no("Unknown mechanism", "CANNOT") : no("This mechanism needs TLS", "PRIVACYREQUIRED");
  }
  std::unique_ptr<wire::sasl::Exchange> exchange = std::move(*started);
  std::optional<std::string> message;
  if (c.initial) {
    // RFC 4959 section 3: "=" is an empty initial response
    message = *c.initial == "=" ? std::optional<std::string>("") : base64_decode(*c.initial);
    if (!message) co_return bad("Bad base64");
  }
  while (true) {
    wire::sasl::Exchange::Step step = co_await exchange->step(std::move(message));
    if (step.kind == wire::sasl::Exchange::Step::failure) {
      if (step.fault.kind == FaultKind::syntax) co_return bad("Bad response to the challenge");
      co_return refused(s, step.fault);
    }
    const bool success = step.kind == wire::sasl::Exchange::Step::success;
    if (success && step.data.empty()) {
      Task<Reply> done = logged_in(s, std::move(step.identity));
      co_return co_await done;
    }
    // IMAP has no field for last data with success: it goes as a challenge that has an empty answer (RFC 4422
    // section 4, point 3b).
    s.out += "+ " + base64_encode(step.data) + "\r\n";
    Answer answer = co_await read_answer(s);
    if (answer.cancelled && !step.fault.what.empty()) co_return refused(s, step.fault);
    if (answer.cancelled) co_return bad("Cancelled");
    if (!answer.message) co_return bad("Bad base64");
    if (success) {
      if (!answer.message->empty()) co_return bad("Empty response expected");
      Task<Reply> done = logged_in(s, std::move(step.identity));
      co_return co_await done;
    }
    message = std::move(answer.message);
  }
}

}  // namespace posthouse::access::imap
