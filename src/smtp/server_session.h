// One session of the server: its state, and a handler for each command.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "net/buffered_reader.h"
#include "net/stream.h"
#include "smtp/data_receiver.h"
#include "smtp/logins.h"
#include "smtp/server.h"
#include "smtp/server_budget.h"
#include "smtp/server_output.h"
#include "wire/smtp/command.h"

namespace posthouse::smtp {

// Made, run once, destroyed; all on the stream's loop. What the references name outlives it.
class ServerSession {
 public:
  ServerSession(std::unique_ptr<net::Stream> stream, std::shared_ptr<const ServerOptions> options,
                SmtpService& service, wire::sasl::Authenticator* authenticator, std::string session_id,
                std::shared_ptr<Logins> logins);
  ~ServerSession();

  // From greeting to close.
  Task<void> run();
  // The last word after something went wrong in here that is not the client's fault.
  Task<void> apologise();

 private:
  // ---- server_session.cpp: the dialogue
  Task<bool> greet();
  Task<void> converse();
  Task<void> handle_line(std::string_view line);
  Task<void> dispatch(const wire::smtp::Command& command);
  Task<Result<std::string_view>> next_line();
  Task<void> take_read_fault(Fault fault, std::string_view too_long = "5.5.2");
  Task<void> say_farewell(Reply reply);
  bool line_waits() const;
  void set_deadline(seconds from_now);
  void answer(const Reply& reply);
  void refuse(int code, std::string_view status, std::string_view text);

  // ---- server_hello.cpp
  Task<void> on(const wire::smtp::Hello& command);
  std::string capability_list() const;

  // ---- server_envelope.cpp
  Task<void> on(const wire::smtp::Mail& command);
  Task<void> on(const wire::smtp::Rcpt& command);
  Task<void> on(const wire::smtp::Rset& command);
  bool may_begin_transaction();
  bool may_use_service();
  Result<message::Address> read_path(std::string_view path) const;
  std::optional<message::Address> read_sender(const wire::smtp::Mail& command);
  std::optional<message::Address> read_recipient(const wire::smtp::Rcpt& command);

  // ---- server_data.cpp
  Task<void> on(const wire::smtp::Data& command);
  Task<void> take_letter(std::unique_ptr<LetterSink> sink);
  void answer_letter(std::vector<Reply> replies, uint64_t size);

  // ---- server_tls.cpp
  Task<void> on(const wire::smtp::StartTls& command);
  Task<bool> start_tls();

  // ---- server_auth.cpp
  Task<void> on(const wire::smtp::Auth& command);
  Task<void> authenticate(std::unique_ptr<wire::sasl::Exchange> exchange, std::optional<std::string> message);
  Task<std::optional<std::string>> challenge(std::string data);
  bool may_authenticate();
  Task<void> logged_in(wire::sasl::Identity identity);
  void login_failed(const Fault& fault);
  wire::sasl::Channel channel() const;

  // ---- server_info.cpp
  Task<void> on(const wire::smtp::Noop& command);
  Task<void> on(const wire::smtp::Quit& command);
  Task<void> on(const wire::smtp::Help& command);
  Task<void> on(const wire::smtp::Vrfy& command);
  Task<void> on(const wire::smtp::Etrn& command);

  std::unique_ptr<net::Stream> stream_;
  std::shared_ptr<const ServerOptions> options_;
  SmtpService& service_;
  wire::sasl::Authenticator* authenticator_;
  std::shared_ptr<Logins> logins_;
  SessionFacts facts_;
  net::BufferedReader reader_;
  ServerOutput output_;
  ServerBudget budget_;
  std::unique_ptr<Envelope> envelope_;  // the transaction; none between two
  Logins::Lease lease_;                 // from AUTH on; goes before the stream
  bool welcome_ = false;                // on_connect() let the client in
  bool ended_ = false;
};

}  // namespace posthouse::smtp
