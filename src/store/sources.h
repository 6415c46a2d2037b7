// What a step needs to know of messages before it runs; of many, part by part.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/begun.h"
#include "engine/engine.h"
#include "store/rows.h"
#include "store/types.h"

namespace posthouse::store {

// Its blob's reference and, for copies, its record.
struct Source {
  Uid uid = 0;
  FlagRow row;
  std::string record;
};
std::vector<Uid> uids_of(const std::vector<Source>& messages);

// Those of `rising` that are there, rising. Within a read of the engine.
Result<std::vector<Source>> read_sources(const engine::Reader& reader, AccountId account, MailboxId mailbox,
                                         const std::vector<Uid>& rising, bool with_record);

// Cuts `uids` into parts of at most `size`: sorted, each once.
std::vector<std::vector<Uid>> cut_parts(std::vector<Uid> uids, size_t size);

// The messages of a COPY or MOVE, some after the other: while these are written the next ones are read.
class SourceParts {
 public:
  // There is one part at least, which may be empty. `engine` outlives it.
  SourceParts(engine::Engine& engine, AccountId account, MailboxId mailbox, std::vector<Uid> uids,
              size_t size);

  bool done() const { return at_ == parts_.size(); }
  void advance() { ++at_; }
  // Of the part at hand, with records. The first time perhaps as they were when the part before was written;
  // asked again it looks again.
  Task<Result<std::vector<Source>>> read();

 private:
  using Reading = Begun<Result<std::vector<Source>>>;
  Reading begin(size_t part) const;

  engine::Engine& engine_;
  AccountId account_;
  MailboxId mailbox_;
  std::vector<std::vector<Uid>> parts_;
  size_t at_ = 0;
  std::optional<Reading> ahead_;
  size_t begun_ = 0;  // the part that is read ahead
};

}  // namespace posthouse::store
