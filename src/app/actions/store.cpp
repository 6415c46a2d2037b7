#include <sysexits.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstdio>

#include "app/actions/actions.h"
#include "app/actions/progress_bar.h"
#include "app/control/admin.h"
#include "app/core/core.h"
#include "app/core/damage_lines.h"
#include "app/core/folders.h"
#include "app/limits.h"
#include "app/salvage/salvage.h"
#include "base/log.h"

namespace posthouse::app::actions {
namespace {

namespace json = boost::json;

constexpr uint64_t kBarWidth = 40;
constexpr size_t kToldOfAKind = 20;  // lines about one kind of damage of an account

void draw(uint64_t done, uint64_t total) {
  uint64_t filled = total == 0 ? 0 : std::min(done, total) * kBarWidth / total;
  fmt::print(stderr, "\r[{:#<{}}{:.<{}}] {}/{} ", "", filled, "", kBarWidth - filled, done, total);
  std::fflush(stderr);
}

// As many as somebody reads; where that is not all, how many each account has. --json has all.
void tell(const std::vector<std::string>& lines, const char* prefix) {
  const std::vector<std::string> some = shortened(lines, kToldOfAKind);
  for (const std::string& line : some) fmt::print("{}: {}\n", prefix, line);
  if (some == lines) return;
  for (const std::string& line : counted_by_account(lines)) fmt::print("{} in all: {}\n", prefix, line);
}

void tell(const json::object& answer, const char* what, const char* prefix) {
  const auto* const lines = answer.if_contains(what);
  if (lines == nullptr) return;
  std::vector<std::string> all;
  for (const auto& line : lines->as_array()) all.emplace_back(line.as_string());
  tell(all, prefix);
}

void report(const json::object& answer) {
  fmt::print("{} accounts, {} mailboxes, {} messages, {} expunged messages, {} blobs\n",
             cell(answer, "accounts"), cell(answer, "mailboxes"), cell(answer, "messages"),
             cell(answer, "expunged"), cell(answer, "blobs"));
  tell(answer, "problems", "damaged");
}

void report_check(const json::object& answer) {
  report(answer);
  if (!answer.at("problems").as_array().empty()) {
    fmt::print(
        "`posthouse store repair`, with the server stopped, puts it in order as far as that can be done.\n");
    return;
  }
  // What was kept for inspection stays until somebody removes it, and is no reason to fail until then.
  tell(answer, "notes", "over");
  fmt::print("Nothing is damaged.\n");
}

void report_repair(const json::object& answer) {
  tell(answer, "repaired", "repaired");
  tell(answer, "notes", "note");
  report(answer);
  const char* end = "What is damaged above can't be repaired.";
  if (answer.at("problems").as_array().empty())
    end = answer.at("lost").as_bool() ? "The store is in order. Something was lost, see above."
                                      : "The store is in order.";
  fmt::print("{}\n", end);
}

// What a check or a repair ends with.
int status_of(const json::object& answer) {
  if (!answer.at("problems").as_array().empty()) return EX_SOFTWARE;
  const auto* const lost = answer.if_contains("lost");
  return lost != nullptr && lost->as_bool() ? EX_DATAERR : EX_OK;
}

Result<json::value> ask(const Config& config, const char* verb, json::object arguments,
                        const Progress& progress) {
  auto admin = control::connect_admin(config);
  if (!admin) return std::unexpected(admin.error());
  return (*admin)->call(verb, std::move(arguments), progress);
}

// Who meets a damaged block ends there, and who opens the store next takes the block out
// (docs/formats/engine.md): so a repair is done again, unless that does not help.
Result<json::value> repair(const Config& config, bool remove_unowned, const Progress& progress) {
  std::string last;
  for (int same = 0;;) {
    json::object arguments;
    arguments["remove_unowned"] = remove_unowned;
    auto answer = ask(config, "store.repair", std::move(arguments), progress);
    const bool damaged =
        !answer && (answer.error().kind == FaultKind::corrupt || answer.error().kind == FaultKind::io);
    if (!damaged) return answer;
    same = answer.error().what == last ? same + 1 : 0;
    if (same == kRepairTries) return answer;
    last = answer.error().what;
  }
}

int create(const Loaded& loaded) {
  auto made = control::create_store(loaded.config);
  return made ? EX_OK : complain(loaded, made.error());
}

int salvage(const Loaded& loaded, const Invocation& in) {
  // As for all others who need one; before DIR is made.
  if (auto there = find_store(loaded.config); !there)
    return complain(loaded, {FaultKind::io, there.error().what});
  const bool bar = isatty(STDERR_FILENO) != 0;
  Progress progress = [](uint64_t, uint64_t) {};
  if (bar) progress = draw;
  auto done =
      salvage_store(store_directory(loaded.config), in.directory, loaded.config.store.memory, progress);
  if (bar) fmt::print(stderr, "\r\x1b[K");
  if (!done) return complain(done.error());
  if (in.json) {
    json::array unreadable;
    for (const std::string& line : done->unreadable) unreadable.emplace_back(line);
    const json::array in_files(done->in_files.begin(), done->in_files.end());
    print_json(json::object{{"accounts", done->accounts},
                            {"letters", done->letters},
                            {"bytes", done->bytes},
                            {"in_files", in_files},
                            {"obstacle", done->obstacle},
                            {"unreadable", std::move(unreadable)}});
  } else {
    if (!done->obstacle.empty()) fmt::print("could not be opened as usual: {}\n", done->obstacle);
    tell(done->unreadable, "unreadable");
    for (const std::string& line : done->in_files) fmt::print("note: {}\n", line);
    fmt::print("{} letters of {} accounts, {} bytes, are in {}\n", done->letters, done->accounts, done->bytes,
               in.directory);
  }
  return done->unreadable.empty() ? EX_OK : EX_SOFTWARE;
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
  const json::object& told = answer->as_object();
  const auto* const unreadable = told.if_contains("unreadable");
  const int result = unreadable != nullptr && !unreadable->as_array().empty() ? EX_DATAERR : EX_OK;
  if (in.json) {
    print_json(*answer);
    return result;
  }
  json::object facts = told;
  facts.erase("unreadable");
  facts.erase("without_file");
  print_object(facts);
  tell(told, "without_file", "only in the store");
  tell(told, "unreadable", "unreadable");
  if (result != EX_OK)
    fmt::print("{} is converted, but for these letters: they stay in the store as they are there.\n",
               in.name);
  return result;
}

}  // namespace

int store(const Invocation& in) {
  auto loaded = load(in);
  if (!loaded) return EX_CONFIG;
  log::configure(log::Level::error, "", "text");
  if (in.command == "store create") return create(*loaded);
  if (in.command == "store salvage") return salvage(*loaded, in);
  if (in.command == "store convert") {
    auto admin = control::connect_admin(loaded->config);
    return admin ? convert(in, **admin) : complain(*loaded, admin.error());
  }
  bool bar = isatty(STDERR_FILENO) != 0;
  Progress progress = [](uint64_t, uint64_t) {};
  if (bar) progress = draw;
  const bool repairs = in.command == "store repair";
  auto answer = repairs ? repair(loaded->config, in.remove_unowned, progress)
                        : ask(loaded->config, "store.check", json::object(), progress);
  if (bar) fmt::print(stderr, "\r\x1b[K");
  if (!answer) return complain(*loaded, answer.error());
  const json::object& found = answer->as_object();
  if (in.json) {
    print_json(*answer);
  } else if (repairs) {
    report_repair(found);
  } else {
    report_check(found);
  }
  return status_of(found);
}

}  // namespace posthouse::app::actions
