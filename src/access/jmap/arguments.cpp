#include "access/jmap/arguments.h"

#include <boost/json/array.hpp>
#include <cmath>

namespace posthouse::access::jmap {
namespace {

const json::object kNoObject;

}  // namespace

std::optional<int64_t> integer_of(const json::value& value) {
  if (const int64_t* number = value.if_int64()) {
    if (*number > kMaxInt || *number < -kMaxInt) return std::nullopt;
    return *number;
  }
  // 1.0 is the same number as 1.
  if (const double* number = value.if_double()) {
    if (std::trunc(*number) != *number || std::abs(*number) > static_cast<double>(kMaxInt))
      return std::nullopt;
    return static_cast<int64_t>(*number);
  }
  return std::nullopt;
}

void Arguments::refuse(std::string_view name, std::string_view why) {
  if (wrong_.empty()) wrong_ = fmt::format("\"{}\" {}", name, why);
}

const json::value* Arguments::any(std::string_view name) {
  asked_.emplace(name);
  return all_.if_contains(name);
}

const json::value* Arguments::find(std::string_view name) {
  const json::value* found = any(name);
  return found == nullptr || found->is_null() ? nullptr : found;
}

std::optional<std::string> Arguments::string(std::string_view name) {
  const json::value* found = find(name);
  if (found == nullptr) return std::nullopt;
  if (const json::string* text = found->if_string()) return std::string(*text);
  refuse(name, "is no string");
  return std::nullopt;
}

bool Arguments::boolean(std::string_view name, bool otherwise) {
  const json::value* found = find(name);
  if (found == nullptr) return otherwise;
  if (const bool* value = found->if_bool()) return *value;
  refuse(name, "is neither true nor false");
  return otherwise;
}

std::optional<int64_t> Arguments::integer(std::string_view name) {
  const json::value* found = find(name);
  if (found == nullptr) return std::nullopt;
  const std::optional<int64_t> number = integer_of(*found);
  if (!number) refuse(name, "is no integer");
  return number;
}

std::optional<uint64_t> Arguments::unsigned_integer(std::string_view name) {
  const std::optional<int64_t> number = integer(name);
  if (!number) return std::nullopt;
  if (*number >= 0) return static_cast<uint64_t>(*number);
  refuse(name, "is negative");
  return std::nullopt;
}

std::optional<std::vector<std::string>> Arguments::strings(std::string_view name) {
  const json::array* found = array(name);
  if (found == nullptr) return std::nullopt;
  std::vector<std::string> out;
  for (const json::value& one : *found) {
    const json::string* text = one.if_string();
    if (text == nullptr) {
      refuse(name, "has something in it that is no string");
      return std::nullopt;
    }
    out.emplace_back(*text);
  }
  return out;
}

const json::object* Arguments::object(std::string_view name) {
  const json::value* found = find(name);
  if (found == nullptr) return nullptr;
  if (!found->is_object()) refuse(name, "is no object");
  return found->if_object();
}

const json::array* Arguments::array(std::string_view name) {
  const json::value* found = find(name);
  if (found == nullptr) return nullptr;
  if (!found->is_array()) refuse(name, "is no array");
  return found->if_array();
}

std::string Arguments::required_string(std::string_view name) {
  std::optional<std::string> text = string(name);
  if (!text) refuse(name, "is missing");
  return std::move(text).value_or("");
}

std::vector<std::string> Arguments::required_strings(std::string_view name) {
  std::optional<std::vector<std::string>> all = strings(name);
  if (!all) refuse(name, "is missing");
  return std::move(all).value_or(std::vector<std::string>());
}

const json::object& Arguments::required_object(std::string_view name) {
  const json::object* found = object(name);
  if (found == nullptr) refuse(name, "is missing");
  return found == nullptr ? kNoObject : *found;
}

std::optional<wire::jmap::CallError> Arguments::fault() const {
  if (!wrong_.empty()) return wire::jmap::CallError{"invalidArguments", wrong_};
  for (const auto& one : all_) {
    if (!asked_.contains(std::string_view(one.key())))
      return wire::jmap::CallError{"invalidArguments",
                                   fmt::format("there is no \"{}\"", std::string_view(one.key()))};
  }
  return std::nullopt;
}

}  // namespace posthouse::access::jmap
