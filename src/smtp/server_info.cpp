// NOOP, QUIT, HELP, VRFY and ETRN: the commands beside the transaction (RFC 5321 sections 4.1.1.6
// to 4.1.1.10, RFC 1985).
#include "smtp/server_session.h"

namespace posthouse::smtp {

Task<void> ServerSession::on(const wire::smtp::Noop&) {
  output_.add({250, "2.0.0", "Ok"});
  co_return;
}

Task<void> ServerSession::on(const wire::smtp::Quit&) {
  output_.add({221, "2.0.0", "Bye"});
  ended_ = true;
  co_return;
}

Task<void> ServerSession::on(const wire::smtp::Help&) {
  std::string commands = options_->lmtp ? "LHLO" : "HELO EHLO";
  commands += " MAIL RCPT DATA RSET NOOP QUIT HELP VRFY ETRN";
  if (options_->tls) commands += " STARTTLS";
  if (options_->submission && authenticator_ != nullptr) commands += " AUTH";
  output_.add({214, "2.0.0", "Commands:\n" + commands});
  co_return;
}

Task<void> ServerSession::on(const wire::smtp::Vrfy& command) {
  if (!may_use_service()) co_return;
  const Reply reply = co_await service_.on_vrfy(facts_, std::string(command.argument));
  answer(reply);
}

Task<void> ServerSession::on(const wire::smtp::Etrn& command) {
  if (!may_use_service()) co_return;
  const Reply reply = co_await service_.on_etrn(facts_, std::string(command.argument));
  answer(reply);
}

}  // namespace posthouse::smtp
