// The log as the configuration wants it.
#pragma once

#include "app/config/config.h"

namespace posthouse::app {

// Opens (again) what log.file names and sets level and format.
void configure_log(const Config& config);

}  // namespace posthouse::app
