#include "smtp/server_session.h"

#include "base/log.h"
#include "smtp/limits.h"
#include "smtp/server_metrics.h"
#include "wire/smtp/limits.h"

namespace posthouse::smtp {

ServerSession::ServerSession(std::unique_ptr<net::Stream> stream,
                             std::shared_ptr<const ServerOptions> options, SmtpService& service,
                             wire::sasl::Authenticator* authenticator, std::string session_id,
                             std::shared_ptr<Logins> logins)
    : stream_(std::move(stream)),
      options_(std::move(options)),
      service_(service),
      authenticator_(authenticator),
      logins_(std::move(logins)),
      reader_(*stream_),
      output_(*stream_),
      budget_(*options_) {
  facts_.id = std::move(session_id);
  facts_.peer = stream_->peer();
  facts_.local = stream_->local();
  facts_.lmtp = options_->lmtp;
  server_metrics().sessions.add();
  server_metrics().open.add(1);
  log::debug("smtp.connected", {{"sid", facts_.id}, {"peer", facts_.peer.to_string()}});
}

ServerSession::~ServerSession() {
  if (welcome_) service_.on_disconnect(facts_);
  server_metrics().open.add(-1);
  log::debug("smtp.closed", {{"sid", facts_.id}});
}

Task<void> ServerSession::run() {
  const bool welcome = co_await greet();
  if (welcome) co_await converse();
  stream_->close();
}

Task<void> ServerSession::apologise() {
  Reply reply{421, "4.3.0", options_->hostname + " Error: internal error, closing connection"};
  co_await say_farewell(std::move(reply));
  stream_->close();
}

// RFC 5321 section 3.1.
Task<bool> ServerSession::greet() {
  // Before the handshake, so that who never ends it is counted too.
  Reply verdict = co_await service_.on_connect(facts_);
  welcome_ = verdict.positive();
  set_deadline(welcome_ ? options_->command_timeout : kFarewell);
  if (options_->implicit_tls) {
    const bool up = co_await start_tls();
    if (!up) co_return false;
  }
  if (!welcome_) {
    log::info("smtp.connection_refused",
              {{"sid", facts_.id}, {"peer", facts_.peer.to_string()}, {"code", verdict.code}});
    co_await say_farewell(std::move(verdict));
    co_return false;
  }
  output_.add_plain(220, options_->hostname + (options_->lmtp ? " LMTP Posthouse" : " ESMTP Posthouse"));
  co_return true;
}

Task<void> ServerSession::converse() {
  while (!ended_) {
    const Result<std::string_view> line = co_await next_line();
    if (!line) {
      co_await take_read_fault(line.error());
      continue;
    }
    budget_.count_command();
    co_await handle_line(*line);
    const char* const spent = ended_ ? nullptr : budget_.spent();
    if (spent == nullptr) continue;
    log::info("smtp.session_ended",
              {{"sid", facts_.id}, {"peer", facts_.peer.to_string()}, {"reason", spent}});
    Reply reply{421, "4.7.0", options_->hostname + " " + spent};
    co_await say_farewell(std::move(reply));
  }
  const Result<void> flushed = co_await output_.flush();
  if (!flushed) log::debug("smtp.write_failed", {{"sid", facts_.id}, {"reason", flushed.error().what}});
}

// Replies leave when no further command is waiting: one write for a pipelined batch.
Task<Result<std::string_view>> ServerSession::next_line() {
  set_deadline(options_->command_timeout);
  if (!line_waits() || output_.full()) {
    const Result<void> flushed = co_await output_.flush();
    if (!flushed) co_return std::unexpected(flushed.error());
  }
  // What was sent in one go is answered before a stop ends the session.
  if (!line_waits()) stream_->set_busy(false);
  Task<Result<std::string_view>> read = reader_.read_line(wire::smtp::kMaxAuthLine);
  const Result<std::string_view> line = co_await read;
  stream_->set_busy(true);
  co_return line;
}

bool ServerSession::line_waits() const {
  return reader_.peek().find('\n') != std::string_view::npos;
}

void ServerSession::set_deadline(seconds from_now) {
  stream_->set_deadline(options_->clock->steady() + from_now);
}

Task<void> ServerSession::handle_line(std::string_view line) {
  const std::expected<wire::smtp::Command, wire::smtp::SyntaxFault> command = wire::smtp::parse_command(line);
  if (!command) {
    refuse(command.error().code, command.error().status, command.error().text);
    if (command.error().hang_up) ended_ = true;
    co_return;
  }
  co_await dispatch(*command);
}

Task<void> ServerSession::dispatch(const wire::smtp::Command& command) {
  return std::visit([this](const auto& typed) { return on(typed); }, command);
}

Task<void> ServerSession::take_read_fault(Fault fault, std::string_view too_long) {
  if (fault.kind == FaultKind::syntax) {  // too long a line: resynchronise after it
    refuse(500, too_long, "Error: line too long");
    const Result<void> skipped = co_await reader_.skip_line(kMaxSkippedLine);
    if (skipped) {
      budget_.count_command();
      co_return;
    }
    fault = skipped.error();
  }
  if (fault.kind == FaultKind::syntax) {
    Reply reply{421, "4.7.0", options_->hostname + " Error: endless line"};
    co_await say_farewell(std::move(reply));
    co_return;
  }
  if (fault.kind == FaultKind::timeout) {
    Reply reply{421, "4.4.2", options_->hostname + " Error: timeout exceeded"};
    co_await say_farewell(std::move(reply));
    co_return;
  }
  ended_ = true;
  output_.discard();
  if (fault.kind != FaultKind::closed) co_return;
  // Either the client has gone, which reads as an orderly end, or somebody cancelled the stream: a shutdown.
  const Result<std::string_view> rest = co_await reader_.read_available(1);
  if (rest) co_return;
  if (lease_.ended()) {
    Reply reply{421, "4.7.0", options_->hostname + " Error: this account may not stay logged in"};
    co_await say_farewell(std::move(reply));
    co_return;
  }
  Reply reply{421, "4.3.2", options_->hostname + " Service shutting down, closing connection"};
  co_await say_farewell(std::move(reply));
}

// The connection ends with this reply, whether or not it can be delivered.
Task<void> ServerSession::say_farewell(Reply reply) {
  ended_ = true;
  envelope_.reset();
  output_.add(reply);
  set_deadline(kFarewell);
  const Result<void> flushed = co_await output_.flush();
  if (!flushed) log::debug("smtp.write_failed", {{"sid", facts_.id}, {"reason", flushed.error().what}});
}

// A reply that the service gave.
void ServerSession::answer(const Reply& reply) {
  if (reply.code >= 500) budget_.count_error();
  if (reply.code == 421) ended_ = true;  // RFC 5321 section 3.8
  output_.add(reply);
}

void ServerSession::refuse(int code, std::string_view status, std::string_view text) {
  budget_.count_error();
  output_.add({code, std::string(status), std::string(text)});
}

}  // namespace posthouse::smtp
