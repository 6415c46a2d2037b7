#include <atomic>
#include <boost/json.hpp>
#include <future>

#include "app/control/admin.h"
#include "app/control/protocol.h"
#include "app/limits.h"
#include "base/clock.h"
#include "net/loop.h"
#include "net/loop_thread.h"
#include "net/socket.h"

namespace posthouse::app::control {
namespace {

namespace json = boost::json;

constexpr seconds kConnectTimeout{10};
// Checking a large store takes hours; progress comes all the time, other answers within minutes.
constexpr seconds kAnswerTimeout{600};
constexpr seconds kGreetingTimeout{10};

FaultKind kind_of(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(FaultKind::corrupt); ++i) {
    if (name == to_string(static_cast<FaultKind>(i))) return static_cast<FaultKind>(i);
  }
  return FaultKind::permanent;
}

// One response frame: progress is told and gives nothing, the others end the wait.
std::optional<Result<json::value>> read_response(const std::string& text, const Progress& progress) {
  json::error_code failed;
  json::value value = json::parse(text, failed);
  if (failed || !value.is_object())
    return fail(FaultKind::io, "the server's answer is not what was expected");
  json::object& object = value.get_object();
  if (auto* ok = object.if_contains("ok")) return std::move(*ok);
  if (const auto* error = object.if_contains("error"); error != nullptr && error->is_object()) {
    const json::object& fault = error->get_object();
    const auto* kind = fault.if_contains("kind");
    const auto* what = fault.if_contains("what");
    return fail(kind != nullptr && kind->is_string() ? kind_of(kind->get_string()) : FaultKind::permanent,
                what != nullptr && what->is_string() ? std::string(what->get_string()) : "");
  }
  if (const auto* pair = object.if_contains("progress");
      pair != nullptr && pair->is_array() && pair->get_array().size() == 2 && progress) {
    json::error_code ignored;
    progress(pair->get_array()[0].to_number<uint64_t>(ignored),
             pair->get_array()[1].to_number<uint64_t>(ignored));
  }
  return std::nullopt;
}

Task<Result<json::value>> await_answer(net::Stream& stream, net::BufferedReader& reader,
                                       const Progress& progress) {
  while (true) {
    stream.set_deadline(system_clock().steady() + kAnswerTimeout);
    auto frame = co_await read_frame(reader, kLargestResponse);
    if (!frame) co_return fail(FaultKind::closed, "the server did not answer: " + frame.error().what);
    auto response = read_response(*frame, progress);
    if (response) co_return std::move(*response);
  }
}

std::string request_text(std::string verb, json::object arguments) {
  json::object request;
  request["verb"] = std::move(verb);
  request["arguments"] = std::move(arguments);
  return json::serialize(request);
}

Task<Result<std::unique_ptr<net::Stream>>> open_stream(std::string path) {
  co_return co_await net::connect_unix(std::move(path), system_clock().steady() + kConnectTimeout);
}

Task<Result<json::value>> ask(std::string path, std::string request, Progress progress) {
  auto stream = co_await open_stream(std::move(path));
  if (!stream) co_return std::unexpected(stream.error());
  net::BufferedReader reader(**stream);
  auto sent = co_await write_frame(**stream, std::move(request));
  if (!sent) co_return fail(FaultKind::closed, "the server went away: " + sent.error().what);
  co_return co_await await_answer(**stream, reader, progress);
}

Task<Result<json::value>> send_letter(std::string path, std::string request, LetterPieces pieces) {
  auto stream = co_await open_stream(std::move(path));
  if (!stream) co_return std::unexpected(stream.error());
  net::BufferedReader reader(**stream);
  (*stream)->set_deadline(system_clock().steady() + kAnswerTimeout);
  auto sent = co_await write_frame(**stream, std::move(request));
  bool more = true;
  while (sent && more) {
    auto piece = pieces();
    if (!piece) co_return std::unexpected(piece.error());  // the server drops a letter without its end
    more = !piece->empty();
    (*stream)->set_deadline(system_clock().steady() + kAnswerTimeout);
    sent = co_await write_frame(**stream, std::move(*piece));
  }
  if (!sent) co_return fail(FaultKind::closed, "the server went away: " + sent.error().what);
  Progress none;
  co_return co_await await_answer(**stream, reader, none);
}

// A connection that the server keeps an account for, on a loop of its own: calls come and go meanwhile.
class HeldConnection {
 public:
  HeldConnection() = default;
  HeldConnection(const HeldConnection&) = delete;
  HeldConnection& operator=(const HeldConnection&) = delete;
  ~HeldConnection() {
    if (stream_ == nullptr) return;
    stream_->cancel();
    watched_.get_future().wait();
    thread_.run(close(*this));
  }

  // Once.
  Result<json::value> take(const std::string& path, std::string request) {
    return thread_.run(begin(*this, path, std::move(request)));
  }
  // The server that has promised is there still.
  bool stands() const { return !gone_; }

 private:
  static Task<Result<json::value>> begin(HeldConnection& self, std::string path, std::string request) {
    auto stream = co_await open_stream(std::move(path));
    if (!stream) co_return std::unexpected(stream.error());
    net::BufferedReader reader(**stream);
    auto sent = co_await write_frame(**stream, std::move(request));
    if (!sent) co_return fail(FaultKind::closed, "the server went away: " + sent.error().what);
    Progress none;
    auto answer = co_await await_answer(**stream, reader, none);
    if (!answer) co_return answer;
    self.stream_ = std::move(*stream);
    self.stream_->set_deadline(SteadyTime::max());
    spawn(watch(self));
    co_return answer;
  }
  // Nothing more comes from it but its end.
  static Task<void> watch(HeldConnection& self) {
    static_cast<void>(co_await self.stream_->wait_readable());
    self.gone_ = true;
    self.watched_.set_value();
  }
  static Task<void> close(HeldConnection& self) {
    self.stream_.reset();
    co_return;
  }

  std::unique_ptr<net::Stream> stream_;
  std::atomic<bool> gone_ = false;
  std::promise<void> watched_;
  net::LoopThread thread_;  // ends before what it works with
};

class RemoteAdmin : public Admin {
 public:
  explicit RemoteAdmin(std::string path) : path_(std::move(path)) {}

  Result<Hold> hold(std::string address) override {
    auto held = std::make_shared<HeldConnection>();
    json::object arguments;
    arguments["address"] = std::move(address);
    auto answer = held->take(path_, request_text("account.hold", std::move(arguments)));
    if (!answer) return std::unexpected(answer.error());
    held_ = held;
    return Hold(held);
  }

  Result<json::value> call(std::string verb, json::object arguments, Progress progress) override {
    if (auto stands = still_held(); !stands) return std::unexpected(stands.error());
    std::string request = request_text(std::move(verb), std::move(arguments));
    return net::run_blocking(ask(path_, std::move(request), std::move(progress)));
  }

  Result<json::value> send(std::string verb, json::object arguments, LetterPieces pieces) override {
    if (auto stands = still_held(); !stands) return std::unexpected(stands.error());
    std::string request = request_text(std::move(verb), std::move(arguments));
    return net::run_blocking(send_letter(path_, std::move(request), std::move(pieces)));
  }

  Result<std::string> deliver(LocalEnvelope envelope, LetterPieces pieces) override {
    json::array recipients;
    for (std::string& recipient : envelope.recipients) recipients.emplace_back(std::move(recipient));
    json::object arguments;
    arguments["sender"] = std::move(envelope.sender);
    arguments["recipients"] = std::move(recipients);
    std::string request = request_text("deliver", std::move(arguments));
    auto answer = net::run_blocking(send_letter(path_, std::move(request), std::move(pieces)));
    if (!answer) return std::unexpected(answer.error());
    const auto* id = answer->is_object() ? answer->get_object().if_contains("id") : nullptr;
    return id != nullptr && id->is_string() ? std::string(id->get_string()) : std::string();
  }

 private:
  // Another server that answers there by now knows nothing of it.
  Result<void> still_held() const {
    const std::shared_ptr<HeldConnection> held = held_.lock();
    if (held == nullptr || held->stands()) return {};
    return fail(FaultKind::closed, "the server went away, and with it the hold on the account");
  }

  std::string path_;
  std::weak_ptr<HeldConnection> held_;
};

// A connection alone says little: the kernel still makes one to a process that is being killed. So the server
// is asked for a word.
Task<Result<void>> probe(std::string path) {
  auto stream = co_await open_stream(std::move(path));
  if (!stream) co_return std::unexpected(stream.error());
  (*stream)->set_deadline(system_clock().steady() + kGreetingTimeout);
  auto sent = co_await write_frame(**stream, request_text("ping", {}));
  if (!sent) co_return std::unexpected(sent.error());
  net::BufferedReader reader(**stream);
  auto answer = co_await read_frame(reader, kLargestResponse);
  if (!answer) co_return std::unexpected(answer.error());
  co_return Result<void>();
}

}  // namespace

Result<std::unique_ptr<Admin>> connect_remote(const Config& config) {
  return connect_remote_at(control_path(config));
}

Result<std::unique_ptr<Admin>> connect_remote_at(const std::string& path) {
  auto there = net::run_blocking(probe(path));
  if (!there) return std::unexpected(there.error());
  return std::make_unique<RemoteAdmin>(path);
}

}  // namespace posthouse::app::control
