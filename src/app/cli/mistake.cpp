#include "app/cli/mistake.h"

#include "app/config/nearest.h"

namespace posthouse::app {
namespace {

std::vector<std::string> names_of_commands(const CLI::App& app) {
  std::vector<std::string> out;
  for (const CLI::App* sub : app.get_subcommands({})) out.push_back(sub->get_name());
  return out;
}

std::vector<std::string> names_of_options(const CLI::App& app) {
  std::vector<std::string> out;
  for (const CLI::Option* option : app.get_options({})) {
    for (const std::string& name : option->get_lnames()) out.push_back("--" + name);
    for (const std::string& name : option->get_snames()) out.push_back("-" + name);
  }
  return out;
}

std::string told(std::string_view what, std::string_view word, const std::vector<std::string>& known,
                 std::string_view where) {
  std::vector<std::string_view> candidates(known.begin(), known.end());
  std::string_view likely = nearest(word, candidates);
  std::string out = fmt::format("no such {}: {}{}", what, where, word);
  if (!likely.empty()) out += fmt::format("; did you mean {}{}?", where, likely);
  return out;
}

// `posthouse backup DIR` and `posthouse backup list DIR` are both commands.
bool takes_value(const CLI::App& app) {
  const auto options = app.get_options({});
  return std::any_of(options.begin(), options.end(),
                     [](const CLI::Option* o) { return o->get_positional(); });
}

bool among(const std::vector<std::string>& names, std::string_view word) {
  return std::find(names.begin(), names.end(), word) != names.end();
}

}  // namespace

std::string unknown_word(const CLI::App& app, int argc, const char* const* argv) {
  const CLI::App* level = &app;
  std::string where;
  for (int i = 1; i < argc; ++i) {
    std::string_view word = argv[i];
    if (word == "--") break;
    if (word.size() > 2 && word.starts_with("--")) {
      std::string_view name = word.substr(0, word.find('='));
      std::vector<std::string> options = names_of_options(*level);
      if (!among(options, name)) return told("option", name, options, "");
      continue;
    }
    std::vector<std::string> commands = names_of_commands(*level);
    if (commands.empty() || word.starts_with('-')) continue;  // a value
    const bool known = among(commands, word);
    const std::vector<std::string_view> candidates(commands.begin(), commands.end());
    if (!known && takes_value(*level) && nearest(word, candidates).empty()) continue;
    if (!known) return told("command", word, commands, where);
    level = level->get_subcommand(std::string(word));
    where += fmt::format("{} ", word);
  }
  return "";
}

}  // namespace posthouse::app
