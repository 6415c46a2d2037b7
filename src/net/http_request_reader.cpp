#include "net/http_request_reader.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "base/ascii.h"

namespace posthouse::net {
namespace {

namespace http = boost::beast::http;

constexpr size_t kMaxFields = 100;
// Of what stands between two chunks (their sizes, extensions, the trailer): no octet of content in so many.
constexpr size_t kMaxBetweenChunks = 16 * 1024;

bool is_of_target(char c) {
  return c > 0x20 && c < 0x7f && c != '#';
}

}  // namespace

struct HttpRequestReader::Parser {
  http::request_parser<http::buffer_body> beast;
};

HttpRequestReader::HttpRequestReader(size_t header_limit)
    : parser_(std::make_unique<Parser>()), header_limit_(header_limit) {
  parser_->beast.header_limit(static_cast<uint32_t>(header_limit));
  parser_->beast.body_limit(boost::none);  // is the business of who reads it
}

HttpRequestReader::~HttpRequestReader() = default;

std::unexpected<Fault> HttpRequestReader::refuse(int status, std::string why) {
  refusal_ = status;
  return fail(FaultKind::syntax, std::move(why));
}

int HttpRequestReader::refusal() const {
  return refusal_;
}

Result<bool> HttpRequestReader::take_header(std::string& in) {
  auto& beast = parser_->beast;
  // RFC 9112 section 2.2: empty lines before a request are passed over.
  if (!beast.got_some()) in.erase(0, std::min(in.find_first_not_of("\r\n"), in.size()));
  if (in.empty()) return false;
  boost::beast::error_code error;
  in.erase(0, beast.put(boost::asio::buffer(in), error));
  if (error == http::error::need_more) error = {};
  if (error == http::error::header_limit || (!beast.is_header_done() && in.size() > header_limit_)) {
    return refuse(431, "header of a request too large");
  }
  if (error == http::error::bad_version) return refuse(505, "unknown version of HTTP");
  if (error) return refuse(400, "no request of HTTP: " + error.message());
  if (!beast.is_header_done()) return false;
  if (auto good = check_header(); !good) return std::unexpected(good.error());
  return true;
}

// What would let two programs see different requests in the same octets is refused (RFC 9112 section 11.2).
Result<void> HttpRequestReader::check_header() {
  const auto& message = parser_->beast.get();
  request_.method.assign(message.method_string().data(), message.method_string().size());
  for (const auto& field : message) {
    request_.fields.add(std::string(field.name_string()), std::string(field.value()));
    if (request_.fields.all().size() > kMaxFields) return refuse(431, "too many fields in a request");
  }
  const HttpFields& fields = request_.fields;
  if (message.version() >= 11 ? fields.count("Host") != 1 : fields.count("Host") > 1) {
    return refuse(400, "a request has one Host");
  }
  if (fields.has("Transfer-Encoding")) {
    if (message.version() < 11 || fields.has("Content-Length")) return refuse(400, "two lengths of content");
    const bool chunked =
        fields.count("Transfer-Encoding") == 1 && iequals(*fields.get("Transfer-Encoding"), "chunked");
    if (!chunked) return refuse(501, "unknown Transfer-Encoding");
  }
  const bool is_number = parse_uint(fields.get("Content-Length").value_or("0")).has_value();
  if (fields.count("Content-Length") > 1 || !is_number) return refuse(400, "no one length of content");
  return take_target({message.target().data(), message.target().size()});
}

// "/path?query", or the whole URL of a proxy's request (RFC 9112 section 3.2.2), or "*".
Result<void> HttpRequestReader::take_target(std::string_view target) {
  if (!std::all_of(target.begin(), target.end(), is_of_target)) return refuse(400, "a broken target");
  for (std::string_view scheme : {"http://", "https://"}) {
    if (!istarts_with(target, scheme)) continue;
    target.remove_prefix(std::min(target.find_first_of("/?", scheme.size()), target.size()));
    if (target.empty() || target.front() == '?') {
      request_.path = "/";
      request_.query = target.empty() ? "" : std::string(target.substr(1));
      return {};
    }
  }
  if (target != "*" && !target.starts_with('/')) return refuse(400, "a target begins with /");
  const size_t mark = target.find('?');
  request_.path = target.substr(0, mark);
  if (mark != std::string_view::npos) request_.query = target.substr(mark + 1);
  return {};
}

bool HttpRequestReader::is_current() const {
  return parser_->beast.get().version() >= 11;
}

bool HttpRequestReader::keeps_alive() const {
  return parser_->beast.get().keep_alive();
}

bool HttpRequestReader::waits_for_continue() const {
  return parser_->beast.get().version() >= 11 && request_.fields.lists("Expect", "100-continue");
}

std::optional<uint64_t> HttpRequestReader::content_length() const {
  const auto length = parser_->beast.content_length();
  return length ? std::optional<uint64_t>(*length) : std::nullopt;
}

bool HttpRequestReader::ended() const {
  return parser_->beast.is_done();
}

Result<size_t> HttpRequestReader::take_content(std::string& in, std::span<char> out) {
  auto& beast = parser_->beast;
  auto& body = beast.get().body();
  body.data = out.data();
  body.size = out.size();
  size_t used = 0;
  // Each call goes over one element: the size of a chunk, or octets of it.
  while (!beast.is_done() && used < in.size() && body.size > 0 && broken_.empty()) {
    boost::beast::error_code error;
    const size_t taken = beast.put(boost::asio::buffer(in.data() + used, in.size() - used), error);
    used += taken;
    if (error == http::error::need_buffer) break;
    if (error == http::error::need_more) {
      if (taken == 0) break;
      error = {};
    }
    if (error) broken_ = error.message();
  }
  in.erase(0, used);
  const size_t got = out.size() - body.size;
  body.data = nullptr;
  body.size = 0;
  if (got == 0 && in.size() > kMaxBetweenChunks) broken_ = "too much between two chunks";
  if (got == 0 && !broken_.empty()) return refuse(400, "broken content: " + broken_);
  return got;
}

}  // namespace posthouse::net
