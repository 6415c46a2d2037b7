// Entries of messages (store/mail_store.h), begun for whoever comes back for them later, or never.
#pragma once

#include <vector>

#include "base/begun.h"
#include "engine/engine.h"
#include "store/types.h"

namespace posthouse::store {

using EntriesBegun = Begun<Result<std::vector<Entry>>>;

// As MailStore::entries() gives them.
EntriesBegun begin_entries(engine::Engine& engine, AccountId account, MailboxId mailbox, Uid first, Uid last,
                           size_t most, bool with_summary);
EntriesBegun begin_entries(engine::Engine& engine, AccountId account, MailboxId mailbox,
                           std::vector<Uid> uids, bool with_summary);

}  // namespace posthouse::store
