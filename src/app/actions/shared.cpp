#include <sysexits.h>

#include <boost/json.hpp>
#include <charconv>
#include <cstdio>
#include <iostream>

#include "app/actions/actions.h"
#include "app/config/load.h"
#include "app/config/units.h"
#include "app/control/admin.h"
#include "base/log.h"

namespace posthouse::app::actions {

namespace json = boost::json;

namespace {

constexpr size_t kWidestColumn = 40;  // of a table; what is longer pushes the rest of its row

// The journal takes its priority from the line.
void print_line(const std::string& mistake) {
  fmt::print(stderr, "{}{}\n", log::journal_priority(log::Level::error), mistake);
}

}  // namespace

std::optional<Loaded> load(const Invocation& invocation) {
  Loaded loaded = load_config(invocation.config_file);
  if (loaded.problems.empty()) return loaded;
  tell(loaded);
  return std::nullopt;
}

int tell(const Loaded& loaded) {
  for (const ConfigProblem& problem : loaded.problems) print_line(problem.to_string());
  return EX_CONFIG;
}

int nothing_to_change(std::string_view options) {
  print_line(fmt::format("posthouse: nothing to change: give one or more of {}", options));
  return EX_USAGE;
}

void warn(const Loaded& loaded) {
  for (ConfigProblem warning : loaded.warnings) {
    warning.key = "warning: " + warning.key;
    fmt::print(stderr, "{}{}\n", log::journal_priority(log::Level::warn), warning.to_string());
  }
}

int exit_status(const Fault& fault) {
  switch (fault.kind) {
    case FaultKind::syntax:
      return EX_DATAERR;
    case FaultKind::policy:
      return EX_NOPERM;
    case FaultKind::not_found:
      return EX_NOUSER;
    case FaultKind::exists:
      return EX_CANTCREAT;
    case FaultKind::permanent:
      return EX_UNAVAILABLE;
    case FaultKind::temporary:
    case FaultKind::over_quota:
    case FaultKind::no_space:
    case FaultKind::closed:
    case FaultKind::timeout:
      return EX_TEMPFAIL;
    case FaultKind::io:
      return EX_IOERR;
    case FaultKind::corrupt:
      return EX_SOFTWARE;
  }
  return EX_SOFTWARE;
}

int complain(const Fault& fault) {
  print_line("posthouse: " + fault.what);
  return exit_status(fault);
}

int complain_of_source(const Fault& fault) {
  const int status = complain(fault);
  return fault.kind == FaultKind::not_found ? EX_NOINPUT : status;
}

int complain(const Loaded& loaded, const Fault& fault) {
  auto problem = loaded.problem_of(fault);
  if (!problem) return complain(fault);
  print_line(problem->to_string());
  return exit_status(fault);
}

std::optional<json::value> ask(const Invocation& invocation, const std::string& verb, json::object arguments,
                               int& status) {
  auto loaded = load(invocation);
  if (!loaded) {
    status = EX_CONFIG;
    return std::nullopt;
  }
  log::configure(log::Level::error, "", "text");  // what it prints is the answer, not the log
  auto admin = control::connect_admin(loaded->config);
  if (!admin) {
    status = complain(*loaded, admin.error());
    return std::nullopt;
  }
  auto answer = (*admin)->call(verb, std::move(arguments), nullptr);
  if (!answer) {
    status = complain(answer.error());
    return std::nullopt;
  }
  status = EX_OK;
  return std::move(*answer);
}

void print_json(const json::value& value) {
  fmt::print("{}\n", json::serialize(value));
}

void print_table(const std::vector<std::string>& headings,
                 const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const std::string& heading : headings) widths.push_back(heading.size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size() && i < widths.size(); ++i)
      widths[i] = std::max(widths[i], std::min(row[i].size(), kWidestColumn));
  }
  auto print = [&](const std::vector<std::string>& row) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      if (i != 0) line += "  ";
      line += i + 1 == row.size() ? row[i] : fmt::format("{:<{}}", row[i], widths[i]);
    }
    fmt::print("{}\n", line);
  };
  print(headings);
  for (const auto& row : rows) print(row);
}

namespace {

std::string as_text(const json::value& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) return value.get_string().empty() ? "-" : std::string(value.get_string());
  if (value.is_bool()) return value.get_bool() ? "yes" : "no";
  if (value.is_array()) {
    std::string out;
    for (const auto& item : value.get_array()) {
      if (!out.empty()) out += ", ";
      out += as_text(item);
    }
    return out.empty() ? "-" : out;
  }
  return json::serialize(value);
}

}  // namespace

std::string cell(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value == nullptr ? "-" : as_text(*value);
}

void print_object(const json::object& object) {
  size_t width = 0;
  for (const auto& item : object) width = std::max(width, item.key().size());
  for (const auto& item : object) {
    fmt::print("{:<{}}  {}\n", std::string_view(item.key()), width, as_text(item.value()));
  }
}

Result<std::string> read_secret() {
  std::string line;
  if (!std::getline(std::cin, line)) return fail(FaultKind::syntax, "standard input is empty");
  if (!line.empty() && line.back() == '\r') line.pop_back();
  if (line.empty()) return fail(FaultKind::syntax, "the first line of standard input is empty");
  return line;
}

Result<json::value> count_value(const std::string& text) {
  if (text == "none") return json::value(nullptr);
  uint64_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || end != text.data() + text.size())
    return fail(FaultKind::syntax, fmt::format("{}: expected a number, or none", text));
  return json::value(number);
}

Result<json::value> quota_value(const std::string& text) {
  if (text == "none") return json::value(nullptr);
  auto bytes = parse_size(text);
  if (!bytes) return fail(FaultKind::syntax, fmt::format("{}: expected a size such as 5GiB, or none", text));
  return json::value(*bytes);
}

}  // namespace posthouse::app::actions
