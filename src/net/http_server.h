// A small HTTP/1.1 server for what operators look at: metrics and health. Not for the open internet.
#pragma once

#include <functional>
#include <memory>

#include "net/http_message.h"
#include "net/loop.h"
#include "net/socket.h"

namespace posthouse::net {

// Answers GET and HEAD; everything else gets 405. One request a connection, at most 8 KiB, within ten
// seconds; at most 64 connections at a time.
class HttpServer {
 public:
  virtual ~HttpServer() = default;  // stops accepting; on the loop's thread or after it stopped
};

// `answer` is called on the loop and must not block. The socket is shared, as an Acceptor's.
std::unique_ptr<HttpServer> make_http_server(Loop& loop, const ListenSocket& socket,
                                             std::function<HttpReply(const HttpRequest&)> answer);

}  // namespace posthouse::net
