#include "app/server/server.h"

#include <csignal>
#include <thread>
#include <utility>

#include "app/config/blame.h"
#include "app/core/folders.h"
#include "app/limits.h"
#include "app/privileges/user.h"
#include "app/server/own_certificate.h"
#include "app/server/server_impl.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/thread_name.h"
#include "net/unbound_resolver.h"
#include "submission/submission.h"
#include "transport/reception.h"

namespace posthouse::app {
namespace {

constexpr uint64_t kRecallPart = 4;  // of store.memory one in so many, for what IMAP sessions asked before

constexpr milliseconds kDrainLook{10};
constexpr milliseconds kLastWords{1'000};   // for those that are cut to say so
constexpr milliseconds kLastLetter{3'000};  // for one that is expunged for good, or goes into the index

Result<std::unique_ptr<net::Resolver>> make_resolver(const Config& config) {
  net::UnboundOptions options;
  options.servers = config.resolver.servers;
  options.recursive = config.resolver.recursive;
  options.trust_anchor_file = config.resolver.trust_anchor;
  options.timeout = config.resolver.timeout;
  auto made = net::make_unbound_resolver(options);
  if (!made && !options.trust_anchor_file.empty() &&
      made.error().what.find(options.trust_anchor_file) != std::string::npos) {
    return blame("resolver.trust_anchor", made.error());
  }
  return made;
}

transport::ReceptionOptions reception_options(const Config& config) {
  transport::ReceptionOptions options;
  options.hostname = effective_hostname(config);
  options.max_size = config.limits.message_size;
  options.max_connections = static_cast<uint32_t>(config.limits.connections);
  options.max_connections_per_network = static_cast<uint32_t>(config.limits.connections_per_network);
  return options;
}

submission::Options submission_options(const Config& config) {
  submission::Options options;
  options.hostname = effective_hostname(config);
  options.default_domain = effective_domain(config);
  options.max_size = config.limits.message_size;
  options.max_connections = static_cast<uint32_t>(config.limits.connections);
  options.max_connections_per_network =
      static_cast<uint32_t>(config.limits.submission_connections_per_network);
  return options;
}

// One processor is left to the committer and the background work of the store.
size_t loops_wanted(const Config& config) {
  if (config.server.loops != 0) return config.server.loops;
  return std::clamp<size_t>(std::thread::hardware_concurrency(), 2, 65) - 1;
}

net::HttpReply answer_metrics(const net::HttpRequest& request) {
  net::HttpReply reply;
  if (request.path != "/metrics") {
    reply.status = 404;
    reply.body = "see /metrics\n";
    return reply;
  }
  reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
  reply.body = metrics::exposition();
  return reply;
}

// A server that was just killed, or a command at work on the store, lets go of it in a moment.
Result<std::unique_ptr<Core>> open_core_when_free(const Config& config, Core::Store store) {
  const SteadyTime end = system_clock().steady() + kStorePatience;
  bool told = false;
  while (true) {
    auto core = Core::open_settled(config, store);
    if (core || core.error().kind != FaultKind::temporary || system_clock().steady() >= end) return core;
    if (!std::exchange(told, true)) log::warn("server.waits_for_store", {{"reason", core.error().what}});
    std::this_thread::sleep_for(kStoreRetry);
  }
}

}  // namespace

// Everything that can fail for a reason the operator can mend, before anything is served.
Result<void> Server::Impl::prepare() {
  if (options_.store == Core::Store::existing) {
    if (auto there = find_store(config_); !there) return there;
  }
  if (auto made = make_directory(run_directory(config_), 0700, nullptr); !made) {
    return blame("server.data_directory", made.error());
  }
  if (auto added = add_own_certificate(config_); !added) return blame("server.data_directory", added.error());
  if (options_.certificates) certificates_ = std::move(*options_.certificates);
  auto read = read_certificates(!options_.certificates);
  if (!read) return std::unexpected(read.error());
  auto core = open_core_when_free(config_, options_.store);
  if (!core) return std::unexpected(core.error());
  core_ = std::move(*core);
  auto resolver = make_resolver(config_);
  if (!resolver) return std::unexpected(resolver.error());
  resolver_ = std::move(*resolver);
  auto tokens = TokenCheck::make(config_, *resolver_, core_->clock);
  if (!tokens) return std::unexpected(tokens.error());
  tokens_ = std::move(*tokens);
  authenticator_ = std::make_unique<DirectoryAuthenticator>(core_->directory, tokens_.get());
  quotas_ = std::make_unique<DirectoryQuotas>(core_->directory, core_->delivery.options());
  people_ = std::make_unique<DirectoryPeople>(core_->directory);
  reception_ = transport::make_reception(core_->acceptance, core_->directory, core_->clock,
                                         reception_options(config_));
  submission_ = submission::make_submission(core_->acceptance, core_->directory, core_->clock, core_->random,
                                            submission_options(config_));
  imap_registry_ = access::imap::make_session_registry();
  imap_recall_ = std::make_unique<access::imap::Recall>(config_.store.memory / kRecallPart);
  maildrops_ = access::pop3::make_maildrops();
  submission_logins_ = std::make_shared<smtp::Logins>();
  for (size_t i = 0; i < loops_wanted(config_); ++i) lanes_.push_back(std::make_unique<Lane>());
  open_search_index();
  open_catalog();
  auto transport = core_->make_transport(config_, lanes_[0]->loop, *resolver_);
  if (!transport) return std::unexpected(transport.error());
  transport_ = std::move(*transport);
  admin_ = std::make_unique<AdminService>(*core_);
  admin_->set_transport(transport_.get());
  core_->store.on_hidden([this](uint64_t) { lanes_[0]->loop.post([this] { spawn(finish_expunges()); }); },
                         store::kHiddenFrom,
                         [this](uint64_t) { lanes_[0]->loop.post([this] { spawn(finish_flags()); }); });
  admin_->on_locked_out([this](uint64_t account, std::optional<uint32_t> app_password) {
    access::imap::end_sessions(*imap_registry_, account, app_password);
    access::pop3::end_session(*maildrops_, account, app_password);
    submission_logins_->end(account, app_password);
  });
  return {};
}

// What a crash left half-written goes before the first session can write.
Task<void> Server::Impl::start() {
  bool more = true;
  while (more) {
    auto swept = co_await core_->store.sweep(true);
    if (!swept) log::error("server.sweep_failed", {{"reason", swept.error().what}});
    more = swept && *swept >= 1000;
  }
  co_await tidy_uploads(true);
  control::Server::Options options{control_path(config_), effective_hostname(config_),
                                   effective_domain(config_)};
  auto control = control::Server::start(lanes_[0]->loop, *admin_, std::move(options));
  if (!control) {
    started_ = blame("server.control_socket", control.error());
    lanes_[0]->loop.stop();
    co_return;
  }
  control_ = std::move(*control);
  transport_->start();
  spawn(sweep_blobs());
  spawn(keep_directory_copy());
  spawn(core_->mirror.attend(lanes_[0]->loop));
  spawn(purge_expunged());
  spawn(finish_expunges());
  spawn(finish_conversions());
  spawn(keep_search_index());
  spawn(keep_uploads_tidy());
  watch_certificates();
  spawn(update_gauges());
  start_accepting();
}

// The first loop accepts for all and hands on: sessions that last for days stay evenly spread, and a
// connection wakes one thread, not all of them.
void Server::Impl::listen_on(const Bound& bound) {
  Lane& lane = *lanes_[0];
  if (bound.service == Service::metrics) {
    lane.pages.push_back(net::make_http_server(lane.loop, bound.socket, answer_metrics));
    return;
  }
  auto on_connection = [this, service = bound.service](std::unique_ptr<net::Stream> stream) {
    accept(service, std::move(stream));
  };
  std::string busy = plain_reply(bound.service, effective_hostname(config_), "too many connections");
  lane.acceptors.push_back(std::make_unique<net::Acceptor>(lane.loop, bound.socket, std::move(on_connection),
                                                           std::move(busy),
                                                           [this]() -> net::Loop& { return least_busy(); }));
}

void Server::Impl::start_accepting() {
  for (const Bound& bound : options_.listeners) {
    listen_on(bound);
    log::info("server.listening",
              {{"service", to_string(bound.service)}, {"address", bound.socket.local().to_string()}});
  }
  if (options_.started) options_.started();
}

bool Server::Impl::idle() const {
  return std::all_of(lanes_.begin(), lanes_.end(),
                     [](const auto& lane) { return lane->connections.count == 0 && lane->on_the_way == 0; });
}

Task<void> Server::Impl::wait_until_idle(SteadyTime deadline) {
  while (!idle() && core_->clock.steady() < deadline) {
    auto slept = co_await lanes_[0]->loop.sleep(kDrainLook);
    if (!slept) break;
  }
}

void Server::Impl::stop_accepting() {
  for (auto& lane : lanes_) {  // all are on the first loop, whose thread this is
    lane->acceptors.clear();
    lane->pages.clear();
  }
}

// New connections are told to come later, and not left to wait in the kernel for a worker that may not come,
// or come in ten minutes. Who waits for a command is told to go (421, BYE); others may finish what is under
// way until the deadline. Then all are told.
Task<void> Server::Impl::shut_down() {
  SteadyTime deadline = core_->clock.steady() + config_.limits.shutdown;
  for (auto& lane : lanes_) {
    lane->loop.post([on = lane.get()] {
      on->closing = true;
      for (TrackedStream* stream : on->connections.streams) stream->stop_when_idle();
    });
  }
  co_await transport_->stop(deadline);
  if (control_) co_await control_->stop();
  co_await wait_until_idle(deadline);
  stop_accepting();
  co_await wait_until_idle(deadline);
  if (!idle()) {
    log::warn("server.sessions_cut", {{"after_s", config_.limits.shutdown.count()}});
    for (auto& lane : lanes_) {
      lane->loop.post([on = lane.get()] {
        for (TrackedStream* stream : on->connections.streams) stream->cancel();
      });
    }
    co_await wait_until_idle(core_->clock.steady() + kLastWords);
  }
  core_->store.end_finishing();
  // What sessions took of the time is not theirs: they end at the next letter.
  const SteadyTime last = std::max(deadline, core_->clock.steady() + kLastLetter);
  while ((finishing_ || indexing_) && core_->clock.steady() < last) {
    if (auto slept = co_await lanes_[0]->loop.sleep(kDrainLook); !slept) break;
  }
  co_await core_->mirror.finish(std::max(deadline, core_->clock.steady() + kLastWords));
  clean_ = idle();
  if (!clean_) log::warn("server.sessions_left", {});
  for (auto& lane : lanes_) lane->loop.stop();
}

Result<bool> Server::Impl::run() {
  net::Loop& main = lanes_[0]->loop;
  main.post([this] { spawn(start()); });
  for (size_t i = 1; i < lanes_.size(); ++i) {
    lanes_[i]->thread = std::thread([lane = lanes_[i].get()] {
      name_this_thread("loop");
      lane->loop.run();
    });
  }
  main.run();
  for (size_t i = 1; i < lanes_.size(); ++i) {
    lanes_[i]->loop.stop();
    lanes_[i]->thread.join();
  }
  if (!started_) return std::unexpected(started_.error());
  return clean_;
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

// Sessions are gone by now. The transport and the control socket live on the first loop, whose thread this
// is.
Server::~Server() {
  impl_->control_.reset();
  impl_->admin_.reset();
  impl_->transport_.reset();
  impl_->certificate_watch_.reset();
  for (auto& lane : impl_->lanes_) lane->acceptors.clear();
}

Result<std::unique_ptr<Server>> Server::make(Options options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  auto prepared = impl->prepare();
  if (!prepared) return std::unexpected(prepared.error());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Result<bool> Server::run() {
  net::Loop& main = main_loop();
  main.on_signal({SIGTERM, SIGINT}, [this](int signal) { stop(signal == SIGINT ? "SIGINT" : "SIGTERM"); });
  main.on_signal({SIGHUP}, [this](int) { reload(); });
  return impl_->run();
}

void Server::stop(std::string reason) {
  if (std::exchange(impl_->stopping_, true)) return;
  if (impl_->options_.extractor) impl_->options_.extractor->stop();
  log::info("server.stopping", {{"reason", reason}});
  spawn(impl_->shut_down());
}

void Server::reload() {
  impl_->reload();
}

net::Loop& Server::main_loop() {
  return impl_->lanes_[0]->loop;
}

Core& Server::core() {
  return *impl_->core_;
}

}  // namespace posthouse::app
