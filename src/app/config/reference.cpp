#include "app/config/reference.h"

#include "app/config/options.h"
#include "base/ascii.h"

namespace posthouse::app {
namespace {

std::string_view section_of(std::string_view key) {
  return key.substr(0, key.find('.'));
}
std::string_view name_of(std::string_view key) {
  return key.substr(key.find('.') + 1);
}

// `text` as comment lines of at most 100 columns.
void append_comment(std::string& out, std::string_view text) {
  size_t column = 0;
  for (std::string_view word : split(text, ' ')) {
    if (column == 0 || column + 1 + word.size() > 100) {
      if (column != 0) out += '\n';
      out += '#';
      column = 1;
    }
    out += ' ';
    out += word;
    column += 1 + word.size();
  }
  out += '\n';
}

}  // namespace

std::string config_reference() {
  std::string out =
      "# Configuration\n\n"
      "One file in [TOML](https://toml.io), by default `/etc/posthouse/posthouse.toml`. Every option has a "
      "default; an "
      "unknown key or a\nvalue that does not fit is an error that names file, line and what was expected.\n\n"
      "- `posthouse config check FILE` reads a file and reports every mistake, also values that a server "
      "could not "
      "work\nwith on this machine, as it would be started by whoever checks. Nothing is changed by it.\n"
      "- `posthouse config show` prints every option with the value in force.\n"
      "- `posthouse config reference` prints this page.\n\n"
      "Sizes are written `\"50MiB\"` (KiB, MiB, GiB, TiB; kB, MB, GB, TB are powers of 1,000), durations "
      "`\"30s\"`, "
      "`\"5m\"`, `\"4h\"`,\n`\"5d\"`, `\"2w\"` or sums such as `\"1h30m\"`. Relative paths start at the "
      "file's own "
      "folder. Options marked *reload* are taken\nover on SIGHUP; the others need a restart.\n";
  for (const Section& section : sections()) {
    fmt::format_to(std::back_inserter(out), "\n## [{}]\n\n{}\n\n| Key | Default | |\n|---|---|---|\n",
                   section.name, section.doc);
    for (const Option& option : options()) {
      if (section_of(option.key) != section.name) continue;
      fmt::format_to(std::back_inserter(out), "| `{}` | `{}` | {} Expects {}.{} |\n", name_of(option.key),
                     option.default_text, option.doc, expected(option), option.reloadable ? " *reload*" : "");
    }
  }
  return out;
}

std::string config_as_toml(const Config& config, bool comments) {
  std::string out;
  for (const Section& section : sections()) {
    if (!out.empty()) out += '\n';
    if (comments) append_comment(out, section.doc);
    fmt::format_to(std::back_inserter(out), "[{}]\n", section.name);
    for (const Option& option : options()) {
      if (section_of(option.key) != section.name) continue;
      if (comments) {
        out += '\n';
        append_comment(out, option.doc);
      }
      fmt::format_to(std::back_inserter(out), "{} = {}\n", name_of(option.key), value_text(option, config));
    }
  }
  return out;
}

}  // namespace posthouse::app
