// The arguments of a method call, each of the type that the method says (RFC 8620 section 3.6.2).
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "wire/jmap/reference.h"

namespace posthouse::access::jmap {

namespace json = boost::json;

inline constexpr int64_t kMaxInt = (int64_t{1} << 53) - 1;  // RFC 8620 section 1.3

// An integer of at most kMaxInt either way; nothing for any other value.
std::optional<int64_t> integer_of(const json::value& value);

// Takes arguments by name. What is missing or null is nothing; the first that is wrong is remembered. Who has
// asked for all that there may be asks for fault(), which also finds those that nobody asked for. Points into
// the object, which outlives it.
class Arguments {
 public:
  explicit Arguments(const json::object& all) : all_(all) {}

  std::optional<std::string> string(std::string_view name);
  bool boolean(std::string_view name, bool otherwise);
  std::optional<int64_t> integer(std::string_view name);
  std::optional<uint64_t> unsigned_integer(std::string_view name);
  std::optional<std::vector<std::string>> strings(std::string_view name);
  const json::object* object(std::string_view name);
  const json::array* array(std::string_view name);
  // Of any type; nullptr when it is not there.
  const json::value* any(std::string_view name);

  // The same, of which there has to be one.
  std::string required_string(std::string_view name);
  std::vector<std::string> required_strings(std::string_view name);
  const json::object& required_object(std::string_view name);

  void refuse(std::string_view name, std::string_view why);
  // "invalidArguments" with the names, or nothing.
  std::optional<wire::jmap::CallError> fault() const;

 private:
  const json::value* find(std::string_view name);  // null counts as missing

  const json::object& all_;
  std::set<std::string, std::less<>> asked_;
  std::string wrong_;
};

}  // namespace posthouse::access::jmap
