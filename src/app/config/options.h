// The option table: for every key its type, default, range and explanation. The parser, `config show`, the
// reference in docs/configuration.md and the checks at start are all driven by it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "app/config/config.h"

namespace posthouse::app {

// The member of Config that an option sets.
using OptionField =
    std::variant<std::string& (*)(Config&), bool& (*)(Config&), uint64_t& (*)(Config&), seconds& (*)(Config&),
                 std::vector<seconds>& (*)(Config&), std::vector<std::string>& (*)(Config&),
                 Listen& (*)(Config&), std::vector<CertificateFiles>& (*)(Config&)>;

enum class OptionKind {
  text,
  folder,  // a path, never empty
  host,    // a host name or nothing
  peer,    // a host name, an address or nothing
  choice,
  toggle,
  count,
  bytes,
  duration,
  durations,
  name_servers,
  extractors,
  listen,
  certificates
};

struct Option {
  std::string_view key;  // "section.name"
  OptionKind kind;
  std::string_view default_text;  // as it would stand in the file (TOML)
  bool reloadable;                // taken over on SIGHUP; others need a restart
  uint64_t least, most;           // count, bytes, durations in seconds; 0, 0 where it has no range
  std::string_view choices;       // kind choice: allowed words, separated by blanks
  std::string_view doc;           // one or more sentences for operators
  OptionField field;
};

std::span<const Option> options();

// Headings of the sections in the order of the table.
struct Section {
  std::string_view name, doc;
};
std::span<const Section> sections();

// What a value of the option looks like, for messages: "a size such as \"50MiB\"".
std::string expected(const Option& option);

// The value `config` has for it, in the file's notation.
std::string value_text(const Option& option, const Config& config);

// `text` as a TOML string.
std::string quoted(std::string_view text);

}  // namespace posthouse::app
