// Bodies that should have a message and have none.
#pragma once

#include <string>
#include <vector>

#include "engine/blob.h"
#include "store/types.h"

namespace posthouse::store {

struct Orphan {
  engine::BlobId blob = 0;
  std::string reference;
  AccountId account = 0;
  uint64_t delivery = 0;
  bool sound = false;  // all of it can be read
};

// `unreferenced`: bodies without any reference that no sweep will meet.
struct Orphans {
  std::vector<Orphan> bodies;
  std::vector<engine::BlobId> unreferenced;
  bool missed = false;  // rows of accounts can't be read: some of these bodies may have a message there
};

// `accounts`: all whose messages count.
Result<Orphans> find_orphans(const engine::Reader& reader, const std::vector<AccountId>& accounts);

}  // namespace posthouse::store
