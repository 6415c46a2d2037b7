#include "app/backup/restore.h"

#include <sysexits.h>

#include <boost/json.hpp>
#include <cstdio>

#include "app/actions/actions.h"
#include "app/actions/progress_bar.h"
#include "app/backup/account_restore.h"
#include "app/backup/backup.h"
#include "app/core/folders.h"
#include "base/log.h"
#include "net/run_blocking.h"

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
  fmt::print("Backup {} of {} is restored into {}: {} accounts, {} letters.\n", done.catalog.id,
             done.catalog.hostname, done.data_directory, done.catalog.accounts, done.catalog.messages);
  if (done.made_config)
    fmt::print("The configuration is {}: see whether it fits this host.\n", done.config_file);
  for (const std::string& path : done.written) fmt::print("Also written: {}\n", path);
  if (!in.latest) fmt::print("Clients read all mailboxes anew (they have a new UIDVALIDITY).\n");
  if (done.catalog.queued == 0) return;
  if (in.queued == "hold") {
    fmt::print(
        "{} letters of the queue are on hold, for they may have been sent since the backup: `posthouse queue "
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
  if (!done) return complain_of_source(done.error());
  for (const std::string& warning : done->warnings) fmt::print(stderr, "posthouse: {}\n", warning);
  if (in.json) {
    print_json(describe(*done, in.queued));
  } else {
    tell(in, *done);
  }
  return EX_OK;
}

json::object describe(const backup::MailboxOutcome& mailbox, std::string_view missing) {
  json::object out;
  out["mailbox"] = mailbox.mailbox;
  out["in_backup"] = mailbox.in_backup;
  out["there"] = mailbox.there;
  out[missing] = mailbox.missing;
  return out;
}

// Both of one account and, when everything is checked, of all.
struct Report {
  json::array accounts;
  std::vector<std::vector<std::string>> rows;
  uint64_t missing = 0, sampled = 0, in_backup = 0, left_out = 0;
  std::vector<std::string> damaged, lost;

  // `one`: a single letter was asked for.
  void add(const std::string& address, const backup::AccountOutcome& outcome, bool check, bool one = false) {
    json::array mailboxes;
    for (const backup::MailboxOutcome& mailbox : outcome.mailboxes) {
      missing += mailbox.missing;
      sampled += mailbox.sampled;
      in_backup += mailbox.in_backup;
      left_out += mailbox.left_out;
      mailboxes.push_back(describe(mailbox, check ? "missing" : "restored"));
      if (one && mailbox.in_backup == 0) continue;  // where the letter is not
      rows.push_back({address, mailbox.mailbox, fmt::to_string(mailbox.in_backup),
                      fmt::to_string(mailbox.there), fmt::to_string(mailbox.missing)});
    }
    for (const std::string& line : outcome.damaged) damaged.push_back(fmt::format("{} {}", address, line));
    for (const std::string& line : outcome.lost) lost.push_back(fmt::format("{} {}", address, line));
    json::object account;
    account["address"] = address;
    account["new"] = outcome.made_account;
    account["mailboxes"] = std::move(mailboxes);
    accounts.push_back(std::move(account));
  }

  // `refused`: why a restore of everything would not begin here; "": it would, or is not what was asked.
  int print(const Invocation& in, const backup::Catalog& catalog, const std::string& refused) const {
    if (in.json) {
      json::object out;
      out["backup"] = catalog.id;
      out["queued"] = catalog.queued;
      out["accounts"] = accounts;
      out["sampled"] = sampled;
      out["left_out"] = left_out;
      out["damaged"] = json::array(damaged.begin(), damaged.end());
      out["lost"] = json::array(lost.begin(), lost.end());
      if (!refused.empty()) out["refused"] = refused;
      print_json(out);
    } else {
      print_table({"ACCOUNT", "MAILBOX", "IN BACKUP", "THERE", in.check ? "TO RESTORE" : "RESTORED"}, rows);
      for (const std::string& line : damaged) fmt::print("damaged: {}\n", line);
      for (const std::string& line : lost) fmt::print("lost: {}\n", line);
      if (left_out != 0) {
        fmt::print("{} letters were in Maildirs or mboxes and could not be read for this backup.\n",
                   left_out);
      }
      if (in.check) {
        fmt::print("{} letters would come from backup {}; {} of them were read as samples, {} are damaged.\n",
                   missing, catalog.id, sampled, damaged.size());
      } else {
        fmt::print("{} letters are back.\n", missing);
      }
    }
    if (!refused.empty()) fmt::print(stderr, "posthouse: a restore would be refused here: {}\n", refused);
    if (!damaged.empty()) return EX_SOFTWARE;
    if (!lost.empty()) return EX_DATAERR;
    const bool one = !in.message_id.empty() || in.uid;
    if (!one || in_backup > 0) return EX_OK;
    fmt::print(stderr, "posthouse: the backup has no such letter\n");
    return EX_NOUSER;
  }
};

// A host that has nothing: everything is missing there.
class NobodyThere : public control::Admin {
 public:
  Result<json::value> call(std::string, json::object, Progress) override { return nothing(); }
  Result<json::value> send(std::string, json::object, control::LetterPieces) override { return nothing(); }
  Result<std::string> deliver(LocalEnvelope, control::LetterPieces) override {
    return fail(FaultKind::not_found, "");
  }

 private:
  static Result<json::value> nothing() { return fail(FaultKind::not_found, ""); }
};

Result<std::vector<std::string>> addresses(Core& core) {
  auto accounts = net::run_blocking(core.directory.accounts(""));
  if (!accounts) return std::unexpected(accounts.error());
  std::vector<std::string> out;
  for (const auto& account : *accounts) out.push_back(account.address);
  return out;
}

int check_all(const Invocation& in) {
  auto repository = backup::Repository::open(in.directory);
  if (!repository) return complain_of_source(repository.error());
  auto catalog = repository->find(in.backup_id);
  if (!catalog) return complain_of_source(catalog.error());
  auto config = backup::config_for(*repository, *catalog, in.config_file);
  if (!config) return complain(config.error());
  auto opened = backup::Opened::open(*repository, *catalog, *config);
  if (!opened) return complain(opened.error());
  auto all = addresses((*opened)->core());
  if (!all) return complain(all.error());
  Report report;
  NobodyThere nobody;
  for (const std::string& address : *all) {
    backup::Selection what;
    what.account = address;
    auto outcome = backup::restore_account(**opened, *catalog, nobody, what, true, nullptr);
    if (!outcome) return complain(outcome.error());
    report.add(address, *outcome, true);
  }
  // What would come is what was asked; that it can't come here, beside what is there, is worth a word.
  auto empty = backup::check_empty(*config, in.config_file);
  return report.print(in, *catalog, empty ? "" : empty.error().what);
}

// The store as root and without a server: whom it belongs to may not see the backups, and root must not
// write there.
Result<std::unique_ptr<control::Admin>> connect(const Config& config) {
  if (auto remote = control::connect_remote(config)) return remote;
  auto owner = owner_of_data(config);
  if (!owner) return std::unexpected(owner.error());
  if (*owner) {
    return fail(FaultKind::temporary,
                fmt::format("letters are put back by the running server, and none answers: "
                            "start it, or run this as {} with a DIR that he may read",
                            (*owner)->name));
  }
  return control::connect_admin(config);
}

int restore_account(const Invocation& in) {
  auto loaded = load(in);
  if (!loaded) return EX_CONFIG;
  auto repository = backup::Repository::open(in.directory);
  if (!repository) return complain_of_source(repository.error());
  auto catalog = repository->find(in.backup_id);
  if (!catalog) return complain_of_source(catalog.error());
  auto admin = connect(loaded->config);
  if (!admin) return complain(*loaded, admin.error());
  auto opened = backup::Opened::open(*repository, *catalog, loaded->config);
  if (!opened) return complain(opened.error());
  backup::Selection what{in.account, in.mailbox, in.message_id, std::nullopt, in.into};
  if (in.uid) what.uid = static_cast<store::Uid>(*in.uid);
  auto outcome = [&] {
    ProgressBar bar;
    return backup::restore_account(**opened, *catalog, **admin, what, in.check, bar.letters());
  }();
  if (!outcome) return complain(outcome.error());
  Report report;
  report.add(in.account, *outcome, in.check, !in.message_id.empty() || in.uid);
  return report.print(in, *catalog, "");
}

}  // namespace

int restore(const Invocation& in) {
  log::configure(log::Level::error, "", "text");
  if (!in.account.empty()) return restore_account(in);
  return in.check ? check_all(in) : restore_all(in);
}

}  // namespace posthouse::app::actions
