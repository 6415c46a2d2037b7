// STARTTLS (RFC 3207) and TLS from the first byte (RFC 8314).
#include "base/log.h"
#include "smtp/server_metrics.h"
#include "smtp/server_session.h"

namespace posthouse::smtp {

Task<void> ServerSession::on(const wire::smtp::StartTls&) {
  if (facts_.tls) {
    refuse(503, "5.5.1", "Error: TLS already active");
    co_return;
  }
  if (!options_->tls) {
    refuse(502, "5.5.1", "Error: TLS not available");
    co_return;
  }
  // Bytes behind the command came in clear text from somebody, perhaps from somebody in between (RFC 3207
  // section 4.2 wants knowledge from before the handshake forgotten): there is no safe way on.
  if (reader_.buffered() != 0) {
    server_metrics().injections.add();
    log::warn("smtp.starttls_injection", {{"sid", facts_.id}, {"peer", facts_.peer.to_string()}});
    output_.discard();
    ended_ = true;
    co_return;
  }
  output_.add({220, "2.0.0", "Ready to start TLS"});
  const Result<void> flushed = co_await output_.flush();
  if (!flushed) {
    ended_ = true;
    co_return;
  }
  envelope_.reset();  // section 4.2: back to the state right after the greeting
  facts_.helo.clear();
  facts_.extended = false;
  facts_.account.reset();
  facts_.login.clear();
  lease_ = Logins::Lease();
  const bool up = co_await start_tls();
  if (!up) ended_ = true;
}

Task<bool> ServerSession::start_tls() {
  const Result<void> up = co_await stream_->start_tls_server(options_->tls);
  if (!up) {
    log::info("smtp.tls_failed",
              {{"sid", facts_.id}, {"peer", facts_.peer.to_string()}, {"reason", up.error().what}});
    co_return false;
  }
  facts_.tls = true;
  facts_.tls_protocol = stream_->tls().protocol;
  facts_.tls_cipher = stream_->tls().cipher;
  co_return true;
}

}  // namespace posthouse::smtp
