#include "app/demo/demo.h"

#include "app/actions/actions.h"

namespace posthouse::app::actions {

int demo(const Invocation& in) {
  DemoOptions options;
  options.directory = in.directory;
  options.base_port = static_cast<uint16_t>(in.base_port);
  options.domain = in.local_domain;
  options.settings = in.settings;
  options.json = in.json;
  return run_demo(options);
}

}  // namespace posthouse::app::actions
