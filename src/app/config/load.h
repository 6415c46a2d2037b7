// Reading a configuration file (TOML).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/config/config.h"
#include "base/result.h"

namespace posthouse::app {

// One mistake in a file.
struct ConfigProblem {
  std::string file;
  uint32_t line = 0;              // 0: the whole file
  std::string key;                // "" where there is none
  std::string what;               // what was expected
  std::string to_string() const;  // file:line: key: what
};

// Where a value stands.
struct ConfigPlace {
  std::string file;
  uint32_t line = 0;
};

struct Loaded {
  Config config;                                           // the defaults where nothing is set
  std::vector<ConfigProblem> problems;                     // empty: all is well
  std::vector<ConfigProblem> warnings;                     // what works, but should be known
  std::string file;                                        // its name in messages
  std::map<std::string, ConfigPlace, std::less<>> places;  // of every key that is set

  // A problem with the value of `key`, told at the place where it is set, else where the first of `causes` is
  // that is set.
  ConfigProblem problem_with(std::string_view key, std::string what,
                             std::initializer_list<std::string_view> causes = {}) const;

  // What is wrong with a value may show only when it is used. A fault that blame() gave an option's key is a
  // problem with that option, any other is none; told() gives the words of both.
  std::optional<ConfigProblem> problem_of(const Fault& fault) const;
  std::string told(const Fault& fault) const;
};

// Never throws; an unreadable file is a problem. Unknown keys, wrong types and values out of range are
// problems; all of them are reported at once. Relative paths in the file are taken from the file's own
// folder.
Loaded load_config(const std::string& path);

// The same for text; `file` is its name in messages.
Loaded parse_config(std::string_view text, const std::string& file);

// By line, then by key.
void sort_problems(Loaded& loaded);

// Sets single options on top, each "section.name=value" with the value as it would stand in the file; what
// would be text there may come without its quotes. Problems are added to `loaded`.
void apply_settings(Loaded& loaded, const std::vector<std::string>& settings);

}  // namespace posthouse::app
