#include "store/entries_ahead.h"

#include <utility>

#include "store/account_view.h"

namespace posthouse::store {

EntriesBegun begin_entries(engine::Engine& engine, AccountId account, MailboxId mailbox, Uid first, Uid last,
                           size_t most, bool with_summary) {
  EntriesBegun begun;
  engine.begin_read([=](const engine::Reader& reader) {
    begun.give(AccountView(reader, account).entries(mailbox, first, last, most, with_summary));
  });
  return begun;
}

EntriesBegun begin_entries(engine::Engine& engine, AccountId account, MailboxId mailbox,
                           std::vector<Uid> uids, bool with_summary) {
  EntriesBegun begun;
  engine.begin_read([=, uids = std::move(uids)](const engine::Reader& reader) {
    begun.give(AccountView(reader, account).entries(mailbox, uids, with_summary));
  });
  return begun;
}

}  // namespace posthouse::store
