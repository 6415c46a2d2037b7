// A backup opened as a mail system that can only be read.
#pragma once

#include <memory>
#include <string>

#include "app/backup/repository.h"
#include "app/core/core.h"

namespace posthouse::app::backup {

class Opened {
 public:
  // Makes a folder of links to the files in the pool, which goes with the object. Faults: `not_found` for a
  // file that is missing, and as engine::open_rocks_engine.
  static Result<std::unique_ptr<Opened>> open(const Repository& repository, const Catalog& catalog,
                                              const Config& config);
  ~Opened();
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;

  Core& core() { return *core_; }

  struct Counts {
    uint64_t accounts = 0, mailboxes = 0, messages = 0, bytes = 0, queued = 0;
  };
  Result<Counts> count();

 private:
  explicit Opened(std::string folder) : folder_(std::move(folder)) {}

  std::string folder_;
  std::unique_ptr<Core> core_;
};

}  // namespace posthouse::app::backup
