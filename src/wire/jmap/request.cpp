#include "wire/jmap/request.h"

#include <boost/json/serialize.hpp>

#include "base/ascii.h"
#include "wire/jmap/limits.h"
#include "wire/jmap/strict_json.h"

namespace posthouse::wire::jmap {
namespace {

std::unexpected<Problem> not_request(std::string detail) {
  return std::unexpected(Problem{"notRequest", 400, std::move(detail)});
}

std::expected<void, Problem> take_capabilities(const json::object& from, Request& request) {
  const json::value* list = from.if_contains("using");
  if (list == nullptr || !list->is_array()) return not_request("\"using\" is no array");
  if (list->get_array().size() > kMaxCapabilities) return not_request("too many capabilities in \"using\"");
  for (const json::value& one : list->get_array()) {
    if (!one.is_string()) return not_request("a capability in \"using\" is no string");
    request.capabilities.emplace_back(one.get_string());
  }
  return {};
}

std::expected<Invocation, Problem> call_of(json::value& from) {
  json::array* parts = from.if_array();
  const bool good = parts != nullptr && parts->size() == 3 && (*parts)[0].is_string() &&
                    (*parts)[1].is_object() && (*parts)[2].is_string();
  if (!good) return not_request("a method call is not [name, {arguments}, id]");
  if ((*parts)[2].get_string().size() > kMaxCallId) return not_request("the id of a method call is too long");
  return Invocation{std::string((*parts)[0].get_string()), std::move((*parts)[1].get_object()),
                    std::string((*parts)[2].get_string())};
}

std::expected<void, Problem> take_calls(json::object& from, Request& request) {
  json::value* list = from.if_contains("methodCalls");
  if (list == nullptr || !list->is_array()) return not_request("\"methodCalls\" is no array");
  if (list->get_array().size() > kMaxCallsInRequest) {
    return std::unexpected(Problem{"limit", 400, "too many method calls in a request", "maxCallsInRequest"});
  }
  for (json::value& one : list->get_array()) {
    auto call = call_of(one);
    if (!call) return std::unexpected(call.error());
    request.calls.push_back(std::move(*call));
  }
  return {};
}

std::expected<void, Problem> take_created_ids(json::object& from, Request& request) {
  json::value* map = from.if_contains("createdIds");
  if (map == nullptr || map->is_null()) return {};
  if (!map->is_object()) return not_request("\"createdIds\" is no object");
  if (map->get_object().size() > kMaxCreatedIds) return not_request("too many \"createdIds\"");
  for (const auto& [name, id] : map->get_object()) {
    const bool good = is_id({name.data(), name.size()}) && id.is_string() && is_id(id.get_string());
    if (!good) return not_request("\"createdIds\" leads from ids to ids");
  }
  request.created_ids = std::move(map->get_object());
  return {};
}

}  // namespace

bool is_id(std::string_view text) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !text.empty() && text.size() <= kMaxId && std::all_of(text.begin(), text.end(), good);
}

std::string to_json(const Problem& problem) {
  json::object out;
  out["type"] = "urn:ietf:params:jmap:error:" + problem.type;
  out["status"] = problem.status;
  out["detail"] = problem.detail;
  if (!problem.limit.empty()) out["limit"] = problem.limit;
  return json::serialize(out);
}

std::expected<Request, Problem> parse_request(std::string_view text) {
  if (text.size() > kMaxSizeRequest) {
    return std::unexpected(Problem{"limit", 400, "the request is too large", "maxSizeRequest"});
  }
  auto value = parse_strict(text);
  if (!value) return std::unexpected(Problem{"notJSON", 400, value.error().what});
  if (!value->is_object()) return not_request("a request is an object");
  json::object& from = value->get_object();
  Request request;
  auto taken = take_capabilities(from, request);
  if (taken) taken = take_calls(from, request);
  if (taken) taken = take_created_ids(from, request);
  if (!taken) return std::unexpected(taken.error());
  return request;
}

}  // namespace posthouse::wire::jmap
