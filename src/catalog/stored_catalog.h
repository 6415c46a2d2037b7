// The catalog with its database in a folder of its own.
#pragma once

#include <memory>
#include <string>

#include "catalog/catalog.h"

namespace posthouse::catalog {

class StoredCatalog {
 public:
  struct Options {
    std::string directory;
    uint64_t memory = 16ull << 20;
    uint64_t space_reserve = 0;  // nothing is written when the disk has less free
  };
  // Makes it where there is none, and in the place of one that is damaged or of another version.
  static Result<std::unique_ptr<StoredCatalog>> open(const Options& options, store::MailStore& store,
                                                     Random& random);
  Catalog& catalog() { return catalog_; }
  // Its database, for what else can be thrown away with it.
  engine::Engine& engine() { return *engine_; }

 private:
  StoredCatalog(std::unique_ptr<engine::Engine> opened, store::MailStore& store, Random& random)
      : engine_(std::move(opened)), catalog_(*engine_, store, random) {}

  std::unique_ptr<engine::Engine> engine_;
  Catalog catalog_;
};

}  // namespace posthouse::catalog
