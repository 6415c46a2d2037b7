// What was wrong with a command line, in words that help.
#pragma once

#include <string>

#include "app/cli/definition.h"

namespace posthouse::app {

// Names the first word that is no command or option and the nearest that is one; "" when all words are known,
// and something else is wrong.
std::string unknown_word(const CLI::App& app, int argc, const char* const* argv);

}  // namespace posthouse::app
