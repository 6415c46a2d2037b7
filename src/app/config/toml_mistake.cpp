#include "app/config/toml_mistake.h"

#include <utility>

namespace posthouse::app {

namespace {

// By what was being read.
constexpr std::pair<std::string_view, std::string_view> kExpected[] = {
    {"string", R"(expected a closing quote on the same line, and of escapes \" \\ \n \t \uXXXX)"},
    {"array", "expected ']'"},
    {"inline table", "expected '}'"},
    {"table header", "expected ']'"},
};

}  // namespace

std::string describe_toml_mistake(std::string_view said) {
  constexpr std::string_view kBegin = "Error while parsing ";
  if (said.starts_with(kBegin)) said.remove_prefix(kBegin.size());
  std::string out(said);
  if (said.find("expected") != std::string_view::npos) return out;
  if (said.find("cannot redefine") != std::string_view::npos) return out + ": expected only once";
  for (const auto& [region, expected] : kExpected) {
    if (said.starts_with(region)) return out.append(": ").append(expected);
  }
  return out + ": expected NAME = VALUE, as in limit = \"25MiB\"";
}

}  // namespace posthouse::app
