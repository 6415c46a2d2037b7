// Which methods there are.
#include <algorithm>
#include <iterator>

#include "access/jmap/call.h"

namespace posthouse::access::jmap {
namespace {

// By name.
constexpr Method kMethods[] = {
    {"Core/echo", kCore, core_echo},
};

}  // namespace

const Method* find_method(std::string_view name) {
  const Method* found = std::ranges::lower_bound(kMethods, name, {}, &Method::name);
  return found != std::end(kMethods) && found->name == name ? found : nullptr;
}

bool is_capability(std::string_view name) {
  return std::ranges::any_of(kMethods, [&](const Method& method) { return method.capability == name; });
}

std::string account_id(store::AccountId account) {
  return "A" + std::to_string(account);
}

std::expected<store::AccountId, CallError> account_of(const Call& call) {
  const json::value* named = call.arguments.if_contains("accountId");
  if (named == nullptr || !named->is_string()) {
    return std::unexpected(CallError{"invalidArguments", "accountId is no string"});
  }
  if (std::string_view(named->get_string()) != account_id(call.caller.account)) {
    return std::unexpected(CallError{"accountNotFound", ""});
  }
  return call.caller.account;
}

// RFC 8620 section 4.
Task<Outcome> core_echo(Call& call) {
  co_return std::move(call.arguments);
}

}  // namespace posthouse::access::jmap
