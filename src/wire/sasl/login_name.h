// What may be a login name at all.
#pragma once

#include <string_view>

namespace posthouse::wire::sasl {

// 1 to kMaxName octets without control characters.
bool is_login_name(std::string_view name);

}  // namespace posthouse::wire::sasl
