// The log of changes does not grow for ever: the oldest expunges are forgotten, and the mailbox's row says up
// to where. Apart from the expunges themselves, so that their transactions stay short.
#include <algorithm>

#include "base/log.h"
#include "store/mail_store_impl.h"

namespace posthouse::store {

// What to forget is looked up on the reading threads; an expunge stays one, so it can't have changed since.
Task<void> MailStore::Impl::forget_part(AccountId account, MailboxId mailbox, bool& again) {
  std::vector<Change> oldest;
  std::function<Result<void>(const AccountView&)> look = [&](const AccountView& seen) -> Result<void> {
    const Result<MailboxInfo> info = seen.mailbox(mailbox);
    if (!info) return std::unexpected(info.error());
    const uint32_t excess = info->expunges - std::min(info->expunges, kept_expunges);
    Result<std::vector<Change>> found =
        seen.oldest_expunges(*info, std::min<size_t>(excess, kForgottenTogether));
    if (!found) return std::unexpected(found.error());
    oldest = std::move(*found);
    return {};
  };
  Result<void> done = co_await view(account, std::move(look));
  if (done && !oldest.empty()) {
    std::function<Result<void>(AccountEdit&)> work = [&](AccountEdit& edit) -> Result<void> {
      const Result<MailboxRow*> row = edit.mailbox(mailbox);
      if (!row) return std::unexpected(row.error());
      const Result<void> forgotten = edit.forget_expunges(**row, oldest);
      if (!forgotten) return forgotten;
      again = remembers_too_much(**row);
      return {};
    };
    done = co_await edit(account, std::move(work));
  }
  if (!done) log::debug("store.not_forgotten", {{"what", done.error().what}});
  again = again && done && !oldest.empty();
}

Task<void> MailStore::Impl::forget_expunges(AccountId account, MailboxId mailbox) {
  bool again = true;
  while (again) {
    again = false;
    co_await forget_part(account, mailbox, again);
  }
}

}  // namespace posthouse::store
