#include "catalog/stored_catalog.h"

#include "engine/disposable.h"

namespace posthouse::catalog {

Result<std::unique_ptr<StoredCatalog>> StoredCatalog::open(const Options& options, store::MailStore& store,
                                                           Random& random) {
  engine::DisposableOptions disposable;
  disposable.directory = options.directory;
  disposable.version = "1";  // of the rows
  disposable.memory = options.memory;
  disposable.space_reserve = options.space_reserve;
  disposable.thrown_away = "catalog.thrown_away";
  auto opened = engine::open_disposable(disposable);
  if (!opened) return std::unexpected(opened.error());
  return std::unique_ptr<StoredCatalog>(new StoredCatalog(std::move(*opened), store, random));
}

}  // namespace posthouse::catalog
