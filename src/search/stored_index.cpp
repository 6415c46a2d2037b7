// Opening the index, and throwing away one that can't be used.
#include "engine/disposable.h"
#include "search/index.h"

namespace posthouse::search {

Result<std::unique_ptr<StoredIndex>> StoredIndex::open(const Options& options) {
  engine::DisposableOptions disposable;
  disposable.directory = options.directory;
  disposable.version = "2";  // of terms and rows
  disposable.memory = options.memory;
  disposable.space_reserve = options.space_reserve;
  disposable.thrown_away = "search.index_thrown_away";
  auto opened = engine::open_disposable(disposable);
  if (!opened) return std::unexpected(opened.error());
  return std::unique_ptr<StoredIndex>(new StoredIndex(std::move(*opened)));
}

Result<void> StoredIndex::remove(const std::string& directory) {
  return engine::remove_disposable(directory);
}

uint64_t StoredIndex::size_on_disk(const std::string& directory) {
  return engine::disposable_size(directory);
}

}  // namespace posthouse::search
