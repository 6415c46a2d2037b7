#include "engine/rocks_log_mend.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <vector>

#include "base/log.h"
#include "engine/damage_notes.h"
#include "engine/patch_file.h"
#include "engine/rocks_files.h"
#include "engine/rocks_lock.h"
#include "engine/rocks_log.h"
#include "engine/rocks_log_list.h"

namespace posthouse::engine {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFresh = ".fresh";

// Nobody knows what stood in a lost record.
Result<void> note_everything_lost(const DamageNotes& notes) {
  std::vector<KeyRange> lost = notes.lost();
  lost.push_back({"", std::string(1, '\xff')});
  return notes.lost(lost);
}

// Everything that can be read, so that RocksDB meets no damage.
Result<void> write_anew(const std::string& path, LogReading& reading) {
  const std::string fresh = path + std::string(kFresh);
  std::ofstream to(fresh, std::ios::binary | std::ios::trunc);
  LogWriter writer(
      [&to](std::string_view bytes) { to.write(bytes.data(), static_cast<std::streamsize>(bytes.size())); });
  Result<void> done = read_log(path, reading, [&writer, &to](std::string_view record) -> Result<void> {
    writer.add(record);
    return to ? Result<void>() : fail(FaultKind::io, "cannot write a log anew");
  });
  to.close();
  if (done && !to) done = fail(FaultKind::io, fresh + ": cannot be written");
  if (!done) return done;
  const Result<PatchFile> file = PatchFile::open(fresh);
  if (!file) return std::unexpected(file.error());
  return file->flush();
}

Result<void> keep_and_tell(const std::string& directory, const LogReading& reading) {
  const Result<std::string> kept = keep_damaged_log(directory);
  if (!kept) return std::unexpected(kept.error());
  const std::string what = fmt::format(
      "the store's log could not be read to its end: {} damaged bytes are skipped and {} records behind them "
      "were "
      "read; letters taken at that time may be missing; kept in {}, which you may remove when you have "
      "looked",
      reading.bytes, reading.behind, *kept);
  log::error("engine.log_damaged", {{"what", what}, {"kept", *kept}});
  const Result<void> done = tell_in(*kept, what);
  return done ? note_everything_lost(DamageNotes(directory)) : done;
}

Result<void> mend(const std::string& directory, const std::vector<std::string>& logs) {
  LogReading reading;
  for (const std::string& log : logs) {
    if (Result<void> done = write_anew(log, reading); !done) return done;
  }
  // Without damage it only ends at a hole, which RocksDB would step over.
  Result<void> done = reading.damaged ? keep_and_tell(directory, reading) : Result<void>();
  for (const std::string& log : logs) {
    if (done) done = replace_file(log + std::string(kFresh), log);
  }
  return done;
}

Result<void> mend_damaged(const std::string& directory) {
  const std::vector<std::string> logs = logs_in(directory);
  LogReading reading;
  for (const std::string& log : logs) {
    if (Result<void> done = read_log(log, reading, nullptr); !done) return done;
  }
  // What we don't know RocksDB may.
  if (!(reading.damaged || reading.cut) || reading.foreign) return {};
  Result<void> done = mend(directory, logs);
  std::error_code ignored;
  for (const std::string& log : logs) fs::remove(log + std::string(kFresh), ignored);
  return done;
}

Result<void> tell_missing(const std::string& directory) {
  for (const std::string& name : missing_logs(directory)) {
    const Result<std::string> folder = new_damaged_folder(directory, "-log");
    if (!folder) return std::unexpected(folder.error());
    const std::string what = fmt::format(
        "the store's log {} is missing: letters taken last may be missing, too; remove {} when you have "
        "looked",
        name, *folder);
    Result<void> done = tell_in(*folder, what);
    if (done) done = note_everything_lost(DamageNotes(directory));
    if (done) done = forget_log(directory, name);
    if (!done) return done;
    log::error("engine.log_missing", {{"what", what}});
  }
  return {};
}

}  // namespace

Result<void> mend_logs(const RocksOptions& options) {
  const DamageNotes notes(options.directory);
  if (look_at_store(options.directory) != StoreFiles::whole) return {};
  const StoreLock lock(notes.file("LOCK"));
  if (!lock) return {};  // opening it will tell who has it
  Result<void> done = mend_damaged(options.directory);
  return done ? tell_missing(options.directory) : done;
}

}  // namespace posthouse::engine
