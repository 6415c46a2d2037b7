// A small HTTP/1.1 client for services that the mail system asks: one request a connection, small answers.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/task.h"
#include "net/resolver.h"
#include "net/tls.h"

namespace posthouse::net {

// http://host[:port][/path][?query]; no user, no fragment.
struct HttpUrl {
  bool tls = false;  // https
  std::string host;  // a name, or an address without brackets
  uint16_t port = 80;
  std::string target;  // "/path?query", at least "/"
};
// `syntax` for anything else, also for characters that have no place in a URL.
Result<HttpUrl> parse_http_url(std::string_view text);

struct HttpQuestion {
  std::string method = "GET";
  std::vector<std::pair<std::string, std::string>> fields;  // without Host, Content-Length and Connection
  std::string body;
};

struct HttpAnswer {
  int status = 0;
  std::string body;
};

constexpr size_t kMaxHttpAnswer = 256 * 1024;  // octets of a body
constexpr size_t kMaxHttpAddresses = 4;        // of a host that are tried one after another

// Asks on the calling loop. `tls` is needed for https, and says whether names are checked. "localhost" is the
// loopback address; other names go to `resolver`. Redirects are answers like others. Faults: temporary (no
// address, no connection, TLS), timeout, syntax (no HTTP, or too long an answer).
Task<Result<HttpAnswer>> ask_http(HttpUrl url, HttpQuestion question, std::shared_ptr<const TlsContext> tls,
                                  Resolver& resolver, SteadyTime deadline);

}  // namespace posthouse::net
