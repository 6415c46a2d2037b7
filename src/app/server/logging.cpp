#include "app/server/logging.h"

#include <fmt/format.h>

#include "base/log.h"

namespace posthouse::app {

Result<void> configure_log(const Config& config) {
  log::Level level = log::Level::info;
  if (config.log.level == "trace") level = log::Level::trace;
  if (config.log.level == "debug") level = log::Level::debug;
  if (config.log.level == "warn") level = log::Level::warn;
  if (config.log.level == "error") level = log::Level::error;
  try {
    log::configure(level, config.log.file, config.log.format);
  } catch (const std::exception& e) {
    return fail(FaultKind::io, fmt::format("log.file: {}", e.what()));
  }
  return {};
}

}  // namespace posthouse::app
