// The commands and their options as CLI11 sees them. Only for the two files that include CLI11.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>

#include "app/cli/invocation.h"

namespace posthouse::app {

// `into` gets the values and outlives the result.
std::unique_ptr<CLI::App> define_commands(Invocation& into);

}  // namespace posthouse::app
