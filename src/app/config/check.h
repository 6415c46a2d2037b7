// Rules that concern several options at once.
#pragma once

#include "app/config/load.h"

namespace posthouse::app {

// Adds a problem for each that is broken, at the line of the option that is to change, or of the one that
// clashes with its default.
void check_together(Loaded& loaded);

}  // namespace posthouse::app
