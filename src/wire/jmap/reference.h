// References from the arguments of a call to the responses before it (RFC 8620 section 3.7).
#pragma once

#include <boost/json/value.hpp>
#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/jmap/request.h"

namespace posthouse::wire::jmap {

// What is wrong with one call: the type of section 3.6.2, and a description for developers.
struct CallError {
  std::string type;
  std::string description;
};

// How much the references of a request have copied.
struct Copied {
  size_t values = 0, octets = 0;
};

// Puts what "#name" refers to in the place of each such argument. `invalidResultReference` or
// `invalidArguments` otherwise; `arguments` is of no more use then. `responses`: of the calls before, in
// their order.
std::expected<void, CallError> resolve_references(json::object& arguments,
                                                  const std::vector<Invocation>& responses, Copied& copied);

// A JSON Pointer (RFC 6901) that may map through arrays by "*". Nothing where it leads nowhere, or to more
// than may be copied.
std::optional<json::value> point_into(const json::object& response, std::string_view path, Copied& copied);

}  // namespace posthouse::wire::jmap
