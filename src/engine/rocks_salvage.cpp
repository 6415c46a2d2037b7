#include "engine/rocks_salvage.h"

#include <fmt/format.h>
#include <rocksdb/db.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>

#include "engine/file_numbers.h"
#include "engine/patch_file.h"
#include "engine/rocks_database.h"
#include "engine/rocks_engine.h"
#include "engine/rocks_lock.h"
#include "engine/rocks_log.h"
#include "engine/rocks_tuning.h"

namespace posthouse::engine {

namespace {

namespace fs = std::filesystem;

// Fields of a change of the manifest.
constexpr uint64_t kFamilyField = 200;
constexpr uint64_t kBlobFileField = 400;
constexpr uint64_t kNoMoreFields = 0;
constexpr uint64_t kBlobOverhead = 30 + 32;  // header and footer of a blob file

void append_sized(std::string& to, std::string_view bytes) {
  append_varint(to, bytes.size());
  to.append(bytes);
}

RocksOptions reading(const std::string& directory, uint64_t budget) {
  RocksOptions options;
  options.directory = directory;
  options.memory_budget = budget;
  options.read_only = true;
  options.lenient = true;
  return options;
}

// The files in a folder of their own: those that are never changed share their bytes where that is possible.
Result<void> lay_out(const std::string& from, const std::string& to) {
  std::error_code error;
  fs::create_directories(to, error);
  for (const auto& entry : fs::directory_iterator(from, error)) {
    const std::string extension = entry.path().extension().string();
    const fs::path target = fs::path(to) / entry.path().filename();
    if (extension != ".sst" && extension != ".blob" && extension != ".log") continue;
    if (extension != ".log") fs::create_hard_link(entry.path(), target, error);
    if (extension == ".log" || error) fs::copy_file(entry.path(), target, error);
    if (error) return fail(FaultKind::io, fmt::format("{}: {}", target.string(), error.message()));
  }
  if (error) return fail(FaultKind::io, fmt::format("{}: {}", from, error.message()));
  return {};
}

std::optional<uint64_t> number_of(const fs::path& file) {
  const std::string stem = file.stem().string();
  uint64_t number = 0;
  const auto [end, failed] = std::from_chars(stem.data(), stem.data() + stem.size(), number);
  return failed == std::errc() && end == stem.data() + stem.size() ? std::optional(number) : std::nullopt;
}

// A table with a row that nobody asks for: RocksDB learns from tables which families there are, and would
// pass over all bodies that are in logs only.
Result<void> add_family(const std::string& folder, uint64_t budget) {
  uint64_t number = 1;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    number = std::max(number, number_of(entry.path()).value_or(0) + 1);
  const std::string aside = folder + "/family";
  RocksOptions options;
  options.directory = aside;
  options.create = true;
  options.memory_budget = budget;
  {
    const Result<std::unique_ptr<RocksDatabase>> made = RocksDatabase::open(options);
    if (!made) return std::unexpected(made.error());
    rocksdb::DB& db = (*made)->db();
    rocksdb::Status status = db.Put(rocksdb::WriteOptions(), (*made)->chunks(), std::string(1, '\1'), "");
    if (status.ok()) status = db.Flush(rocksdb::FlushOptions(), (*made)->chunks());
    if (!status.ok()) return std::unexpected(to_fault(status, "cannot write " + aside));
  }
  for (const auto& entry : fs::directory_iterator(aside, error)) {
    if (entry.path().extension() == ".sst")
      fs::rename(entry.path(), fmt::format("{}/{:06}.sst", folder, number++), error);
  }
  fs::remove_all(aside, error);
  return {};
}

// RocksDB makes a list of the tables from the tables themselves.
Result<void> list_tables(const std::string& folder, uint64_t budget) {
  const RocksTuning tuning(reading(folder, budget), {.stand_ins = true, .keep_blobs = true});
  rocksdb::DBOptions database = tuning.database();
  database.paranoid_checks = false;
  database.create_if_missing = true;
  rocksdb::ColumnFamilyOptions rows = tuning.rows();
  rocksdb::ColumnFamilyOptions chunks = tuning.chunks();
  rows.force_consistency_checks = chunks.force_consistency_checks = false;
  const rocksdb::Status status = rocksdb::RepairDB(
      folder, database, {{rocksdb::kDefaultColumnFamilyName, rows}, {kChunksFamily, chunks}}, chunks);
  return status.ok() ? Result<void>() : std::unexpected(to_fault(status, "cannot list the store's tables"));
}

// Which leaves the blob files out: they are added to the list, each as if it were full of values in use.
Result<void> list_blobs(const std::string& folder) {
  std::string current = read_whole(folder + "/CURRENT");
  while (current.ends_with('\n')) current.pop_back();
  const std::string manifest = folder + "/" + current;
  std::vector<std::string> records;
  // The manifest is a log of changes; its records are no batches.
  Result<void> read = read_records(manifest, [&records](std::string_view record) -> Result<void> {
    records.emplace_back(record);
    return {};
  });
  if (!read) return read;
  std::string change;
  append_varint(change, kFamilyField);
  append_varint(change, 1);
  bool some = false;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const auto number = number_of(entry.path());
    if (entry.path().extension() != ".blob" || !number) continue;
    const uint64_t size = entry.file_size(error);
    append_varint(change, kBlobFileField);
    append_varint(change, *number);
    append_varint(change, 1);
    append_varint(change, size > kBlobOverhead ? size - kBlobOverhead : 1);
    append_sized(change, "");  // no checksum of the whole
    append_sized(change, "");
    append_varint(change, kNoMoreFields);
    some = true;
  }
  if (!some) return {};
  // Behind the record that makes the family, before those of its tables, which refer to them.
  std::string family;
  append_sized(family, kChunksFamily);
  const auto makes_it = [&family](const std::string& record) {
    return record.find(family) != std::string::npos;
  };
  const auto made = std::ranges::find_if(records, makes_it);
  if (made == records.end()) return fail(FaultKind::corrupt, "the tables of bodies were not found");
  records.insert(made + 1, std::move(change));
  std::string bytes;
  LogWriter writer([&bytes](std::string_view more) { bytes += more; });
  for (const std::string& record : records) writer.add(record);
  return write_whole(manifest, bytes);
}

}  // namespace

Result<std::unique_ptr<Engine>> open_for_salvage(const SalvageOptions& options, std::string& how) {
  const StoreLock lock(options.directory + "/LOCK");
  if (!lock) {
    // What can't be written can be read all the same, as from a disk that is mounted for reading only.
    if (Result<void> nobody = check_nobody_has_it(options.directory); !nobody)
      return std::unexpected(nobody.error());
  }
  Result<std::unique_ptr<Engine>> opened =
      open_rocks_engine(reading(options.directory, options.memory_budget));
  if (opened) return opened;
  how = opened.error().what;
  Result<void> done = lay_out(options.directory, options.workshop);
  if (done) done = add_family(options.workshop, options.memory_budget);
  if (done) done = list_tables(options.workshop, options.memory_budget);
  if (done) done = list_blobs(options.workshop);
  if (!done) return std::unexpected(done.error());
  return open_rocks_engine(reading(options.workshop, options.memory_budget));
}

}  // namespace posthouse::engine
