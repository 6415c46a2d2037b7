// The option table for people: the reference, and a whole configuration as a file.
#pragma once

#include <string>

#include "app/config/config.h"

namespace posthouse::app {

// Markdown: docs/configuration.md.
std::string config_reference();

// A file that sets every option to what `config` has. `comments`: each with its explanation above it.
std::string config_as_toml(const Config& config, bool comments);

}  // namespace posthouse::app
