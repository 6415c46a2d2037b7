#include "access/jmap/blobs.h"

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>

#include "access/jmap/api.h"
#include "access/jmap/limits.h"
#include "access/jmap/opened_blob.h"
#include "base/ascii.h"
#include "base/log.h"
#include "base/utf8.h"
#include "uploads/limits.h"

namespace posthouse::access::jmap {
namespace {

using net::HttpExchange;
using net::HttpReply;

// A blob never changes (RFC 8620 section 6.2).
constexpr const char* kForEver = "private, immutable, max-age=31536000";

HttpReply reply_of(const Fault& fault) {
  if (fault.kind == FaultKind::not_found) return net::plain_http_reply(404);
  if (fault.kind == FaultKind::over_quota || fault.kind == FaultKind::no_space)
    return net::plain_http_reply(507);
  log::warn("jmap.blob_failed", {{"what", fault.what}});
  return net::plain_http_reply(503);
}

// RFC 9110 section 8.3.1, without anything that could begin a field of its own.
bool is_media_type(std::string_view type) {
  const size_t slash = type.find('/');
  if (slash == std::string_view::npos || slash == 0 || type.size() > uploads::kMaxType) return false;
  return std::ranges::all_of(type, [](char c) { return c >= ' ' && c < '\x7f'; });
}

HttpReply too_large() {
  return problem_reply({"limit", 413, "the upload is too large", "maxSizeUpload"});
}

// All that comes; the reply that refuses it, if any.
Task<std::optional<HttpReply>> take(HttpExchange& exchange, engine::BlobWriter& writer) {
  std::array<char, 16 * 1024> buffer;
  while (true) {
    const Result<size_t> got = co_await exchange.read_some(buffer);
    if (!got) co_return net::plain_http_reply(400);
    if (*got == 0) co_return std::nullopt;
    if (writer.size() + *got > kMaxSizeUpload) co_return too_large();
    const Result<void> written = co_await writer.append({buffer.data(), *got});
    if (!written) co_return reply_of(written.error());
  }
}

std::optional<std::string> query_value(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::string_view one = query.substr(0, query.find('&'));
    if (one.starts_with(name) && one.substr(name.size()).starts_with('='))
      return net::percent_decoded(one.substr(name.size() + 1));
    query.remove_prefix(std::min(query.size(), one.size() + 1));
  }
  return std::nullopt;
}

// What of the octets is sent, and as what.
struct Delivery {
  HttpReply head{};
  uint64_t skip = 0, length = 0;
};

std::expected<Delivery, HttpReply> plan(const net::HttpRequest& request, uint64_t size,
                                        const std::string& etag) {
  Delivery out;
  out.length = size;
  if (request.fields.lists("If-None-Match", etag) || request.fields.get("If-None-Match") == "*") {
    HttpReply same;
    same.status = 304;
    same.content_type.clear();
    same.fields.add("ETag", etag);
    same.fields.add("Cache-Control", kForEver);
    return std::unexpected(std::move(same));
  }
  if (request.method != "GET") return out;  // ranges are GET's alone (RFC 9110 section 14.2)
  // A range of something else is of no use (RFC 9110 section 13.1.5).
  const std::optional<std::string_view> condition = request.fields.get("If-Range");
  const std::string_view field = request.fields.get("Range").value_or("");
  const std::optional<ByteRange> range =
      condition && *condition != etag ? std::nullopt : parse_range(field, size);
  if (!range) return out;
  if (range->first > range->last) {
    HttpReply refusal = net::plain_http_reply(416);
    refusal.fields.add("Content-Range", fmt::format("bytes */{}", size));
    return std::unexpected(std::move(refusal));
  }
  out.head.status = 206;
  out.head.fields.add("Content-Range", fmt::format("bytes {}-{}/{}", range->first, range->last, size));
  out.skip = range->first;
  out.length = range->last - range->first + 1;
  return out;
}

Task<void> send(HttpExchange& exchange, const OpenedBlob& blob, Delivery delivery) {
  const bool head_only = exchange.request().method == "HEAD";
  uint64_t skip = delivery.skip, left = delivery.length;
  Result<void> sent = co_await exchange.begin(std::move(delivery.head), left);
  PartReader reader = blob.reader();
  while (sent && left > 0 && !head_only && !reader.done()) {
    Result<std::string> piece = co_await reader.next();
    if (!piece) {  // the connection ends, so that the client sees that something is missing
      log::warn("jmap.download_broken", {{"what", piece.error().what}});
      co_return;
    }
    const uint64_t from = std::min<uint64_t>(skip, piece->size());
    skip -= from;
    const std::string_view wanted = std::string_view(*piece).substr(from, left);
    left -= wanted.size();
    if (!wanted.empty()) sent = co_await exchange.write(wanted);
  }
  if (sent && (left == 0 || head_only)) sent = co_await exchange.end();
  if (!sent) log::debug("jmap.download_lost", {{"what", sent.error().what}});
}

Task<Result<uint64_t>> counted(const OpenedBlob& blob) {
  uint64_t size = 0;
  PartReader reader = blob.reader();
  while (!reader.done()) {
    Result<std::string> piece = co_await reader.next();
    if (!piece) co_return std::unexpected(piece.error());
    size += piece->size();
  }
  co_return size;
}

}  // namespace

Task<HttpReply> upload_reply(HttpExchange& exchange, const Services& services, const Caller& caller,
                             std::string rest) {
  if (rest.ends_with('/')) rest.pop_back();
  if (rest != account_id(caller.account) || services.uploads == nullptr) co_return net::plain_http_reply(404);
  const std::optional<uint64_t> length = exchange.content_length();
  if (length.value_or(0) > kMaxSizeUpload) co_return too_large();
  // Without a length there has to be room for the largest.
  const Result<void> room =
      co_await services.uploads->make_room(caller.account, length.value_or(kMaxSizeUpload));
  if (!room) co_return reply_of(room.error());
  uploads::Uploads::Arriving arriving(*services.uploads);
  std::optional<HttpReply> refusal = co_await take(exchange, arriving.writer());
  if (refusal) co_return std::move(*refusal);
  std::string type(exchange.request().fields.get("Content-Type").value_or(""));
  if (!is_media_type(type)) type = "application/octet-stream";
  Result<uploads::Upload> upload = co_await services.uploads->keep(caller.account, arriving, std::move(type));
  if (!upload) co_return reply_of(upload.error());
  HttpReply reply;
  reply.status = 201;
  reply.content_type = "application/json";
  json::object out;
  out["accountId"] = account_id(caller.account);
  out["blobId"] = format_blob_id({BlobId::Kind::upload, upload->id, ""});
  out["type"] = upload->type;
  out["size"] = upload->size;
  reply.body = json::serialize(out);
  co_return reply;
}

Task<std::optional<HttpReply>> download(HttpExchange& exchange, const Services& services,
                                        const Caller& caller, std::string rest) {
  const std::string_view path = rest;
  const size_t first = path.find('/'), second = path.find('/', first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos ||
      path.substr(0, first) != account_id(caller.account))
    co_return net::plain_http_reply(404);
  const std::optional<BlobId> id = parse_blob_id(path.substr(first + 1, second - first - 1));
  const std::optional<std::string> name = net::percent_decoded(path.substr(second + 1));
  if (!id || !name) co_return net::plain_http_reply(404);
  Result<std::unique_ptr<OpenedBlob>> blob = co_await OpenedBlob::open(services, caller.account, *id);
  if (!blob) co_return reply_of(blob.error());
  Result<uint64_t> size = (*blob)->size().value_or(0);
  if (!(*blob)->size()) size = co_await counted(**blob);
  if (!size) co_return reply_of(size.error());
  const std::string etag = "\"" + format_blob_id(*id) + "\"";
  auto delivery = plan(exchange.request(), *size, etag);
  if (!delivery) co_return std::move(delivery.error());
  const std::string type = query_value(exchange.request().query, "type").value_or((*blob)->type());
  HttpReply& head = delivery->head;
  head.content_type = is_media_type(type) ? type : "application/octet-stream";
  head.fields.add("Content-Disposition", attachment_field(*name));
  head.fields.add("Cache-Control", kForEver);
  head.fields.add("ETag", etag);
  head.fields.add("Accept-Ranges", "bytes");
  // Whatever it says that it is, it runs nothing here. (No reply is to be sniffed at.)
  head.fields.add("Content-Security-Policy", "sandbox; default-src 'none'");
  co_await send(exchange, **blob, std::move(*delivery));
  co_return std::nullopt;
}

std::optional<ByteRange> parse_range(std::string_view field, uint64_t size) {
  if (!field.starts_with("bytes=") || field.find(',') != std::string_view::npos) return std::nullopt;
  field.remove_prefix(6);
  const size_t dash = field.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::string_view from = field.substr(0, dash), to = field.substr(dash + 1);
  const std::optional<uint64_t> first = parse_uint(from), last = parse_uint(to);
  if ((!from.empty() && !first) || (!to.empty() && !last) || (from.empty() && to.empty()))
    return std::nullopt;
  constexpr ByteRange kNone{1, 0};
  if (from.empty()) {  // so many from the end
    if (*last == 0 || size == 0) return kNone;
    return ByteRange{size - std::min(size, *last), size - 1};
  }
  if (last && *last < *first) return std::nullopt;
  if (*first >= size) return kNone;
  return ByteRange{*first, std::min(last.value_or(size - 1), size - 1)};
}

std::string attachment_field(std::string_view name) {
  if (name.empty()) return "attachment";
  std::string plain, coded;
  for (const char c : to_valid_utf8(name)) {
    const bool safe = is_alnum(c) || c == '.' || c == '-' || c == '_';
    const bool quotable = c >= ' ' && c < '\x7f' && c != '"' && c != '\\' && c != '%';
    plain += quotable ? c : '_';
    coded += safe ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return fmt::format("attachment; filename=\"{}\"; filename*=utf-8''{}", plain, coded);
}

}  // namespace posthouse::access::jmap
