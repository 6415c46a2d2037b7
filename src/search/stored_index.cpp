// Opening the index, and throwing away one that can't be used.
#include <filesystem>
#include <system_error>

#include "base/log.h"
#include "engine/rocks_engine.h"
#include "search/index.h"

namespace posthouse::search {

namespace {

namespace fs = std::filesystem;

// The version of terms and rows is the name of the folder: another one is not looked at, and goes.
constexpr const char* kVersion = "2";

void remove_other_versions(const std::string& directory) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    if (entry.path().filename() != kVersion) fs::remove_all(entry.path(), error);
  }
}

Result<std::unique_ptr<engine::Engine>> open_engine(const StoredIndex::Options& options) {
  engine::RocksOptions rocks;
  rocks.directory = options.directory + "/" + kVersion;
  rocks.create = true;
  rocks.memory_budget = options.memory;
  rocks.space_reserve = options.space_reserve;
  rocks.sync = false;         // what a power cut takes is indexed again
  rocks.reading_threads = 2;  // a merge does not keep a search waiting
  return engine::open_rocks_engine(rocks);
}

}  // namespace

Result<std::unique_ptr<StoredIndex>> StoredIndex::open(const Options& options) {
  std::error_code error;
  fs::create_directories(options.directory, error);
  if (error) return fail(FaultKind::io, options.directory + ": " + error.message());
  fs::permissions(options.directory, fs::perms::owner_all, error);
  remove_other_versions(options.directory);
  auto opened = open_engine(options);
  // Its files may have been mended, at the price of rows: nobody asks which.
  const bool whole = opened && (*opened)->lost().empty() && (*opened)->damage().empty();
  const bool busy = !opened && opened.error().kind == FaultKind::temporary;
  if (!whole && !busy) {
    log::warn("search.index_thrown_away",
              {{"reason", opened ? std::string("its files were damaged") : opened.error().what}});
    if (opened) opened->reset();
    if (Result<void> removed = remove(options.directory); !removed) return std::unexpected(removed.error());
    fs::create_directory(options.directory, error);
    fs::permissions(options.directory, fs::perms::owner_all, error);
    opened = open_engine(options);
  }
  if (!opened) return std::unexpected(opened.error());
  return std::unique_ptr<StoredIndex>(new StoredIndex(std::move(*opened)));
}

Result<void> StoredIndex::remove(const std::string& directory) {
  std::error_code error;
  fs::remove_all(directory, error);
  if (error) return fail(FaultKind::io, directory + ": " + error.message());
  return {};
}

uint64_t StoredIndex::size_on_disk(const std::string& directory) {
  uint64_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    std::error_code gone;
    const uint64_t size = at->is_regular_file(gone) ? at->file_size(gone) : 0;
    if (!gone) bytes += size;
  }
  return bytes;
}

}  // namespace posthouse::search
