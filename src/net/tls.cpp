#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <array>

#include "base/ascii.h"
#include "net/tls_impl.h"

namespace posthouse::net {

namespace {
// Which ALPN ids (RFC 7301) a service answers to. A client that offers only others believes it talks to
// something else, perhaps because an attacker rerouted it (ALPACA), and is refused.
struct ServiceAlpn {
  std::string_view service;
  std::string_view ids;  // blank-separated
};
constexpr ServiceAlpn kServiceAlpn[] = {
    {"smtp", "smtp esmtp"}, {"submission", "smtp esmtp"},   {"lmtp", "lmtp"},     {"imap", "imap"},
    {"pop3", "pop3"},       {"managesieve", "managesieve"}, {"http", "http/1.1"}, {"https", "http/1.1"},
};

std::string alpn_wire(const std::string& service) {
  std::string_view ids = service;
  for (const ServiceAlpn& known : kServiceAlpn) {
    if (known.service == service) ids = known.ids;
  }
  std::string wire;
  for (const std::string_view id : split(ids, ' ')) {
    wire.push_back(static_cast<char>(id.size()));
    wire += id;
  }
  return wire;
}

int choose_alpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                unsigned in_size, void* arg) {
  const auto& ours = static_cast<const TlsContext::Impl*>(arg)->alpn;
  unsigned char* chosen = nullptr;
  const int result =
      SSL_select_next_proto(&chosen, out_size, reinterpret_cast<const unsigned char*>(ours.data()),
                            static_cast<unsigned>(ours.size()), in, in_size);
  if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

int choose_certificate(SSL* ssl, int*, void* arg) {
  const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  SSL_CTX* const context = static_cast<const TlsContext::Impl*>(arg)->find(normal_name(name));
  if (context != nullptr) SSL_set_SSL_CTX(ssl, context);
  return SSL_TLSEXT_ERR_OK;  // an unknown name gets the default certificate
}

int no_password(char*, int, int, void*) {
  return 0;
}  // never ask on a terminal

SslContextPtr make_context(const SSL_METHOD* method) {
  SslContextPtr context(SSL_CTX_new(method));
  if (!context) return context;
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);  // RFC 8996
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context.get(), 1);  // a record's header and body in one system call
  return context;
}

Result<void> use_certificate(SSL_CTX* context, const ServerCertificate& certificate) {
  std::vector<X509Ptr> chain = read_chain(certificate.chain_pem);
  if (chain.empty()) return fail(FaultKind::syntax, "certificate: " + openssl_reason());
  const BioPtr key_bio(
      BIO_new_mem_buf(certificate.key_pem.data(), static_cast<int>(certificate.key_pem.size())));
  const KeyPtr key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, no_password, nullptr));
  if (!key) return fail(FaultKind::syntax, "private key: " + openssl_reason());
  if (SSL_CTX_use_certificate(context, chain.front().get()) != 1 ||
      SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    return fail(FaultKind::syntax, "certificate and key do not go together: " + openssl_reason());
  }
  for (size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, chain[i].get()) != 1)
      return fail(FaultKind::syntax, openssl_reason());
  }
  return {};
}

// Tickets are encrypted with a key of this context alone (random, never stored) and carry the service's name
// as session id context: one of them opens nothing elsewhere, and nothing after a reload.
void bind_to_service(SSL_CTX* context, TlsContext::Impl& impl, const std::string& service) {
  const std::string id = "posthouse " + service.substr(0, 16);  // at most SSL_MAX_SID_CTX_LENGTH, 32
  SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(id.data()),
                                 static_cast<unsigned>(id.size()));
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_alpn_select_cb(context, choose_alpn, &impl);
  SSL_CTX_set_tlsext_servername_callback(context, choose_certificate);
  SSL_CTX_set_tlsext_servername_arg(context, &impl);
}
}  // namespace

std::string openssl_reason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return "unknown TLS error";
  const char* const reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "TLS error " + std::to_string(code);
}

std::string normal_name(std::string_view name) {
  if (!name.empty() && name.back() == '.') name.remove_suffix(1);
  return to_lower(name);
}

SSL_CTX* TlsContext::Impl::find(const std::string& server_name) const {
  if (const auto exact = by_name.find(server_name); exact != by_name.end()) return exact->second;
  const size_t dot = server_name.find('.');  // a wildcard stands for one label, RFC 6125 section 6.4.3
  if (dot == std::string::npos || dot == 0) return nullptr;
  const auto wildcard = by_name.find("*" + server_name.substr(dot));
  return wildcard != by_name.end() ? wildcard->second : nullptr;
}

TlsContext::TlsContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsContext::~TlsContext() = default;

Result<std::shared_ptr<const TlsContext>> TlsContext::server(
    const std::vector<ServerCertificate>& certificates, const std::string& service) {
  ERR_clear_error();
  if (certificates.empty()) return fail(FaultKind::permanent, "TLS needs a certificate");
  auto impl = std::make_unique<Impl>();
  impl->is_server = true;
  impl->alpn = alpn_wire(service);
  for (const ServerCertificate& certificate : certificates) {
    SslContextPtr context = make_context(TLS_server_method());
    if (!context) return fail(FaultKind::io, openssl_reason());
    bind_to_service(context.get(), *impl, service);
    const Result<void> used = use_certificate(context.get(), certificate);
    if (!used) return std::unexpected(used.error());
    for (const std::string& name : names_of(*SSL_CTX_get0_certificate(context.get()))) {
      impl->by_name.emplace(name, context.get());
    }
    impl->contexts.push_back(std::move(context));
  }
  return std::shared_ptr<const TlsContext>(new TlsContext(std::move(impl)));
}

Result<std::shared_ptr<const TlsContext>> TlsContext::client(bool verify, const std::string& ca_file) {
  ERR_clear_error();
  auto impl = std::make_unique<Impl>();
  impl->verify = verify;
  SslContextPtr context = make_context(TLS_client_method());
  if (!context) return fail(FaultKind::io, openssl_reason());
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(context.get(), verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  // Without verification even a weak key is better than clear text (RFC 7435).
  if (!verify) SSL_CTX_set_security_level(context.get(), 1);
  const int loaded = ca_file.empty() ? SSL_CTX_set_default_verify_paths(context.get())
                                     : SSL_CTX_load_verify_file(context.get(), ca_file.c_str());
  if (loaded != 1) return fail(FaultKind::io, "CA certificates " + ca_file + ": " + openssl_reason());
  impl->contexts.push_back(std::move(context));
  return std::shared_ptr<const TlsContext>(new TlsContext(std::move(impl)));
}

}  // namespace posthouse::net
