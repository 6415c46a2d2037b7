#include <sysexits.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstdio>

#include "app/actions/actions.h"
#include "app/actions/progress_bar.h"
#include "app/control/admin.h"
#include "base/log.h"

namespace posthouse::app::actions {
namespace {

namespace json = boost::json;

constexpr uint64_t kBarWidth = 40;

void draw(uint64_t done, uint64_t total) {
  uint64_t filled = total == 0 ? 0 : std::min(done, total) * kBarWidth / total;
  fmt::print(stderr, "\r[{:#<{}}{:.<{}}] {}/{} ", "", filled, "", kBarWidth - filled, done, total);
  std::fflush(stderr);
}

void report(const json::object& answer) {
  fmt::print("{} accounts, {} mailboxes, {} messages, {} expunged messages, {} blobs\n",
             cell(answer, "accounts"), cell(answer, "mailboxes"), cell(answer, "messages"),
             cell(answer, "expunged"), cell(answer, "blobs"));
  const json::array& problems = answer.at("problems").as_array();
  for (const auto& problem : problems) fmt::print("damaged: {}\n", std::string_view(problem.as_string()));
  if (problems.empty()) fmt::print("Nothing is damaged.\n");
}

int create(const Loaded& loaded) {
  auto made = control::create_store(loaded.config);
  return made ? EX_OK : complain(loaded, made.error());
}

int convert(const Invocation& in, control::Admin& admin) {
  json::object arguments;
  arguments["address"] = in.name;
  arguments["to"] = in.store;
  auto answer = [&] {
    ProgressBar bar;
    return admin.call("store.convert", std::move(arguments), bar.letters());
  }();
  if (!answer) return complain(answer.error());
  if (in.json) {
    print_json(*answer);
  } else {
    print_object(answer->as_object());
  }
  return EX_OK;
}

}  // namespace

int store(const Invocation& in) {
  auto loaded = load(in);
  if (!loaded) return EX_CONFIG;
  log::configure(log::Level::error, "", "text");
  if (in.command == "store create") return create(*loaded);
  auto admin = control::connect_admin(loaded->config);
  if (!admin) return complain(*loaded, admin.error());
  if (in.command == "store convert") return convert(in, **admin);
  bool bar = isatty(STDERR_FILENO) != 0;
  json::object none;
  Progress progress = [](uint64_t, uint64_t) {};
  if (bar) progress = draw;
  auto answer = (*admin)->call("store.check", none, progress);
  if (bar) fmt::print(stderr, "\r\x1b[K");
  if (!answer) return complain(answer.error());
  const json::object& found = answer->as_object();
  if (in.json) {
    print_json(*answer);
  } else {
    report(found);
  }
  return found.at("problems").as_array().empty() ? EX_OK : EX_SOFTWARE;
}

}  // namespace posthouse::app::actions
