#include "store/damage.h"

#include "base/id.h"
#include "base/log.h"
#include "base/metrics.h"

namespace posthouse::store {

void report_damage(const Fault& fault, AccountId account, MailboxId mailbox, Uid uid) {
  static const metrics::Counter damaged("posthouse_store_damaged_rows_total",
                                        "Stored rows that failed their checksum or were not understood.");
  damaged.add();
  log::error("store.damaged_row",
             {{"account", format_id(account)}, {"mailbox", mailbox}, {"uid", uid}, {"what", fault.what}});
}

}  // namespace posthouse::store
