#include "net/tls_session.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <cstring>

#include "base/ip.h"
#include "net/tls_impl.h"

namespace posthouse::net {

struct TlsSession::State {
  std::shared_ptr<const TlsContext> context;  // callbacks of `ssl` refer to it
  SslPtr ssl;
  bool server = false;
  bool named = false;  // client: the certificate is checked against a name
};

namespace {
// RFC 6066 section 3: SNI carries DNS names only.
bool name_peer(SSL* ssl, const std::string& host) {
  const std::string name = normal_name(host);
  if (name.empty()) return true;
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (IpAddress::parse(name)) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str()) == 1;
  return SSL_set_tlsext_host_name(ssl, name.c_str()) == 1 && SSL_set1_host(ssl, name.c_str()) == 1;
}

// RFC 9266: TLS 1.3 exports a binding of its own.
void export_binding(SSL* ssl, TlsInfo& info) {
  constexpr std::string_view kLabel = "EXPORTER-Channel-Binding";
  constexpr size_t kSize = 32;
  unsigned char out[kSize];
  if (SSL_export_keying_material(ssl, out, kSize, kLabel.data(), kLabel.size(), nullptr, 0, 0) != 1) return;
  info.channel_binding.assign(reinterpret_cast<const char*>(out), kSize);
  info.channel_binding_type = "tls-exporter";
}

// RFC 5929 section 3: the first Finished message of the handshake, the client's unless the session was
// resumed. Without the extended master secret (RFC 7627) two connections may share it, so then there is no
// binding.
void unique_binding(SSL* ssl, bool server, TlsInfo& info) {
  if (SSL_get_extms_support(ssl) != 1) return;
  unsigned char out[EVP_MAX_MD_SIZE];
  const bool client_first = SSL_session_reused(ssl) == 0;
  const size_t size = client_first == server ? SSL_get_peer_finished(ssl, out, sizeof out)
                                             : SSL_get_finished(ssl, out, sizeof out);
  if (size == 0 || size > sizeof out) return;
  info.channel_binding.assign(reinterpret_cast<const char*>(out), size);
  info.channel_binding_type = "tls-unique";
}

// RFC 5929 section 4.1: the server's certificate by the hash of its signature, SHA-256 in place of MD5 and
// SHA-1. Of a signature without a hash of its own (Ed25519) it is undefined.
void end_point_binding(const X509* certificate, TlsInfo& info) {
  int hash = NID_undef;
  if (certificate == nullptr) return;
  if (X509_get_signature_info(const_cast<X509*>(certificate), &hash, nullptr, nullptr, nullptr) != 1) return;
  if (hash == NID_md5 || hash == NID_sha1) hash = NID_sha256;
  const EVP_MD* const digest = hash == NID_undef ? nullptr : EVP_get_digestbynid(hash);
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (digest == nullptr || X509_digest(certificate, digest, out, &size) != 1) return;
  info.server_end_point.assign(reinterpret_cast<const char*>(out), size);
}
}  // namespace

TlsSession::TlsSession(std::unique_ptr<State> state) : state_(std::move(state)) {}
TlsSession::~TlsSession() = default;

Result<std::unique_ptr<TlsSession>> TlsSession::make(std::shared_ptr<const TlsContext> context, int fd,
                                                     bool server, const std::string& host) {
  ERR_clear_error();
  if (!context || context->impl().is_server != server) return fail(FaultKind::permanent, "wrong TLS context");
  auto state = std::make_unique<State>();
  state->ssl.reset(SSL_new(context->impl().contexts.front().get()));
  state->context = std::move(context);
  state->server = server;
  state->named = !normal_name(host).empty();
  SSL* const ssl = state->ssl.get();
  if (ssl == nullptr || SSL_set_fd(ssl, fd) != 1) return fail(FaultKind::io, openssl_reason());
  if (server) {
    SSL_set_accept_state(ssl);
  } else {
    SSL_set_connect_state(ssl);
    if (!name_peer(ssl, host)) return fail(FaultKind::permanent, "TLS cannot name the host " + host);
  }
  return std::unique_ptr<TlsSession>(new TlsSession(std::move(state)));
}

TlsSession::Step TlsSession::step_of(int result) {
  const int system_error = errno;
  switch (SSL_get_error(state_->ssl.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Step::want_read;
    case SSL_ERROR_WANT_WRITE:
      return Step::want_write;
    case SSL_ERROR_ZERO_RETURN:
      return Step::end;
    case SSL_ERROR_SYSCALL:
      error_ = system_error != 0 ? std::strerror(system_error) : "connection lost";
      break;
    default: {
      const long verified = SSL_get_verify_result(state_->ssl.get());
      const bool refused = ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_CERTIFICATE_VERIFY_FAILED;
      error_ = openssl_reason();
      if (refused) error_ += std::string(": ") + X509_verify_cert_error_string(verified);
    }
  }
  ERR_clear_error();
  broken_ = true;
  return Step::failed;
}

TlsSession::Step TlsSession::handshake() {
  ERR_clear_error();
  errno = 0;
  const int result = SSL_do_handshake(state_->ssl.get());
  if (result == 1) return Step::done;
  const Step step = step_of(result);
  if (step != Step::end) return step;
  error_ = "closed during the handshake";
  return Step::failed;
}

TlsSession::Step TlsSession::peek() {
  ERR_clear_error();
  errno = 0;
  char byte = 0;
  const int result = SSL_peek(state_->ssl.get(), &byte, 1);
  return result > 0 ? Step::done : step_of(result);
}

TlsSession::Step TlsSession::read(std::span<char> out, size_t& n) {
  ERR_clear_error();
  errno = 0;
  const int result = SSL_read_ex(state_->ssl.get(), out.data(), out.size(), &n);
  return result == 1 ? Step::done : step_of(result);
}

TlsSession::Step TlsSession::write(std::string_view bytes, size_t& n) {
  ERR_clear_error();
  errno = 0;
  const int result = SSL_write_ex(state_->ssl.get(), bytes.data(), bytes.size(), &n);
  return result == 1 ? Step::done : step_of(result);
}

void TlsSession::close_notify() {
  if (broken_ || SSL_in_init(state_->ssl.get())) return;
  ERR_clear_error();
  SSL_shutdown(state_->ssl.get());  // once: we do not wait for the peer's
  ERR_clear_error();
  broken_ = true;
}

bool TlsSession::has_pending() const {
  return SSL_has_pending(state_->ssl.get()) == 1;
}

TlsInfo TlsSession::info() const {
  SSL* const ssl = state_->ssl.get();
  TlsInfo info;
  info.active = true;
  info.protocol = SSL_get_version(ssl);
  info.cipher = SSL_get_cipher_name(ssl);
  if (const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name))
    info.server_name = normal_name(name);
  if (SSL_version(ssl) >= TLS1_3_VERSION) {
    export_binding(ssl, info);
  } else {
    unique_binding(ssl, state_->server, info);
  }
  end_point_binding(state_->server ? SSL_get_certificate(ssl) : SSL_get0_peer_certificate(ssl), info);
  // A name was set for the check in name_peer(), so a good result covers it.
  info.peer_verified =
      !state_->server && SSL_get0_peer_certificate(ssl) != nullptr && SSL_get_verify_result(ssl) == X509_V_OK;
  return info;
}

}  // namespace posthouse::net
