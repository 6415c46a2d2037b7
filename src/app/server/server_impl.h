// Inside of Server, for the files that make it up.
#pragma once

#include <atomic>
#include <mutex>
#include <thread>

#include "access/imap/recall.h"
#include "access/imap/session.h"
#include "access/jmap/server.h"
#include "access/pop3/session.h"
#include "app/admin/service.h"
#include "app/control/server.h"
#include "app/server/authenticator.h"
#include "app/server/protocols.h"
#include "app/server/server.h"
#include "app/server/tracked_stream.h"
#include "base/connection_counts.h"
#include "catalog/sheet.h"
#include "net/file_watch.h"
#include "net/http_exchange.h"
#include "net/http_server.h"
#include "net/resolver.h"
#include "smtp/logins.h"
#include "smtp/server.h"
#include "transport/transport.h"

namespace posthouse::app {

// One loop with its thread (the first runs on the caller's) and what lives there.
struct Lane {
  ConnectionList connections;
  net::Loop loop;
  std::atomic<size_t> on_the_way{0};  // connections given to it that it has not seen yet
  bool closing = false;               // its thread: those that come now are told to come later
  std::vector<std::unique_ptr<net::Acceptor>> acceptors;
  std::vector<std::unique_ptr<net::HttpServer>> pages;
  std::thread thread;
};

// What a client hears that is turned away before it is served; "" where TLS comes first.
std::string plain_reply(Service service, const std::string& hostname, std::string_view why);

struct Server::Impl {
  explicit Impl(Options options) : options_(std::move(options)), config_(options_.config) {}

  // ---- set-up (server.cpp)
  Result<void> prepare();
  Result<bool> run();
  void start_accepting();
  void listen_on(const Bound& bound);
  Task<void> start();
  Task<void> shut_down();
  void stop_accepting();
  Task<void> wait_until_idle(SteadyTime deadline);
  bool idle() const;

  // ---- connections (sessions.cpp)
  net::Loop& least_busy();
  void accept(Service service, std::unique_ptr<net::Stream> stream);
  Task<void> serve(Service service, std::unique_ptr<net::Stream> stream, std::string session_id);
  Task<void> serve_smtp(Service service, std::unique_ptr<net::Stream> stream, std::string session_id);
  Task<void> serve_imap(Service service, std::unique_ptr<net::Stream> stream, std::string session_id);
  Task<void> serve_pop3(Service service, std::unique_ptr<net::Stream> stream, std::string session_id);
  Task<void> serve_http(Service service, std::unique_ptr<net::Stream> stream);
  Task<void> answer_http(net::HttpExchange& exchange);
  std::shared_ptr<const Protocols> protocols() const;

  // ---- upkeep (upkeep.cpp), each until the main loop stops
  Task<void> sweep_blobs();
  Task<std::optional<SteadyTime>>
  reclaim_space();                   // when it may be done again; nullopt: there was nothing to do
  Task<void> keep_directory_copy();  // of its rows, beside the store
  Task<void> finish_conversions();   // of accounts to another format, that were interrupted
  Task<void> purge_expunged();
  Task<void> purge_early();                // some, on a full disk
  Task<void> finish_flags();               // the same once no STORE of many came for a while
  Task<void> finish_expunges();            // whenever somebody expunged many messages; one at a time
  void open_catalog();                     // indexing.cpp
  Task<void> tidy_uploads(bool at_start);  // the same
  Task<void> keep_uploads_tidy();
  void open_search_index();  // the same
  Task<void> keep_search_index();
  Task<Result<void>> update_search_index();
  Task<bool> index_pause(milliseconds time);
  void watch_certificates();
  Task<void> update_gauges();
  void reload();
  Result<bool> read_certificates(bool all_must_be_good);
  void reload_certificates(const char* why);
  std::string told(Fault fault) const;

  Options options_;
  Config config_;
  // Before the core, which is gone first: its threads tell the loops of what was still under way at the end.
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::unique_ptr<Core> core_;
  std::unique_ptr<search::Indexer> indexer_;  // null: there is no index
  search::Index* search_index_ = nullptr;
  catalog::Catalog* catalog_ = nullptr;        // null: it could not be opened
  std::unique_ptr<uploads::Uploads> uploads_;  // beside it
  std::unique_ptr<catalog::Sheets> sheets_;    // of it
  std::unique_ptr<net::Resolver> resolver_;
  std::unique_ptr<TokenCheck> tokens_;  // null: none are taken
  std::unique_ptr<DirectoryAuthenticator> authenticator_;
  std::unique_ptr<DirectoryQuotas> quotas_;
  std::unique_ptr<DirectoryPeople> people_;
  std::unique_ptr<smtp::SmtpService> reception_, submission_;
  std::shared_ptr<access::imap::SessionRegistry> imap_registry_;
  std::unique_ptr<access::imap::Recall> imap_recall_;
  std::shared_ptr<access::pop3::Maildrops> maildrops_;
  std::shared_ptr<smtp::Logins> submission_logins_;
  std::unique_ptr<transport::Transport> transport_;
  std::unique_ptr<AdminService> admin_;
  std::unique_ptr<control::Server> control_;

  CertificateStock certificates_;       // main loop
  mutable std::mutex protocols_mutex_;  // guards protocols_
  std::shared_ptr<const Protocols> protocols_;
  std::unique_ptr<net::FileWatch> certificate_watch_;

  std::atomic<uint64_t> submission_sessions_{0};
  ConnectionCounts imap_counts_, pop3_counts_, http_counts_;
  bool stopping_ = false;  // main loop, as these:
  bool finishing_ = false, finish_again_ = false, flags_wait_ = false, more_flags_ = false;
  bool indexing_ = false;
  milliseconds search_round_{};  // between two looks at all accounts for the index
  bool clean_ = true;            // all sessions ended in time
  Result<void> started_;
};

}  // namespace posthouse::app
