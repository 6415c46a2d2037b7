#include "app/server/protocols.h"

#include "app/config/blame.h"
#include "app/server/certificate_stock.h"

namespace posthouse::app {
namespace {

using Certificates = std::vector<net::ServerCertificate>;
using Context = std::shared_ptr<const net::TlsContext>;

}  // namespace

Result<void> check_certificates(const Config& config) {
  for (const CertificateFiles& files : config.tls.certificates) {
    auto read = read_certificate(files);
    if (!read) return std::unexpected(read.error());
  }
  return {};
}

Result<void> certificates_can_be_taken(const Config& fresh, const Config& now) {
  if (fresh.tls.certificates == now.tls.certificates) return {};
  auto good = check_certificates(fresh);
  if (!good) return blame("tls.certificates", good.error());
  return {};
}

namespace {

Result<Context> context_for(const Certificates& certificates, const std::string& service) {
  if (certificates.empty()) return Context();
  return net::TlsContext::server(certificates, service);
}

std::shared_ptr<smtp::ServerOptions> smtp_options(const Config& config, Context tls) {
  auto out = std::make_shared<smtp::ServerOptions>();
  out->hostname = effective_hostname(config);
  out->tls = std::move(tls);
  out->max_size = config.limits.message_size;
  out->max_recipients = static_cast<uint32_t>(config.limits.recipients);
  out->max_errors = static_cast<uint32_t>(config.limits.errors);
  out->max_commands = static_cast<uint32_t>(config.limits.commands);
  out->max_sessions_per_account = static_cast<uint32_t>(config.limits.submission_sessions_per_account);
  out->command_timeout = config.limits.smtp_command;
  out->data_timeout = config.limits.smtp_data;
  return out;
}

std::shared_ptr<access::imap::ServerOptions> imap_options(const Config& config, Context tls) {
  auto out = std::make_shared<access::imap::ServerOptions>();
  out->hostname = effective_hostname(config);
  out->allow_plain_login = config.auth.plain_without_tls;
  out->tls = std::move(tls);
  out->append_limit = config.limits.message_size;
  out->default_quota_bytes = config.quota.account;
  out->tell_domain_quota = config.quota.tell_domain;
  out->login_timeout = config.limits.imap_login;
  out->idle_timeout = config.limits.imap_idle;
  out->max_sessions_per_account = static_cast<uint32_t>(config.limits.imap_sessions_per_account);
  out->max_bad_commands = static_cast<uint32_t>(config.limits.imap_bad_commands);
  out->message_limit = static_cast<uint32_t>(config.limits.imap_messages);
  out->save_limit = static_cast<uint32_t>(config.limits.imap_saves);
  return out;
}

std::shared_ptr<access::pop3::ServerOptions> pop3_options(const Config& config, Context tls) {
  auto out = std::make_shared<access::pop3::ServerOptions>();
  out->hostname = effective_hostname(config);
  out->allow_plain_login = config.auth.plain_without_tls;
  out->tls = std::move(tls);
  out->login_timeout = config.limits.pop3_login;
  out->idle_timeout = config.limits.pop3_idle;
  out->max_bad_commands = static_cast<uint32_t>(config.limits.pop3_bad_commands);
  return out;
}

void fill_pop3(Protocols& out, const Config& config, const Context& tls) {
  auto starttls = pop3_options(config, tls);
  auto implicit = std::make_shared<access::pop3::ServerOptions>(*starttls);
  implicit->implicit_tls = true;
  out.pop3 = starttls;
  out.pop3s = implicit;
  out.pop3_connections = config.limits.pop3_connections;
  out.pop3_connections_per_network = config.limits.pop3_connections_per_network;
}

void fill_http(Protocols& out, const Config& config, Context tls) {
  auto jmap = std::make_shared<access::jmap::ServerOptions>();
  jmap->allow_plain_login = config.auth.plain_without_tls;
  out.jmap = jmap;
  out.https = std::move(tls);
  out.http_connections = config.limits.http_connections;
  out.http_connections_per_network = config.limits.http_connections_per_network;
}

void fill(Protocols& out, const Config& config, const Context& smtp, const Context& submission,
          const Context& imap) {
  out.smtp = smtp_options(config, smtp);
  auto lmtp = smtp_options(config, nullptr);
  lmtp->lmtp = true;
  out.lmtp = lmtp;
  auto starttls = smtp_options(config, submission);
  starttls->submission = true;
  starttls->allow_plain_auth = config.auth.plain_without_tls;
  auto implicit = std::make_shared<smtp::ServerOptions>(*starttls);
  implicit->implicit_tls = true;
  out.submission = starttls;
  out.submissions = implicit;
  auto mailboxes = imap_options(config, imap);
  auto secure = std::make_shared<access::imap::ServerOptions>(*mailboxes);
  secure->implicit_tls = true;
  out.imap = mailboxes;
  out.imaps = secure;
  out.imap_connections = config.limits.imap_connections;
  out.imap_connections_per_network = config.limits.imap_connections_per_network;
}

}  // namespace

Result<std::shared_ptr<const Protocols>> make_protocols(const Config& config,
                                                        const Certificates& certificates) {
  auto smtp = context_for(certificates, "smtp");
  if (!smtp) return std::unexpected(smtp.error());
  auto submission = context_for(certificates, "submission");
  if (!submission) return std::unexpected(submission.error());
  auto imap = context_for(certificates, "imap");
  if (!imap) return std::unexpected(imap.error());
  auto pop3 = context_for(certificates, "pop3");
  if (!pop3) return std::unexpected(pop3.error());
  auto https = context_for(certificates, "https");
  if (!https) return std::unexpected(https.error());
  auto out = std::make_shared<Protocols>();
  fill(*out, config, *smtp, *submission, *imap);
  fill_pop3(*out, config, *pop3);
  fill_http(*out, config, *https);
  for (const auto& certificate : certificates) {
    auto facts = net::certificate_facts(certificate.chain_pem);
    if (!facts) return std::unexpected(facts.error());
    if (out->certificate_ends == 0 || facts->not_after < out->certificate_ends) {
      out->certificate_ends = facts->not_after;
    }
  }
  return out;
}

}  // namespace posthouse::app
