// What somebody may have meant who mistyped a name.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace posthouse::app {

// How many letters must change, come or go to make `b` of `a`.
size_t edit_distance(std::string_view a, std::string_view b);

// The candidate that differs least from `word`, by two letters at most; "" when none comes so near.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace posthouse::app
