// What index and outbox say of the files of a mailbox. Not for other rooms.
#pragma once

#include <vector>

#include "engine/engine.h"
#include "mirror/driver.h"
#include "store/types.h"

namespace posthouse::mirror {

// The messages that the index has in the files of a mailbox, and what its outbox wants to do with others.
struct Snapshot {
  std::vector<Driver::Known> known;
  bool busy = false;       // the outbox is not empty of it
  bool but_flags = false;  // those do not count: none was begun, and what others changed is merged with them
};

Result<void> take_snapshot(const engine::Reader& reader, store::AccountId account, store::MailboxId mailbox,
                           Snapshot& out);

}  // namespace posthouse::mirror
