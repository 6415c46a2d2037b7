#include "wire/sasl/bearer_message.h"

#include <algorithm>

#include "base/ascii.h"
#include "wire/sasl/limits.h"
#include "wire/sasl/scram_message.h"

namespace posthouse::wire::sasl {
namespace {

constexpr char kSeparator = '\x01';

// RFC 6750 section 2.1: b64token.
bool is_token(std::string_view text) {
  const size_t end = std::min(text.find('='), text.size());
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._~+/").find(c) != std::string_view::npos;
  };
  return end > 0 && text.size() <= kMaxToken && std::all_of(text.begin(), text.begin() + end, fits) &&
         text.find_first_not_of('=', end) == std::string_view::npos;
}

// "Bearer token", the scheme in any case (RFC 9110 section 11.1).
std::optional<Secret> token_of(std::string_view auth) {
  constexpr std::string_view kScheme = "Bearer ";
  if (!iequals(auth.substr(0, kScheme.size()), kScheme)) return std::nullopt;
  const std::string_view token = trim(auth.substr(kScheme.size()));
  if (!is_token(token)) return std::nullopt;
  return Secret(std::string(token));
}

struct Pairs {
  std::optional<std::string_view> user, auth;
};

// key=value ^A ... ^A; other keys (host, port and what may come) are passed over.
std::optional<Pairs> read_pairs(std::string_view text) {
  Pairs out;
  while (true) {
    const size_t end = text.find(kSeparator);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (pair.empty()) break;
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos || equals == 0) return std::nullopt;
    const std::string_view key = pair.substr(0, equals);
    std::optional<std::string_view>* to = key == "user" ? &out.user : key == "auth" ? &out.auth : nullptr;
    if (to == nullptr) continue;
    if (*to) return std::nullopt;
    *to = pair.substr(equals + 1);
  }
  if (!text.empty()) return std::nullopt;
  return out;
}

}  // namespace

std::optional<BearerMessage> parse_oauthbearer(std::string_view message) {
  const size_t header_end = message.find(kSeparator);
  if (header_end == std::string_view::npos) return std::nullopt;
  std::optional<std::string> authzid = parse_gs2_header(message.substr(0, header_end));
  if (!authzid) return std::nullopt;
  const std::optional<Pairs> pairs = read_pairs(message.substr(header_end + 1));
  if (!pairs || !pairs->auth) return std::nullopt;
  std::optional<Secret> token = token_of(*pairs->auth);
  if (!token) return std::nullopt;
  return BearerMessage{std::move(*authzid), std::move(*token)};
}

std::optional<BearerMessage> parse_xoauth2(std::string_view message) {
  const std::optional<Pairs> pairs = read_pairs(message);
  if (!pairs || !pairs->auth) return std::nullopt;
  std::optional<Secret> token = token_of(*pairs->auth);
  if (!token) return std::nullopt;
  return BearerMessage{std::string(pairs->user.value_or("")), std::move(*token)};
}

}  // namespace posthouse::wire::sasl
