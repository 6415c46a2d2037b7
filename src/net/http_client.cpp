#include "net/http_client.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "base/ascii.h"
#include "net/socket.h"

namespace posthouse::net {

namespace {
namespace http = boost::beast::http;

constexpr uint32_t kMaxHeader = 16 * 1024;

using Parser = http::response_parser<http::string_body>;

// "host", "host:port", "[v6]", "[v6]:port"
bool split_authority(std::string_view text, HttpUrl& out) {
  std::string_view port;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return false;
    out.host = text.substr(1, end - 1);
    port = text.substr(end + 1);
    if (!IpAddress::parse(out.host)) return false;
  } else {
    const size_t colon = std::min(text.find(':'), text.size());
    out.host = to_lower(text.substr(0, colon));
    port = text.substr(colon);
  }
  const auto in_name = [](char c) { return is_alnum(c) || c == '.' || c == '-' || c == ':' || c == '_'; };
  if (out.host.empty() || !std::ranges::all_of(out.host, in_name)) return false;
  if (port.empty()) return true;
  const auto number = port.starts_with(':') ? parse_uint(port.substr(1)) : std::nullopt;
  if (!number || *number == 0 || *number > 65535) return false;
  out.port = static_cast<uint16_t>(*number);
  return true;
}

std::string request_text(const HttpUrl& url, const HttpQuestion& question) {
  const bool v6 = url.host.find(':') != std::string::npos;
  const bool usual = url.port == (url.tls ? 443 : 80);
  std::string out =
      fmt::format("{} {} HTTP/1.1\r\nHost: {}{}{}{}\r\nConnection: close\r\n", question.method, url.target,
                  v6 ? "[" : "", url.host, v6 ? "]" : "", usual ? "" : fmt::format(":{}", url.port));
  for (const auto& [name, value] : question.fields) out += fmt::format("{}: {}\r\n", name, value);
  if (question.method != "GET") out += fmt::format("Content-Length: {}\r\n", question.body.size());
  return out + "\r\n" + question.body;
}

Task<Result<HttpAnswer>> read_answer(Stream& stream) {
  auto parser = std::make_unique<Parser>();
  parser->header_limit(kMaxHeader);
  parser->body_limit(kMaxHttpAnswer);
  parser->eager(true);
  std::string buffer;
  char chunk[4096];
  boost::beast::error_code error;
  while (!parser->is_done()) {
    const Result<size_t> got = co_await stream.read_some(chunk);
    if (!got) co_return std::unexpected(got.error());
    if (*got == 0) {
      parser->put_eof(error);
      if (error || !parser->is_done()) co_return fail(FaultKind::temporary, "HTTP answer ended early");
      break;
    }
    buffer.append(chunk, *got);
    // What is left waits for more octets: a chunk's head, or the rest of the header.
    size_t used = 1;
    while (used > 0 && !buffer.empty() && !parser->is_done()) {
      used = parser->put(boost::asio::buffer(buffer), error);
      buffer.erase(0, used);
      if (error == http::error::need_more) {
        error = {};
        if (used == 0) break;
      }
      if (error) co_return fail(FaultKind::syntax, "HTTP answer: " + error.message());
    }
    if (buffer.size() > kMaxHeader) co_return fail(FaultKind::syntax, "HTTP answer: too long a line");
  }
  co_return HttpAnswer{static_cast<int>(parser->get().result_int()), std::move(parser->get().body())};
}

Task<Result<HttpAnswer>> ask_one(IpAddress address, const HttpUrl& url, const HttpQuestion& question,
                                 std::shared_ptr<const TlsContext> tls, SteadyTime deadline) {
  const Endpoint to{address, url.port};
  Result<std::unique_ptr<Stream>> stream = co_await connect_tcp(to, deadline);
  if (!stream) co_return std::unexpected(stream.error());
  (*stream)->set_deadline(deadline);
  if (url.tls) {
    Result<void> up = co_await (*stream)->start_tls_client(std::move(tls), url.host);
    if (!up && up.error().kind != FaultKind::timeout)
      co_return fail(FaultKind::temporary, fmt::format("{}: {}", url.host, up.error().what));
    if (!up) co_return std::unexpected(up.error());
  }
  const std::string text = request_text(url, question);
  const Result<void> sent = co_await (*stream)->write_all(text);
  if (!sent) co_return std::unexpected(sent.error());
  Result<HttpAnswer> answer = co_await read_answer(**stream);
  (*stream)->close();
  co_return answer;
}

Task<std::vector<IpAddress>> addresses_of(std::string host, Resolver& resolver) {
  std::vector<IpAddress> out;
  if (const auto literal = IpAddress::parse(host)) {
    out.push_back(*literal);
  } else if (host == "localhost") {
    out.push_back(*IpAddress::parse("127.0.0.1"));
  } else {
    DnsAnswer<IpAddress> found = co_await resolver.addresses(std::move(host));
    out = std::move(found.records);
  }
  co_return out;
}
}  // namespace

Result<HttpUrl> parse_http_url(std::string_view text) {
  HttpUrl out;
  constexpr std::string_view kPlain = "http://", kSecure = "https://";
  out.tls = istarts_with(text, kSecure);
  if (!out.tls && !istarts_with(text, kPlain)) return fail(FaultKind::syntax, "expected http:// or https://");
  const bool printable = std::ranges::all_of(text, [](char c) { return c > ' ' && c < 127; });
  if (!printable || text.find_first_of("\"<>\\^`{|}#@") != std::string_view::npos || text.size() > 2048) {
    return fail(FaultKind::syntax, "not a URL: a character that has no place there, or too long");
  }
  text.remove_prefix(out.tls ? kSecure.size() : kPlain.size());
  out.port = out.tls ? 443 : 80;
  const size_t end = std::min(text.find_first_of("/?"), text.size());
  if (!split_authority(text.substr(0, end), out))
    return fail(FaultKind::syntax, "not a URL: bad host or port");
  out.target = text.substr(end);
  if (!out.target.starts_with('/')) out.target.insert(0, "/");
  return out;
}

Task<Result<HttpAnswer>> ask_http(HttpUrl url, HttpQuestion question, std::shared_ptr<const TlsContext> tls,
                                  Resolver& resolver, SteadyTime deadline) {
  if (url.tls && !tls) co_return fail(FaultKind::permanent, "https without TLS settings");
  std::string host = url.host;
  const std::vector<IpAddress> addresses = co_await addresses_of(std::move(host), resolver);
  Result<HttpAnswer> last = fail(FaultKind::temporary, fmt::format("no address for {}", url.host));
  for (size_t i = 0; i < std::min(addresses.size(), kMaxHttpAddresses); ++i) {
    last = co_await ask_one(addresses[i], url, question, tls, deadline);
    if (last || last.error().kind == FaultKind::timeout) break;
  }
  co_return last;
}

}  // namespace posthouse::net
