// State strings of JMAP (RFC 8620 section 5.1): a position in the catalog, as text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "catalog/types.h"

namespace posthouse::access::jmap {

std::string format_state(const catalog::Position& position);
// Nothing for what is no state of ours; one that is may still be of another epoch.
std::optional<catalog::Position> parse_state(std::string_view text);

}  // namespace posthouse::access::jmap
