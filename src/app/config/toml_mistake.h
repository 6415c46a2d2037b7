// What is wrong with a text that is no TOML, for people.
#pragma once

#include <string>
#include <string_view>

namespace posthouse::app {

// From what toml++ says, "Error while parsing string: encountered end-of-file": without its first words, and
// always with what was expected.
std::string describe_toml_mistake(std::string_view said);

}  // namespace posthouse::app
