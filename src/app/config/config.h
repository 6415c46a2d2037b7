// The configuration as typed values. What each means, its default and its range stand in one table:
// options.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ip.h"

namespace posthouse::app {

// Where one service listens; empty: not at all.
using Listen = std::vector<Endpoint>;

struct CertificateFiles {
  std::string chain;  // PEM: certificate, then intermediates
  std::string key;    // PEM
  bool operator==(const CertificateFiles&) const = default;
};

struct Config {
  struct Server {
    std::string hostname, data_directory, user, group, default_domain, control_socket;
    uint64_t loops = 0;
  } server;
  struct Listeners {
    Listen smtp, submission, submissions, imap, imaps, pop3, pop3s, http, https, lmtp, metrics;
  } listen;
  struct Tls {
    std::vector<CertificateFiles> certificates;
    std::string ca_file;
  } tls;
  struct Limits {
    uint64_t message_size = 0, recipients = 0, connections = 0, connections_per_network = 0, errors = 0,
             commands = 0, received = 0, imap_connections = 0, imap_connections_per_network = 0,
             imap_sessions_per_account = 0, submission_sessions_per_account = 0,
             submission_connections_per_network = 0, imap_bad_commands = 0, imap_messages = 0, imap_saves = 0,
             pop3_connections = 0, pop3_connections_per_network = 0, pop3_bad_commands = 0,
             http_connections = 0, http_connections_per_network = 0;
    seconds smtp_command{}, smtp_data{}, imap_login{}, imap_idle{}, pop3_login{}, pop3_idle{}, shutdown{};
  } limits;
  struct Auth {
    bool plain_without_tls = false;
    uint64_t threads = 0;
  } auth;
  struct OAuth {
    std::string introspection_url, client_id, client_secret_file, username_claim, scope, audience, issuer,
        openid_configuration;
    seconds timeout{}, cache{};
  } oauth;
  struct Queue {
    std::vector<seconds> retry;
    seconds expire{}, warn{}, connection_idle{};
    uint64_t connections = 0, per_destination = 0, letters_per_connection = 0, port = 0;
    bool allow_loopback = false;
  } queue;
  struct Smarthost {
    std::string host, user, password_file, tls;
    uint64_t port = 0;
    bool verify = true;
  } smarthost;
  struct Resolver {
    std::vector<std::string> servers;
    bool recursive = false;
    std::string trust_anchor;
    seconds timeout{};
  } resolver;
  struct Store {
    std::string format, maildir, mbox_inbox, mbox_folders;
    uint64_t memory = 0, reserve = 0, reading_threads = 0, purge_rate = 0;
    seconds keep_expunged{};
    bool purge_when_full = true;
    std::string compression;
  } store;
  struct Search {
    bool enabled = true;
    uint64_t rate = 0, memory = 0, largest_letter = 0;
    std::vector<std::string> extractors;
  } search;
  struct Quota {
    uint64_t account = 0, account_messages = 0, domain = 0, domain_messages = 0;
    bool over_is_permanent = false, tell_domain = true;
  } quota;
  struct Delivery {
    bool subaddress_to_mailbox = false;
  } delivery;
  struct Log {
    std::string level, file, format;
  } log;
};

// All defaults of the table.
Config default_config();

// Paths that follow from others.
std::string store_directory(const Config& config);        // DATA/store
constexpr std::string_view kDirectoryCopy = "DIRECTORY";  // a file of the store's folder
std::string directory_copy(const Config& config);
std::string search_directory(const Config& config);   // DATA/search
std::string catalog_directory(const Config& config);  // DATA/catalog
std::string run_directory(const Config& config);      // DATA/run
std::string key_directory(const Config& config);      // DATA/keys
std::string control_path(const Config& config);       // server.control_socket, or DATA/run/control.sock
// server.hostname, or the machine's name.
std::string effective_hostname(const Config& config);
// server.default_domain, or the host name without its first label.
std::string effective_domain(const Config& config);

}  // namespace posthouse::app
