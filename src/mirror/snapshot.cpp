#include "mirror/snapshot.h"

#include "store/account_view.h"
#include "store/file_rows.h"

namespace posthouse::mirror {

using store::AccountId;
using store::MailboxId;

Result<void> take_snapshot(const engine::Reader& reader, AccountId account, MailboxId mailbox,
                           Snapshot& out) {
  const engine::Partition partition = store::account_partition(account);
  const Result<void> busy =
      reader.scan(partition, store::effect_key(0), store::prefix_end(std::string(store::kEffectPrefix)),
                  [&](std::string_view, std::string_view value) {
                    const Result<store::EffectRow> row = store::decode_effect(value);
                    const bool counts = row && !(out.but_flags && row->kind == store::EffectRow::Kind::flags);
                    out.busy = counts && row->mailbox == mailbox;
                    return !out.busy;
                  });
  if (!busy) return busy;
  return reader.scan(partition, store::location_key(mailbox, 0), store::location_end(mailbox, UINT32_MAX),
                     [&](std::string_view key, std::string_view value) {
                       Result<std::string> location = store::decode_location(value);
                       // One that can't be read is found in the files again.
                       if (location) out.known.push_back({store::uid_of_key(key), std::move(*location)});
                       return true;
                     });
}

}  // namespace posthouse::mirror
