#include "access/jmap/events.h"

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "access/jmap/limits.h"
#include "access/jmap/states.h"
#include "access/waker.h"
#include "base/ascii.h"
#include "base/log.h"

namespace posthouse::access::jmap {
namespace {

// What a client asked for by the variables of the URL.
struct Wanted {
  bool email = false, thread = false, mailbox = false;
  bool close_after = false;
  seconds ping{0};  // 0: none
};

std::optional<std::string> variable(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::string_view one = query.substr(0, query.find('&'));
    if (one.starts_with(name) && one.substr(name.size()).starts_with('='))
      return net::percent_decoded(one.substr(name.size() + 1));
    query.remove_prefix(std::min(query.size(), one.size() + 1));
  }
  return std::nullopt;
}

std::optional<Wanted> read_query(std::string_view query) {
  const auto types = variable(query, "types"), close_after = variable(query, "closeafter"),
             ping = variable(query, "ping");
  const std::optional<uint64_t> interval = ping ? parse_uint(*ping) : std::nullopt;
  if (!types || types->empty() || !interval) return std::nullopt;
  if (!close_after || (*close_after != "state" && *close_after != "no")) return std::nullopt;
  Wanted out;
  const auto names = [&](std::string_view type) {
    if (*types == "*") return true;
    const std::vector<std::string_view> all = split(*types, ',');
    return std::ranges::find(all, type) != all.end();
  };
  out.email = names("Email");
  out.thread = names("Thread");
  out.mailbox = names("Mailbox");
  out.close_after = *close_after == "state";
  if (*interval != 0)
    out.ping = seconds(std::clamp<uint64_t>(*interval, static_cast<uint64_t>(kMinPing.count()),
                                            static_cast<uint64_t>(kMaxPing.count())));
  return out;
}

// One client. Two coroutines: this one writes; the other waits for what the client does, which is only to go,
// and for the time of the next ping.
class EventStream {
 public:
  EventStream(const Services& services, const Caller& caller, Wanted wanted,
              std::unique_ptr<net::Stream> stream)
      : services_(services), caller_(caller), wanted_(wanted), stream_(std::move(stream)) {}

  Task<void> run(std::optional<catalog::Position> known) {
    const auto watch = services_.store.watch(caller_.account, [this] { waker_.signal(); });
    stream_->set_busy(false);  // a stop need not wait for the client
    waiting_ = true;
    spawn(wait_for_client());
    bool goes_on = co_await start(known);
    while (goes_on) {
      co_await waker_.wait();
      waker_.take();
      if (!waiting_) break;
      if (ping_due_) goes_on = co_await ping();
      if (goes_on) goes_on = co_await tell_changes();
    }
    stream_->cancel();
    while (waiting_) {
      co_await waker_.wait();
      waker_.take();
    }
  }

 private:
  seconds interval() const { return wanted_.ping.count() != 0 ? wanted_.ping : kMaxPing; }

  Task<void> wait_for_client() {
    while (true) {
      stream_->set_deadline(services_.clock.steady() + interval());
      const Result<void> readable = co_await stream_->wait_readable();
      if (readable || readable.error().kind != FaultKind::timeout) break;
      ping_due_ = true;
      waker_.signal();
    }
    waiting_ = false;
    waker_.signal();
  }

  Task<bool> write(std::string text) {
    const Result<void> written = co_await stream_->write_all(text);
    co_return written.has_value();
  }

  Task<bool> start(std::optional<catalog::Position> known) {
    const bool begun = co_await write(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nX-Accel-Buffering: "
        "no\r\n"
        "Connection: close\r\n\r\n");
    if (!begun) co_return false;
    const Result<catalog::Position> now = co_await services_.catalog.refresh(caller_.account);
    if (!now) co_return false;
    told_ = known.value_or(*now);
    co_return co_await tell_changes();
  }

  // Who was locked out meanwhile hears nothing more.
  Task<bool> ping() {
    ping_due_ = false;
    const bool stands = co_await services_.authenticator.still_stands(caller_.identity);
    if (!stands) co_return false;
    if (wanted_.ping.count() == 0) co_return true;
    co_return co_await write(fmt::format("event: ping\ndata: {{\"interval\":{}}}\n\n", wanted_.ping.count()));
  }

  Task<bool> tell_changes() {
    const Result<catalog::Position> now = co_await services_.catalog.refresh(caller_.account);
    if (!now) {
      log::warn("jmap.events_end", {{"reason", now.error().what}});
      co_return false;
    }
    if (*now == told_) co_return true;
    const bool stands = co_await services_.authenticator.still_stands(caller_.identity);
    if (!stands) co_return false;
    const std::string state = format_state(*now);
    json::object types;
    if (wanted_.email && co_await changed(&catalog::Catalog::email_changes)) types["Email"] = state;
    if (wanted_.thread && co_await changed(&catalog::Catalog::thread_changes)) types["Thread"] = state;
    if (wanted_.mailbox && co_await mailboxes_changed()) types["Mailbox"] = state;
    told_ = *now;
    if (types.empty()) co_return true;
    json::object change{{"@type", "StateChange"}};
    change["changed"].emplace_object()[account_id(caller_.account)] = std::move(types);
    const bool written =
        co_await write(fmt::format("event: state\nid: {}\ndata: {}\n\n", state, json::serialize(change)));
    co_return written && !wanted_.close_after;
  }

  using ChangesOf = Task<Result<std::optional<catalog::Changes>>> (catalog::Catalog::*)(store::AccountId,
                                                                                        catalog::Position,
                                                                                        size_t);
  // Of what is not known the client has to find out itself.
  Task<bool> changed(ChangesOf changes_of) {
    const auto found = co_await (services_.catalog.*changes_of)(caller_.account, told_, 1);
    if (!found || !*found) co_return true;
    co_return !(*found)->created.empty() || !(*found)->updated.empty() || !(*found)->destroyed.empty();
  }
  Task<bool> mailboxes_changed() {
    const auto found = co_await services_.catalog.mailbox_changes(caller_.account, told_);
    if (!found || !*found) co_return true;
    co_return !(*found)->created.empty() || !(*found)->updated.empty() || !(*found)->destroyed.empty();
  }

  const Services& services_;
  const Caller& caller_;
  const Wanted wanted_;
  std::unique_ptr<net::Stream> stream_;
  Waker waker_;
  catalog::Position told_{};
  bool waiting_ = false;  // the other coroutine is there
  bool ping_due_ = false;
};

}  // namespace

Task<std::optional<net::HttpReply>> push_events(net::HttpExchange& exchange, const Services& services,
                                                const Caller& caller) {
  const std::optional<Wanted> wanted = read_query(exchange.request().query);
  if (!wanted) {
    net::HttpReply reply = net::plain_http_reply(400);
    reply.body = "types, closeafter and ping have to be as RFC 8620 section 7.3 has them.\n";
    co_return reply;
  }
  const std::string_view last = exchange.request().fields.get("Last-Event-ID").value_or("");
  const std::optional<catalog::Position> known = parse_state(last);
  std::string unread;
  EventStream stream(services, caller, *wanted, exchange.take_stream(unread));
  co_await stream.run(known);
  co_return std::nullopt;
}

}  // namespace posthouse::access::jmap
