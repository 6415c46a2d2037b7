// One connection of HTTP: when requests are waited for, refused, answered, and when it ends.
#include "base/log.h"
#include "net/http_exchange_inner.h"

namespace posthouse::net {
namespace {

constexpr size_t kRead = 4 * 1024;
constexpr seconds kLinger{2};

}  // namespace

Task<Result<void>> HttpConnection::read_more(size_t most) {
  const size_t before = unread.size();
  unread.resize(before + most);
  auto got = co_await stream->read_some(std::span<char>(unread).subspan(before));
  unread.resize(before + (got ? *got : 0));
  if (!got) co_return std::unexpected(got.error());
  if (*got == 0) co_return fail(FaultKind::closed, "the client has ended");
  co_return Result<void>();
}

// Without a buffer, as most connections wait most of their time.
Task<Result<void>> HttpConnection::wait_for_request(bool first) {
  if (!unread.empty()) co_return Result<void>();
  std::string().swap(unread);
  stream->set_busy(false);
  stream->set_deadline(options.clock->steady() + (first ? options.header_time : options.idle_time));
  co_return co_await stream->wait_readable();
}

Task<Result<void>> HttpConnection::read_header(HttpRequestReader& reader) {
  stream->set_deadline(options.clock->steady() + options.header_time);
  while (true) {
    auto whole = reader.take_header(unread);
    if (!whole) {
      co_await refuse(reader.refusal());
      co_return std::unexpected(whole.error());
    }
    if (*whole) co_return Result<void>();
    auto more = co_await read_more(kRead);
    if (!more && more.error().kind == FaultKind::timeout) co_await refuse(408);
    if (!more) co_return more;
  }
}

Task<void> HttpConnection::refuse(int status) {
  HttpReply reply = plain_http_reply(status);
  const std::string text = fmt::format(
      "HTTP/1.1 {} {}\r\nDate: {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
      status, http_reason(status), http_date(options.clock->now()), reply.content_type, reply.body.size(),
      reply.body);
  stream->set_deadline(options.clock->steady() + kLinger);
  auto told = co_await stream->write_all(text);
  if (told) co_await linger();
}

// What the client is still sending is taken for a moment: closing with octets unread would make its kernel
// forget the reply that it has not read yet (RFC 9112 section 9.6).
Task<void> HttpConnection::linger() {
  stream->end_writing();
  stream->set_deadline(options.clock->steady() + kLinger);
  for (uint64_t taken = 0; taken < kMaxSkipped; taken += unread.size()) {
    unread.clear();
    auto more = co_await read_more(kRead);
    if (!more) break;
  }
}

Task<bool> HttpConnection::answer(std::unique_ptr<HttpExchange::Inner> inner) {
  HttpExchange::Inner& in = *inner;
  HttpExchange exchange(std::move(inner));
  bool broke = false;
  try {
    co_await handler_(exchange);
  } catch (const std::exception& e) {
    log::error("net.http_handler_failed", {{"path", in.reader.request().path}, {"what", e.what()}});
    broke = true;
  }
  if (!stream) co_return false;
  if (!in.begun && !in.failed) {
    in.keep = false;
    auto told = co_await exchange.reply(plain_http_reply(500));
    broke = broke || !told;
  }
  if (in.failed || broke || !in.whole) co_return false;
  char skipped[kRead];
  while (in.keep && !in.reader.ended()) {
    auto got = co_await exchange.read_some(skipped);
    if (!got) co_return false;
    if (in.received > in.reader.content_length().value_or(0) + kMaxSkipped) in.keep = false;
  }
  if (!in.reader.ended()) co_await linger();
  co_return in.keep;
}

Task<bool> HttpConnection::serve_request(size_t number) {
  auto ready = co_await wait_for_request(number == 1);
  if (!ready) co_return false;
  stream->set_busy(true);
  auto inner = std::make_unique<HttpExchange::Inner>(*this);
  inner->began = options.clock->steady();
  auto read = co_await read_header(inner->reader);
  if (!read) co_return false;
  HttpRequest& request = inner->reader.request();
  request.peer = stream->peer();
  request.tls = stream->tls().active;
  inner->began = options.clock->steady();
  inner->head_only = request.method == "HEAD";
  inner->keep = inner->reader.keeps_alive() && number < options.requests;
  inner->speaks_chunks = inner->reader.is_current();
  inner->expects = inner->reader.waits_for_continue();
  co_return co_await answer(std::move(inner));
}

Task<void> HttpConnection::serve() {
  bool more = true;
  for (size_t number = 1; more; ++number) more = co_await serve_request(number);
  if (stream) stream->close();
}

Task<void> serve_http(std::unique_ptr<Stream> stream, HttpOptions options, HttpHandler handler) {
  HttpConnection connection(std::move(stream), options, std::move(handler));
  co_await connection.serve();
}

}  // namespace posthouse::net
