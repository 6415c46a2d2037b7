#include "net/http_exchange.h"

#include "base/ascii.h"
#include "net/gzip.h"
#include "net/http_exchange_inner.h"

namespace posthouse::net {
namespace {

constexpr size_t kPacked = 1024;      // smaller bodies are sent as they are
constexpr size_t kPiece = 64 * 1024;  // packed or written at once: others have their turn between two pieces
constexpr size_t kRead = 16 * 1024;

bool can_be_packed(const HttpReply& reply) {
  if (reply.body.size() < kPacked || reply.fields.has("Content-Encoding")) return false;
  for (std::string_view type : {"text/", "application/json", "application/javascript", "image/svg+xml"}) {
    if (istarts_with(reply.content_type, type)) return true;
  }
  return false;
}

// RFC 9110 sections 6.4.1 and 8.6.
bool has_no_body(int status) {
  return status < 200 || status == 204 || status == 304;
}

}  // namespace

HttpExchange::HttpExchange(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
HttpExchange::~HttpExchange() = default;

const HttpRequest& HttpExchange::request() const {
  return inner_->reader.request();
}

const HttpOptions& HttpExchange::options() const {
  return inner_->connection.options;
}

std::optional<uint64_t> HttpExchange::content_length() const {
  if (inner_->reader.ended() && inner_->received == 0) return 0;
  return inner_->reader.content_length();
}

bool HttpExchange::begun() const {
  return inner_->begun;
}

Task<Result<size_t>> HttpExchange::read_some(std::span<char> out) {
  Inner& in = *inner_;
  if (std::exchange(in.expects, false) && !in.begun && !in.reader.ended()) {
    auto told = co_await in.send("HTTP/1.1 100 Continue\r\n\r\n");
    if (!told) co_return std::unexpected(told.error());
  }
  while (true) {
    auto got = in.reader.take_content(in.connection.unread, out);
    if (got) in.received += *got;
    if (!got || *got > 0 || in.reader.ended()) co_return got;
    in.connection.stream->set_deadline(in.deadline(in.began, in.received));
    auto more = co_await in.connection.read_more(kRead);
    if (!more) co_return std::unexpected(more.error());
  }
}

Task<Result<std::string>> HttpExchange::read_all(size_t most) {
  const uint64_t told = content_length().value_or(0);
  if (told > most) co_return fail(FaultKind::over_quota, "content too large");
  std::string all(std::min(static_cast<size_t>(told), kPiece), '\0');  // what is told need not come
  size_t size = 0;
  while (true) {
    // One octet more than there may be, so that its end is seen.
    if (size == all.size()) all.resize(std::min(std::max(size * 2, kRead), most + 1));
    auto got = co_await read_some(std::span<char>(all).subspan(size));
    if (!got) co_return std::unexpected(got.error());
    size += *got;
    if (size > most) co_return fail(FaultKind::over_quota, "content too large");
    if (*got == 0 || inner_->reader.ended()) break;
  }
  all.resize(size);
  co_return all;
}

std::string HttpExchange::Inner::head_of(const HttpReply& reply, std::optional<uint64_t> length) {
  // What is left of the content would be taken for the next request.
  if (!reader.ended() && reader.content_length().value_or(kMaxSkipped + 1) > received + kMaxSkipped)
    keep = false;
  if (expects) keep = false;  // it may or may not send its content now
  std::string out = fmt::format("HTTP/1.1 {} {}\r\nDate: {}\r\n", reply.status, http_reason(reply.status),
                                http_date(connection.options.clock->now()));
  if (!reply.content_type.empty()) out += fmt::format("Content-Type: {}\r\n", reply.content_type);
  for (const auto& [name, value] : reply.fields.all()) out += fmt::format("{}: {}\r\n", name, value);
  if (!has_no_body(reply.status)) {
    if (length) {
      out += fmt::format("Content-Length: {}\r\n", *length);
    } else if (speaks_chunks) {
      out += "Transfer-Encoding: chunked\r\n";
    } else {
      keep = false;  // HTTP/1.0: the end of the connection is that of the body
    }
  }
  if (!keep) out += "Connection: close\r\n";
  out += "X-Content-Type-Options: nosniff\r\n\r\n";
  return out;
}

Task<Result<void>> HttpExchange::Inner::send(std::string_view octets) {
  do {
    const std::string_view piece = octets.substr(0, kPiece);
    octets.remove_prefix(piece.size());
    // From now on: the handler may have taken its time, or waits between two parts for hours.
    connection.stream->set_deadline(deadline(connection.options.clock->steady(), piece.size()));
    auto done = co_await connection.stream->write_all(piece);
    if (!done) {
      failed = true;
      co_return done;
    }
  } while (!octets.empty());
  co_return Result<void>();
}

Task<Result<void>> HttpExchange::reply(HttpReply reply) {
  Inner& in = *inner_;
  const bool packable = can_be_packed(reply);
  if (packable) reply.fields.add("Vary", "Accept-Encoding");
  if (packable && request().fields.lists("Accept-Encoding", "gzip")) {
    reply.fields.add("Content-Encoding", "gzip");
    if (reply.body.size() > kPiece) co_return co_await in.reply_packed(*this, std::move(reply));
    reply.body = Gzip().add(reply.body, true);
  }
  const bool no_body = in.head_only || has_no_body(reply.status);
  std::string text = in.head_of(reply, reply.body.size());
  in.begun = true;
  in.whole = true;
  if (no_body) co_return co_await in.send(text);
  if (reply.body.size() < kPiece) {
    text += reply.body;
    co_return co_await in.send(text);
  }
  auto sent = co_await in.send(text);
  if (!sent) co_return sent;
  co_return co_await in.send(reply.body);
}

Task<Result<void>> HttpExchange::Inner::reply_packed(HttpExchange& self, HttpReply reply) {
  auto begun_well = co_await self.begin(reply, std::nullopt);
  if (!begun_well || head_only) co_return begun_well;
  Gzip gzip;
  for (size_t at = 0; at < reply.body.size(); at += kPiece) {
    const std::string part =
        gzip.add(std::string_view(reply.body).substr(at, kPiece), at + kPiece >= reply.body.size());
    auto sent_well = co_await self.write(part);
    if (!sent_well) co_return sent_well;
  }
  co_return co_await self.end();
}

Task<Result<void>> HttpExchange::begin(HttpReply head, std::optional<uint64_t> length) {
  Inner& in = *inner_;
  in.chunked = !length && in.speaks_chunks;
  in.left = length;
  in.whole = in.head_only || has_no_body(head.status) || length == 0u;
  in.begun = true;
  const std::string text = in.head_of(head, length);
  co_return co_await in.send(text);
}

Task<Result<void>> HttpExchange::write(std::string_view part) {
  Inner& in = *inner_;
  if (in.head_only || part.empty()) co_return Result<void>();
  if (in.left) {
    if (part.size() > *in.left) co_return fail(FaultKind::permanent, "more than the length that was told");
    *in.left -= part.size();
    in.whole = *in.left == 0;
  }
  if (!in.chunked) co_return co_await in.send(part);
  const std::string text = fmt::format("{:x}\r\n{}\r\n", part.size(), part);
  co_return co_await in.send(text);
}

Task<Result<void>> HttpExchange::end() {
  Inner& in = *inner_;
  if (in.left) co_return Result<void>();
  in.whole = true;
  if (!in.chunked || in.head_only) co_return Result<void>();
  co_return co_await in.send("0\r\n\r\n");
}

std::unique_ptr<Stream> HttpExchange::take_stream(std::string& unread) {
  unread = std::move(inner_->connection.unread);
  return std::move(inner_->connection.stream);
}

}  // namespace posthouse::net
