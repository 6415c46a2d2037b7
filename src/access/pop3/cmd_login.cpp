// USER and PASS (RFC 1939 section 7), AUTH (RFC 5034).
#include "access/pop3/capability.h"
#include "access/pop3/limits.h"
#include "access/pop3/state.h"
#include "base/ascii.h"
#include "base/base64.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/utf8.h"
#include "wire/pop3/limits.h"
#include "wire/sasl/failed_login.h"

namespace posthouse::access::pop3 {

namespace {

void count_login(bool good) {
  static const metrics::Counter accepted("posthouse_pop3_logins_total", "POP3 logins.", {{"result", "ok"}});
  static const metrics::Counter refused("posthouse_pop3_logins_total", "POP3 logins.",
                                        {{"result", "refused"}});
  (good ? accepted : refused).add();
}

// One answer for a wrong name and a wrong password (RFC 3206 section 4: AUTH).
void refused(Session& s, const Fault& fault) {
  count_login(false);
  // Also when too many have failed before: "wrong password" would make programs forget the right one.
  const bool temporary = fault.kind == FaultKind::temporary || fault.kind == FaultKind::io;
  const char* told =
      temporary ? "[SYS/TEMP] Can't check logins now, try again later" : "[AUTH] Wrong name or password";
  if (fault.kind == wire::sasl::kNoSuchBinding) told = "This channel binding can't be used";
  if (++s.failed_logins >= kMaxFailedLogins) {
    throw SessionEnd{told, Fault{FaultKind::policy, "too many failed logins"}};
  }
  s.error(told);
}

Task<void> logged_in(Session& s, wire::sasl::Identity who) {
  auto lease = Maildrops::enter(s.maildrops, who, *s.stream, s.services.clock.steady());
  if (!lease) {
    // RFC 2449 section 8.1.1: the password was right.
    log::info("pop3.in_use",
              {{"sid", s.id}, {"peer", s.stream->peer().ip.to_string()}, {"user", who.address}});
    co_return s.error("[IN-USE] Another session has the maildrop");
  }
  const bool stands = co_await s.services.authenticator.still_stands(who);
  if (!stands) {
    const Fault taken_back{FaultKind::policy, "taken back meanwhile"};
    log_failed_login(channel(s), who.address, taken_back);
    co_return refused(s, taken_back);
  }
  Result<void> opened = co_await s.drop.open(s.services.store, who.account);
  if (!opened) co_return s.refuse(opened.error());
  count_login(true);
  s.lease = std::move(*lease);
  s.address = std::move(who.address);
  s.logged_in = true;
  log::info("pop3.login", {{"sid", s.id},
                           {"peer", s.stream->peer().ip.to_string()},
                           {"user", s.address},
                           {"app_password", who.app_password == 0 ? "-" : who.app_password_name}});
  s.ok("Logged in");
}

// The client's answer to a challenge: a base64 line, or "*" to give up.
struct Answer {
  bool cancelled = false;
  std::optional<std::string> message;
};

Task<Answer> read_answer(Session& s) {
  Result<std::string_view> line = co_await s.read_line(wire::pop3::kMaxAuthLine);
  Answer answer;
  if (!line) co_return answer;
  const std::string_view text = trim(*line);
  answer.cancelled = text == "*";
  if (!answer.cancelled) answer.message = base64_decode(text);
  co_return answer;
}

// Without an argument, as many clients ask though no RFC says so.
void list_mechanisms(Session& s) {
  s.ok("Mechanisms follow");
  for (const std::string& mechanism : wire::sasl::mechanisms(channel(s))) s.out += mechanism + "\r\n";
  s.out += ".\r\n";
}

// Until it has succeeded, or was refused and the client told so.
Task<std::optional<wire::sasl::Identity>> authenticate(Session& s, wire::sasl::Exchange& exchange,
                                                       std::optional<std::string> message) {
  while (true) {
    wire::sasl::Exchange::Step step = co_await exchange.step(std::move(message));
    if (step.kind == wire::sasl::Exchange::Step::failure) {
      if (step.fault.kind == FaultKind::syntax) {
        s.bad("Bad response to the challenge");
      } else {
        refused(s, step.fault);
      }
      co_return std::nullopt;
    }
    const bool success = step.kind == wire::sasl::Exchange::Step::success;
    if (success && step.data.empty()) co_return step.identity;
    // POP3 has no field for last data with success: it goes as a challenge that has an empty answer (RFC 4422
    // section 4, point 3b).
    s.out += "+ " + base64_encode(step.data) + "\r\n";
    Answer answer = co_await read_answer(s);
    if (answer.cancelled && !step.fault.what.empty()) {
      refused(s, step.fault);
      co_return std::nullopt;
    }
    if (answer.cancelled || !answer.message || (success && !answer.message->empty())) {
      s.bad(answer.cancelled ? "Cancelled" : answer.message ? "Empty response expected" : "Bad base64");
      co_return std::nullopt;
    }
    if (success) co_return step.identity;
    message = std::move(answer.message);
  }
}

}  // namespace

Task<void> cmd_pass(Session& s, wire::pop3::Command& c) {
  if (s.user.empty()) co_return s.bad("USER comes first");
  std::string user = std::exchange(s.user, "");
  // RFC 6856 section 2.2
  if (!is_utf8(user) || !is_utf8(c.password.reveal())) co_return s.bad("Not UTF-8");
  Secret password = std::move(c.password);
  const IpAddress peer = s.stream->peer().ip;
  std::string protocol = "pop3";
  Result<wire::sasl::Identity> who =
      co_await s.services.authenticator.verify_password(user, std::move(password), peer, std::move(protocol));
  if (!who) {
    log_failed_login(channel(s), user, who.error());
    co_return refused(s, who.error());
  }
  co_await logged_in(s, std::move(*who));
}

Task<void> cmd_auth(Session& s, wire::pop3::Command& c) {
  if (c.text.empty()) co_return list_mechanisms(s);
  const wire::sasl::Channel with = channel(s);
  auto started = wire::sasl::start(c.text, with, s.services.authenticator);
  if (!started) {
    const bool unknown = started.error().kind == FaultKind::syntax;
    if (unknown) co_return s.bad("Unknown mechanism");
    co_return s.error("This mechanism needs TLS");
  }
  const std::unique_ptr<wire::sasl::Exchange> exchange = std::move(*started);
  std::optional<std::string> message;
  if (c.initial) {
    // RFC 5034 section 4: "=" is an empty initial response
    message = *c.initial == "=" ? std::optional<std::string>("") : base64_decode(*c.initial);
    if (!message) co_return s.bad("Bad base64");
  }
  std::optional<wire::sasl::Identity> who = co_await authenticate(s, *exchange, std::move(message));
  if (who) co_await logged_in(s, std::move(*who));
}

}  // namespace posthouse::access::pop3
