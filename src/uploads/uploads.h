// What clients have uploaded and not used yet (RFC 8620 section 6.1): octets with a media type, each of one
// account, kept for a day.
//
// In a database that can be thrown away: what is in it is lost to nobody but a client that has to upload it
// again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/result.h"
#include "base/task.h"
#include "engine/blob.h"
#include "engine/engine.h"

namespace posthouse::uploads {

using AccountId = uint64_t;

struct Upload {
  uint64_t id = 0;  // from IdSource: never reused
  SystemTime when{};
  uint64_t size = 0;  // octets
  std::string type;   // as the client said
};

// Thread-safe; every task comes back on its caller's executor. Faults: not_found, over_quota, no_space, io,
// corrupt.
class Uploads {
 public:
  Uploads(engine::Engine& engine, IdSource& ids, const Clock& clock)
      : engine_(engine), ids_(ids), clock_(clock) {}

  // One that arrives; its octets go to writer(). What is not kept is gone with it.
  class Arriving {
   public:
    explicit Arriving(Uploads& uploads) : id_(uploads.ids_.next()), writer_(uploads.engine_, id_) {}
    engine::BlobWriter& writer() { return writer_; }

   private:
    friend class Uploads;
    uint64_t id_;
    engine::BlobWriter writer_;
  };

  // `over_quota` when the account has too many, of which none may go (kMaxUploads, kMaxUploadBytes): those
  // that are older than an hour make room.
  Task<Result<void>> make_room(AccountId account, uint64_t size);
  // The account has it from now on, under the id that is told. `over_quota` as above: others came first.
  Task<Result<Upload>> keep(AccountId account, Arriving& arriving, std::string type);
  // `not_found` also for what is another account's.
  Task<Result<Upload>> find(AccountId account, uint64_t id);
  Task<Result<std::string>> read(AccountId account, uint64_t id, uint64_t offset, uint64_t length);

  // Removes those that are too old; first of all (`at_start`) also what a crash left. Call now and then.
  Task<Result<void>> tidy(bool at_start);

 private:
  Task<Result<std::vector<Upload>>> all_of(AccountId account);
  Task<Result<void>> remove(AccountId account, std::vector<Upload> uploads);

  engine::Engine& engine_;
  IdSource& ids_;
  const Clock& clock_;
};

}  // namespace posthouse::uploads
