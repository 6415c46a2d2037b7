// What never changes of messages, for who wants it of many: the rows of their flags are not read.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "store/types.h"

namespace posthouse::store {

struct MessageRecord {
  Uid uid = 0;
  SystemTime internal_date{};
  uint64_t size = 0;
  std::string_view summary;  // points into the row
};

// In rising order; those that have no row, or a damaged one, are left out without a word. Of expunged
// messages the rows may still be there. Within a read of the engine.
Result<void> for_records(const engine::Reader& reader, AccountId account, MailboxId mailbox,
                         const std::vector<Uid>& rising,
                         const std::function<void(const MessageRecord&)>& visit);

// The same of the rows as they are stored (decode_message()), damaged ones with them.
Result<void> for_record_rows(const engine::Reader& reader, AccountId account, MailboxId mailbox,
                             const std::vector<Uid>& rising,
                             const std::function<void(Uid, std::string_view record)>& visit);

}  // namespace posthouse::store
