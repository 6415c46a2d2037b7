#include "app/backup/restore.h"

#include <sysexits.h>

#include <boost/json.hpp>
#include <cstdio>

#include "app/actions/actions.h"
#include "app/actions/progress_bar.h"
#include "base/log.h"

namespace posthouse::app::actions {
namespace {

namespace json = boost::json;

backup::Queued queued_of(const std::string& word) {
  if (word == "keep") return backup::Queued::keep;
  return word == "drop" ? backup::Queued::drop : backup::Queued::hold;
}

json::object describe(const backup::Restored& done, const std::string& queued) {
  json::object out;
  out["backup"] = done.catalog.id;
  out["config"] = done.config_file;
  out["data_directory"] = done.data_directory;
  out["accounts"] = done.catalog.accounts;
  out["messages"] = done.catalog.messages;
  out["queued"] = done.catalog.queued;
  out["queue"] = queued;
  out["written"] = json::array(done.written.begin(), done.written.end());
  return out;
}

void tell(const Invocation& in, const backup::Restored& done) {
  fmt::print("Backup {} of {} is restored into {}: {} accounts, {} letters.\n", done.catalog.id, done.catalog.hostname,
             done.data_directory, done.catalog.accounts, done.catalog.messages);
  if (done.made_config) fmt::print("The configuration is {}: see whether it fits this host.\n", done.config_file);
  for (const std::string& path : done.written) fmt::print("Also written: {}\n", path);
  if (!in.latest) fmt::print("Clients read all mailboxes anew (they have a new UIDVALIDITY).\n");
  if (done.catalog.queued == 0) return;
  if (in.queued == "hold") {
    fmt::print("{} letters of the queue are on hold, for they may have been sent since the backup: `posthouse queue "
               "list`, then `posthouse queue release` or `posthouse queue delete`.\n",
               done.catalog.queued);
  } else if (in.queued == "drop") {
    fmt::print("{} letters of the queue were dropped.\n", done.catalog.queued);
  } else {
    fmt::print("{} letters of the queue will be sent, also those that were sent since the backup.\n",
               done.catalog.queued);
  }
}

int restore_all(const Invocation& in) {
  backup::RestoreOptions options;
  options.directory = in.directory;
  options.id = in.backup_id;
  options.config_file = in.config_file;
  options.queued = queued_of(in.queued);
  options.latest = in.latest;
  auto done = [&] {
    ProgressBar bar;
    options.progress = bar.bytes();
    return backup::restore_all(options);
  }();
  if (!done) return complain(done.error());
  for (const std::string& warning : done->warnings) fmt::print(stderr, "posthouse: {}\n", warning);
  if (in.json) {
    print_json(describe(*done, in.queued));
  } else {
    tell(in, *done);
  }
  return EX_OK;
}

}  // namespace

int restore(const Invocation& in) {
  log::configure(log::Level::error, "", "text");
  return restore_all(in);
}

}  // namespace posthouse::app::actions
