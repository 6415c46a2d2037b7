#include "smtp/client_opening.h"

#include "base/base64.h"

namespace posthouse::smtp {
namespace {

Opened refuse(Reply reply) {
  return std::unexpected(as_refusal(std::move(reply)));
}

Opened refuse_here(std::string_view status, std::string_view text) {
  return std::unexpected(Reply{0, std::string(status), std::string(text)});
}

}  // namespace

Task<Reply> ClientOpening::say(std::string line) {
  return connection_.command(std::move(line) + "\r\n", options_.command_timeout);
}

Task<Opened> ClientOpening::run() {
  using Tls = ClientOptions::Tls;
  Opened done;
  if (options_.use_tls == Tls::implicit) done = co_await handshake();
  if (done) done = co_await greeting();
  if (done) done = co_await hello();
  if (done && options_.use_tls != Tls::never && options_.use_tls != Tls::implicit) done = co_await secure();
  if (done && !options_.user.empty()) done = co_await log_in();
  co_return done;
}

Task<Opened> ClientOpening::greeting() {
  Reply reply = co_await connection_.reply(options_.greeting_timeout);
  if (reply.code != 220) co_return refuse(std::move(reply));
  co_return Opened();
}

// RFC 5321 section 3.2: HELO for hosts that don't know EHLO.
Task<Opened> ClientOpening::hello() {
  capabilities_ = {};
  Reply reply = co_await say((options_.lmtp ? "LHLO " : "EHLO ") + options_.hostname);
  if (reply.code == 250) {
    capabilities_ = wire::smtp::parse_capabilities(reply.text);
    co_return Opened();
  }
  const bool too_old = reply.code >= 500 && !options_.lmtp && connection_.usable();
  if (too_old) reply = co_await say("HELO " + options_.hostname);
  if (reply.code != 250) co_return refuse(std::move(reply));
  co_return Opened();
}

Task<Opened> ClientOpening::secure() {
  const bool required = options_.use_tls == ClientOptions::Tls::required;
  if (!capabilities_.starttls) {
    if (required) co_return refuse_here("4.7.4", "TLS is required but not offered");
    co_return Opened();
  }
  Reply reply = co_await say("STARTTLS");
  if (reply.code != 220) {
    if (required || !connection_.usable()) co_return refuse(std::move(reply));
    co_return Opened();
  }
  // What was said in clear text behind the reply would be read as if it came through TLS.
  if (connection_.has_unread()) {
    connection_.give_up("bytes behind the reply to STARTTLS");
    co_return refuse(connection_.failure());
  }
  Opened done = co_await handshake();
  if (done) done = co_await hello();  // RFC 3207 section 4.2: what was learnt before is forgotten
  co_return done;
}

Task<Opened> ClientOpening::handshake() {
  const Result<void> up = co_await connection_.stream().start_tls_client(options_.tls, options_.server_name);
  if (up) co_return Opened();
  connection_.give_up("TLS handshake failed: " + up.error().what);
  co_return std::unexpected(Reply{0, "4.7.5", connection_.failure().text});
}

Task<Opened> ClientOpening::log_in() {
  // In clear only where that was asked for, and then to this machine only: what keeps TLS away (RFC 3207
  // section 6) must not be able to read the password instead.
  const bool clear = options_.use_tls == ClientOptions::Tls::never;
  const bool private_line = clear && connection_.stream().peer().ip.is_loopback();
  if (!connection_.stream().tls().active && !private_line)
    co_return refuse_here("4.7.11", "the password is not sent without TLS");
  Reply reply{0, "4.7.4", "no common authentication mechanism"};
  if (capabilities_.offers_auth("PLAIN")) reply = co_await auth_plain();
  const bool another_way = reply.code == 0 || reply.code == 504;
  if (another_way && connection_.usable() && capabilities_.offers_auth("LOGIN"))
    reply = co_await auth_login();
  if (reply.code != 235) co_return refuse(std::move(reply));
  co_return Opened();
}

// RFC 4616.
Task<Reply> ClientOpening::auth_plain() {
  std::string message;
  message += '\0';
  message += options_.user;
  message += '\0';
  message += options_.password.reveal();
  return say("AUTH PLAIN " + base64_encode(message));
}

Task<Reply> ClientOpening::auth_login() {
  Reply reply = co_await say("AUTH LOGIN");
  if (reply.code == 334) reply = co_await say(base64_encode(options_.user));
  if (reply.code == 334) reply = co_await say(base64_encode(options_.password.reveal()));
  co_return reply;
}

}  // namespace posthouse::smtp
