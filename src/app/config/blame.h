// Faults whose cause is the value of an option.
#pragma once

#include <fmt/format.h>

#include <string_view>

#include "base/result.h"

namespace posthouse::app {

// The fault with the option's key in front; Loaded::told() then finds where it stands.
inline std::unexpected<Fault> blame(std::string_view key, Fault fault) {
  fault.what = fmt::format("{}: {}", key, fault.what);
  return std::unexpected(std::move(fault));
}

}  // namespace posthouse::app
