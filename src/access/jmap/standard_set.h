// What all methods that change objects have in common (RFC 8620 section 5.3).
#pragma once

#include <boost/json/array.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/jmap/arguments.h"
#include "access/jmap/call.h"
#include "access/jmap/standard.h"

namespace posthouse::access::jmap {

// Points into the call's arguments. Ids of `update` and `destroy` may be "#" and a creation id.
struct SetRequest {
  std::optional<std::string> if_in_state;
  std::vector<std::pair<std::string, const json::object*>> create, update;
  std::vector<std::string> destroy;
};
// Takes "ifInState", "create", "update" and "destroy". requestTooLarge: more than kMaxObjectsInSet.
std::expected<SetRequest, CallError> take_set(Arguments& arguments);

// What became of each.
class SetResponse {
 public:
  // Also makes its id known to the calls that follow.
  void created(Call& call, const std::string& name, json::object object);
  void updated(const std::string& id, json::object more = {});  // `more`: what else changed
  void destroyed(const std::string& id) { destroyed_.emplace_back(id); }
  void not_created(const std::string& name, json::object error) { not_created_[name] = std::move(error); }
  void not_updated(const std::string& id, json::object error) { not_updated_[id] = std::move(error); }
  void forget_not_updated(const std::string& id) { not_updated_.erase(id); }  // it is tried again
  void not_destroyed(const std::string& id, json::object error) { not_destroyed_[id] = std::move(error); }
  bool any_done() const { return !created_.empty() || !updated_.empty() || !destroyed_.empty(); }
  json::object finish(const Call& call, std::string old_state, std::string new_state);

 private:
  json::object created_, updated_, not_created_, not_updated_, not_destroyed_;
  json::array destroyed_;
};

// The SetError of a fault of the store: overQuota, notFound, serverFail and so on.
json::object set_error_of(const Fault& fault);

// Why properties are not as they must be: the SetError invalidProperties, which names all that are wrong.
class WrongProperties {
 public:
  void add(std::string_view name, std::string_view why);
  bool any() const { return !names_.empty(); }
  json::object error() const { return set_error("invalidProperties", description_, names_); }

 private:
  std::vector<std::string> names_;
  std::string description_;
};

}  // namespace posthouse::access::jmap
