#include "mirror/mirror.h"

#include "engine/record.h"
#include "mirror/impl.h"
#include "mirror/maildir_driver.h"
#include "mirror/mbox_driver.h"
#include "store/mail_store_impl.h"

namespace posthouse::mirror {

std::unique_ptr<Driver> make_driver(const store::FilePlace& place, const Clock& clock, Random& random) {
  if (place.format == store::Format::maildir) return make_maildir_driver(place.inbox, clock, random);
  if (place.format == store::Format::mbox) return make_mbox_driver(place, clock);
  return nullptr;
}

Mirror::Impl::Impl(engine::Engine& e, const Clock& c, Random& r, IdSource& i, Options options)
    : engine(e), clock(c), random(r), ids(i), files(options.threads, "files"), watcher(c) {}

Mirror::Mirror(engine::Engine& engine, const Clock& clock, Random& random, IdSource& ids, Options options)
    : impl_(std::make_shared<Impl>(engine, clock, random, ids, options)) {}

Mirror::~Mirror() = default;

Task<Result<void>> Mirror::start() {
  std::function<Result<void>(const engine::Reader&)> look = [this](const engine::Reader& reader) {
    const std::string_view prefix = store::kFilesHint;
    return reader.scan(engine::hints_partition(), prefix, store::prefix_end(std::string(prefix)),
                       [&](std::string_view key, std::string_view) {
                         if (key.size() != prefix.size() + 8) return true;
                         const AccountId account = engine::read_key_u64(key.substr(prefix.size()));
                         impl_->kept.insert(account);
                         impl_->waiting.insert(account);  // perhaps something was under way
                         return true;
                       });
  };
  Result<void> done = co_await impl_->engine.read(std::move(look));
  co_return done;
}

bool Mirror::keeps(AccountId account) const {
  const std::shared_lock lock(impl_->kept_mutex);
  return impl_->kept.contains(account);
}

void Mirror::adopt(AccountId account) {
  const std::unique_lock lock(impl_->kept_mutex);
  impl_->kept.insert(account);
}

Task<Result<void>> Mirror::leave(AccountId id, std::function<Task<Result<void>>()> last) {
  const std::shared_ptr<Impl> impl = impl_;
  Result<std::shared_ptr<Account>> account = co_await impl->account(id);
  if (!account) co_return std::unexpected(account.error());
  const std::shared_ptr<Account> leaving = *account;
  const Turnstile::Turn turn = co_await leaving->turns.take();
  Result<void> done = co_await impl->look_at_mailboxes(*leaving);
  if (!done) co_return done;
  std::vector<MailboxId> mailboxes;
  std::function<Result<void>(const engine::Reader&)> list =
      [&](const engine::Reader& reader) -> Result<void> {
    Result<std::vector<store::MailboxInfo>> found = store::AccountView(reader, id).mailboxes();
    if (!found) return std::unexpected(found.error());
    for (const store::MailboxInfo& mailbox : *found) mailboxes.push_back(mailbox.id);
    return {};
  };
  done = co_await impl->engine.read(std::move(list));
  if (!done) co_return done;
  for (const MailboxId mailbox : mailboxes) {
    done = co_await impl->look_into(*leaving, mailbox);
    // Gone meanwhile, or a level of mbox that only holds others.
    const bool none =
        !done && (done.error().kind == FaultKind::not_found || done.error().kind == FaultKind::policy);
    if (!done && !none) co_return done;
  }
  done = co_await last();
  if (!done) co_return done;
  {
    const std::unique_lock lock(impl->kept_mutex);
    impl->kept.erase(id);
  }
  {
    const std::lock_guard lock(impl->accounts_mutex);
    impl->accounts.erase(id);
    impl->waiting.erase(id);
  }
  const std::lock_guard lock(impl->open_mutex);
  impl->open.remove_if([id](const Impl::Open& one) { return one.account == id; });
  co_return done;
}

void Mirror::carry_out_soon(AccountId account) {
  const std::lock_guard lock(impl_->accounts_mutex);
  impl_->waiting.insert(account);
}

Task<Result<std::shared_ptr<Account>>> Mirror::Impl::account(AccountId id) {
  {
    const std::lock_guard lock(accounts_mutex);
    if (const auto known = accounts.find(id); known != accounts.end()) co_return known->second;
  }
  Result<std::optional<std::string>> row =
      co_await engine.fetch(store::account_partition(id), std::string(store::kFilePlaceKey));
  if (!row) co_return std::unexpected(row.error());
  if (!*row) co_return fail(FaultKind::not_found, "no such account");
  const Result<store::FilePlace> place = store::decode_file_place(**row);
  if (!place) co_return std::unexpected(place.error());
  auto made = std::make_shared<Account>();
  made->id = id;
  made->driver = make_driver(*place, clock, random);
  if (!made->driver) co_return fail(FaultKind::permanent, "accounts of this format can't be kept yet");
  const std::lock_guard lock(accounts_mutex);
  co_return accounts.emplace(id, std::move(made)).first->second;
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

Task<Result<void>> Mirror::carry_out(AccountId id) {
  Result<std::shared_ptr<Account>> account = co_await impl_->account(id);
  if (!account) co_return std::unexpected(account.error());
  const Turnstile::Turn turn = co_await (*account)->turns.take();
  Result<void> done = co_await impl_->carry_out(**account);
  if (!done) carry_out_soon(id);
  co_return done;
}

Task<Result<void>> Mirror::look(AccountId id) {
  Result<std::shared_ptr<Account>> account = co_await impl_->account(id);
  if (!account) co_return std::unexpected(account.error());
  const Turnstile::Turn turn = co_await (*account)->turns.take();
  Result<void> done = co_await impl_->look_at_mailboxes(**account);
  if (done) co_await impl_->look_into_new(**account);
  co_return done;
}

Task<Result<void>> Mirror::look(AccountId id, MailboxId mailbox) {
  Result<std::shared_ptr<Account>> account = co_await impl_->account(id);
  if (!account) co_return std::unexpected(account.error());
  const Turnstile::Turn turn = co_await (*account)->turns.take();
  co_await impl_->watch(**account, mailbox, true);
  // Each of our own changes to a Maildir looks like one by others. What others change meanwhile is noticed by
  // inotify, or by the next look.
  if (impl_->rests(**account, mailbox)) co_return Result<void>();
  Result<void> done = co_await impl_->look_into(**account, mailbox);
  co_return done;
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
  if (!bytes) {
    Result<std::shared_ptr<Account>> account = co_await impl->account(id);
    if (!account) co_return std::unexpected(account.error());
    Result<std::string> name = co_await impl->mailbox_name(id, mailbox);
    if (!name) co_return std::unexpected(name.error());
    Result<std::optional<std::string>> record =
        co_await impl->engine.fetch(store::account_partition(id), store::location_key(mailbox, uid));
    if (!record) co_return std::unexpected(record.error());
    if (!*record) co_return fail(FaultKind::not_found, "the message is gone");
    Result<std::string> location = store::decode_location(**record);
    if (!location) co_return std::unexpected(location.error());
    Driver& driver = *(*account)->driver;
    Result<Bytes> opened = co_await offload(impl->files, [&] { return driver.open(*name, *location); });
    if (!opened) co_return std::unexpected(opened.error());
    bytes = std::make_shared<Bytes>(std::move(*opened));
    const std::lock_guard lock(impl->open_mutex);
    impl->open.push_front({id, mailbox, uid, bytes});
    if (impl->open.size() > kOpenMessages) impl->open.pop_back();
  }
  Result<std::string> piece = co_await offload(impl->files, [&] { return (*bytes)(offset, length); });
  co_return piece;
}

}  // namespace posthouse::mirror
