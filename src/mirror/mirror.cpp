#include "mirror/mirror.h"

#include "engine/record.h"
#include "maildir/folder_name.h"
#include "mbox/tree.h"
#include "mirror/impl.h"
#include "mirror/maildir_driver.h"
#include "mirror/mbox_driver.h"
#include "net/loop.h"
#include "store/mail_store_impl.h"
#include "store/names.h"

namespace posthouse::mirror {

std::unique_ptr<Driver> make_driver(const store::FilePlace& place, const Clock& clock, Random& random,
                                    mbox::Waiters* waiters) {
  if (place.format == store::Format::maildir) return make_maildir_driver(place.inbox, clock, random);
  if (place.format == store::Format::mbox) return make_mbox_driver(place, clock, waiters);
  return nullptr;
}

Mirror::Impl::Impl(engine::Engine& e, const Clock& c, Random& r, IdSource& i, Options options)
    : engine(e),
      clock(c),
      random(r),
      ids(i),
      waiters(options.threads / 2),
      files(options.threads, "files"),
      watcher(c),
      troubles(c) {}

Mirror::Mirror(engine::Engine& engine, const Clock& clock, Random& random, IdSource& ids, Options options)
    : impl_(std::make_shared<Impl>(engine, clock, random, ids, options)) {}

Mirror::~Mirror() {
  impl_->waiters.close();
}

Task<Result<void>> Mirror::start() {
  std::function<Result<void>(const engine::Reader&)> look =
      [this](const engine::Reader& reader) -> Result<void> {
    const Result<std::vector<AccountId>> found = store::hinted_accounts(reader, store::kFilesHint);
    if (!found) return std::unexpected(found.error());
    impl_->kept.insert(found->begin(), found->end());
    impl_->waiting.insert(found->begin(), found->end());  // perhaps something was under way
    return {};
  };
  Result<void> done = co_await impl_->engine.read(std::move(look));
  co_return done;
}

bool Mirror::keeps(AccountId account) const {
  return impl_->is_kept(account);
}

std::vector<AccountId> Mirror::kept() const {
  const std::shared_lock lock(impl_->kept_mutex);
  return {impl_->kept.begin(), impl_->kept.end()};
}

Result<void> Mirror::check_name(store::Format format, const std::string& mailbox) const {
  if (format == store::Format::mbox) return mbox::check_new_name(mailbox);
  if (format != store::Format::maildir || mailbox == store::kInbox) return {};
  const Result<std::string> directory = maildir::encode_folder(mailbox);
  return directory ? Result<void>() : std::unexpected(directory.error());
}

void Mirror::adopt(AccountId account) {
  const std::unique_lock lock(impl_->kept_mutex);
  impl_->kept.insert(account);
}

Task<Result<void>> Mirror::Impl::look_into_all(Account& account) {
  Result<void> done = co_await look_at_mailboxes(account);
  if (!done) co_return done;
  std::vector<std::pair<MailboxId, bool>> mailboxes;
  std::function<Result<void>(const engine::Reader&)> list =
      [&](const engine::Reader& reader) -> Result<void> {
    Result<std::vector<store::MailboxInfo>> found = store::AccountView(reader, account.id).mailboxes();
    if (!found) return std::unexpected(found.error());
    for (const store::MailboxInfo& mailbox : *found)
      mailboxes.emplace_back(mailbox.id, mailbox.name == store::kInbox);
    return {};
  };
  done = co_await engine.read(std::move(list));
  if (!done) co_return done;
  Result<void> all;
  for (const auto& [mailbox, is_inbox] : mailboxes) {
    done = co_await look_into(account, mailbox);
    if (done) continue;
    // Gone meanwhile, or a level of mbox that only holds others, which an INBOX is not meant to be.
    const FaultKind kind = done.error().kind;
    const bool none = kind == FaultKind::not_found || (kind == FaultKind::policy && !is_inbox);
    if (!none && all) all = done;
    if (!none && kind == FaultKind::temporary) break;  // locked: who waits for it comes again
  }
  co_return all;
}

Task<Result<void>> Mirror::look_into_all(AccountId id) {
  for (int naps = kNaps;;) {
    Result<void> done;
    {
      Result<Held> held = co_await impl_->hold(id);
      if (!held) co_return std::unexpected(held.error());
      done = co_await impl_->look_into_all(*held->account);
    }
    if (done) co_return done;
    const bool again = co_await impl_->nap_if_locked(done.error(), naps);
    if (!again) co_return done;
  }
}

Task<Result<void>> Mirror::leave(AccountId id, std::function<Task<Result<void>>()> last) {
  const std::shared_ptr<Impl> impl = impl_;
  Result<void> done = co_await look_into_all(id);  // waits for locks, but keeps nobody else waiting
  if (!done) co_return done;
  Result<Held> held = co_await impl->hold(id);
  if (!held) co_return std::unexpected(held.error());
  Account& leaving = *held->account;
  done = co_await impl->look_into_all(leaving);
  if (!done) co_return done;
  done = co_await last();
  if (!done) co_return done;
  {
    const std::unique_lock lock(impl->kept_mutex);
    impl->kept.erase(id);
  }
  leaving.left = true;
  {
    const std::lock_guard lock(impl->accounts_mutex);
    ++impl->leaves;
    impl->accounts.erase(id);
    impl->waiting.erase(id);
  }
  impl->troubles.forget(id);
  const std::lock_guard lock(impl->open_mutex);
  impl->open.remove_if([id](const Impl::Open& one) { return one.account == id; });
  co_return done;
}

void Mirror::carry_out_soon(AccountId account) {
  const std::lock_guard lock(impl_->accounts_mutex);
  impl_->waiting.insert(account);
}

Task<Result<std::shared_ptr<Account>>> Mirror::Impl::account(AccountId id) {
  for (;;) {
    uint64_t leaves_before = 0;
    {
      const std::lock_guard lock(accounts_mutex);
      if (const auto known = accounts.find(id); known != accounts.end()) co_return known->second;
      leaves_before = leaves;
    }
    Result<std::optional<std::string>> row =
        co_await engine.fetch(store::account_partition(id), std::string(store::kFilePlaceKey));
    if (!row) co_return std::unexpected(row.error());
    if (!*row) co_return fail(FaultKind::not_found, "no such account");
    const Result<store::FilePlace> place = store::decode_file_place(**row);
    if (!place) co_return std::unexpected(place.error());
    auto made = std::make_shared<Account>();
    made->id = id;
    made->driver = make_driver(*place, clock, random, &waiters);
    if (!made->driver) co_return fail(FaultKind::permanent, "accounts of this format can't be kept yet");
    made->driver->tell_to(&troubles, id);
    const std::lock_guard lock(accounts_mutex);
    if (leaves != leaves_before) continue;  // perhaps that was where its files had been
    co_return accounts.emplace(id, std::move(made)).first->second;
  }
}

// An account may leave and come back in another place while others wait for their turn.
Task<Result<Held>> Mirror::Impl::hold(AccountId id) {
  for (;;) {
    Result<std::shared_ptr<Account>> found = co_await account(id);
    if (!found) co_return std::unexpected(found.error());
    std::shared_ptr<Account> account = *found;
    Turnstile::Turn turn = co_await account->turns.take();
    if (account->left) continue;
    // Where somebody tries again, nobody else waits for a lock.
    account->driver->be_patient(!is_attended());
    co_return Held{std::move(account), std::move(turn)};
  }
}

bool Mirror::Impl::is_attended() {
  const std::lock_guard lock(accounts_mutex);
  return attended != nullptr || ending;
}

Task<bool> Mirror::Impl::nap_if_locked(Fault fault, int& naps) {
  if (fault.kind != FaultKind::temporary || naps-- <= 0 || ending || !is_attended()) co_return false;
  auto* const loop = dynamic_cast<net::Loop*>(Executor::current());
  if (loop == nullptr) co_return false;
  const Result<void> slept = co_await loop->sleep(kNap);
  co_return slept.has_value();
}

Task<Result<std::string>> Mirror::Impl::mailbox_name(AccountId account, MailboxId mailbox) {
  Result<std::optional<std::string>> record =
      co_await engine.fetch(store::account_partition(account), store::mailbox_key(mailbox));
  if (!record) co_return std::unexpected(record.error());
  if (!*record) co_return fail(FaultKind::not_found, "no such mailbox");
  Result<store::MailboxRow> row = store::decode_mailbox(mailbox, **record);
  if (!row) co_return std::unexpected(row.error());
  co_return std::move(row->name);
}

Task<Result<std::string>> Mirror::Impl::file_name(Account& account, MailboxId mailbox) {
  {
    const std::lock_guard lock(account.names_mutex);
    if (const auto old = account.old_names.find(mailbox); old != account.old_names.end())
      co_return old->second;
  }
  Result<std::string> name = co_await mailbox_name(account.id, mailbox);
  co_return name;
}

// What was done is done once it is in the files: that the outbox forgets it takes the next flush of the
// store, for which nobody waits who only wants to know that.
Task<Result<void>> Mirror::Impl::carry_out_for_caller(AccountId id) {
  Result<Held> held = co_await hold(id);
  if (!held) co_return unless_it_left(id, held.error());
  Round round;
  Result<void> done = co_await do_in_files(*held->account, 0, round);
  if (!done) co_return done;
  if (!finish_behind(*held, round)) done = co_await carry_out(*held->account, std::move(round));
  co_return done;
}

Task<bool> Mirror::Impl::is_converting(AccountId id) {
  Result<std::optional<std::string>> hint =
      co_await engine.fetch(engine::hints_partition(), store::hint_key(store::kConvertHint, id));
  co_return hint && hint->has_value();
}

// A conversion waits for files that other programs keep locked: it is done when all is in the files.
Task<Result<void>> Mirror::carry_out(AccountId id) {
  const std::shared_ptr<Impl> impl = impl_;
  for (int naps = kNaps;;) {
    Result<void> done = co_await impl->carry_out_for_caller(id);
    if (done || done.error().kind == FaultKind::not_found) co_return as_trouble(std::move(done));
    bool waits = done.error().kind == FaultKind::temporary;
    if (waits) waits = co_await impl->is_converting(id);
    if (waits) waits = co_await impl->nap_if_locked(done.error(), naps);
    if (waits) continue;
    carry_out_soon(id);
    co_return as_trouble(std::move(done));
  }
}

Task<Result<void>> Mirror::look(AccountId id) {
  Result<Held> held = co_await impl_->hold(id);
  if (!held) co_return impl_->unless_it_left(id, held.error());
  Account& account = *held->account;
  Result<void> done = co_await impl_->look_at_mailboxes(account);
  if (done) co_await impl_->look_into_new(account);
  if (done) {
    impl_->troubles.over({id, 0, kUnseen}, "");
  } else {
    impl_->troubles.tell({id, 0, kUnseen}, "", done.error().what);
  }
  if (!account.undone.empty()) carry_out_soon(id);
  co_return as_trouble(std::move(done));
}

Task<Result<void>> Mirror::look(AccountId id, MailboxId mailbox) {
  // While our own flags are on their way to the files nobody waits for that: what others change meanwhile is
  // noticed by inotify.
  if (impl_->is_behind(id) && !impl_->watcher.wants({id, mailbox}, true)) co_return Result<void>();
  Result<void> done = co_await impl_->look_for_session(id, mailbox);
  co_return as_trouble(std::move(done));
}

Task<Result<std::string>> Mirror::read(AccountId id, MailboxId mailbox, Uid uid, uint64_t offset,
                                       uint64_t length) {
  const std::shared_ptr<Impl> impl = impl_;
  std::shared_ptr<Bytes> bytes;
  {
    const std::lock_guard lock(impl->open_mutex);
    for (auto it = impl->open.begin(); it != impl->open.end(); ++it) {
      if (it->account != id || it->mailbox != mailbox || it->uid != uid) continue;
      bytes = it->bytes;
      impl->open.splice(impl->open.begin(), impl->open, it);
      break;
    }
  }
  while (!bytes) {
    Result<std::shared_ptr<Account>> found = co_await impl->account(id);
    if (!found) co_return std::unexpected(found.error());
    const std::shared_ptr<Account> account = *found;
    Result<Bytes> opened = co_await impl->open_message(account, mailbox, uid);
    if (!opened && account->left) continue;  // the place may be one of other files
    if (!opened) co_return as_trouble<std::string>(std::unexpected(opened.error()));
    // They read by the driver, which goes with the account.
    bytes = std::make_shared<Bytes>(
        [account, inner = std::move(*opened)](uint64_t at, uint64_t most) { return inner(at, most); });
    const std::lock_guard lock(impl->open_mutex);
    if (account->left) break;
    impl->open.push_front({id, mailbox, uid, bytes});
    if (impl->open.size() > kOpenMessages) impl->open.pop_back();
  }
  for (int naps = kNaps;;) {
    Result<std::string> piece = co_await offload(impl->files, [&] { return (*bytes)(offset, length); });
    if (piece) co_return piece;
    const bool again = co_await impl->nap_if_locked(piece.error(), naps);
    if (!again) co_return as_trouble(std::move(piece));
  }
}

Task<Result<Bytes>> Mirror::Impl::open_message(std::shared_ptr<Account> account, MailboxId mailbox, Uid uid) {
  Result<std::string> name = co_await file_name(*account, mailbox);
  if (!name) co_return std::unexpected(name.error());
  Result<std::optional<std::string>> record =
      co_await engine.fetch(store::account_partition(account->id), store::location_key(mailbox, uid));
  if (!record) co_return std::unexpected(record.error());
  if (!*record) co_return fail(FaultKind::not_found, "the message is gone");
  Result<std::string> location = store::decode_location(**record);
  if (!location) co_return std::unexpected(location.error());
  Result<Bytes> opened = co_await offload(files, [&] { return account->driver->open(*name, *location); });
  co_return opened;
}

namespace {

// The mailbox's name and where the messages are in its files.
Result<void> find_places(const engine::Reader& reader, AccountId account, MailboxId mailbox,
                         const std::vector<Uid>& uids, std::string& name, std::vector<std::string>& places) {
  const Result<store::MailboxInfo> info = store::AccountView(reader, account).mailbox(mailbox);
  if (!info) return std::unexpected(info.error());
  name = info->name;
  places.clear();
  for (const Uid uid : uids) {
    const Result<std::optional<std::string>> record =
        reader.get(store::account_partition(account), store::location_key(mailbox, uid));
    if (!record) return std::unexpected(record.error());
    if (!*record) return fail(FaultKind::not_found, "the message is gone");
    Result<std::string> place = store::decode_location(**record);
    if (!place) return std::unexpected(place.error());
    places.push_back(std::move(*place));
  }
  return {};
}

}  // namespace

Task<Result<std::vector<std::string>>> Mirror::read_beginnings(AccountId id, MailboxId mailbox,
                                                               std::vector<Uid> uids, uint64_t most) {
  if (uids.size() <= kReadAlone) {  // they stay open for sessions that don't know yet that they go
    Result<std::vector<std::string>> bytes = co_await Files::read_beginnings(id, mailbox, uids, most);
    co_return as_trouble(std::move(bytes));
  }
  const std::shared_ptr<Impl> impl = impl_;
  for (int naps = kNaps;;) {
    Result<std::shared_ptr<Account>> found = co_await impl->account(id);
    if (!found) co_return std::unexpected(found.error());
    const std::shared_ptr<Account> account = *found;
    std::string name;
    std::vector<std::string> places;
    std::function<Result<void>(const engine::Reader&)> see = [&](const engine::Reader& reader) {
      return find_places(reader, id, mailbox, uids, name, places);
    };
    Result<void> seen = co_await impl->engine.read(std::move(see));
    if (!seen) co_return std::unexpected(seen.error());
    {
      const std::lock_guard lock(account->names_mutex);
      if (const auto old = account->old_names.find(mailbox); old != account->old_names.end())
        name = old->second;
    }
    Result<std::vector<std::string>> bytes =
        co_await offload(impl->files, [&] { return account->driver->read_beginnings(name, places, most); });
    if (bytes) co_return bytes;
    const bool again = co_await impl->nap_if_locked(bytes.error(), naps);
    if (!again && !account->left)
      co_return as_trouble(std::move(bytes));  // else the places may be ones of other files
  }
}

}  // namespace posthouse::mirror
