// What import and export tell alike.
#pragma once

#include <string>

#include "app/cli/invocation.h"
#include "app/moving/import.h"

namespace posthouse::app::actions {

// `verb`: "imported", "exported". Returns the exit status.
int print_moved(const Invocation& in, const moving::MoveOutcome& outcome, const std::string& verb);

}  // namespace posthouse::app::actions
