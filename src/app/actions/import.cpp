#include "app/moving/import.h"

#include <sysexits.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>

#include "app/actions/actions.h"
#include "app/actions/import_imap.h"
#include "app/actions/moving.h"
#include "app/actions/progress_bar.h"
#include "app/moving/annotation_notes.h"
#include "app/moving/imap_url.h"
#include "base/log.h"

namespace posthouse::app::actions {

namespace json = boost::json;

int print_moved(const Invocation& in, const moving::MoveOutcome& outcome, const std::string& verb) {
  uint64_t moved = 0, flagged = 0;
  json::array mailboxes;
  std::vector<std::vector<std::string>> rows;
  for (const moving::MovedMailbox& mailbox : outcome.mailboxes) {
    moved += mailbox.moved;
    json::object row;
    row["from"] = mailbox.from;
    row["to"] = mailbox.to;
    row["letters"] = mailbox.read;
    row["there"] = mailbox.there;
    row[verb] = mailbox.moved;
    if (in.sync_flags) row["flagged"] = mailbox.flagged;
    flagged += mailbox.flagged;
    mailboxes.push_back(std::move(row));
    rows.push_back({mailbox.from, mailbox.to, fmt::to_string(mailbox.read), fmt::to_string(mailbox.there),
                    fmt::to_string(mailbox.moved)});
  }
  if (in.json) {
    json::object out;
    out["mailboxes"] = std::move(mailboxes);
    out[verb] = moved;
    if (in.sync_flags) out["flagged"] = flagged;
    out["left_out"] = json::array(outcome.left_out.begin(), outcome.left_out.end());
    out["skipped"] = json::array(outcome.skipped.begin(), outcome.skipped.end());
    out["skipped_count"] = outcome.skipped_count;
    print_json(out);
  } else {
    print_table({"FROM", "TO", "LETTERS", "THERE", in.dry_run ? "WOULD COME" : "MOVED"}, rows);
    for (const std::string& line : outcome.left_out) fmt::print("left out: {}\n", line);
    for (const std::string& line : outcome.skipped) fmt::print("skipped: {}\n", line);
    if (in.sync_flags) fmt::print("{} letters that were there got other flags.\n", flagged);
    fmt::print("{} letters {}, {} skipped.\n", moved, in.dry_run ? "would come" : verb,
               outcome.skipped_count);
  }
  return outcome.skipped_count == 0 ? EX_OK : EX_DATAERR;
}

namespace {

// Where the folder has them, and they go where they were.
Result<void> bring_annotations(const Invocation& in, control::Admin& admin,
                               const moving::MoveOutcome& outcome) {
  if (in.dry_run || !in.into.empty() || moving::is_imap_url(in.file)) return {};
  auto notes = moving::AnnotationNotes::read(in.file);
  if (!notes) return std::unexpected(notes.error());
  return notes->bring(admin, in.name, outcome.mailboxes, in.folders.empty() && in.exclude.empty());
}

int bring(const Invocation& in, control::Admin& admin, moving::Source& source) {
  source.choose(in.folders, in.exclude);
  if (source.mailboxes().empty())
    return complain_of_source(
        Fault{FaultKind::not_found, "no mailbox of SOURCE is chosen (--folder, --exclude)"});
  control::Admin::Hold alone;
  if (!in.dry_run) {
    auto held = admin.hold(in.name);
    if (!held) return complain(held.error());
    alone = std::move(*held);
  }
  moving::ImportOptions options{in.name, in.into, in.dry_run, in.sync_flags, nullptr};
  auto outcome = [&] {
    ProgressBar bar;
    options.progress = source.counts_bytes() ? bar.bytes() : bar.letters();
    return moving::import_letters(admin, source, options);
  }();
  if (!outcome) return complain(outcome.error());
  if (auto brought = bring_annotations(in, admin, *outcome); !brought) return complain(brought.error());
  const auto holds = [](const moving::MovedMailbox& mailbox) { return mailbox.read > 0; };
  if (!in.json && outcome->skipped_count == 0 && std::ranges::none_of(outcome->mailboxes, holds))
    fmt::print("There is no letter in {}.\n", in.file);
  return print_moved(in, *outcome, "imported");
}

}  // namespace

int import(const Invocation& in) {
  auto loaded = load(in);
  if (!loaded) return EX_CONFIG;
  log::configure(log::Level::error, "", "text");
  if (moving::is_imap_url(in.file)) return import_imap(in, *loaded, bring);
  if (auto fits = check_no_imap_options(in); !fits) return complain(fits.error());
  auto source = moving::open_source(in.file, in.format);
  if (!source) return complain_of_source(source.error());
  auto admin = control::connect_beside(loaded->config);
  if (!admin) return complain(*loaded, admin.error());
  return bring(in, **admin, **source);
}

}  // namespace posthouse::app::actions
