#include "app/server/metrics_page.h"

#include "app/limits.h"
#include "base/ascii.h"
#include "base/metrics.h"
#include "net/buffered_reader.h"

namespace posthouse::app {
namespace {

struct Request {
  std::string method, target;
};

Task<Result<Request>> read_request(net::BufferedReader& reader) {
  auto first = co_await reader.read_line(kHttpLine);
  if (!first) co_return std::unexpected(first.error());
  auto words = split(trim(*first), ' ');
  if (words.size() != 3 || !words[2].starts_with("HTTP/1.")) co_return fail(FaultKind::syntax, "not HTTP");
  Request request{std::string(words[0]), std::string(words[1])};
  for (size_t headers = 0; headers < kHttpHeaders; ++headers) {
    auto line = co_await reader.read_line(kHttpLine);
    if (!line) co_return std::unexpected(line.error());
    if (trim(*line).empty()) co_return request;
  }
  co_return fail(FaultKind::syntax, "too many header lines");
}

std::string response(std::string_view status, std::string_view type, const std::string& body,
                     bool with_body) {
  return fmt::format(
      "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\nConnection: "
      "close\r\n\r\n{}",
      status, type, body.size(), with_body ? body : "");
}

std::string answer(const Result<Request>& request) {
  constexpr std::string_view kPlain = "text/plain; charset=utf-8";
  if (!request) return response("400 Bad Request", kPlain, "bad request\n", true);
  bool get = request->method == "GET";
  if (!get && request->method != "HEAD")
    return response("405 Method Not Allowed", kPlain, "GET only\n", true);
  std::string_view path = request->target;
  path = path.substr(0, path.find('?'));
  if (path != "/metrics") return response("404 Not Found", kPlain, "see /metrics\n", get);
  return response("200 OK", "text/plain; version=0.0.4; charset=utf-8", metrics::exposition(), get);
}

}  // namespace

Task<void> serve_metrics(std::unique_ptr<net::Stream> stream, const Clock& clock) {
  stream->set_deadline(clock.steady() + kHttpTimeout);
  net::BufferedReader reader(*stream);
  auto request = co_await read_request(reader);
  bool gone = !request && request.error().kind != FaultKind::syntax;
  if (!gone) {
    std::string page = answer(request);
    auto written = co_await stream->write_all(page);
    static_cast<void>(written);  // the client is gone: nothing to tell
  }
  stream->close();
}

}  // namespace posthouse::app
