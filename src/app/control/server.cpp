#include "app/control/server.h"

#include <unistd.h>

#include <boost/json.hpp>
#include <map>
#include <set>

#include "app/admin/letter_batch.h"
#include "app/admin/verbs.h"
#include "app/control/protocol.h"
#include "app/deliver/local_letter.h"
#include "app/limits.h"
#include "base/log.h"
#include "net/socket.h"

namespace posthouse::app::control {
namespace {

namespace json = boost::json;

constexpr unsigned kOwnerOnly = 0600;

struct Request {
  std::string verb;
  json::object arguments;
};

Result<Request> parse_request(const std::string& text) {
  json::error_code failed;
  json::value value = json::parse(text, failed);
  if (failed || !value.is_object()) return fail(FaultKind::syntax, "the request is not a JSON object");
  json::object& object = value.get_object();
  Request out;
  if (const auto* verb = object.if_contains("verb"); verb != nullptr && verb->is_string()) {
    out.verb = std::string(verb->get_string());
  }
  if (auto* arguments = object.if_contains("arguments"); arguments != nullptr && arguments->is_object()) {
    out.arguments = std::move(arguments->get_object());
  }
  return out;
}

// What a session does: nothing (its client may give a command), it takes a letter in, or a verb runs.
struct Session {
  enum State : uint8_t { idle, taking, running, leaving } state = idle;
  SteadyTime since{};
};

// A verb under way whose progress is told while it runs.
struct Running {
  std::atomic<uint64_t> done{0}, total{0};
  bool finished = false;  // set and read on the loop
  Result<json::value> answer = json::value();
};

// `running` is shared with the session, which may end first when its client goes away.
Task<void> run(AdminService& service, Request request, std::shared_ptr<Running> running) {
  Running* progress = running.get();
  running->answer = co_await service.execute(std::move(request.verb), std::move(request.arguments),
                                             [progress](uint64_t done, uint64_t total) {
                                               progress->done = done;
                                               progress->total = total;
                                             });
  running->finished = true;
}

LocalEnvelope envelope_of(const json::object& arguments) {
  LocalEnvelope out;
  if (const auto* sender = arguments.if_contains("sender"); sender != nullptr && sender->is_string()) {
    out.sender = std::string(sender->get_string());
  }
  if (const auto* recipients = arguments.if_contains("recipients");
      recipients != nullptr && recipients->is_array()) {
    for (const auto& recipient : recipients->get_array()) {
      if (recipient.is_string()) out.recipients.emplace_back(recipient.get_string());
    }
  }
  return out;
}

}  // namespace

struct Server::Impl {
  net::Loop& loop;
  AdminService& service;
  Options options;
  std::unique_ptr<net::Acceptor> acceptor;
  std::map<net::Stream*, Session> sessions{};
  std::set<std::string> held{};  // addresses of accounts, each by a session that does nothing else

  void accept(std::unique_ptr<net::Stream> stream) {
    if (make_room()) {
      spawn(serve(*this, std::move(stream)));
    } else {
      spawn(refuse(*this, std::move(stream)));
    }
  }
  void now(net::Stream& stream, Session::State state) {
    Session& session = sessions[&stream];
    if (session.state != Session::leaving) session = {state, service.core().clock.steady()};
  }
  bool make_room();
  static Task<void> refuse(Impl& self, std::unique_ptr<net::Stream> stream);
  static Task<void> serve(Impl& self, std::unique_ptr<net::Stream> stream);
  static Task<void> hold(Impl& self, net::Stream& stream, net::BufferedReader& reader,
                         json::object arguments);
  static Task<Result<json::value>> answer(Impl& self, net::Stream& stream, Request request);
  static Task<Result<json::value>> deliver(Impl& self, net::Stream& stream, net::BufferedReader& reader,
                                           LocalEnvelope envelope);
  static Task<Result<json::value>> take_in(Impl& self, net::Stream& stream, net::BufferedReader& reader,
                                           json::object arguments);
};

// Programs that connect and say nothing must not shut the operator out: the one that waits longest goes.
bool Server::Impl::make_room() {
  const SteadyTime stalled = service.core().clock.steady() - kControlStalled;
  size_t staying = 0;
  std::pair<net::Stream* const, Session>* victim = nullptr;
  for (auto& entry : sessions) {
    const Session& session = entry.second;
    if (session.state != Session::leaving) ++staying;
    const bool may_go =
        session.state == Session::idle || (session.state == Session::taking && session.since <= stalled);
    if (!may_go) continue;
    const auto rank = [](const Session& of) { return std::pair(of.state, of.since); };
    if (victim == nullptr || rank(session) < rank(victim->second)) victim = &entry;
  }
  if (staying < kControlSessions) return true;
  if (victim == nullptr) return false;
  victim->second.state = Session::leaving;
  victim->first->cancel();
  return true;
}

Task<void> Server::Impl::refuse(Impl& self, std::unique_ptr<net::Stream> stream) {
  self.now(*stream, Session::leaving);
  stream->set_deadline(self.service.core().clock.steady() + kControlStalled);
  std::string busy =
      error_response({FaultKind::temporary,
                      fmt::format("the server is at work for {} commands; try again", kControlSessions)});
  const auto sent = co_await write_frame(*stream, std::move(busy));
  static_cast<void>(sent);
  self.sessions.erase(stream.get());
}

Task<void> Server::Impl::serve(Impl& self, std::unique_ptr<net::Stream> stream) {
  net::BufferedReader reader(*stream);
  while (true) {
    self.now(*stream, Session::idle);
    stream->set_deadline(self.service.core().clock.steady() + kControlTimeout);
    auto frame = co_await read_frame(reader, kLargestRequest);
    self.now(*stream, Session::running);
    if (!frame) {
      if (frame.error().kind == FaultKind::syntax)
        log::warn("control.junk", {{"reason", frame.error().what}});
      break;
    }
    auto request = parse_request(*frame);
    if (!request) {
      log::warn("control.junk", {{"reason", request.error().what}});
      break;
    }
    if (request->verb == "account.hold") {
      co_await hold(self, *stream, reader, std::move(request->arguments));
      break;
    }
    Result<json::value> result = json::value();
    if (request->verb == "deliver") {
      LocalEnvelope envelope = envelope_of(request->arguments);
      result = co_await deliver(self, *stream, reader, std::move(envelope));
    } else if (request->verb == "import.letters") {
      result = co_await take_in(self, *stream, reader, std::move(request->arguments));
    } else {
      result = co_await answer(self, *stream, std::move(*request));
    }
    std::string response = result ? ok_response(*result) : error_response(result.error());
    if (response.size() > kLargestResponse) {
      Fault too_long{FaultKind::permanent, "the answer is too long; ask for less"};
      response = error_response(too_long);
    }
    self.now(*stream, Session::taking);  // its client may not take the answer
    stream->set_deadline(self.service.core().clock.steady() + kControlTimeout);
    auto sent = co_await write_frame(*stream, std::move(response));
    if (!sent) break;
  }
  self.sessions.erase(stream.get());
}

// Until the connection ends, however its client does; it is at work, and does not give way to others.
Task<void> Server::Impl::hold(Impl& self, net::Stream& stream, net::BufferedReader& reader,
                              json::object arguments) {
  auto address = verbs::address_of(arguments);
  const bool got = address && self.held.insert(*address).second;
  std::string response = ok_response(json::value());
  if (!address) response = error_response(address.error());
  if (address && !got)
    response =
        error_response({FaultKind::temporary,
                        fmt::format("{}: another import or restore of this account is under way, and two "
                                    "would bring the same letters twice; repeat this when it is done",
                                    *address)});
  stream.set_deadline(self.service.core().clock.steady() + kControlTimeout);
  auto sent = co_await write_frame(stream, std::move(response));
  if (got && sent) {
    stream.set_deadline(SteadyTime::max());
    const auto end = co_await read_frame(reader, kLargestRequest);
    static_cast<void>(end);
  }
  if (got) self.held.erase(*address);
}

// Runs the verb beside, so that progress can be told meanwhile.
Task<Result<json::value>> Server::Impl::answer(Impl& self, net::Stream& stream, Request request) {
  if (request.verb == "ping") co_return json::value("pong");
  bool tells = request.verb == "store.check" || request.verb == "store.convert" ||
               (request.verb == "account.change" && request.arguments.contains("store"));
  if (!tells) {
    Progress none = [](uint64_t, uint64_t) {};
    co_return co_await self.service.execute(std::move(request.verb), std::move(request.arguments),
                                            std::move(none));
  }
  auto state = std::make_shared<Running>();
  spawn(run(self.service, std::move(request), state));
  bool listening = true;
  while (!state->finished) {
    auto slept = co_await self.loop.sleep(kProgressEvery);
    if (!slept) break;
    if (!listening || state->finished) continue;
    stream.set_deadline(self.service.core().clock.steady() + kControlTimeout);
    std::string progress = progress_response(state->done, state->total);
    auto sent = co_await write_frame(stream, std::move(progress));
    listening = sent.has_value();
  }
  co_return std::move(state->answer);
}

// The letter's frames are read to their end in any case, so that the connection stays in step.
Task<Result<json::value>> Server::Impl::deliver(Impl& self, net::Stream& stream, net::BufferedReader& reader,
                                                LocalEnvelope envelope) {
  std::string hostname = self.options.hostname;
  std::string domain = self.options.default_domain;
  auto letter = co_await LocalLetter::open(self.service.core(), std::move(hostname), std::move(domain),
                                           std::move(envelope));
  Result<void> state;
  if (!letter) state = std::unexpected(letter.error());
  while (true) {
    self.now(stream, Session::taking);
    stream.set_deadline(self.service.core().clock.steady() + kControlTimeout);
    auto piece = co_await read_frame(reader, kLargestRequest);
    self.now(stream, Session::running);
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) break;
    if (state) state = co_await (*letter)->write(std::move(*piece));
  }
  if (state) state = co_await (*letter)->commit();
  if (!state) co_return std::unexpected(state.error());
  json::object out;
  out["id"] = (*letter)->queue_id();
  co_return out;
}

Task<Result<json::value>> Server::Impl::take_in(Impl& self, net::Stream& stream, net::BufferedReader& reader,
                                                json::object arguments) {
  auto letters = co_await LetterBatch::open(self.service.core(), std::move(arguments));
  Result<void> state;
  if (!letters) state = std::unexpected(letters.error());
  while (true) {
    self.now(stream, Session::taking);
    stream.set_deadline(self.service.core().clock.steady() + kControlTimeout);
    auto piece = co_await read_frame(reader, kLargestRequest);
    self.now(stream, Session::running);
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) break;
    if (state) state = co_await (*letters)->write(std::move(*piece));
  }
  if (!state) co_return std::unexpected(state.error());
  co_return co_await (*letters)->commit();
}

Result<std::unique_ptr<Server>> Server::start(net::Loop& loop, AdminService& service, Options options) {
  auto socket = net::ListenSocket::bind_unix(options.path, kOwnerOnly);
  if (!socket) return std::unexpected(socket.error());
  std::unique_ptr<Impl> impl(new Impl{loop, service, std::move(options), nullptr});
  Impl* self = impl.get();
  impl->acceptor = std::make_unique<net::Acceptor>(
      loop, *socket, [self](std::unique_ptr<net::Stream> stream) { self->accept(std::move(stream)); }, "",
      nullptr, net::Acceptor::Descriptors::take_all);
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() = default;

Task<void> Server::stop() {
  impl_->acceptor.reset();
  ::unlink(impl_->options.path.c_str());
  for (const auto& [stream, session] : impl_->sessions) stream->cancel();
  while (!impl_->sessions.empty()) {
    auto slept = co_await impl_->loop.sleep(milliseconds(5));
    if (!slept) break;
  }
}

}  // namespace posthouse::app::control
