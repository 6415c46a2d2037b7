// The manual pages, from the definitions that the command line is parsed with (man(7) macros).
#include "app/cli/definition.h"
#include "app/version.h"

namespace posthouse::app {
namespace {

// Text as roff: backslashes and leading dots would be commands, hyphens are to be hyphens.
std::string roff(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '`') {
      out += '"';
    } else {
      out += c;
    }
  }
  if (!out.empty() && (out.front() == '.' || out.front() == '\'')) out.insert(0, "\\&");
  return out;
}

// "N"; CLI11 adds what its checks say after a colon.
std::string type_of(const CLI::Option* option) {
  std::string type = option->get_type_name();
  return type.substr(0, type.find(':'));
}

std::string name_of(const CLI::Option* option) {
  std::string name = option->get_name(option->get_positional(), true);
  std::string type = type_of(option);
  if (option->get_positional()) return type;
  std::string out;
  size_t start = 0;
  while (start <= name.size()) {
    size_t comma = std::min(name.find(',', start), name.size());
    if (!out.empty()) out += ", ";
    out += name.substr(start, comma - start);
    start = comma + 1;
  }
  if (option->get_expected_max() > 0 && !type.empty()) out += " " + type;
  return out;
}

void append_options(std::string& out, const CLI::App* app) {
  std::vector<const CLI::Option*> options = app->get_options();
  if (options.empty()) return;
  for (const CLI::Option* option : options) {
    fmt::format_to(std::back_inserter(out), ".TP\n.B {}\n{}", roff(name_of(option)),
                   roff(option->get_description()));
    std::string standard = option->get_default_str();
    if (!standard.empty()) fmt::format_to(std::back_inserter(out), " (default: {})", roff(standard));
    out += ".\n";
  }
}

std::string synopsis(const CLI::App* app, const std::string& name) {
  std::string out = fmt::format(".B {}\n", roff(name));
  if (!app->get_subcommands({}).empty()) return out + ".I COMMAND\n[\\fIOPTIONS\\fR]\n";
  out += "[\\fIOPTIONS\\fR]\n";
  for (const CLI::Option* option : app->get_options()) {
    if (!option->get_positional()) continue;
    std::string dots = option->get_expected_max() > 1 ? "..." : "";
    std::string shown = fmt::format("\\fI{}\\fR{}", roff(type_of(option)), dots);
    out += option->get_required() ? shown + "\n" : "[" + shown + "]\n";
  }
  return out;
}

std::string head(const std::string& name, const std::string& description) {
  std::string title = name;
  std::replace(title.begin(), title.end(), ' ', '-');
  std::string upper = title;
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  std::string brief = description.substr(0, description.find('.'));
  return fmt::format(".TH {} 1 \"\" \"posthouse {}\" \"Posthouse\"\n.SH NAME\n{} \\- {}\n", upper, kVersion,
                     roff(title), roff(brief));
}

// Also those of groups within the group.
void append_commands(std::string& out, const CLI::App* group, const std::string& name) {
  for (const CLI::App* command : group->get_subcommands({})) {
    const std::string full = name + " " + command->get_name();
    std::string what = command->get_description();
    if (what.ends_with('.')) what.pop_back();
    fmt::format_to(std::back_inserter(out), ".SS {}\n{}.\n.PP\n", roff(full), roff(what));
    out += synopsis(command, full);
    if (command->get_subcommands({}).empty()) append_options(out, command);
    append_commands(out, command, full);
  }
}

// A command, or a group with its commands.
std::string page(const CLI::App* app, const std::string& name) {
  std::string out = head(name, app->get_description());
  out += ".SH SYNOPSIS\n" + synopsis(app, name);
  out += ".SH DESCRIPTION\n" + roff(app->get_description()) + "\n";
  auto commands = app->get_subcommands({});
  if (commands.empty()) {
    out += ".SH OPTIONS\n";
    append_options(out, app);
  } else {
    out += ".SH COMMANDS\n";
    append_commands(out, app, name);
  }
  out +=
      ".SH EXIT STATUS\n0 for success, otherwise one of sysexits.h: 64 wrong usage, 65 wrong data, 67 not "
      "found, 73 "
      "can not be created, 74 input or output failed, 75 try again later, 77 not allowed, 78 mistake in the "
      "configuration.\n";
  out += ".SH SEE ALSO\n.BR posthouse (1)\n";
  return out;
}

std::string first_page(const CLI::App* app) {
  std::string out = head("posthouse", app->get_description());
  out += ".SH SYNOPSIS\n" + synopsis(app, "posthouse");
  out += ".SH DESCRIPTION\n" + roff(app->get_description()) +
         " It receives letters by SMTP, takes those of its users, keeps them durably, sends them on, and "
         "shows them by "
         "IMAP.\n.PP\n.B posthouse demo\nruns one on this machine to try.\n.B posthouse setup\nprepares a "
         "real one, "
         "which\n.B posthouse serve\nruns.\n.SH COMMANDS\n";
  for (const CLI::App* command : app->get_subcommands({})) {
    fmt::format_to(std::back_inserter(out), ".TP\n.BR posthouse\\-{} (1)\n{}\n", roff(command->get_name()),
                   roff(command->get_description()));
  }
  out +=
      ".SH FILES\n.TP\n.I /etc/posthouse/posthouse.toml\nThe configuration; \"posthouse config reference\" "
      "explains "
      "it.\n.TP\n.I /var/lib/posthouse\nLetters, queue, accounts and keys.\n";
  out +=
      ".SH ENVIRONMENT\n.TP\n.B POSTHOUSE_CONFIG\nThe configuration file when \\-\\-config is not given.\n";
  return out;
}

}  // namespace

std::vector<ManualPage> manual_pages() {
  Invocation unused;
  auto app = define_commands(unused);
  std::vector<ManualPage> out;
  out.push_back({"posthouse.1", first_page(app.get())});
  for (const CLI::App* command : app->get_subcommands({})) {
    out.push_back(
        {"posthouse-" + command->get_name() + ".1", page(command, "posthouse " + command->get_name())});
  }
  return out;
}

}  // namespace posthouse::app
