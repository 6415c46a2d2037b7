// What the standard methods have in common (RFC 8620 sections 5.1 to 5.3).
#pragma once

#include <boost/json/array.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "access/jmap/arguments.h"
#include "access/jmap/call.h"
#include "catalog/types.h"

namespace posthouse::access::jmap {

// "Foo/get": which objects, and what of them.
struct GetRequest {
  std::optional<std::vector<std::string>> ids;  // nothing: all; each once, in their order
  std::optional<std::set<std::string, std::less<>>>
      properties;  // nothing: all that are told when nobody asks
  bool wants(std::string_view property) const { return !properties || properties->contains(property); }
};
// Takes "ids" and "properties"; the caller may take more of its own. requestTooLarge: too many ids.
std::expected<GetRequest, CallError> take_get(Arguments& arguments);
// `state`, `list` and `notFound` behind accountId.
json::object get_response(const Call& call, std::string state, json::array list, json::array not_found);

// "Foo/changes".
struct ChangesRequest {
  std::string since;
  size_t most = 0;
};
std::expected<ChangesRequest, CallError> take_changes(Arguments& arguments);
json::object changes_response(const Call& call, std::string old_state, const catalog::Changes& changes,
                              std::string (*format)(uint64_t));

// A fault of the store or the catalog, as the error of a call: serverUnavailable, serverFail.
CallError call_error(const Fault& fault);
inline std::unexpected<CallError> refusal(std::string type, std::string description = "") {
  return std::unexpected(CallError{std::move(type), std::move(description)});
}

// An id that may be "#" and the name of an object that was created by a call before (section 5.3). Nothing
// when that was not.
std::optional<std::string> created_id(const Call& call, std::string_view id);

// A SetError (section 5.3).
json::object set_error(std::string_view type, std::string_view description = "",
                       std::vector<std::string> properties = {});

}  // namespace posthouse::access::jmap
