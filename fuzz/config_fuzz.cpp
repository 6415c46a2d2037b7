// A configuration file of any bytes: read, or refused with a message, in bounded time.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "app/config/load.h"
#include "app/config/reference.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace posthouse::app;
  Loaded loaded = parse_config({reinterpret_cast<const char*>(data), size}, "/etc/p.toml");
  if (!loaded.problems.empty()) return 0;
  // What was read can be written and read again.
  std::string text = config_as_toml(loaded.config, false);
  Loaded again = parse_config(text, "/etc/p.toml");
  if (!again.problems.empty() || config_as_toml(again.config, false) != text) std::abort();
  return 0;
}
