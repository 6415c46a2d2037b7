// A connection from its first moment to its last: which service it is, how many there are, who serves it.
#include "app/server/server_impl.h"
#include "base/log.h"
#include "base/metrics.h"

namespace posthouse::app {
namespace {

constexpr seconds kRefusalTimeout{5};

// One less when the session ends, however it ends.
class Place {
 public:
  explicit Place(std::atomic<uint64_t>& count) : count_(count), number_(++count) {}
  ~Place() { --count_; }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  uint64_t number() const { return number_; }

 private:
  std::atomic<uint64_t>& count_;
  uint64_t number_;
};

class CountedPlace {
 public:
  CountedPlace(ConnectionCounts& counts, const IpAddress& peer, uint64_t most, uint64_t most_of_network)
      : counts_(counts),
        peer_(peer),
        taken_(counts.enter(peer, most, most_of_network) == ConnectionCounts::Entry::taken) {}
  ~CountedPlace() {
    if (taken_) counts_.leave(peer_);
  }
  CountedPlace(const CountedPlace&) = delete;
  CountedPlace& operator=(const CountedPlace&) = delete;
  bool taken() const { return taken_; }

 private:
  ConnectionCounts& counts_;
  const IpAddress peer_;
  const bool taken_;
};

Task<void> refuse(std::unique_ptr<net::Stream> stream, std::string line, const Clock& clock) {
  stream->set_deadline(clock.steady() + kRefusalTimeout);
  auto told = co_await stream->write_all(line);
  static_cast<void>(told);  // the client is gone: nothing to tell
  stream->close();
}

metrics::Counter& connections_total(Service service) {
  static std::map<Service, metrics::Counter> counters = [] {
    std::map<Service, metrics::Counter> out;
    for (Service each : kServices) {
      metrics::Counter counter("posthouse_app_connections_total", "Connections accepted, by service.",
                               {{"service", to_string(each)}});
      out.emplace(each, counter);
    }
    return out;
  }();
  return counters.at(service);
}

}  // namespace

std::string plain_reply(Service service, const std::string& hostname, std::string_view why) {
  switch (service) {
    case Service::smtp:
    case Service::submission:
    case Service::lmtp:
      return fmt::format("421 4.3.2 {} {}, try again later\r\n", hostname, why);
    case Service::imap:
      return fmt::format("* BYE [UNAVAILABLE] {}, try again later\r\n", why);
    case Service::pop3:
      return fmt::format("-ERR [SYS/TEMP] {}, try again later\r\n", why);
    case Service::submissions:
    case Service::imaps:
    case Service::pop3s:
    case Service::https:
    case Service::metrics:
      break;
    case Service::http:
      return "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\nContent-Length: "
             "0\r\n\r\n";
  }
  return "";
}

std::shared_ptr<const Protocols> Server::Impl::protocols() const {
  std::lock_guard lock(protocols_mutex_);
  return protocols_;
}

net::Loop& Server::Impl::least_busy() {
  auto load = [](const auto& lane) { return lane->connections.count + lane->on_the_way; };
  auto least = std::min_element(lanes_.begin(), lanes_.end(),
                                [&](const auto& a, const auto& b) { return load(a) < load(b); });
  ++(*least)->on_the_way;
  return (*least)->loop;
}

// On the loop that least_busy() named.
void Server::Impl::accept(Service service, std::unique_ptr<net::Stream> stream) {
  net::Loop* here = &net::this_loop();
  Lane& lane = **std::find_if(lanes_.begin(), lanes_.end(), [&](const auto& l) { return &l->loop == here; });
  --lane.on_the_way;
  connections_total(service).add();
  auto tracked = std::make_unique<TrackedStream>(std::move(stream), lane.connections);
  if (lane.closing) {
    std::string line = plain_reply(service, effective_hostname(config_), "shutting down");
    if (!line.empty()) spawn(refuse(std::move(tracked), std::move(line), core_->clock));
    return;
  }
  spawn(serve(service, std::move(tracked), format_id(core_->ids.next())));
}

Task<void> Server::Impl::serve(Service service, std::unique_ptr<net::Stream> stream, std::string session_id) {
  switch (service) {
    case Service::smtp:
    case Service::lmtp:
    case Service::submission:
    case Service::submissions:
      return serve_smtp(service, std::move(stream), std::move(session_id));
    case Service::pop3:
    case Service::pop3s:
      return serve_pop3(service, std::move(stream), std::move(session_id));
    case Service::http:
    case Service::https:
      return serve_http(service, std::move(stream));
    case Service::imap:
    case Service::imaps:
    case Service::metrics:  // has a server of its own
      break;
  }
  return serve_imap(service, std::move(stream), std::move(session_id));
}

Task<void> Server::Impl::serve_smtp(Service service, std::unique_ptr<net::Stream> stream,
                                    std::string session_id) {
  auto current = protocols();
  if (service == Service::smtp || service == Service::lmtp) {
    auto settings = service == Service::smtp ? current->smtp : current->lmtp;
    co_await smtp::serve(std::move(stream), settings, *reception_, nullptr, std::move(session_id));
    co_return;
  }
  Place place(submission_sessions_);
  if (place.number() > config_.limits.connections) {
    std::string line =
        fmt::format("421 4.3.2 {} too many connections, try again later\r\n", current->submission->hostname);
    co_await refuse(std::move(stream), std::move(line), core_->clock);
    co_return;
  }
  auto settings = service == Service::submission ? current->submission : current->submissions;
  co_await smtp::serve(std::move(stream), settings, *submission_, authenticator_.get(), std::move(session_id),
                       submission_logins_);
}

Task<void> Server::Impl::serve_imap(Service service, std::unique_ptr<net::Stream> stream,
                                    std::string session_id) {
  auto current = protocols();
  CountedPlace place(imap_counts_, stream->peer().ip, current->imap_connections,
                     current->imap_connections_per_network);
  if (!place.taken()) {
    std::string line = "* BYE [UNAVAILABLE] too many connections, try again later\r\n";
    co_await refuse(std::move(stream), std::move(line), core_->clock);
    co_return;
  }
  auto settings = service == Service::imap ? current->imap : current->imaps;
  access::imap::Services services{core_->engine, core_->store,    core_->ids,
                                  core_->clock,  *authenticator_, search_index_,
                                  quotas_.get(), people_.get(),   imap_recall_.get()};
  co_await access::imap::serve(std::move(stream), settings, services, imap_registry_, std::move(session_id));
}

Task<void> Server::Impl::serve_pop3(Service service, std::unique_ptr<net::Stream> stream,
                                    std::string session_id) {
  auto current = protocols();
  CountedPlace place(pop3_counts_, stream->peer().ip, current->pop3_connections,
                     current->pop3_connections_per_network);
  if (!place.taken()) {
    std::string line = "-ERR [SYS/TEMP] too many connections, try again later\r\n";
    co_await refuse(std::move(stream), std::move(line), core_->clock);
    co_return;
  }
  auto settings = service == Service::pop3 ? current->pop3 : current->pop3s;
  access::pop3::Services services{core_->store, core_->clock, *authenticator_};
  co_await access::pop3::serve(std::move(stream), settings, services, maildrops_, std::move(session_id));
}

Task<void> Server::Impl::serve_http(Service service, std::unique_ptr<net::Stream> stream) {
  auto current = protocols();
  CountedPlace place(http_counts_, stream->peer().ip, current->http_connections,
                     current->http_connections_per_network);
  if (!place.taken()) {
    std::string line = plain_reply(service, "", "");
    if (!line.empty()) co_await refuse(std::move(stream), std::move(line), core_->clock);
    co_return;
  }
  net::HttpOptions options;
  options.clock = &core_->clock;
  if (service == Service::https) {
    stream->set_deadline(core_->clock.steady() + options.header_time);
    Result<void> secured = co_await stream->start_tls_server(current->https);
    if (!secured) {
      log::debug("http.no_tls", {{"peer", stream->peer().to_string()}, {"reason", secured.error().what}});
      co_return;
    }
  }
  net::HttpHandler answer = [this](net::HttpExchange& exchange) { return answer_http(exchange); };
  co_await net::serve_http(std::move(stream), options, std::move(answer));
}

Task<void> Server::Impl::answer_http(net::HttpExchange& exchange) {
  if (sheets_ == nullptr || !access::jmap::is_jmap_path(exchange.request().path)) {
    net::HttpReply reply = net::plain_http_reply(sheets_ == nullptr ? 503 : 404);
    static_cast<void>(co_await exchange.reply(std::move(reply)));
    co_return;
  }
  const access::jmap::Services services{core_->engine, core_->store, *catalog_,       *sheets_,
                                        core_->ids,    core_->clock, *authenticator_, uploads_.get(),
                                        search_index_, quotas_.get()};
  std::shared_ptr<const access::jmap::ServerOptions> settings = protocols()->jmap;
  co_await access::jmap::answer(exchange, std::move(settings), services);
}

}  // namespace posthouse::app
