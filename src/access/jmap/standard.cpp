#include "access/jmap/standard.h"

#include "access/jmap/limits.h"
#include "access/jmap/states.h"
#include "base/log.h"

namespace posthouse::access::jmap {

std::expected<GetRequest, CallError> take_get(Arguments& arguments) {
  GetRequest out;
  std::optional<std::vector<std::string>> ids = arguments.strings("ids");
  if (ids) {
    if (ids->size() > kMaxObjectsInGet) return refusal("requestTooLarge");
    // Each is told once, however often it is asked for.
    std::set<std::string_view> seen;
    std::vector<std::string> each;
    for (const std::string& id : *ids) {
      if (seen.insert(id).second) each.push_back(id);
    }
    out.ids = std::move(each);
  }
  if (std::optional<std::vector<std::string>> properties = arguments.strings("properties")) {
    out.properties.emplace(properties->begin(), properties->end());
    out.properties->insert("id");
  }
  return out;
}

json::object get_response(const Call& call, std::string state, json::array list, json::array not_found) {
  json::object out;
  out["accountId"] = account_id(call.caller.account);
  out["state"] = std::move(state);
  out["list"] = std::move(list);
  out["notFound"] = std::move(not_found);
  return out;
}

std::expected<ChangesRequest, CallError> take_changes(Arguments& arguments) {
  ChangesRequest out;
  out.since = arguments.required_string("sinceState");
  const std::optional<uint64_t> most = arguments.unsigned_integer("maxChanges");
  if (most && *most == 0) arguments.refuse("maxChanges", "is 0");
  out.most = static_cast<size_t>(std::min<uint64_t>(most.value_or(kMaxChanges), kMaxChanges));
  if (auto fault = arguments.fault()) return std::unexpected(std::move(*fault));
  return out;
}

json::object changes_response(const Call& call, std::string old_state, const catalog::Changes& changes,
                              std::string (*format)(uint64_t)) {
  const auto listed = [format](const std::vector<uint64_t>& ids) {
    json::array out;
    out.reserve(ids.size());
    for (const uint64_t id : ids) out.emplace_back(format(id));
    return out;
  };
  json::object out;
  out["accountId"] = account_id(call.caller.account);
  out["oldState"] = std::move(old_state);
  out["newState"] = format_state(changes.now);
  out["hasMoreChanges"] = changes.more;
  out["created"] = listed(changes.created);
  out["updated"] = listed(changes.updated);
  out["destroyed"] = listed(changes.destroyed);
  return out;
}

CallError call_error(const Fault& fault) {
  log::warn("jmap.call_failed", {{"what", fault.what}});
  if (fault.kind == FaultKind::not_found) return {"accountNotFound", ""};
  return {"serverUnavailable", "the store cannot do this now"};
}

std::optional<std::string> created_id(const Call& call, std::string_view id) {
  if (!id.starts_with('#')) return std::string(id);
  const json::value* made = call.created_ids.if_contains(id.substr(1));
  if (made == nullptr || !made->is_string()) return std::nullopt;
  return std::string(made->get_string());
}

json::object set_error(std::string_view type, std::string_view description,
                       std::vector<std::string> properties) {
  json::object out;
  out["type"] = type;
  if (!description.empty()) out["description"] = description;
  if (!properties.empty()) {
    json::array& names = out["properties"].emplace_array();
    for (std::string& name : properties) names.emplace_back(std::move(name));
  }
  return out;
}

}  // namespace posthouse::access::jmap
