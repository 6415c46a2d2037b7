// Who asks, and for what: HTTP in front of JMAP.
#include "access/jmap/api.h"
#include "access/jmap/blobs.h"
#include "access/jmap/events.h"
#include "access/jmap/limits.h"
#include "base/ascii.h"
#include "base/base64.h"
#include "base/log.h"
#include "wire/jmap/limits.h"

namespace posthouse::access::jmap {
namespace {

using net::HttpExchange;
using net::HttpReply;

constexpr std::string_view kWellKnown = "/.well-known/jmap", kSession = "/jmap/session", kApi = "/jmap/api",
                           kUpload = "/jmap/upload/", kDownload = "/jmap/download/", kEvents = "/jmap/events";
constexpr const char* kProtocol = "jmap";

HttpReply unauthorized(const wire::sasl::Authenticator& authenticator, bool plain_allowed) {
  HttpReply reply = net::plain_http_reply(401);
  // RFC 9110 section 11.6.1. Basic is not offered where nobody may use it.
  if (plain_allowed) reply.fields.add("WWW-Authenticate", "Basic realm=\"Posthouse\", charset=\"UTF-8\"");
  if (authenticator.tokens() != nullptr) reply.fields.add("WWW-Authenticate", "Bearer");
  if (!plain_allowed) reply.body = "Passwords are taken over TLS only.\n";
  return reply;
}

// RFC 7617: "user:password" in Base64.
std::optional<std::pair<std::string, Secret>> basic_of(std::string_view credentials) {
  auto decoded = base64_decode(credentials);
  if (!decoded) return std::nullopt;
  const size_t colon = decoded->find(':');
  if (colon == std::string::npos) return std::nullopt;
  return std::pair(decoded->substr(0, colon), Secret(decoded->substr(colon + 1)));
}

struct Asker {
  std::optional<Caller> caller;
  HttpReply refusal{};  // otherwise
};

HttpReply refusal_of(const Fault& fault, const wire::sasl::Authenticator& authenticator, bool plain_allowed) {
  if (fault.kind == FaultKind::policy || fault.kind == FaultKind::permanent) {
    return unauthorized(authenticator, plain_allowed);
  }
  HttpReply reply = net::plain_http_reply(503);
  reply.fields.add("Retry-After", "5");
  return reply;
}

Task<Asker> asker_of(HttpExchange& exchange, const ServerOptions& options,
                     wire::sasl::Authenticator& authenticator) {
  const net::HttpRequest& request = exchange.request();
  const bool plain_allowed = request.tls || options.allow_plain_login;
  std::string_view field = request.fields.get("Authorization").value_or("");
  if (field.size() > kMaxAuthorization) field = {};
  const size_t blank = field.find(' ');
  const std::string_view scheme = field.substr(0, blank);
  const std::string_view rest =
      blank == std::string_view::npos ? std::string_view() : field.substr(blank + 1);
  std::optional<Result<wire::sasl::Identity>> who;
  if (plain_allowed && iequals(scheme, "Basic")) {
    if (auto basic = basic_of(rest)) {
      who = co_await authenticator.verify_password(std::move(basic->first), std::move(basic->second),
                                                   request.peer.ip, kProtocol);
    }
  } else if (plain_allowed && iequals(scheme, "Bearer") && authenticator.tokens() != nullptr) {
    who = co_await authenticator.verify_token("", Secret(std::string(rest)), request.peer.ip, kProtocol);
  }
  Asker asker;
  if (who && *who) {
    asker.caller = Caller{(*who)->account, (*who)->address, **who};
  } else {
    asker.refusal = who ? refusal_of(who->error(), authenticator, plain_allowed)
                        : unauthorized(authenticator, plain_allowed);
  }
  co_return asker;
}

// Where the client reached us, as it sees it.
std::string base_url(const net::HttpRequest& request) {
  return fmt::format("{}://{}", request.tls ? "https" : "http", request.fields.get("Host").value_or(""));
}

HttpReply wrong_method(const char* allowed) {
  HttpReply reply = net::plain_http_reply(405);
  reply.fields.add("Allow", allowed);
  return reply;
}

bool is_json(const net::HttpRequest& request) {
  std::string_view type = request.fields.get("Content-Type").value_or("");
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return iequals(type, "application/json");
}

Task<HttpReply> api_reply(HttpExchange& exchange, const Services& services, const Caller& caller) {
  if (exchange.request().method != "POST") co_return wrong_method("POST");
  if (!is_json(exchange.request())) {
    co_return problem_reply({"notJSON", 400, "the content of a request is application/json"});
  }
  auto text = co_await exchange.read_all(wire::jmap::kMaxSizeRequest);
  if (text) co_return co_await run_request(services, caller, std::move(*text));
  if (text.error().kind == FaultKind::over_quota) {
    co_return problem_reply({"limit", 400, "the request is too large", "maxSizeRequest"});
  }
  co_return net::plain_http_reply(400);
}

// Nothing: it was answered already.
Task<std::optional<HttpReply>> reply_to(HttpExchange& exchange, const ServerOptions& options,
                                        const Services& services) {
  Asker asker = co_await asker_of(exchange, options, services.authenticator);
  if (!asker.caller) co_return std::move(asker.refusal);
  const net::HttpRequest& request = exchange.request();
  if (request.path.starts_with(kUpload)) {
    if (request.method != "POST") co_return wrong_method("POST");
    co_return co_await upload_reply(exchange, services, *asker.caller, request.path.substr(kUpload.size()));
  }
  if (request.path.starts_with(kDownload)) {
    if (request.method != "GET" && request.method != "HEAD") co_return wrong_method("GET, HEAD");
    co_return co_await download(exchange, services, *asker.caller, request.path.substr(kDownload.size()));
  }
  if (request.path == kEvents) {
    if (request.method != "GET") co_return wrong_method("GET");
    co_return co_await push_events(exchange, services, *asker.caller);
  }
  if (request.path == kApi) co_return co_await api_reply(exchange, services, *asker.caller);
  if (request.path != kWellKnown && request.path != kSession) co_return net::plain_http_reply(404);
  if (request.method != "GET" && request.method != "HEAD") co_return wrong_method("GET, HEAD");
  co_return session_reply(*asker.caller, base_url(request));
}

}  // namespace

bool is_jmap_path(std::string_view path) {
  return path == kWellKnown || path.starts_with("/jmap/");
}

Task<void> answer(HttpExchange& exchange, std::shared_ptr<const ServerOptions> options, Services services) {
  std::optional<HttpReply> reply = co_await reply_to(exchange, *options, services);
  if (!reply) co_return;
  auto sent = co_await exchange.reply(std::move(*reply));
  if (!sent) log::debug("jmap.reply_lost", {{"what", sent.error().what}});
}

}  // namespace posthouse::access::jmap
