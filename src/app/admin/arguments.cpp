#include <fmt/chrono.h>

#include "app/admin/verbs.h"
#include "message/address.h"

namespace posthouse::app::verbs {

std::string text(const Arguments& arguments, std::string_view name) {
  const auto* value = arguments.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

Result<std::string> required(const Arguments& arguments, std::string_view name) {
  std::string value = text(arguments, name);
  if (value.empty()) return fail(FaultKind::syntax, fmt::format("{} is missing", name));
  return value;
}

Result<std::string> address_of(const Arguments& arguments) {
  auto address = required(arguments, "address");
  if (!address) return address;
  return message::address_key(*address);
}

bool flag(const Arguments& arguments, std::string_view name) {
  const auto* value = arguments.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

std::optional<uint64_t> number(const Arguments& arguments, std::string_view name) {
  const auto* value = arguments.if_contains(name);
  if (value == nullptr) return std::nullopt;
  boost::json::error_code failed;
  auto out = value->to_number<uint64_t>(failed);
  if (failed) return std::nullopt;
  return out;
}

boost::json::value number_or_null(const std::optional<uint64_t>& number) {
  return number ? boost::json::value(*number) : boost::json::value(nullptr);
}

std::vector<std::string> list(const Arguments& arguments, std::string_view name) {
  std::vector<std::string> out;
  const auto* value = arguments.if_contains(name);
  if (value == nullptr || !value->is_array()) return out;
  for (const auto& item : value->get_array()) {
    if (item.is_string()) out.emplace_back(item.get_string());
  }
  return out;
}

std::string iso_time(SystemTime time) {
  return fmt::format("{:%FT%TZ}", std::chrono::floor<seconds>(time));
}

}  // namespace posthouse::app::verbs
