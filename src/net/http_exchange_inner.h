// What is behind serve_http() and HttpExchange.
#pragma once

#include "net/http_exchange.h"
#include "net/http_request_reader.h"

namespace posthouse::net {

// Content that nobody has read is passed over up to here; beyond, the connection ends.
constexpr uint64_t kMaxSkipped = 256 * 1024;

class HttpConnection {
 public:
  HttpConnection(std::unique_ptr<Stream> s, HttpOptions o, HttpHandler h)
      : stream(std::move(s)), options(std::move(o)), handler_(std::move(h)) {}

  Task<void> serve();

  // Appends to `unread`. A fault also when the client has ended.
  Task<Result<void>> read_more(size_t most);

  std::unique_ptr<Stream> stream;  // null: it was taken
  const HttpOptions options;
  std::string unread;

 private:
  Task<bool> serve_request(size_t number);  // from 1 on; whether another one may come
  Task<Result<void>> wait_for_request(bool first);
  Task<Result<void>> read_header(HttpRequestReader& reader);
  Task<bool> answer(std::unique_ptr<HttpExchange::Inner> inner);
  Task<void> refuse(int status);
  Task<void> linger();

  HttpHandler handler_;
};

struct HttpExchange::Inner {
  explicit Inner(HttpConnection& c) : connection(c), reader(c.options.header_limit) {}

  SteadyTime deadline(SteadyTime from, uint64_t octets) const {
    return from + connection.options.grace + seconds(octets / kSlowestHttp);
  }
  Task<Result<void>> send(std::string_view octets);
  Task<Result<void>> reply_packed(HttpExchange& self, HttpReply reply);
  std::string head_of(const HttpReply& reply, std::optional<uint64_t> length);

  HttpConnection& connection;
  HttpRequestReader reader;
  SteadyTime began{};
  uint64_t received = 0;   // octets
  bool head_only = false;  // HEAD
  bool speaks_chunks = true;
  bool expects = false;               // the client waits for 100
  bool keep = true;                   // the connection, for another request
  bool begun = false, whole = false;  // the reply
  bool chunked = false;
  bool failed = false;
  std::optional<uint64_t> left;  // of the length that was told
};

}  // namespace posthouse::net
