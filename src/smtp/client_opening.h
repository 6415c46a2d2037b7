// How the client opens a connection: greeting, EHLO, TLS, login.
#pragma once

#include "smtp/client_connection.h"
#include "wire/smtp/capabilities.h"

namespace posthouse::smtp {

using Opened = std::expected<void, Reply>;

// Used once, on the connection's loop; what it refers to outlives it.
class ClientOpening {
 public:
  ClientOpening(ClientConnection& connection, const ClientOptions& options,
                wire::smtp::Capabilities& capabilities)
      : connection_(connection), options_(options), capabilities_(capabilities) {}

  Task<Opened> run();

 private:
  Task<Opened> greeting();
  Task<Opened> hello();
  Task<Opened> secure();
  Task<Opened> handshake();
  Task<Opened> log_in();
  Task<Reply> auth_plain();
  Task<Reply> auth_login();
  Task<Reply> say(std::string line);

  ClientConnection& connection_;
  const ClientOptions& options_;
  wire::smtp::Capabilities& capabilities_;
};

}  // namespace posthouse::smtp
