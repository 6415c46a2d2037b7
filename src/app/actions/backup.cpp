#include "app/backup/backup.h"

#include <sysexits.h>

#include <boost/json.hpp>
#include <cstdio>

#include "app/actions/actions.h"
#include "app/actions/progress_bar.h"
#include "app/config/units.h"
#include "base/log.h"

namespace posthouse::app::actions {
namespace {

namespace json = boost::json;

json::object describe(const backup::Catalog& catalog) {
  json::object out;
  out["id"] = catalog.id;
  out["version"] = catalog.version;
  out["hostname"] = catalog.hostname;
  out["running"] = catalog.running;
  out["accounts"] = catalog.accounts;
  out["mailboxes"] = catalog.mailboxes;
  out["messages"] = catalog.messages;
  out["queued"] = catalog.queued;
  out["files"] = catalog.files.size();
  out["bytes"] = catalog.total() + catalog.file_bytes;
  out["letters_in_files"] = catalog.file_letters;
  out["letters_gone"] = catalog.file_gone;
  out["letters_unread"] = catalog.file_unread;
  out["letters_lost"] = catalog.lost.size() + catalog.lost_more;
  out["copied_bytes"] = catalog.copied;
  return out;
}

void warn(const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) fmt::print(stderr, "posthouse: {}\n", warning);
}

Result<backup::Options> options_of(const Invocation& in) {
  backup::Options out;
  out.directory = in.directory;
  out.keep = in.keep;
  if (in.rate.empty()) return out;
  auto rate = parse_size(in.rate);
  if (!rate || *rate == 0) return fail(FaultKind::syntax, "--rate: expected a size such as 20MiB");
  out.rate = *rate;
  return out;
}

int make(const Invocation& in, backup::Options options) {
  if (in.directory.empty()) {
    fmt::print(stderr, "posthouse: expected the folder that keeps the backups: posthouse backup DIR\n");
    return EX_USAGE;
  }
  auto loaded = load(in);
  if (!loaded) return EX_CONFIG;
  std::vector<std::string> warnings;
  auto made = [&] {
    ProgressBar bar;
    options.progress = bar.bytes();
    return backup::make_backup(*loaded, options, warnings);
  }();
  warn(warnings);
  if (!made) return complain(*loaded, made.error());
  if (in.json) {
    print_json(describe(*made));
  } else {
    fmt::print(
        "Backup {}: {} accounts, {} letters in {} mailboxes, {} in the queue; {} in {} files, of which {} "
        "were new.\n",
        made->id, made->accounts, made->messages, made->mailboxes, made->queued,
        backup::size_for_people(made->total() + made->file_bytes), made->files.size(),
        backup::size_for_people(made->copied));
    if (made->file_letters != 0)
      fmt::print("{} of the letters come from Maildirs and mboxes.\n", made->file_letters);
  }
  return made->is_complete() ? EX_OK : EX_DATAERR;
}

int list(const Invocation& in) {
  auto repository = backup::Repository::open(in.directory);
  if (!repository) return complain_of_source(repository.error());
  std::vector<std::string> damaged;
  const std::vector<backup::Catalog> all = repository->list(damaged);
  if (in.json) {
    json::array out;
    for (const backup::Catalog& catalog : all) out.push_back(describe(catalog));
    print_json(out);
  } else {
    std::vector<std::vector<std::string>> rows;
    for (const backup::Catalog& catalog : all) {
      rows.push_back({catalog.id, catalog.hostname, fmt::to_string(catalog.accounts),
                      fmt::to_string(catalog.messages),
                      backup::size_for_people(catalog.total() + catalog.file_bytes),
                      backup::size_for_people(catalog.copied)});
    }
    print_table({"BACKUP", "HOST", "ACCOUNTS", "LETTERS", "SIZE", "NEW"}, rows);
  }
  warn(damaged);
  return damaged.empty() ? EX_OK : EX_SOFTWARE;
}

void advise(const backup::Verified& found) {
  if (found.files) {
    fmt::print(
        "Remove the damaged files of the pool: the next backup copies them again if the store still has "
        "them.\n");
  }
  if (found.lists) {
    fmt::print(
        "No later backup makes a damaged list of a backup again: copy it back from where you have it, or use "
        "another backup. Until it is whole or removed, no file is removed from the pool.\n");
  }
  if (!found.newer.empty())
    fmt::print("Backups that a newer program made were not looked at: verify them with that program.\n");
  if (found.damaged.empty())
    fmt::print("Every file{} is as it was copied.\n", found.newer.empty() ? "" : " of the others");
}

int verify(const Invocation& in, backup::Options options) {
  auto found = [&] {
    ProgressBar bar;
    options.progress = bar.bytes();
    return backup::verify(in.directory, in.backup_id, options);
  }();
  if (!found) return complain_of_source(found.error());
  if (in.json) {
    json::object out;
    out["problems"] = json::array(found->damaged.begin(), found->damaged.end());
    out["newer"] = json::array(found->newer.begin(), found->newer.end());
    out["lost"] = json::array(found->lost.begin(), found->lost.end());
    print_json(out);
  } else {
    for (const std::string& line : found->damaged) fmt::print("damaged: {}\n", line);
    for (const std::string& line : found->newer) fmt::print("newer: {}\n", line);
    for (const std::string& line : found->lost) fmt::print("lost: {}\n", line);
    advise(*found);
  }
  if (!found->damaged.empty() || !found->newer.empty()) return EX_SOFTWARE;
  return found->lost.empty() ? EX_OK : EX_DATAERR;
}

}  // namespace

int backup(const Invocation& in) {
  log::configure(log::Level::error, "", "text");
  auto options = options_of(in);
  if (!options) {
    complain(options.error());
    return EX_USAGE;
  }
  if (in.command == "backup list") return list(in);
  if (in.command == "backup verify") return verify(in, *options);
  return make(in, *options);
}

}  // namespace posthouse::app::actions
