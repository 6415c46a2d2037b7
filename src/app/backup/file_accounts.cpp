#include "app/backup/file_accounts.h"

#include "app/limits.h"

namespace posthouse::app::backup {
namespace {

class FileAccount {
 public:
  FileAccount(Core& core, PoolFiles& files, const FilePlaces& before, const directory::Account& account)
      : core_(core), files_(files), before_(before), account_(account) {}

  Task<Result<void>> restore(std::vector<std::string>& notes);

 private:
  Result<store::FilePlace> place_now(const store::FilePlace& then) const;
  Task<Result<uint64_t>> remove_unread();
  Task<Result<uint64_t>> remove_unread(store::MailboxId mailbox);

  Core& core_;
  PoolFiles& files_;
  const FilePlaces& before_;
  const directory::Account& account_;
};

// By the configuration of now, if it was by that of then.
Result<store::FilePlace> FileAccount::place_now(const store::FilePlace& then) const {
  const std::string format(store::to_string(then.format));
  auto usual = before_.of(format, account_.address);
  if (!usual) return usual;
  if (usual->inbox != then.inbox || usual->folders != then.folders) return then;
  return core_.places.of(format, account_.address);
}

// Without their bytes they are no letters.
Task<Result<uint64_t>> FileAccount::remove_unread(store::MailboxId mailbox) {
  uint64_t removed = 0;
  for (store::Uid last = 0; last < UINT32_MAX;) {
    auto entries =
        co_await core_.store.entries(account_.id, mailbox, last + 1, UINT32_MAX, kBackupPage, false);
    if (!entries) co_return std::unexpected(entries.error());
    if (entries->empty()) break;
    last = entries->back().uid;
    std::vector<store::Uid> unread;
    for (const store::Entry& entry : *entries) {
      if (entry.blob == 0 && !files_.find(account_.id, mailbox, entry.uid)) unread.push_back(entry.uid);
    }
    if (unread.empty()) continue;
    removed += unread.size();
    store::FlagUpdate update;
    update.change = store::FlagChange::add;
    update.flags.system = store::kDeleted;
    auto marked = co_await core_.store.update_flags(account_.id, mailbox, unread, std::move(update));
    if (!marked) co_return std::unexpected(marked.error());
    auto expunged = co_await core_.store.expunge(account_.id, mailbox, std::move(unread));
    if (!expunged) co_return std::unexpected(expunged.error());
  }
  co_return removed;
}

Task<Result<uint64_t>> FileAccount::remove_unread() {
  auto mailboxes = co_await core_.store.mailboxes(account_.id);
  if (!mailboxes) co_return std::unexpected(mailboxes.error());
  uint64_t removed = 0;
  for (const store::MailboxInfo& mailbox : *mailboxes) {
    auto some = co_await remove_unread(mailbox.id);
    if (!some) co_return some;
    removed += *some;
  }
  co_return removed;
}

Task<Result<void>> FileAccount::restore(std::vector<std::string>& notes) {
  auto then = co_await core_.store.place(account_.id);
  if (!then) co_return std::unexpected(then.error());
  if (then->format == store::Format::database) co_return Result<void>();
  auto now = place_now(*then);
  if (!now) co_return std::unexpected(now.error());
  auto held = co_await core_.taken_places.take(*now, account_.id, account_.address);
  // Who shared the files of another before is to be told, and still has to come back.
  const bool same = now->inbox == then->inbox && now->folders == then->folders;
  if (!held && (held.error().kind != FaultKind::exists || !same)) co_return std::unexpected(held.error());
  if (!held) notes.push_back(fmt::format("{}: {}", account_.address, held.error().what));
  if (held) held->keep(account_.id);
  const bool there = !is_free(now->inbox) || !is_free(now->folders);
  if (there || !files_.has(account_.id)) {
    notes.push_back(fmt::format(
        "{}: {}; see `posthouse restore DIR --account {} --check` for letters of the backup that are missing",
        account_.address,
        there ? now->inbox + " is there and was left as it is"
              : "the backup does not have its files: copy them to " + now->inbox,
        account_.address));
    co_return Result<void>();
  }
  auto unread = co_await remove_unread();
  if (!unread) co_return std::unexpected(unread.error());
  if (*unread != 0)
    notes.push_back(
        fmt::format("{}: {} letters could not be read for this backup", account_.address, *unread));
  const store::FilePlace database;
  Result<void> loaded = co_await core_.store.convert(account_.id, database);
  if (!loaded) co_return loaded;
  const store::FilePlace place = *now;
  Result<void> made = co_await core_.store.convert(account_.id, place);
  co_return made;
}

}  // namespace

Task<Result<void>> restore_file_accounts(Core& core, PoolFiles& files, const Config& before,
                                         std::vector<std::string>& notes) {
  core.store.use_files(&files);
  const FilePlaces places(before);
  auto accounts = co_await core.directory.accounts("");
  if (!accounts) co_return std::unexpected(accounts.error());
  for (const directory::Account& account : *accounts) {
    FileAccount one(core, files, places, account);
    Result<void> restored = co_await one.restore(notes);
    if (!restored)
      co_return fail(restored.error().kind, fmt::format("{}: {}", account.address, restored.error().what));
  }
  co_return Result<void>();
}

}  // namespace posthouse::app::backup
