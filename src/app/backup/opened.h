// A backup opened as a mail system that can only be read.
#pragma once

#include <memory>
#include <string>

#include "app/backup/pool_files.h"
#include "app/backup/repository.h"
#include "app/core/core.h"

namespace posthouse::app::backup {

class Opened {
 public:
  // Makes a folder of links to the files in the pool, which goes with the object. Faults: `not_found` for a
  // file that is missing, and as engine::open_rocks_engine.
  static Result<std::unique_ptr<Opened>> open(const Repository& repository, const Catalog& catalog,
                                              const Config& config);
  // Without the letters that were in files: nobody can read them, and their lists are not looked at.
  static Result<std::unique_ptr<Opened>> open_index(const Repository& repository, const Catalog& catalog,
                                                    const Config& config);
  // A snapshot that is not in the pool yet.
  static Result<std::unique_ptr<Opened>> open_snapshot(const std::string& folder, const Config& config);
  ~Opened();
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;

  Core& core() { return *core_; }
  const PoolFiles& files() const { return *files_; }  // only of what open() opened

  struct Counts {
    uint64_t accounts = 0, mailboxes = 0, messages = 0, bytes = 0, queued = 0;
  };
  Result<Counts> count();

 private:
  explicit Opened(std::string folder) : folder_(std::move(folder)) {}

  using Links = std::vector<std::pair<std::string, std::string>>;  // name in the store, file
  static Result<Links> links_of(const Repository& repository, const Catalog& catalog);
  static Result<std::unique_ptr<Opened>> open_links(const Links& links, const Config& config,
                                                    std::optional<PoolFiles> files);

  std::string folder_;
  std::optional<PoolFiles> files_;
  std::unique_ptr<Core> core_;
};

}  // namespace posthouse::app::backup
