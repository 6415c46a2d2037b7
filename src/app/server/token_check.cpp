#include "app/server/token_check.h"

#include <openssl/evp.h>

#include <boost/json.hpp>

#include "app/config/blame.h"
#include "app/core/core.h"
#include "app/limits.h"
#include "base/ascii.h"
#include "base/base64.h"
#include "base/log.h"
#include "wire/sasl/limits.h"

namespace posthouse::app {
namespace {

namespace json = boost::json;

std::string sha256(std::string_view text) {
  std::string out(32, '\0');
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(out.data()), &size, EVP_sha256(),
             nullptr);
  return out;
}

// application/x-www-form-urlencoded
std::string form_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (is_alnum(c) || c == '-' || c == '_' || c == '.' || c == '*') {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

std::optional<SystemTime> time_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  json::error_code failed;
  const auto number = value->to_number<double>(failed);
  constexpr double kMost = 1e11;  // the year 5138
  if (failed || number < 0) return SystemTime{};
  return SystemTime(seconds(static_cast<int64_t>(std::min(number, kMost))));
}

// "aud" is one text or a list of them.
bool has_audience(const json::object& object, std::string_view wanted) {
  if (wanted.empty() || text_of(object, "aud") == wanted) return true;
  const json::value* list = object.if_contains("aud");
  if (list == nullptr || !list->is_array()) return false;
  return std::ranges::any_of(list->get_array(), [&](const json::value& one) {
    return one.is_string() && std::string_view(one.get_string()) == wanted;
  });
}

bool has_scope(const json::object& object, std::string_view wanted) {
  const std::string scope = text_of(object, "scope");
  const std::vector<std::string_view> there = split(scope, ' ');
  for (const std::string_view word : split(wanted, ' ')) {
    if (!word.empty() && std::ranges::find(there, word) == there.end()) return false;
  }
  return true;
}

std::unexpected<Fault> not_good(std::string why) {
  return fail(FaultKind::policy, "token: " + std::move(why));
}

struct Counted {
  explicit Counted(std::atomic<size_t>& count) : count_(count), number(++count) {}
  ~Counted() { --count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  std::atomic<size_t>& count_;
  size_t number;
};

}  // namespace

Result<TokenFacts> read_introspection(std::string_view text, const TokenWishes& wishes, SystemTime now) {
  json::error_code failed;
  const json::value value = json::parse(json::string_view(text.data(), text.size()), failed);
  const json::object* object = failed ? nullptr : value.if_object();
  const json::value* active = object != nullptr ? object->if_contains("active") : nullptr;
  if (active == nullptr || !active->is_bool()) {
    return fail(FaultKind::temporary, "token introspection: the answer is no response of RFC 7662");
  }
  if (!active->get_bool()) return not_good("not active");
  TokenFacts facts;
  facts.until = time_of(*object, "exp").value_or(SystemTime::max());
  if (facts.until <= now) return not_good("its time is over");
  if (time_of(*object, "nbf").value_or(SystemTime{}) > now) return not_good("its time has not come");
  if (!wishes.issuer.empty() && text_of(*object, "iss") != wishes.issuer)
    return not_good("of another issuer");
  if (!has_audience(*object, wishes.audience)) return not_good("for another audience");
  if (!has_scope(*object, wishes.scope)) return fail(FaultKind::permanent, "token: without the scope");
  facts.user = text_of(*object, wishes.username_claim);
  if (facts.user.empty() || facts.user.size() > wire::sasl::kMaxName) {
    return not_good(fmt::format("without a usable claim '{}'", wishes.username_claim));
  }
  // Whoever may write any address into his own profile would have everybody's mail.
  const json::value* verified = object->if_contains("email_verified");
  const bool denied = verified != nullptr && verified->is_bool() && !verified->get_bool();
  if (wishes.username_claim == "email" && denied) return not_good("its address is not verified");
  return facts;
}

TokenCheck::TokenCheck(const Config& config, net::Resolver& resolver, const Clock& clock)
    : resolver_(resolver),
      clock_(clock),
      client_id_(config.oauth.client_id),
      wishes_{config.oauth.username_claim, config.oauth.issuer, config.oauth.audience, config.oauth.scope},
      offer_{config.oauth.scope, config.oauth.openid_configuration},
      timeout_(config.oauth.timeout),
      cache_(config.oauth.cache),
      known_(kMostTokensKnown) {}

Result<std::unique_ptr<TokenCheck>> TokenCheck::make(const Config& config, net::Resolver& resolver,
                                                     const Clock& clock) {
  if (config.oauth.introspection_url.empty()) return nullptr;
  std::unique_ptr<TokenCheck> made(new TokenCheck(config, resolver, clock));
  auto url = net::parse_http_url(config.oauth.introspection_url);
  if (!url) return blame("oauth.introspection_url", url.error());
  made->url_ = std::move(*url);
  if (!config.oauth.client_secret_file.empty()) {
    auto secret = read_first_line(config.oauth.client_secret_file);
    if (!secret) return blame("oauth.client_secret_file", secret.error());
    made->client_secret_ = Secret(std::move(*secret));
  }
  if (made->url_.tls) {
    auto tls = net::TlsContext::client(true, config.tls.ca_file);
    if (!tls) return std::unexpected(tls.error());
    made->tls_ = std::move(*tls);
  }
  return made;
}

// RFC 7662 section 2.1; the client's name and secret as RFC 6749 section 2.3.1 wants them.
Task<Result<net::HttpAnswer>> TokenCheck::ask(const Secret& token) {
  net::HttpQuestion question;
  question.method = "POST";
  question.fields = {{"Accept", "application/json"}, {"Content-Type", "application/x-www-form-urlencoded"}};
  if (!client_id_.empty()) {
    const std::string pair = form_encoded(client_id_) + ":" + form_encoded(client_secret_.reveal());
    question.fields.emplace_back("Authorization", "Basic " + base64_encode(pair));
  }
  question.body = "token=" + form_encoded(token.reveal()) + "&token_type_hint=access_token";
  net::HttpUrl url = url_;
  std::shared_ptr<const net::TlsContext> tls = tls_;
  Result<net::HttpAnswer> answer = co_await net::ask_http(std::move(url), std::move(question), std::move(tls),
                                                          resolver_, clock_.steady() + timeout_);
  if (answer && answer->status != 200) {
    answer = fail(FaultKind::temporary, fmt::format("{} answers {}", url_.host, answer->status));
  }
  if (!answer) {
    log::warn("oauth.no_answer", {{"host", url_.host}, {"reason", answer.error().what}});
    answer = fail(FaultKind::temporary, "token introspection: " + answer.error().what);
  }
  co_return answer;
}

std::optional<std::string> TokenCheck::remembered(const std::string& digest) {
  const std::lock_guard lock(mutex_);
  const Known* known = known_.find(digest);
  if (known == nullptr || known->until <= clock_.steady()) return std::nullopt;
  return known->user;
}

void TokenCheck::remember(const std::string& digest, const TokenFacts& facts) {
  const auto left = std::chrono::duration_cast<milliseconds>(facts.until - clock_.now());
  const Known known{facts.user, clock_.steady() + std::min<milliseconds>(left, cache_)};
  const std::lock_guard lock(mutex_);
  known_.put(digest, known);
}

Task<Result<std::string>> TokenCheck::user_of(Secret token) {
  const std::string digest = sha256(token.reveal());
  if (std::optional<std::string> user = remembered(digest)) co_return std::move(*user);
  const Counted counted(asking_);
  if (counted.number > kMostTokensAsked)
    co_return fail(FaultKind::temporary, "too many tokens to ask for at once");
  Result<net::HttpAnswer> answer = co_await ask(token);
  if (!answer) co_return std::unexpected(answer.error());
  Result<TokenFacts> facts = read_introspection(answer->body, wishes_, clock_.now());
  if (!facts) {
    if (facts.error().kind == FaultKind::temporary)
      log::warn("oauth.no_answer", {{"host", url_.host}, {"reason", facts.error().what}});
    co_return std::unexpected(facts.error());
  }
  remember(digest, *facts);
  co_return std::move(facts->user);
}

}  // namespace posthouse::app
