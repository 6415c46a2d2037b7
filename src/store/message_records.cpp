#include "store/message_records.h"

#include "store/account_view.h"
#include "store/rows.h"

namespace posthouse::store {

Result<void> for_records(const engine::Reader& reader, AccountId account, MailboxId mailbox,
                         const std::vector<Uid>& rising,
                         const std::function<void(const MessageRecord&)>& visit) {
  return for_record_rows(reader, account, mailbox, rising, [&](Uid uid, std::string_view record) {
    const Result<MessageRow> row = decode_message(record);
    if (row) visit({uid, row->internal_date, row->size, row->summary});
  });
}

Result<void> for_record_rows(const engine::Reader& reader, AccountId account, MailboxId mailbox,
                             const std::vector<Uid>& rising,
                             const std::function<void(Uid, std::string_view)>& visit) {
  const engine::Partition partition = account_partition(account);
  if (is_dense(rising)) {
    auto next = rising.begin();
    return reader.scan(partition, message_key(mailbox, rising.front()), message_end(mailbox, rising.back()),
                       [&](std::string_view key, std::string_view value) {
                         const Uid uid = uid_of_key(key);
                         while (next != rising.end() && *next < uid) ++next;
                         if (next != rising.end() && *next == uid) visit(uid, value);
                         return next != rising.end();
                       });
  }
  for (const Uid uid : rising) {
    const Result<std::optional<std::string>> record = reader.get(partition, message_key(mailbox, uid));
    if (!record) return std::unexpected(record.error());
    if (*record) visit(uid, **record);
  }
  return {};
}

}  // namespace posthouse::store
