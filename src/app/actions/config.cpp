#include <sysexits.h>

#include <boost/json.hpp>
#include <cstdio>

#include "app/actions/actions.h"
#include "app/config/load.h"
#include "app/config/options.h"
#include "app/config/reference.h"
#include "app/demo/demo.h"
#include "app/preflight/preflight.h"

namespace posthouse::app::actions {

namespace {

namespace json = boost::json;

// As in the file; but for tables, values of TOML are written like those of JSON.
json::value json_of(const Option& option, const Config& config) {
  if (option.kind != OptionKind::certificates) return json::parse(value_text(option, config));
  json::array out;
  for (const CertificateFiles& files : config.tls.certificates) {
    out.push_back(json::object{{"chain", files.chain}, {"key", files.key}});
  }
  return out;
}

json::object config_as_json(const Config& config) {
  json::object out;
  for (const Option& option : options()) {
    const size_t dot = option.key.find('.');
    json::value& section = out[option.key.substr(0, dot)];
    if (section.is_null()) section.emplace_object();
    section.get_object()[option.key.substr(dot + 1)] = json_of(option, config);
  }
  return out;
}

}  // namespace

int config(const Invocation& in) {
  if (in.command == "config reference") {
    fmt::print("{}", config_reference());
    return EX_OK;
  }
  if (in.command == "config check") {
    Loaded loaded = load_config(in.file);
    if (loaded.problems.empty()) {
      check_surroundings(loaded, is_demo_config(in.file) ? Serving::demo : Serving::server);
      check_store(loaded);
      check_user(loaded);
      check_addresses(loaded);
      sort_problems(loaded);
    }
    warn(loaded);
    if (!loaded.problems.empty()) return tell(loaded);
    fmt::print("{}: good\n", in.file);
    return EX_OK;
  }
  auto loaded = load(in);
  if (!loaded) return EX_CONFIG;
  if (in.json) {
    print_json(config_as_json(loaded->config));
  } else {
    fmt::print("{}", config_as_toml(loaded->config, in.comments));
  }
  return EX_OK;
}

}  // namespace posthouse::app::actions
