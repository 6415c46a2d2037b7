// AUTH (RFC 4954).
#include "base/base64.h"
#include "base/log.h"
#include "smtp/limits.h"
#include "smtp/server_metrics.h"
#include "smtp/server_session.h"
#include "wire/sasl/failed_login.h"
#include "wire/smtp/limits.h"

namespace posthouse::smtp {

wire::sasl::Channel ServerSession::channel() const {
  wire::sasl::Channel channel;
  channel.tls = facts_.tls;
  channel.allow_plain_without_tls = options_->allow_plain_auth;
  channel.binding_type = stream_->tls().channel_binding_type;
  channel.binding = stream_->tls().channel_binding;
  channel.end_point = stream_->tls().server_end_point;
  channel.peer = facts_.peer.ip;
  channel.protocol = "submission";
  channel.session_id = facts_.id;
  if (authenticator_ != nullptr) channel.tokens = authenticator_->tokens();
  return channel;
}

bool ServerSession::may_authenticate() {
  if (!options_->submission || authenticator_ == nullptr) {
    refuse(502, "5.5.1", "Error: authentication not available here");
  } else if (!facts_.extended) {
    refuse(503, "5.5.1", "Error: send EHLO first");
  } else if (facts_.account) {  // section 4: once in a session
    refuse(503, "5.5.1", "Error: already authenticated");
  } else if (envelope_) {
    refuse(503, "5.5.1", "Error: MAIL transaction in progress");
  } else if (!facts_.tls && !options_->allow_plain_auth) {
    refuse(538, "5.7.11", "Encryption required for requested authentication mechanism");
  } else {
    return true;
  }
  return false;
}

Task<void> ServerSession::on(const wire::smtp::Auth& command) {
  if (!may_authenticate()) co_return;
  std::optional<std::string> initial;
  if (command.initial) {
    initial = base64_decode(*command.initial);
    if (!initial) {
      refuse(501, "5.5.2", "Error: bad base64 encoding");
      co_return;
    }
  }
  Result<std::unique_ptr<wire::sasl::Exchange>> exchange =
      wire::sasl::start(command.mechanism, channel(), *authenticator_);
  if (!exchange) {
    refuse(504, "5.5.4", "Error: authentication mechanism not supported");
    co_return;
  }
  co_await authenticate(std::move(*exchange), std::move(initial));
}

Task<void> ServerSession::authenticate(std::unique_ptr<wire::sasl::Exchange> exchange,
                                       std::optional<std::string> message) {
  using Step = wire::sasl::Exchange::Step;
  for (uint32_t i = 0; i < kMaxAuthSteps; ++i) {
    Step step = co_await exchange->step(std::move(message));
    if (step.kind == Step::failure) {
      login_failed(step.fault);
      co_return;
    }
    const bool done = step.kind == Step::success;
    // Data that comes with success has no place in the 235 reply: it goes as one more challenge, which the
    // client answers with an empty line (section 4).
    if (!done || !step.data.empty()) {
      message = co_await challenge(std::move(step.data));
      if (!message && !step.fault.what.empty()) budget_.count_failed_login();
      if (!message) co_return;
    }
    if (done) {
      co_await logged_in(std::move(step.identity));
      co_return;
    }
  }
  Fault fault{FaultKind::syntax, "too many messages"};
  login_failed(fault);
}

// Sends a challenge and gives the decoded answer; nothing if the exchange is over, and then all is said.
Task<std::optional<std::string>> ServerSession::challenge(std::string data) {
  output_.add_plain(334, base64_encode(data));
  const Result<std::string_view> line = co_await next_line();
  if (!line) {
    co_await take_read_fault(line.error(), "5.5.6");
    co_return std::nullopt;
  }
  if (!line->ends_with("\r\n")) {
    refuse(501, "5.5.2", "Error: only CRLF ends a line");
    co_return std::nullopt;
  }
  const std::string_view text = line->substr(0, line->size() - 2);
  if (text == "*") {
    refuse(501, "5.7.0", "Authentication cancelled");
    co_return std::nullopt;
  }
  std::optional<std::string> decoded = base64_decode(text);
  if (!decoded) refuse(501, "5.5.2", "Error: bad base64 encoding");
  co_return decoded;
}

Task<void> ServerSession::logged_in(wire::sasl::Identity identity) {
  if (logins_) {
    auto lease = Logins::enter(logins_, identity, options_->max_sessions_per_account, *stream_);
    if (!lease) {
      log::info("smtp.too_many_sessions",
                {{"sid", facts_.id}, {"peer", facts_.peer.to_string()}, {"login", identity.address}});
      Reply reply{421, "4.7.0", options_->hostname + " Error: too many sessions of this account"};
      co_await say_farewell(std::move(reply));
      co_return;
    }
    lease_ = std::move(*lease);
  }
  const bool stands = co_await authenticator_->still_stands(identity);
  if (!stands) {
    lease_ = Logins::Lease();
    const Fault taken_back{FaultKind::policy, "taken back meanwhile"};
    wire::sasl::log_failed_login(channel(), identity.address, taken_back);
    login_failed(taken_back);
    co_return;
  }
  facts_.account = identity.account;
  facts_.login = std::move(identity.address);
  server_metrics().logins.add();
  log::info("smtp.login", {{"sid", facts_.id},
                           {"peer", facts_.peer.to_string()},
                           {"login", facts_.login},
                           {"tls", facts_.tls},
                           {"app_password", identity.app_password == 0 ? "-" : identity.app_password_name}});
  output_.add({235, "2.7.0", "Authentication successful"});
}

void ServerSession::login_failed(const Fault& fault) {
  server_metrics().logins_failed.add();
  const bool ours = fault.kind == FaultKind::temporary || fault.kind == FaultKind::io ||
                    fault.kind == FaultKind::timeout || fault.kind == FaultKind::corrupt;
  // Also when too many have failed before: "wrong password" would make programs forget the right one.
  if (ours) {
    refuse(454, "4.7.0", "Temporary authentication failure, try again later");
    return;
  }
  budget_.count_failed_login();
  if (fault.kind == wire::sasl::kNoSuchBinding) {
    output_.add({504, "5.5.4", "Error: channel binding type not supported"});
    return;
  }
  output_.add({535, "5.7.8", "Error: authentication failed"});
}

}  // namespace posthouse::smtp
