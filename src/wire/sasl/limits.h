// The named limits of SASL messages, in octets after base64.
#pragma once

#include <cstddef>

namespace posthouse::wire::sasl {

inline constexpr size_t kMaxMessage = 8192;  // one message of a client
inline constexpr size_t kMaxName = 320;      // a login name: 64 + "@" + 255
inline constexpr size_t kMaxPassword = 1024;
inline constexpr size_t kMaxToken = 6144;  // a bearer token: a large JWT has 2 or 3 KiB
inline constexpr size_t kNameInLog = 256;  // of a login name that failed

}  // namespace posthouse::wire::sasl
