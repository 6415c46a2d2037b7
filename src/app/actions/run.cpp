#include <sysexits.h>

#include <cstdio>

#include "app/actions/actions.h"

namespace posthouse::app {
namespace {

struct Entry {
  std::string_view command;  // or the group
  int (*run)(const Invocation&);
};

constexpr Entry kActions[] = {
    {"account", actions::account},  {"alias", actions::alias},     {"backup", actions::backup},
    {"config", actions::config},    {"deliver", actions::deliver}, {"demo", actions::demo},
    {"domain", actions::domain},    {"mailbox", actions::mailbox}, {"man", actions::man},
    {"export", actions::export_to}, {"import", actions::import},   {"queue", actions::queue},
    {"restore", actions::restore},  {"search", actions::search},   {"serve", actions::serve},
    {"setup", actions::setup},      {"status", actions::status},   {"store", actions::store},
    {"version", actions::version},
};

}  // namespace

int run(const Invocation& invocation) {
  std::string_view group = invocation.command;
  group = group.substr(0, group.find(' '));
  for (const Entry& entry : kActions) {
    if (entry.command == group) return entry.run(invocation);
  }
  fmt::print(stderr, "posthouse: no such command: {}\n", invocation.command);
  return EX_USAGE;
}

}  // namespace posthouse::app
