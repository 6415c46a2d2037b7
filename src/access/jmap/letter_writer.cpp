#include "access/jmap/letter_writer.h"

#include "access/jmap/limits.h"

namespace posthouse::access::jmap {

Task<Result<void>> LetterWriter::write(std::string octets) {
  if (octets.size() > kMaxEmailSize - std::min<uint64_t>(writer_->size(), kMaxEmailSize))
    co_return fail(FaultKind::over_quota, "the letter is too large");
  summarizer_.feed(octets);
  co_return co_await writer_->append(octets);
}

Task<Result<catalog::EmailId>> LetterWriter::place(store::AccountId account, const MailboxTree& tree,
                                                   std::set<store::MailboxId> mailboxes, store::FlagSet flags,
                                                   SystemTime received) {
  store::Quota quota;
  if (services_.quotas != nullptr) {
    Result<store::Quota> found = co_await services_.quotas->quota_of(account);
    if (!found) co_return std::unexpected(found.error());
    quota = *found;
  }
  std::vector<std::string> names;
  for (const store::MailboxId mailbox : mailboxes) {
    const MailboxNode* node = tree.find(mailbox);
    if (node == nullptr) co_return fail(FaultKind::not_found, "there is no such mailbox");
    names.push_back(node->info.name);
  }
  store::NewMessage message;
  message.blob = writer_->id();
  message.size = writer_->size();
  message.summary = message::encode(summarizer_.finish());
  message.internal_date = received;
  message.flags = std::move(flags);
  Result<store::Placed> placed =
      co_await services_.store.append(account, names.front(), *writer_, std::move(message), quota);
  if (!placed) co_return std::unexpected(placed.error());
  std::vector<store::Uid> uids{placed->uid};
  for (size_t i = 1; i < names.size(); ++i) {
    const Result<store::Copied> copied =
        co_await services_.store.copy(account, placed->mailbox, uids, names[i], quota);
    if (copied) continue;
    // It is in all of them or in none.
    static_cast<void>(co_await services_.store.remove(account, placed->mailbox, uids));
    co_return std::unexpected(copied.error());
  }
  Result<std::vector<store::Entry>> entries =
      co_await services_.store.entries(account, placed->mailbox, std::move(uids), false);
  if (!entries) co_return std::unexpected(entries.error());
  if (entries->empty()) co_return fail(FaultKind::not_found, "the letter went at once");
  co_return entries->front().email;
}

}  // namespace posthouse::access::jmap
