#include "net/http_server.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>

#include "base/log.h"

namespace posthouse::net {

namespace {
namespace http = boost::beast::http;

constexpr uint32_t kMaxHeader = 8 * 1024;
constexpr seconds kTimeForAll{10};
constexpr size_t kMaxConnections = 64;

using Answer = std::function<HttpReply(const HttpRequest&)>;
using Parser = http::request_parser<http::empty_body>;

struct Shared {
  Answer answer;
  size_t connections = 0;
};

std::string response_text(const HttpReply& reply, bool with_body) {
  const auto reason = http::obsolete_reason(static_cast<http::status>(reply.status));
  return fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n"
      "X-Content-Type-Options: nosniff\r\n\r\n{}",
      reply.status, std::string_view(reason.data(), reason.size()), reply.content_type, reply.body.size(),
      with_body ? std::string_view(reply.body) : std::string_view());
}

HttpReply error_reply(int status) {
  const auto reason = http::obsolete_reason(static_cast<http::status>(status));
  HttpReply reply;
  reply.status = status;
  reply.body = std::string(reason.data(), reason.size()) + "\n";
  return reply;
}

std::string answer_text(const Answer& answer, const Parser& parser, const Endpoint& peer) {
  const auto& message = parser.get();
  if (message.method() != http::verb::get && message.method() != http::verb::head) {
    return response_text(error_reply(405), true);
  }
  HttpRequest request;
  request.peer = peer;
  request.path.assign(message.target().data(), message.target().size());
  if (const size_t mark = request.path.find('?'); mark != std::string::npos) {
    request.query = request.path.substr(mark + 1);
    request.path.resize(mark);
  }
  return response_text(answer(request), message.method() == http::verb::get);
}

// Reads the header; gives the status to refuse the request with, 0 if it is whole.
Task<Result<int>> read_header(Stream& stream, Parser& parser) {
  std::string buffer;
  char chunk[2048];
  while (!parser.is_header_done()) {
    const Result<size_t> got = co_await stream.read_some(chunk);
    if (!got) co_return std::unexpected(got.error());
    if (*got == 0) co_return fail(FaultKind::closed, "ended before the request");
    buffer.append(chunk, *got);
    boost::beast::error_code error;
    const size_t used = parser.put(boost::asio::buffer(buffer), error);
    buffer.erase(0, used);
    if (error == http::error::need_more) error = {};
    if (error == http::error::header_limit || buffer.size() > kMaxHeader) co_return 431;
    if (error) co_return 400;
  }
  co_return 0;
}

Task<void> serve(std::unique_ptr<Stream> stream, std::shared_ptr<Shared> shared) {
  stream->set_deadline(system_clock().steady() + kTimeForAll);
  auto parser = std::make_unique<Parser>();
  parser->header_limit(kMaxHeader);
  parser->skip(true);  // no body is wanted, and none is read
  const Result<int> refused = co_await read_header(*stream, *parser);
  if (refused) {
    const std::string text = *refused != 0 ? response_text(error_reply(*refused), true)
                                           : answer_text(shared->answer, *parser, stream->peer());
    const Result<void> sent = co_await stream->write_all(text);
    if (!sent) log::debug("net.http_reply_lost", {{"what", sent.error().what}});
  }
  stream->close();
}

Task<void> serve_counted(std::unique_ptr<Stream> stream, std::shared_ptr<Shared> shared) {
  ++shared->connections;
  try {
    co_await serve(std::move(stream), shared);
  } catch (const std::exception& e) {
    log::warn("net.http_failed", {{"what", e.what()}});
  }
  --shared->connections;
}

class Server : public HttpServer {
 public:
  Server(Loop& loop, const ListenSocket& socket, Answer answer)
      : shared_(std::make_shared<Shared>(Shared{std::move(answer)})),
        acceptor_(loop, socket, [shared = shared_](std::unique_ptr<Stream> stream) {
          if (shared->connections < kMaxConnections) spawn(serve_counted(std::move(stream), shared));
        }) {}

 private:
  std::shared_ptr<Shared> shared_;
  Acceptor acceptor_;
};
}  // namespace

std::unique_ptr<HttpServer> make_http_server(Loop& loop, const ListenSocket& socket,
                                             std::function<HttpReply(const HttpRequest&)> answer) {
  return std::make_unique<Server>(loop, socket, std::move(answer));
}

}  // namespace posthouse::net
