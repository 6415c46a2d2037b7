// A request of JMAP (RFC 8620 section 3.3), and what can be wrong with one as a whole (section 3.6.1).
#pragma once

#include <boost/json/object.hpp>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace posthouse::wire::jmap {

namespace json = boost::json;

// A call of a method, or the response to one (section 3.2).
struct Invocation {
  std::string name;
  json::object arguments;
  std::string id;  // the client's
};

struct Request {
  std::vector<std::string> capabilities;  // "using"
  std::vector<Invocation> calls;
  std::optional<json::object> created_ids;  // names to ids, both strings
};

// Why a whole request is refused: problem details (RFC 7807).
struct Problem {
  std::string
      type;  // "notJSON", "notRequest", "limit", "unknownCapability": behind urn:ietf:params:jmap:error:
  int status = 400;
  std::string detail;
  std::string limit{};  // of type "limit": its name
};
std::string to_json(const Problem& problem);

// From the octets of a request, which are no more than kMaxSizeRequest.
std::expected<Request, Problem> parse_request(std::string_view text);

// An Id (section 1.2): 1 to 255 of A-Z, a-z, 0-9, "-" and "_".
bool is_id(std::string_view text);

}  // namespace posthouse::wire::jmap
