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

// The titlecased and decomposed form that the collation i;unicode-casemap compares octet by octet (RFC 5051
// section 2): what SEARCH, SORT and THREAD go by (RFC 5255 section 4.2). Character by character, so that a
// text cut between two characters gives the same. Ill-formed bytes become U+FFFD, once per byte.
std::string casemap(std::string_view utf8);

}  // namespace posthouse::message
