#include "app/salvage/salvage.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "app/backup/copying.h"
#include "app/config/config.h"
#include "app/core/core.h"
#include "app/core/damage_lines.h"
#include "app/moving/annotation_notes.h"
#include "app/moving/export_note.h"
#include "app/salvage/maildir_out.h"
#include "app/salvage/unfinished.h"
#include "base/id.h"
#include "directory/directory.h"
#include "directory/records.h"
#include "engine/blob.h"
#include "engine/damage_notes.h"
#include "engine/partition_copy.h"
#include "engine/rocks_files.h"
#include "engine/rocks_salvage.h"
#include "net/loop.h"
#include "store/file_rows.h"
#include "store/forgiving_reader.h"
#include "store/orphans.h"

namespace posthouse::app {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kWorkshop = ".workshop";
constexpr std::string_view kUnreadable = "UNREADABLE";

// Goes with what is in it.
struct Workshop {
  std::string path;
  ~Workshop() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

// There it would be in the way of the store, and of who reads it.
Result<void> check_outside(const std::string& to, const std::string& store) {
  std::error_code error;
  const fs::path target = fs::weakly_canonical(fs::absolute(to), error);
  const fs::path inside = error ? fs::path() : fs::weakly_canonical(fs::absolute(store), error);
  if (error) return fail(FaultKind::io, fmt::format("{}: {}", to, error.message()));
  const auto [left, _] = std::ranges::mismatch(inside, target);
  if (left != inside.end()) return {};
  return fail(FaultKind::exists, fmt::format("{} is inside the store: name a folder elsewhere", to));
}

class Salvage {
 public:
  Salvage(engine::Engine& engine, const std::string& to, const UnfinishedSalvage& unfinished,
          Salvaged& report, const std::function<void(uint64_t, uint64_t)>& progress)
      : engine_(engine),
        reader_(engine, [this](std::string line) { unreadable(std::move(line)); }),
        to_(to),
        unfinished_(unfinished),
        report_(report),
        progress_(progress) {}

  Result<void> run(const std::string& store);

 private:
  void tell_of_earlier_damage(const std::string& store);
  void unreadable(std::string line) { report_.unreadable.push_back(std::move(line)); }
  void learn_names(const std::string& store);
  std::string name_of(store::AccountId account) const {
    const auto found = names_.find(account);
    return found != names_.end() ? found->second : "account " + format_id(account);
  }
  Result<void> copy_account(store::AccountId account);
  void tell_of_files(store::AccountId account);
  Result<void> copy_annotations(store::AccountId account);
  Result<std::string> folder_of(store::AccountId account);
  Result<void> copy_orphans();
  Result<void> copy(store::AccountId account, const store::SalvagedLetter& letter);
  Result<std::string> place(store::AccountId account, const std::string& mailbox);
  Result<void> finish();

  engine::Engine& engine_;
  const store::ForgivingReader reader_;
  const std::string to_;
  const UnfinishedSalvage& unfinished_;
  Salvaged& report_;
  const std::function<void(uint64_t, uint64_t)>& progress_;
  std::map<store::AccountId, std::string> names_;
  std::set<store::AccountId> accounts_;
  std::map<std::string, MaildirOut> folders_;
  std::map<std::string, moving::ExportNoteWriter> notes_;  // of accounts' folders
  uint64_t in_files_ = 0;                                  // letters of the account
};

// What can't be read of the directory may still be in its copy.
void Salvage::learn_names(const std::string& store) {
  Pool passwords(1, "password");
  directory::Directory people(engine_, system_clock(), system_random(), passwords);
  auto known = net::run_blocking(people.accounts(""));
  if (!known) unreadable("the directory of accounts: " + known.error().what);
  for (size_t i = 0; known && i < known->size(); ++i) names_[(*known)[i].id] = (*known)[i].address;
  const auto remember = [this](std::string_view key, std::string_view value) {
    const auto account =
        key.starts_with('a') ? directory::decode_account(value) : fail(FaultKind::syntax, "another row");
    if (account) names_.try_emplace(account->id, account->address);
  };
  static_cast<void>(engine::read_partition_copy(fmt::format("{}/{}", store, kDirectoryCopy), remember));
  for (const auto& [id, address] : names_) accounts_.insert(id);
}

// What was taken out of the store before can't be met any more.
void Salvage::tell_of_earlier_damage(const std::string& store) {
  bool lost = false;
  for (const std::string& folder : engine::damaged_folders(store)) {
    if (engine::is_over_in(folder)) continue;
    lost = true;
    const std::vector<std::string> told = engine::told_in(folder);
    for (const std::string& sentence : told) unreadable("taken out of the store before: " + sentence);
    if (told.empty()) unreadable("the store's log could not be read to its end; it is kept in " + folder);
  }
  if (!lost) return;
  static_cast<void>(reader_.partitions(engine::PartitionKind::account, 0, [this](uint64_t id) {
    if (!names_.contains(id)) unreadable(name_of(id) + " has rows and is not in the directory of accounts");
    return true;
  }));
}

Result<void> Salvage::run(const std::string& store) {
  learn_names(store);
  tell_of_earlier_damage(store);
  Result<void> done = reader_.partitions(engine::PartitionKind::account, 0, [this](uint64_t id) {
    accounts_.insert(id);
    return true;
  });
  for (const store::AccountId account : accounts_) {
    if (done) done = copy_account(account);
    if (progress_) progress_(++report_.accounts, accounts_.size());
  }
  if (done) done = copy_orphans();
  return done ? finish() : done;
}

Result<void> Salvage::copy_account(store::AccountId account) {
  in_files_ = 0;
  Result<void> done = store::salvage_letters(
      reader_, account,
      [this, account](const store::SalvagedLetter& letter) { return copy(account, letter); });
  if (done && in_files_ > 0) tell_of_files(account);
  return done ? copy_annotations(account) : done;
}

Result<void> Salvage::copy_annotations(store::AccountId account) {
  moving::AnnotationNotes notes;
  bool any = false;
  const Result<void> taken = store::salvage_annotations(
      reader_, account,
      [&](const std::string& mailbox, std::string_view name, std::string_view value) -> Result<void> {
        notes.add(mailbox, name, value);
        any = true;
        return {};
      });
  if (!taken || !any) return taken;
  auto folder = folder_of(account);
  return folder ? notes.write(*folder) : std::unexpected(folder.error());
}

// Made when something comes into it.
Result<std::string> Salvage::folder_of(store::AccountId account) {
  const std::string name = name_of(account);
  std::string folder = to_ + "/" + folder_name(name);
  if (notes_.contains(folder)) return folder;
  if (auto noted = unfinished_.note(folder_name(name)); !noted) return std::unexpected(noted.error());
  if (auto made = backup::make_folder(folder, 0700); !made) return std::unexpected(made.error());
  auto begun = moving::ExportNoteWriter::open(folder, "maildir", name);
  if (!begun) return std::unexpected(begun.error());
  notes_.emplace(folder, std::move(*begun));
  return folder;
}

// They are as well off as other files of their disk, and more up to date than what the index says.
void Salvage::tell_of_files(store::AccountId account) {
  const auto record =
      net::run_blocking(engine_.fetch(store::account_partition(account), std::string(store::kFilePlaceKey)));
  const auto place = record && *record ? store::decode_file_place(**record)
                                       : Result<store::FilePlace>(fail(FaultKind::not_found, ""));
  std::string where = place ? place->inbox : "a place that can't be read";
  if (place && !place->folders.empty()) where += " and " + place->folders;
  report_.in_files.push_back(fmt::format("{}: {} letters are in files of the account's own, {}: copy those",
                                         name_of(account), in_files_, where));
}

// Bodies of which only the owner is known.
Result<void> Salvage::copy_orphans() {
  const std::vector<store::AccountId> all(accounts_.begin(), accounts_.end());
  const Result<store::Orphans> found = store::find_orphans(engine_, all);
  if (!found) return std::unexpected(found.error());
  for (const store::Orphan& orphan : found->bodies) {
    store::SalvagedLetter letter;
    letter.mailbox = "Recovered";
    letter.blob = orphan.blob;
    letter.internal_date = system_clock().now();
    if (const Result<uint64_t> size = engine::blob_size(engine_, orphan.blob)) letter.size = *size;
    if (Result<void> done = copy(orphan.account, letter); !done) return done;
  }
  return {};
}

// Noted, so that an import knows the mailbox's own name.
Result<std::string> Salvage::place(store::AccountId account, const std::string& mailbox) {
  auto folder = folder_of(account);
  if (!folder) return folder;
  auto within = notes_.at(*folder).place(mailbox, folder_name(mailbox), "", "");
  return within ? Result<std::string>(*folder + "/" + *within) : within;
}

// What can't be read is listed; only a target that can't be written ends it.
Result<void> Salvage::copy(store::AccountId account, const store::SalvagedLetter& letter) {
  const std::string where = fmt::format("{} {} message {}", name_of(account), letter.mailbox, letter.uid);
  if (letter.blob == 0) {
    ++in_files_;
    return {};
  }
  auto found = place(account, letter.mailbox);
  if (!found) return std::unexpected(found.error());
  const std::string& path = *found;
  MaildirOut& folder = folders_.try_emplace(path, path).first->second;
  bool damaged = false;
  const Result<void> done = folder.add(letter, [&](uint64_t at) {
    Result<std::string> piece = engine::read_blob(engine_, letter.blob, at, engine::kBlobChunk);
    damaged = !piece || piece->empty();
    return piece;
  });
  if (done) {
    ++report_.letters;
    report_.bytes += letter.size;
    return {};
  }
  if (!damaged) return done;
  unreadable(where + ": " + done.error().what);
  return {};
}

Result<void> Salvage::finish() {
  for (const auto& [path, folder] : folders_) {
    if (Result<void> done = folder.finish(); !done) return done;
  }
  if (report_.unreadable.empty()) return {};
  for (std::string& line : report_.unreadable) line = with_addresses(line, names_);
  std::ofstream list(fmt::format("{}/{}", to_, kUnreadable));
  for (const std::string& line : counted_by_account(report_.unreadable)) list << line << '\n';
  list << '\n';
  for (const std::string& line : report_.unreadable) list << line << '\n';
  list.close();
  return list ? Result<void>()
              : fail(FaultKind::io, fmt::format("{}/{}: can't be written", to_, kUnreadable));
}

// `begun`: something was written, or may have been.
Result<Salvaged> write_into(const std::string& to, const UnfinishedSalvage& unfinished,
                            const std::string& store, uint64_t memory_budget,
                            const std::function<void(uint64_t, uint64_t)>& progress, bool& begun) {
  for (const std::string_view name : {kWorkshop, kUnreadable}) {
    if (auto noted = unfinished.note(name); !noted) return std::unexpected(noted.error());
  }
  const Workshop workshop{fmt::format("{}/{}", to, kWorkshop)};
  Salvaged report;
  auto opened = engine::open_for_salvage({store, workshop.path, memory_budget}, report.obstacle);
  if (!opened) return std::unexpected(opened.error());
  begun = true;
  Result<void> done = Salvage(**opened, to, unfinished, report, progress).run(store);
  if (!done) return std::unexpected(done.error());
  return report;
}

}  // namespace

Result<Salvaged> salvage_store(const std::string& store, const std::string& to, uint64_t memory_budget,
                               const std::function<void(uint64_t done, uint64_t total)>& progress) {
  if (Result<void> outside = check_outside(to, store); !outside) return std::unexpected(outside.error());
  const auto unfinished = UnfinishedSalvage::begin(to);
  if (!unfinished) return std::unexpected(unfinished.error());
  bool begun = false;
  Result<Salvaged> report = write_into(to, *unfinished, store, memory_budget, progress, begun);
  if (!report && begun) return report;
  Result<void> ended = unfinished->end();
  if (report && !ended) return std::unexpected(ended.error());
  return report;
}

}  // namespace posthouse::app
