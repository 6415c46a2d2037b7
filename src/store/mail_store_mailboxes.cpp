// Mailboxes: listing, making, renaming, deleting, subscribing.
#include <algorithm>

#include "store/annotations.h"
#include "store/limits.h"
#include "store/mail_store.h"
#include "store/mail_store_impl.h"
#include "store/names.h"

namespace posthouse::store {

namespace {

// Names of the rows that lie below `above`.
Result<std::vector<MailboxId>> inferiors(engine::Transaction& rows, std::string_view above) {
  std::vector<MailboxId> found;
  const std::string prefix = name_key(above) + kSeparator;
  std::optional<Fault> damage;
  const Result<void> scanned =
      rows.scan(prefix, prefix_end(prefix), [&](std::string_view, std::string_view value) {
        const Result<MailboxId> id = decode_mailbox_id(value);
        if (id) {
          found.push_back(*id);
        } else {
          damage = id.error();
        }
        return !damage;
      });
  if (!scanned) return std::unexpected(scanned.error());
  if (damage) return std::unexpected(*damage);
  return found;
}

Result<void> make_superiors(AccountEdit& edit, std::string_view name, SystemTime now) {
  for (const std::string& superior : superiors(name)) {
    const Result<std::optional<MailboxId>> there = edit.find(superior);
    if (!there) return std::unexpected(there.error());
    if (*there) continue;
    const Result<MailboxRow*> made = edit.create(superior, Role::none, now);
    if (!made) return std::unexpected(made.error());
  }
  return {};
}

// The mailbox `from` itself. A name that is only a level above others can be renamed too (RFC 3501
// section 6.3.5, the example); it has no row, but perhaps a subscription.
Result<void> rename_top(engine::Transaction& rows, AccountEdit& edit, const std::string& from,
                        const std::string& to, bool has_inferiors) {
  const Result<std::optional<MailboxId>> id = edit.find(from);
  if (!id) return std::unexpected(id.error());
  if (*id) {
    const Result<MailboxRow*> top = edit.mailbox(**id);
    return top ? edit.rename(**top, to) : std::unexpected(top.error());
  }
  if (!has_inferiors) return fail(FaultKind::not_found, "no such mailbox");
  const Result<std::optional<MailboxId>> taken = edit.find(to);
  if (!taken) return std::unexpected(taken.error());
  const Result<std::vector<MailboxId>> there = inferiors(rows, to);
  if (!there) return std::unexpected(there.error());
  if (*taken || !there->empty()) return fail(FaultKind::exists, "mailbox exists");
  return edit.copy_subscription(from, to);
}

// `from` and all below it become `to` and all below that.
// `check`: what the account's files have to say of each new name.
using NameCheck = std::function<Result<void>(const std::string&)>;
Result<void> rename_tree(engine::Transaction& rows, AccountEdit& edit, const std::string& from,
                         const std::string& to, SystemTime now, const NameCheck& check) {
  const Result<std::vector<MailboxId>> below = inferiors(rows, from);
  if (!below) return std::unexpected(below.error());
  Result<void> done = rename_top(rows, edit, from, to, !below->empty());
  if (!done) return done;
  for (const MailboxId id : *below) {
    const Result<MailboxRow*> row = edit.mailbox(id);
    if (!row) return std::unexpected(row.error());
    const Result<std::string> name = check_name(to + (*row)->name.substr(from.size()));
    if (!name) return std::unexpected(name.error());
    done = check(*name);
    if (done) done = edit.rename(**row, *name);
    if (!done) return done;
  }
  return make_superiors(edit, to, now);
}

}  // namespace

Task<Result<std::vector<MailboxInfo>>> MailStore::mailboxes(AccountId account) {
  co_await impl_->look(account);
  std::vector<MailboxInfo> found;
  std::function<Result<void>(const AccountView&)> look = [&](const AccountView& view) -> Result<void> {
    Result<std::vector<MailboxInfo>> listed = view.mailboxes();
    if (!listed) return std::unexpected(listed.error());
    found = std::move(*listed);
    return {};
  };
  Result<void> done = co_await impl_->view(account, std::move(look));
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(found);
}

Task<Result<MailboxInfo>> MailStore::Impl::mailbox_info(AccountId account, MailboxId id) {
  const engine::Partition partition = account_partition(account);
  const Result<std::optional<std::string>> record = co_await engine.fetch(partition, mailbox_key(id));
  if (!record) co_return std::unexpected(record.error());
  if (!*record) co_return no_mailbox();
  Result<MailboxRow> row = decode_mailbox(id, **record);
  if (!row) co_return row;
  const Result<std::optional<std::string>> subscribed =
      co_await engine.fetch(partition, subscription_key(row->name));
  if (!subscribed) co_return std::unexpected(subscribed.error());
  row->subscribed = subscribed->has_value();
  co_return row;
}

// One that gets another name between the two rows is the one that had it.
Task<Result<MailboxInfo>> MailStore::Impl::mailbox_info(AccountId account, std::string checked_name) {
  const Result<std::optional<std::string>> record =
      co_await engine.fetch(account_partition(account), name_key(checked_name));
  if (!record) co_return std::unexpected(record.error());
  if (!*record) co_return no_mailbox();
  const Result<MailboxId> id = decode_mailbox_id(**record);
  if (!id) co_return std::unexpected(id.error());
  co_return co_await mailbox_info(account, *id);
}

Task<Result<MailboxInfo>> MailStore::mailbox(AccountId account, std::string name) {
  const Result<std::string> checked = check_name(name);
  if (!checked) co_return fail(FaultKind::not_found, checked.error().what);
  if (impl_->in_files(account)) co_await impl_->look(account);
  Result<MailboxInfo> found = co_await impl_->mailbox_info(account, *checked);
  if (found && impl_->in_files(account)) {
    co_await impl_->look(account, found->id);
    found = co_await impl_->mailbox_info(account, *checked);
  }
  co_return found;
}

Task<Result<MailboxInfo>> MailStore::mailbox(AccountId account, MailboxId id) {
  return impl_->mailbox_info(account, id);
}

Task<Result<MailboxInfo>> MailStore::create_mailbox(AccountId account, std::string name, Role role) {
  const Result<std::string> checked = check_name(name);
  if (!checked) co_return std::unexpected(checked.error());
  MailboxInfo made;
  const SystemTime now = impl_->clock.now();
  std::function<Result<void>(AccountEdit&)> work = [&](AccountEdit& edit) -> Result<void> {
    const Result<MailboxRow*> row = edit.create(*checked, role, now);
    if (!row) return std::unexpected(row.error());
    made = **row;
    return {};
  };
  Result<void> done = co_await impl_->edit(account, std::move(work));
  if (!done) co_return std::unexpected(done.error());
  co_await impl_->carry_out(account);
  co_return std::move(made);
}

Task<Result<void>> MailStore::rename_mailbox(AccountId account, std::string from, std::string to) {
  const Result<std::string> old_name = check_name(from);
  if (!old_name) co_return fail(FaultKind::not_found, old_name.error().what);
  const Result<std::string> new_name = check_name(to);
  if (!new_name) co_return std::unexpected(new_name.error());
  const SystemTime now = impl_->clock.now();
  if (*old_name == kInbox) {
    Result<MailboxInfo> inbox = co_await mailbox(account, *old_name);
    if (!inbox) co_return std::unexpected(inbox.error());
    Result<MailboxInfo> made = co_await create_mailbox(account, *new_name);
    if (!made) co_return std::unexpected(made.error());
    // The letters stay in sight; INBOX keeps its own subscription, for it stays as well.
    if (inbox->subscribed) {
      Result<void> shown = co_await subscribe(account, *new_name, true);
      if (!shown) co_return shown;
    }
    // RFC 5464 section 4.1: both have the annotations then
    std::function<Result<void>(AccountEdit&)> annotate = [&](AccountEdit& edit) {
      return copy_annotations(edit.rows(), account, inbox->id, made->id, edit.modseq());
    };
    Result<void> copied = co_await impl_->edit(account, std::move(annotate));
    if (!copied) co_return copied;
    Result<void> moved = co_await impl_->move_all(account, inbox->id, *new_name);
    co_await impl_->carry_out(account);
    co_return moved;
  }
  if (is_inferior(*new_name, *old_name))
    co_return fail(FaultKind::policy, "a mailbox cannot go below itself");
  Result<FilePlace> where = co_await place(account);
  if (!where) co_return std::unexpected(where.error());
  // Its letters would be in a file that nobody finds.
  const NameCheck check = [&](const std::string& name) -> Result<void> {
    if (!impl_->in_files(account)) return {};
    const Result<void> fits = impl_->files->check_name(where->format, name);
    return fits ? fits : fail(FaultKind::policy, name + ": " + fits.error().what);
  };
  const Result<void> fits = check(*new_name);
  if (!fits) co_return fits;
  std::vector<engine::Step> steps;
  steps.push_back({account_partition(account), [&](engine::Transaction& rows) -> Result<void> {
                     AccountEdit edit(rows, account);
                     Result<void> loaded = edit.load();
                     if (!loaded) return loaded;
                     Result<void> renamed = rename_tree(rows, edit, *old_name, *new_name, now, check);
                     if (renamed) edit.save();
                     return renamed;
                   }});
  Result<void> done = co_await impl_->engine.transact(std::move(steps));
  if (done) co_await impl_->carry_out(account);
  co_return done;
}

Task<Result<void>> MailStore::delete_mailbox(AccountId account, std::string name) {
  const Result<std::string> checked = check_name(name);
  if (!checked) co_return fail(FaultKind::not_found, checked.error().what);
  if (*checked == kInbox) co_return fail(FaultKind::policy, "INBOX cannot be deleted");
  if (impl_->keep_expunged && impl_->in_files(account)) {
    Result<void> finished = co_await impl_->finish_expunges(account);
    if (!finished) co_return finished;
    Result<void> saved = co_await impl_->load_all_bodies(account, *checked);
    if (!saved) co_return saved;
  }
  std::vector<engine::Step> steps;
  const SystemTime now = impl_->clock.now();
  add_counted_edit(steps, account, [&](AccountEdit& edit) -> Result<void> {
    const Result<MailboxRow*> row = edit.mailbox_named(*checked);
    if (!row) return std::unexpected(row.error());
    return edit.forget(**row, impl_->keep_expunged, now);
  });
  Result<void> deleted = co_await impl_->engine.transact(std::move(steps));
  if (!deleted) co_return deleted;
  co_await impl_->carry_out(account);
  // It is gone for everybody; what is left of it goes now, or after a crash with the next sweep.
  Result<void> purged = co_await impl_->purge_dying(account);
  co_return purged;
}

Task<Result<void>> MailStore::subscribe(AccountId account, std::string name, bool subscribed) {
  const Result<std::string> checked = check_name(name);
  if (!checked) co_return std::unexpected(checked.error());
  std::vector<engine::Step> steps;
  steps.push_back({account_partition(account), [&](engine::Transaction& rows) -> Result<void> {
                     AccountEdit edit(rows, account);
                     Result<void> loaded = edit.load();
                     if (!loaded) return loaded;
                     using Kind = EffectRow::Kind;
                     if (subscribed) {
                       rows.put(subscription_key(*checked), empty_record());
                     } else {
                       rows.erase(subscription_key(*checked));
                     }
                     edit.modseq();
                     if (edit.head().in_files)
                       edit.effect({subscribed ? Kind::subscribe : Kind::unsubscribe, 0, 0, *checked, {}});
                     edit.save();
                     return {};
                   }});
  Result<void> done = co_await impl_->engine.transact(std::move(steps));
  if (done) co_await impl_->carry_out(account);
  co_return done;
}

Task<Result<std::vector<std::string>>> MailStore::subscriptions(AccountId account) {
  std::vector<std::string> names;
  std::function<Result<void>(const AccountView&)> look = [&](const AccountView& view) -> Result<void> {
    const Result<HeadRow> there = view.head();
    if (!there) return std::unexpected(there.error());
    Result<std::vector<std::string>> found = view.subscriptions();
    if (!found) return std::unexpected(found.error());
    names = std::move(*found);
    return {};
  };
  Result<void> done = co_await impl_->view(account, std::move(look));
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(names);
}

}  // namespace posthouse::store
