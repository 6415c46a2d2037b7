// Base64 (RFC 4648 section 4) and quoted-printable's cousin in SASL lines: no line breaks, strict padding.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace posthouse {

std::string base64_encode(std::string_view bytes);

// Strict: only the alphabet, padding required and only at the end, no blanks. Nothing on anything else.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace posthouse
