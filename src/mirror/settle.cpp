// UIDs, in the index and in the files.
#include "mirror/impl.h"
#include "mirror/snapshot.h"
#include "store/counted_edit.h"

namespace posthouse::mirror {

namespace {

struct Renaming {
  Uid from = 0;
  Uid to = 0;
  Uid file = 0;          // that the files say
  std::string location;  // without a UID
};

std::vector<Renaming> plan(const Driver& driver, const Driver::Look& look, const Snapshot& snapshot,
                           Uid uid_next) {
  std::map<Uid, const std::string*> locations;
  for (const Driver::Known& known : snapshot.known) locations.emplace(known.uid, &known.location);
  const std::vector<Uid> uids = plan_uids(look.order, {uid_next, look.uid_next - 1});
  std::vector<Renaming> out;
  for (size_t i = 0; i < uids.size(); ++i) {
    const NamedMessage& message = look.order[i];
    const auto at = locations.find(message.index);
    if (uids[i] == message.index || at == locations.end()) continue;
    out.push_back({message.index, uids[i], message.file, driver.named(*at->second, 0)});
  }
  return out;
}

// One that was expunged meanwhile is still to be found in the files, so that it goes there, too.
void point_removal(store::AccountEdit& edit, const store::MailboxRow& mailbox, const Renaming& one,
                   const std::string& location) {
  const Result<std::optional<std::string>> still = edit.location(mailbox.id, one.from);
  if (still && *still) return edit.put_location(mailbox.id, one.from, location);
  edit.follow_files(false);
  edit.effect({store::EffectRow::Kind::remove, mailbox.id, one.from, location, mailbox.name});
  edit.follow_files();
}

// The message goes under one UID and comes under another, as sessions are to see it.
Result<void> rename(store::AccountEdit& edit, store::MailboxRow& mailbox, const Renaming& one,
                    const Driver& driver, SystemTime now) {
  const Result<std::optional<store::FlagRow>> message = edit.message(mailbox.id, one.from);
  if (!message) return std::unexpected(message.error());
  if (!*message) {
    point_removal(edit, mailbox, one, driver.named(one.location, one.file));
    return {};
  }
  const Result<std::optional<std::string>> record = edit.rows().get(store::message_key(mailbox.id, one.from));
  if (!record) return std::unexpected(record.error());
  if (!*record) return {};
  Result<void> done = edit.remove(mailbox, one.from, **message);
  if (!done) return done;
  mailbox.uid_next = std::max(mailbox.uid_next, one.to);
  const Result<Uid> uid = edit.place(mailbox, **message, **record, now);
  if (!uid) return std::unexpected(uid.error());
  edit.put_location(mailbox.id, *uid, driver.named(one.location, *uid == one.file ? *uid : 0));
  // A change of its flags may wait in the outbox under the old UID.
  edit.follow_files(false);
  edit.effect({store::EffectRow::Kind::flags, mailbox.id, *uid, {}, {}});
  edit.follow_files();
  return {};
}

}  // namespace

Task<Result<void>> Mirror::Impl::settle_uids(Account& account, MailboxId mailbox, std::string name) {
  Snapshot snapshot;
  uint32_t uid_validity = 0;
  Uid uid_next = 0;
  std::function<Result<void>(const engine::Reader&)> see = [&](const engine::Reader& reader) -> Result<void> {
    const Result<store::MailboxInfo> info = store::AccountView(reader, account.id).mailbox(mailbox);
    if (!info) return std::unexpected(info.error());
    uid_validity = info->uid_validity;
    uid_next = info->uid_next;
    return take_snapshot(reader, account.id, mailbox, snapshot);
  };
  Result<void> done = co_await engine.read(std::move(see));
  if (!done) co_return done;
  Driver& driver = *account.driver;
  Result<Driver::Look> look = co_await offload(files, [&] { return driver.look(name, snapshot.known); });
  if (!look) co_return std::unexpected(look.error());
  // Under another UIDVALIDITY, or none, ours are written over all.
  std::vector<Renaming> renamings;
  if (look->uid_validity == uid_validity && look->uid_next != 0)
    renamings = plan(driver, *look, snapshot, uid_next);
  if (!renamings.empty()) {
    log::info("mirror.uids_renewed", {{"account", format_id(account.id)},
                                      {"mailbox", name},
                                      {"messages", std::to_string(renamings.size())}});
    std::vector<engine::Step> steps;
    store::add_counted_edit(steps, account.id, [&](store::AccountEdit& edit) -> Result<void> {
      edit.follow_files();
      const Result<store::MailboxRow*> row = edit.mailbox(mailbox);
      if (!row) return std::unexpected(row.error());
      if ((*row)->uid_validity != uid_validity) return {};
      for (const Renaming& one : renamings) {
        const Result<void> renamed = rename(edit, **row, one, driver, clock.now());
        if (!renamed) return renamed;
      }
      return {};
    });
    done = co_await engine.transact(std::move(steps));
    if (!done) co_return done;
  }
  done = co_await note_all_uids(account, mailbox, std::move(name));
  co_return done;
}

Task<Result<void>> Mirror::Impl::note_all_uids(Account& account, MailboxId mailbox, std::string name) {
  Snapshot snapshot;
  Driver::Uids uids;
  std::function<Result<void>(const engine::Reader&)> look =
      [&](const engine::Reader& reader) -> Result<void> {
    const Result<store::MailboxInfo> info = store::AccountView(reader, account.id).mailbox(mailbox);
    if (!info) return std::unexpected(info.error());
    uids.uid_validity = info->uid_validity;
    uids.uid_next = info->uid_next;
    return take_snapshot(reader, account.id, mailbox, snapshot);
  };
  Result<void> done = co_await engine.read(std::move(look));
  if (!done) co_return done;
  uids.given = std::move(snapshot.known);
  uids.all = true;
  Driver& driver = *account.driver;
  Result<void> noted = co_await offload(files, [&] { return driver.note_uids(name, uids); });
  tell_noted(account, mailbox, name, noted);
  co_return done;
}

// Only for the day when the index is lost, so a fault is worth no more than a line.
Task<void> Mirror::Impl::note_uids(Account& account, MailboxId mailbox, std::string name, Driver::Uids uids) {
  Driver& driver = *account.driver;
  Result<void> noted = co_await offload(files, [&] { return driver.note_uids(name, uids); });
  if (!noted && noted.error().kind == FaultKind::not_found) {
    Snapshot snapshot;
    std::function<Result<void>(const engine::Reader&)> look = [&](const engine::Reader& reader) {
      return take_snapshot(reader, account.id, mailbox, snapshot);
    };
    noted = co_await engine.read(std::move(look));
    uids.given = std::move(snapshot.known);
    uids.all = true;
    if (noted) noted = co_await offload(files, [&] { return driver.note_uids(name, uids); });
  }
  tell_noted(account, mailbox, name, noted);
}

void Mirror::Impl::tell_noted(const Account& account, MailboxId mailbox, const std::string& name,
                              const Result<void>& noted) {
  const Troubles::Which which{account.id, mailbox, kNotNoted};
  if (noted) {
    troubles.over(which, name);
  } else if (noted.error().kind != FaultKind::temporary) {
    troubles.tell(which, name, noted.error().what);
  }
}

}  // namespace posthouse::mirror
