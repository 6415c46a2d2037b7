#include "net/http_server.h"

#include "base/log.h"
#include "net/http_exchange.h"

namespace posthouse::net {

namespace {

constexpr size_t kMaxHeader = 8 * 1024;
constexpr size_t kMaxConnections = 64;

using Answer = std::function<HttpReply(const HttpRequest&)>;

struct Shared {
  Answer answer;
  size_t connections = 0;
};

Task<void> answer_page(HttpExchange& exchange, Shared& shared) {
  const std::string& method = exchange.request().method;
  HttpReply reply =
      method == "GET" || method == "HEAD" ? shared.answer(exchange.request()) : plain_http_reply(405);
  auto sent = co_await exchange.reply(std::move(reply));
  if (!sent) log::debug("net.http_reply_lost", {{"what", sent.error().what}});
}

Task<void> serve_counted(std::unique_ptr<Stream> stream, std::shared_ptr<Shared> shared) {
  ++shared->connections;
  HttpOptions options;
  options.header_limit = kMaxHeader;
  options.requests = 1;
  HttpHandler handler = [&on = *shared](HttpExchange& exchange) { return answer_page(exchange, on); };
  co_await serve_http(std::move(stream), options, std::move(handler));
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
