#include "access/jmap/standard_set.h"

#include "access/jmap/limits.h"
#include "base/log.h"

namespace posthouse::access::jmap {
namespace {

using Objects = std::vector<std::pair<std::string, const json::object*>>;

Objects take_objects(Arguments& arguments, std::string_view name) {
  Objects out;
  const json::object* all = arguments.object(name);
  if (all == nullptr) return out;
  for (const auto& one : *all) {
    const json::object* object = one.value().if_object();
    if (object == nullptr) arguments.refuse(name, "has something in it that is no object");
    if (object != nullptr) out.emplace_back(std::string(one.key()), object);
  }
  return out;
}

json::value or_null(json::object object) {
  if (object.empty()) return nullptr;
  return object;
}

}  // namespace

std::expected<SetRequest, CallError> take_set(Arguments& arguments) {
  SetRequest out;
  out.if_in_state = arguments.string("ifInState");
  out.create = take_objects(arguments, "create");
  out.update = take_objects(arguments, "update");
  out.destroy = arguments.strings("destroy").value_or(std::vector<std::string>());
  if (out.create.size() + out.update.size() + out.destroy.size() > kMaxObjectsInSet)
    return refusal("requestTooLarge");
  return out;
}

void SetResponse::created(Call& call, const std::string& name, json::object object) {
  call.created_ids[name] = object.at("id");
  created_[name] = std::move(object);
}

void SetResponse::updated(const std::string& id, json::object more) {
  updated_[id] = or_null(std::move(more));
}

json::object SetResponse::finish(const Call& call, std::string old_state, std::string new_state) {
  json::object out;
  out["accountId"] = account_id(call.caller.account);
  out["oldState"] = std::move(old_state);
  out["newState"] = std::move(new_state);
  out["created"] = or_null(std::move(created_));
  out["updated"] = or_null(std::move(updated_));
  out["destroyed"] = destroyed_.empty() ? json::value(nullptr) : json::value(std::move(destroyed_));
  out["notCreated"] = or_null(std::move(not_created_));
  out["notUpdated"] = or_null(std::move(not_updated_));
  out["notDestroyed"] = or_null(std::move(not_destroyed_));
  return out;
}

json::object set_error_of(const Fault& fault) {
  switch (fault.kind) {
    case FaultKind::over_quota:
      return set_error("overQuota", fault.what);
    case FaultKind::not_found:
      return set_error("notFound");
    case FaultKind::policy:
    case FaultKind::permanent:
      return set_error("forbidden", fault.what);
    default:
      log::warn("jmap.not_changed", {{"what", fault.what}});
      return set_error("serverFail", "the store cannot do this now");
  }
}

void WrongProperties::add(std::string_view name, std::string_view why) {
  if (std::ranges::find(names_, name) != names_.end()) return;
  names_.emplace_back(name);
  if (description_.empty()) description_ = fmt::format("\"{}\" {}", name, why);
}

}  // namespace posthouse::access::jmap
