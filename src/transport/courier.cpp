#include "transport/courier.h"

#include "base/id.h"
#include "base/log.h"
#include "transport/limits.h"

namespace posthouse::transport {

namespace {

constexpr int kTooManyRecipients = 452;  // RFC 5321 section 4.5.3.1.10
constexpr int kClosing = 421;
constexpr std::string_view kTlsFailed = "4.7.5";

// A smarthost that wants a login, or better TLS, before it takes any letter: RFC 4954 section 6, RFC 3207
// section 4.
bool is_about_us(int code) {
  return code == 530 || code == 534 || code == 535 || code == 538;
}

// Something that only the operator can mend, here or there: not a host that is away or busy.
bool needs_operator(const Answer& answer) {
  return answer.permanent() || (answer.code == 0 && answer.status.starts_with("4.7."));
}

// A smarthost's refusal of ourselves says nothing of the letter: it waits until the operator has mended that.
Answer put_off(const Answer& refusal) {
  Answer out = own_answer(0, refusal.status, "the smarthost refuses us: " + refusal.text);
  if (refusal.code != 0) out.text = "the smarthost refuses us: " + to_line(refusal);
  if (!out.status.empty()) out.status[0] = '4';
  out.guessed = refusal.guessed;
  out.host = refusal.host;
  return out;
}

smtp::ClientOptions::Tls tls_with(const Smarthost& smarthost) {
  using Tls = smtp::ClientOptions::Tls;
  switch (smarthost.tls) {
    case Smarthost::Tls::none:
      return Tls::never;
    case Smarthost::Tls::implicit:
      return Tls::implicit;
    case Smarthost::Tls::starttls:
      break;
  }
  return Tls::required;
}

Answer body_answer(const Fault& fault) {
  const bool lost = fault.kind == FaultKind::corrupt || fault.kind == FaultKind::not_found;
  if (lost) return own_answer(554, "5.3.0", "the stored letter is damaged and can't be sent");
  return own_answer(451, "4.3.0", "the stored letter can't be read now");
}

}  // namespace

void Means::cut_off() {
  cut = true;
  for (net::Stream* stream : streams) stream->cancel();
}

struct Courier::Attempt {
  explicit Attempt(const Job& j, Body& b) : job(j), body(b), answers(j.recipients.size()) {
    for (size_t i = 0; i < answers.size(); ++i) pending.push_back(i);
  }
  const Job& job;
  Body& body;
  std::vector<std::optional<Answer>> answers;
  std::vector<size_t> pending;  // recipients without a final answer
  std::set<IpAddress> tried;
  size_t sessions = 0;  // hosts that spoke with us
  bool spoke = false;
  std::optional<Answer> trouble;   // why a host could not be spoken to
  std::optional<Answer> refusal;   // 5yz before any letter was offered
  std::optional<Answer> unwanted;  // the smarthost's refusal of ourselves

  const queue::Letter& letter() const { return job.parcel->letter; }
  void answer_all(const Answer& answer) {
    for (const size_t i : pending) answers[i] = answer;
    pending.clear();
  }
};

Courier::Courier(std::shared_ptr<Means> means, std::shared_ptr<Destination> destination)
    : means_(std::move(means)), destination_(std::move(destination)) {}

Courier::~Courier() {
  disconnect();
}

void Courier::disconnect() {
  if (!client_) return;
  means_->streams.erase(stream_);
  stream_ = nullptr;
  client_.reset();
  --destination_->connected;
}

bool Courier::is_tired() const {
  return client_ && letters_ >= means_->options.max_letters_per_connection;
}

Task<void> Courier::retire() {
  if (!client_) co_return;
  if (!means_->cut) co_await client_->quit();
  disconnect();
}

Task<Carried> Courier::carry(const Job& job) {
  Carried out;
  Body body(means_->engine, job.parcel->letter);
  Attempt attempt(job, body);
  Result<void> ready = co_await body.prepare();
  if (!ready) {
    log::error("transport.letter_unreadable",
               {{"qid", format_id(attempt.letter().id)}, {"what", ready.error().what}});
    attempt.answer_all(body_answer(ready.error()));
  } else {
    if (client_) co_await use_open_connection(attempt);
    if (!attempt.pending.empty() && !means_->cut) co_await try_hosts(attempt);
    out.crowded = !means_->cut && !attempt.spoke && attempt.trouble && destination_->connected > 0;
    if (!means_->cut && !out.crowded) conclude(attempt);
  }
  for (std::optional<Answer>& answer : attempt.answers)
    out.answers.push_back(answer ? std::move(*answer) : own_answer(0, "4.4.2", "not tried"));
  co_return out;
}

// A host may close a connection that waited, or that had its number of letters: then this says nothing of it.
Task<void> Courier::use_open_connection(Attempt& attempt) {
  co_await transact(attempt);
  const bool stale =
      !client_ && std::all_of(attempt.answers.begin(), attempt.answers.end(),
                              [](const auto& a) { return a && (a->code == 0 || a->code == kClosing); });
  if (stale) co_return;
  attempt.spoke = true;
  ++attempt.sessions;
  attempt.tried.insert(host_.at.ip);
}

Task<void> Courier::try_hosts(Attempt& attempt) {
  std::expected<Route, Answer> route = co_await find_hosts();
  if (means_->cut) co_return;
  if (!route) {
    if (route.error().temporary()) attempt.trouble = route.error();
    attempt.answer_all(route.error());
    co_return;
  }
  const Route hosts = means_->hosts.order(*route, means_->clock.steady());
  for (const Host& host : hosts) {
    if (attempt.pending.empty() || means_->cut) break;
    if (attempt.tried.size() >= kMaxHostsTried || attempt.sessions >= kMaxSessionsTried) break;
    if (!attempt.tried.insert(host.at.ip).second) continue;
    co_await retire();
    std::expected<void, Answer> opened = co_await open_host(host);
    if (means_->cut) break;
    if (opened) {
      attempt.spoke = true;
      ++attempt.sessions;
      co_await transact(attempt);
      continue;
    }
    log::info("transport.host_failed", {{"qid", format_id(attempt.letter().id)},
                                        {"host", host.name},
                                        {"ip", host.at.to_string()},
                                        {"code", opened.error().code},
                                        {"reply", opened.error().text}});
    if (means_->options.smarthost && needs_operator(opened.error())) {
      attempt.unwanted = opened.error();
      opened = std::unexpected(put_off(*attempt.unwanted));
    }
    (opened.error().permanent() ? attempt.refusal : attempt.trouble) = opened.error();
  }
}

Task<std::expected<Route, Answer>> Courier::find_hosts() {
  Destination& destination = *destination_;
  const SteadyTime now = means_->clock.steady();
  if (!destination.route.empty() && now < destination.route_until) co_return destination.route;
  const std::optional<Smarthost>& smarthost = means_->options.smarthost;
  std::expected<Route, Answer> route;
  if (smarthost) {
    route = co_await find_smarthost(means_->resolver, smarthost->host, smarthost->port);
  } else {
    route = co_await find_route(means_->resolver, means_->random, means_->surroundings, destination.key);
  }
  if (route && !means_->cut) {
    destination.route = *route;
    destination.route_until = means_->clock.steady() + kRouteLife;
  }
  co_return route;
}

// Opportunistic TLS that fails is worth less than the letter: once more, in clear, on a new connection.
Task<std::expected<void, Answer>> Courier::open_host(Host host) {
  using Tls = smtp::ClientOptions::Tls;
  const bool may_tls = means_->tls && !means_->hosts.is_bad_tls(host.at.ip, means_->clock.steady());
  const bool optional = client_options(host, true).use_tls == Tls::opportunistic;
  std::expected<void, Answer> opened = co_await open_once(host, may_tls || !optional);
  if (opened || means_->cut || !optional || !may_tls) co_return opened;
  if (opened.error().code != 0 || opened.error().status != kTlsFailed) co_return opened;
  log::info("transport.tls_failed",
            {{"host", host.name}, {"ip", host.at.to_string()}, {"what", opened.error().text}});
  means_->hosts.remember_bad_tls(host.at.ip, means_->clock.steady() + kBadTlsLife);
  opened = co_await open_once(host, false);
  co_return opened;
}

Task<std::expected<void, Answer>> Courier::open_once(Host host, bool tls) {
  const SteadyTime now = means_->clock.steady();
  auto stream = co_await means_->connector->connect(host.at, now + kConnectTimeout);
  if (means_->cut) co_return std::unexpected(own_answer(0, "4.4.2", "stopped"));
  if (!stream) {
    means_->hosts.remember_bad(host.at.ip, means_->clock.steady() + kBadHostLife);
    Answer answer =
        own_answer(0, "4.4.1", "no connection to " + host.at.to_string() + ": " + stream.error().what);
    answer.host = host.name;
    co_return std::unexpected(answer);
  }
  const bool ours = !means_->options.smarthost && !means_->surroundings.allow_own &&
                    (*stream)->local().ip == (*stream)->peer().ip;
  if (ours) co_return std::unexpected(own_answer(554, "5.4.6", "mail would come back to this host"));
  stream_ = stream->get();
  client_ = std::make_unique<smtp::Client>(std::move(*stream), client_options(host, tls));
  means_->streams.insert(stream_);
  ++destination_->connected;
  host_ = host;
  letters_ = 0;
  std::expected<void, smtp::Reply> opened = co_await client_->open();
  if (opened) {
    means_->hosts.remember_good(host.at.ip);
    co_return std::expected<void, Answer>();
  }
  disconnect();
  const bool tls_failed = opened.error().code == 0 && opened.error().status == kTlsFailed;
  if (opened.error().code == 0 && !tls_failed)
    means_->hosts.remember_bad(host.at.ip, means_->clock.steady() + kBadHostLife);
  co_return std::unexpected(answer_from(opened.error(), host.name, false));
}

smtp::ClientOptions Courier::client_options(const Host& host, bool tls) const {
  using Tls = smtp::ClientOptions::Tls;
  smtp::ClientOptions out;
  out.hostname = means_->options.hostname;
  out.server_name = host.name;
  out.tls = means_->tls;
  out.clock = &means_->clock;
  out.use_tls = tls ? Tls::opportunistic : Tls::never;
  if (const auto& smarthost = means_->options.smarthost) {
    out.user = smarthost->user;
    out.password = smarthost->password;
    out.use_tls = tls_with(*smarthost);
  }
  return out;
}

// Sends to the pending recipients, and again to those the host did not want in the same transaction.
Task<void> Courier::transact(Attempt& attempt) {
  const queue::Letter& letter = attempt.letter();
  ++letters_;
  for (size_t round = 0; round < kMaxRounds; ++round) {
    smtp::Delivery delivery;
    delivery.reverse_path = letter.reverse_path;
    delivery.eight_bit = letter.eight_bit;
    delivery.utf8 = letter.utf8;
    delivery.size = letter.size;
    for (const size_t i : attempt.pending) delivery.recipients.push_back(attempt.job.recipients[i].address);
    smtp::BodySource source = attempt.body.source();
    smtp::DeliveryResult result = co_await client_->send(std::move(delivery), std::move(source));
    if (attempt.body.fault()) attempt.answer_all(body_answer(*attempt.body.fault()));
    const bool more = take_answers(attempt, result);
    if (!result.connection_usable) disconnect();
    if (!more || !client_ || attempt.pending.empty()) break;
  }
}

// True if another transaction on this connection can help.
bool Courier::take_answers(Attempt& attempt, const smtp::DeliveryResult& result) {
  std::vector<size_t> pending;
  bool progress = false;
  bool crowded = false;
  const bool tls = client_->tls_active();
  for (size_t n = 0; n < attempt.pending.size() && n < result.replies.size(); ++n) {
    const size_t i = attempt.pending[n];
    Answer answer = answer_from(result.replies[n], host_.name, tls);
    if (means_->options.smarthost && is_about_us(answer.code)) {
      attempt.unwanted = answer;
      answer = put_off(answer);
    }
    progress = progress || answer.delivered();
    if (answer.temporary()) {
      crowded = crowded || answer.code == kTooManyRecipients;
      pending.push_back(i);
      // What a host said is worth more than silence.
      if (answer.code == 0 && attempt.answers[i] && attempt.answers[i]->code != 0) continue;
    }
    attempt.answers[i] = std::move(answer);
  }
  attempt.pending = std::move(pending);
  return progress && crowded;
}

// Recipients that no host spoke of get the reason, and the destination its mark.
void Courier::conclude(Attempt& attempt) {
  // A host that may be back later counts more than one that sent us away.
  const std::optional<Answer>& reason = attempt.trouble ? attempt.trouble : attempt.refusal;
  for (const size_t i : attempt.pending) {
    if (!attempt.answers[i] || (attempt.answers[i]->code == 0 && reason)) attempt.answers[i] = reason;
  }
  if (attempt.unwanted) {
    tell_operator(*attempt.unwanted);
  } else if (attempt.spoke) {
    destination_->complaint.clear();
  }
  if (!attempt.spoke && attempt.trouble) {
    destination_->failed(*attempt.trouble, means_->clock.steady(), means_->random);
  } else {
    destination_->reached(means_->options.max_per_destination);
  }
}

// Once, and not for each letter that waits for it; again when the reason is another or came back.
void Courier::tell_operator(const Answer& refusal) {
  // Many hosts put the name of the session into their text.
  std::string complaint =
      refusal.code == 0 ? refusal.text : fmt::format("{} {}", refusal.code, refusal.status);
  if (destination_->complaint == complaint) return;
  destination_->complaint = std::move(complaint);
  log::error(
      "transport.smarthost_refuses_us",
      {{"host", refusal.host}, {"code", refusal.code}, {"status", refusal.status}, {"reply", refusal.text}});
}

}  // namespace posthouse::transport
