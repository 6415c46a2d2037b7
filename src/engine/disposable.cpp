#include "engine/disposable.h"

#include <filesystem>
#include <system_error>

#include "base/log.h"
#include "engine/rocks_engine.h"

namespace posthouse::engine {

namespace {

namespace fs = std::filesystem;

Result<void> make_folder(const std::string& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return fail(FaultKind::io, directory + ": " + error.message());
  fs::permissions(directory, fs::perms::owner_all, error);
  return {};
}

void remove_other_versions(const DisposableOptions& options) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(options.directory, error)) {
    if (entry.path().filename() != options.version) fs::remove_all(entry.path(), error);
  }
}

Result<std::unique_ptr<Engine>> open_version(const DisposableOptions& options) {
  RocksOptions rocks;
  rocks.directory = options.directory + "/" + options.version;
  rocks.create = true;
  rocks.memory_budget = options.memory;
  rocks.space_reserve = options.space_reserve;
  rocks.sync = false;
  rocks.reading_threads = 2;  // long work in the background does not keep a question waiting
  return open_rocks_engine(rocks);
}

}  // namespace

Result<std::unique_ptr<Engine>> open_disposable(const DisposableOptions& options) {
  if (Result<void> made = make_folder(options.directory); !made) return std::unexpected(made.error());
  remove_other_versions(options);
  auto opened = open_version(options);
  // Its files may have been mended, at the price of rows: nobody asks which.
  const bool whole = opened && (*opened)->lost().empty() && (*opened)->damage().empty();
  const bool busy = !opened && opened.error().kind == FaultKind::temporary;
  if (whole || busy) return opened;
  log::warn(options.thrown_away,
            {{"reason", opened ? std::string("its files were damaged") : opened.error().what}});
  if (opened) opened->reset();
  if (Result<void> removed = remove_disposable(options.directory); !removed)
    return std::unexpected(removed.error());
  if (Result<void> made = make_folder(options.directory); !made) return std::unexpected(made.error());
  return open_version(options);
}

Result<void> remove_disposable(const std::string& directory) {
  std::error_code error;
  fs::remove_all(directory, error);
  if (error) return fail(FaultKind::io, directory + ": " + error.message());
  return {};
}

uint64_t disposable_size(const std::string& directory) {
  uint64_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    std::error_code gone;
    const uint64_t size = at->is_regular_file(gone) ? at->file_size(gone) : 0;
    if (!gone) bytes += size;
  }
  return bytes;
}

}  // namespace posthouse::engine
