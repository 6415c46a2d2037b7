// What a reload takes over from a configuration that was read again.
#pragma once

#include <string>
#include <vector>

#include "app/config/config.h"

namespace posthouse::app {

struct OptionChange {
  std::string key;
  std::string value;  // the new one, as it stands in a file
  bool taken;         // false: it needs a restart
};

// Copies the options that may change while the program runs, and tells all that differ.
std::vector<OptionChange> take_over(Config fresh, Config& into);

}  // namespace posthouse::app
