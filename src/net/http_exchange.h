// HTTP/1.1 on one connection, on the server's side (RFC 9110, 9112): requests one after another, content and
// replies as streams.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/task.h"
#include "net/http_message.h"
#include "net/stream.h"

namespace posthouse::net {

struct HttpOptions {
  const Clock* clock = &system_clock();
  size_t header_limit = 16 * 1024;  // octets of request line and fields
  size_t requests = 10'000;         // on one connection
  seconds header_time{10};          // from its first octet to its last, and for the first octet of the first
  seconds idle_time{75};            // between two requests
  // A request's content, and each piece of a reply (64 KiB at most), may take this, and a second more for
  // each kSlowestHttp octets.
  seconds grace{30};
};

constexpr uint64_t kSlowestHttp = 4 * 1024;  // octets a second

// One request and its reply. Used by one coroutine, on the loop of its connection; gone when the handler
// returns. Faults of reading and writing: closed, timeout, io: the connection is of no more use.
class HttpExchange {
 public:
  HttpExchange(const HttpExchange&) = delete;
  HttpExchange& operator=(const HttpExchange&) = delete;
  ~HttpExchange();

  const HttpRequest& request() const;
  const HttpOptions& options() const;

  // Nothing when the content comes in chunks; 0 when there is none.
  std::optional<uint64_t> content_length() const;
  // The next octets of the content, as soon as there are any; 0 at its end. `syntax`: it is broken.
  Task<Result<size_t>> read_some(std::span<char> out);
  // All of it; `over_quota` as soon as it is clear that there are more than `most` octets.
  Task<Result<std::string>> read_all(size_t most);

  // One reply, whole; compressed where that is of use and the client takes it. To HEAD without its body.
  Task<Result<void>> reply(HttpReply reply);

  // The same in parts. `length`: of the body, where it is known; otherwise it goes out in chunks. `head.body`
  // is left out. Every write() is sent at once. A handler that returns before it has written `length` octets
  // or, without a length, before end() ends the connection, so that the client knows that something is
  // missing.
  Task<Result<void>> begin(HttpReply head, std::optional<uint64_t> length);
  Task<Result<void>> write(std::string_view part);
  Task<Result<void>> end();
  bool begun() const;  // a reply, in either way

  // The connection is for another protocol from now on: after a reply to this request (101) that the caller
  // has written itself. `unread`: what the client has sent behind the request.
  std::unique_ptr<Stream> take_stream(std::string& unread);

 private:
  friend class HttpConnection;
  struct Inner;
  explicit HttpExchange(std::unique_ptr<Inner> inner);
  std::unique_ptr<Inner> inner_;
};

// Answers one request. It lives as long as the connection; an exception that leaves it is answered 500.
using HttpHandler = std::function<Task<void>(HttpExchange&)>;

// Serves requests until the client or a limit ends the connection. TLS, if any, stands already. An idle
// connection holds no buffer. Cancelling the stream ends it.
Task<void> serve_http(std::unique_ptr<Stream> stream, HttpOptions options, HttpHandler handler);

}  // namespace posthouse::net
