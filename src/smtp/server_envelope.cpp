// MAIL, RCPT and RSET: the envelope of a letter (RFC 5321 sections 4.1.1.2, 4.1.1.3 and 4.1.1.5).
#include "base/log.h"
#include "smtp/server_metrics.h"
#include "smtp/server_session.h"

namespace posthouse::smtp {

// What a stranger may not do on a submission port (RFC 6409 section 4.3, RFC 4954 section 6, RFC 3207 section
// 4).
bool ServerSession::may_use_service() {
  if (!options_->submission || facts_.account) return true;
  if (!facts_.tls && !options_->allow_plain_auth) {
    refuse(530, "5.7.0", "Must issue a STARTTLS command first");
  } else {
    refuse(530, "5.7.0", "Authentication required");
  }
  return false;
}

bool ServerSession::may_begin_transaction() {
  if (facts_.helo.empty()) {
    refuse(503, "5.5.1", options_->lmtp ? "Error: send LHLO first" : "Error: send HELO/EHLO first");
    return false;
  }
  if (!may_use_service()) return false;
  if (envelope_) {
    refuse(503, "5.5.1", "Error: nested MAIL command");
    return false;
  }
  return true;
}

// RFC 6409 section 4.2: our own users may leave the domain out; the service knows which one is meant.
Result<message::Address> ServerSession::read_path(std::string_view path) const {
  Result<message::Address> address = message::parse_mailbox(path);
  if (address || !options_->submission) return address;
  constexpr std::string_view kAnyDomain = "@unqualified.invalid";
  Result<message::Address> bare = message::parse_mailbox(std::string(path).append(kAnyDomain));
  if (!bare) return address;
  bare->domain.clear();
  return bare;
}

std::optional<message::Address> ServerSession::read_sender(const wire::smtp::Mail& command) {
  if (command.path.empty()) return message::Address();
  Result<message::Address> address = read_path(command.path);
  if (!address) {
    refuse(501, "5.1.7", "Error: bad sender address syntax");
    return std::nullopt;
  }
  if (!command.parameters.utf8 && !address->is_ascii()) {  // RFC 6531 section 3.5
    refuse(550, "5.6.7", "Error: internationalized address without SMTPUTF8");
    return std::nullopt;
  }
  return std::move(*address);
}

Task<void> ServerSession::on(const wire::smtp::Mail& command) {
  if (!may_begin_transaction()) co_return;
  std::optional<message::Address> sender = read_sender(command);
  if (!sender) co_return;
  if (command.parameters.size && *command.parameters.size > options_->max_size) {  // RFC 1870 section 6.1
    refuse(552, "5.3.4", "Error: message larger than " + std::to_string(options_->max_size) + " octets");
    co_return;
  }
  auto envelope = std::make_unique<Envelope>();
  envelope->null_reverse_path = command.path.empty();
  envelope->reverse_path = std::move(*sender);
  envelope->eight_bit = command.parameters.eight_bit;
  envelope->utf8 = command.parameters.utf8;
  envelope->declared_size = command.parameters.size;
  const Reply reply = co_await service_.on_mail(facts_, *envelope);
  answer(reply);
  if (reply.positive()) envelope_ = std::move(envelope);
}

std::optional<message::Address> ServerSession::read_recipient(const wire::smtp::Rcpt& command) {
  Result<message::Address> address = read_path(command.path);
  if (!address) {
    refuse(501, "5.1.3", "Error: bad recipient address syntax");
    return std::nullopt;
  }
  if (!envelope_->utf8 && !address->is_ascii()) {  // RFC 6531 section 3.5
    refuse(553, "5.6.7", "Error: internationalized address without SMTPUTF8");
    return std::nullopt;
  }
  return std::move(*address);
}

Task<void> ServerSession::on(const wire::smtp::Rcpt& command) {
  if (!envelope_) {
    refuse(503, "5.5.1", "Error: need MAIL command");
    co_return;
  }
  if (envelope_->recipients.size() >= options_->max_recipients) {  // RFC 5321 section 4.5.3.1.10
    output_.add({452, "4.5.3", "Error: too many recipients"});
    co_return;
  }
  std::optional<message::Address> recipient = read_recipient(command);
  if (!recipient) co_return;
  const Reply reply = co_await service_.on_recipient(facts_, *envelope_, *recipient);
  output_.add(reply);
  if (reply.code == 421) ended_ = true;
  if (reply.positive()) {
    envelope_->recipients.push_back(std::move(*recipient));
    co_return;
  }
  if (reply.code >= 500) budget_.count_refused_recipient();
  server_metrics().recipients_refused.add();
  log::info("smtp.rcpt_refused", {{"sid", facts_.id},
                                  {"peer", facts_.peer.to_string()},
                                  {"from", envelope_->reverse_path.to_string()},
                                  {"to", recipient->to_string()},
                                  {"code", reply.code},
                                  {"status", reply.status},
                                  {"reply", reply.text}});
}

Task<void> ServerSession::on(const wire::smtp::Rset&) {
  envelope_.reset();
  output_.add({250, "2.0.0", "Ok"});
  co_return;
}

}  // namespace posthouse::smtp
