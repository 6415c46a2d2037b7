// What stands between "&" and ";" in HTML and XML.
#pragma once

#include <optional>
#include <string_view>

namespace posthouse::message {

// "amp", "#233", "#xE9"; of the names those that letters have. Nothing where it is no reference; U+FFFD
// where no character has the number (HTML, section 13.2.5.80).
std::optional<char32_t> character_reference(std::string_view name);

}  // namespace posthouse::message
