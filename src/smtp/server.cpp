#include "smtp/server.h"

#include <exception>

#include "base/log.h"
#include "smtp/server_metrics.h"
#include "smtp/server_session.h"

namespace posthouse::smtp {

Task<void> serve(std::unique_ptr<net::Stream> stream, std::shared_ptr<const ServerOptions> options,
                 SmtpService& service, wire::sasl::Authenticator* authenticator, std::string session_id,
                 std::shared_ptr<Logins> logins) {
  ServerSession session(std::move(stream), std::move(options), service, authenticator, session_id,
                        std::move(logins));
  bool failed = false;
  try {
    co_await session.run();
  } catch (const std::exception& error) {
    failed = true;
    server_metrics().failures.add();
    log::error("smtp.session_failed", {{"sid", session_id}, {"reason", error.what()}});
  }
  if (failed) co_await session.apologise();
}

}  // namespace posthouse::smtp
