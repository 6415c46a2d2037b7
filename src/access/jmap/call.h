// One method call of JMAP while it is worked on (RFC 8620 sections 3.2 to 3.7).
#pragma once

#include <boost/json/object.hpp>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "access/jmap/server.h"
#include "access/object_ids.h"
#include "base/task.h"
#include "wire/jmap/reference.h"
#include "wire/jmap/request.h"

namespace posthouse::access::jmap {

namespace json = boost::json;
using wire::jmap::CallError;

inline constexpr std::string_view kCore = "urn:ietf:params:jmap:core";
inline constexpr std::string_view kMail = "urn:ietf:params:jmap:mail";

class Arguments;

struct Caller {
  store::AccountId account = 0;
  std::string address;
  wire::sasl::Identity identity{};  // by what it came
};

struct Call {
  const Services& services;
  const Caller& caller;
  json::object arguments;                      // references are resolved
  json::object& created_ids;                   // of the request: client's names to ids
  std::vector<wire::jmap::Invocation> also{};  // responses that follow its own
};

using Outcome = std::expected<json::object, CallError>;

struct Method {
  std::string_view name;
  std::string_view capability;  // that a request has to name in "using"
  Task<Outcome> (*run)(Call&);
};

// nullptr: there is none of that name.
const Method* find_method(std::string_view name);
bool is_capability(std::string_view name);
std::vector<std::string_view> method_names();

inline std::string account_id(store::AccountId account) {
  return format_account_id(account);
}
// Takes "accountId": an error when that is there and not the caller's own, the only account there is. One
// that is missing is for `arguments.fault()`.
std::optional<CallError> wrong_account(Arguments& arguments, const Call& call);

}  // namespace posthouse::access::jmap
