// Unicode as mail needs it: validity, NFC, case folding. Pure functions, thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/utf8.h"

namespace posthouse::message {

using posthouse::append_utf8;
using posthouse::is_utf8;
using posthouse::to_valid_utf8;
using posthouse::utf8_code_point;
using posthouse::utf8_sequence;

// NFC and full case folding, NFC again; ill-formed bytes become U+FFFD. Pure ASCII takes a short way.
std::string fold_case(std::string_view utf8);
std::string normalize_nfc(std::string_view utf8);

// The last place (of the last few hundred octets) where `utf8` can be cut so that both sides normalise and
// fold alone; a character's start in any case; 0 if there is none.
size_t last_fold_boundary(std::string_view utf8);

}  // namespace posthouse::message
