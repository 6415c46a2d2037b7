// The version of the program.
#pragma once

namespace posthouse::app {

constexpr const char* kVersion = "0.1.0";

}  // namespace posthouse::app
