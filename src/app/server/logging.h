// The log as the configuration wants it.
#pragma once

#include "app/config/config.h"
#include "base/result.h"

namespace posthouse::app {

// Opens (again) what log.file names and sets level and format. Fails with io, naming the file; the log then
// stays as it was.
Result<void> configure_log(const Config& config);

}  // namespace posthouse::app
