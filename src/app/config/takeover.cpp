#include "app/config/takeover.h"

#include "app/config/options.h"

namespace posthouse::app {

std::vector<OptionChange> take_over(Config fresh, Config& into) {
  std::vector<OptionChange> out;
  for (const Option& option : options()) {
    if (value_text(option, fresh) == value_text(option, into)) continue;
    if (option.reloadable) std::visit([&](auto field) { field(into) = field(fresh); }, option.field);
    out.push_back({std::string(option.key), value_text(option, fresh), option.reloadable});
  }
  return out;
}

}  // namespace posthouse::app
