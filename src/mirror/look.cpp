// What others did in the files.
#include <algorithm>
#include <set>

#include "engine/blob.h"
#include "message/summary.h"
#include "mirror/impl.h"
#include "mirror/snapshot.h"
#include "store/counted_edit.h"
#include "store/mail_store.h"
#include "store/mail_store_impl.h"
#include "store/names.h"

namespace posthouse::mirror {

namespace {

// A message of others, read once.
struct Read {
  std::string summary;
  uint64_t size = 0;
};

Result<Read> read_message(Driver& driver, const std::string& mailbox, const std::string& location) {
  const Result<Bytes> bytes = driver.open(mailbox, location);
  if (!bytes) return std::unexpected(bytes.error());
  message::Summarizer summarizer;
  Read out;
  for (;;) {
    const Result<std::string> piece = (*bytes)(out.size, kPiece);
    if (!piece) return std::unexpected(piece.error());
    if (piece->empty()) break;
    summarizer.feed(*piece);
    out.size += piece->size();
    if (piece->size() < kPiece) break;
  }
  out.summary = message::encode(summarizer.finish());
  return out;
}

// Those that could not be read.
struct Unread {
  size_t count = 0;
  std::string first;              // which, and why
  std::optional<FaultKind> kind;  // `policy` if all of them are a matter of rights

  void add(const std::string& location, const Fault& fault) {
    if (count++ == 0) first = location + ": " + fault.what;
    if (!kind || fault.kind != FaultKind::policy) kind = fault.kind;
  }
};

struct Arrival {
  Driver::Look::Fresh fresh;
  Read read;
  Uid uid = 0;  // given
};

Result<void> place_arrival(store::AccountEdit& edit, store::MailboxRow& mailbox, uint64_t delivery,
                           SystemTime now, Arrival& arrival) {
  const Result<store::KeywordTable*> table = edit.keywords(mailbox.id);
  if (!table) return std::unexpected(table.error());
  const std::vector<std::string>& names = arrival.fresh.flags.keywords;
  Result<std::vector<uint8_t>> numbers = (*table)->numbers(names);
  store::FlagRow row;
  row.system = arrival.fresh.flags.system;
  row.keywords = numbers ? std::move(*numbers) : (*table)->known_numbers(names);
  row.size = arrival.read.size;
  row.internal_date = arrival.fresh.date;
  row.delivery = delivery;
  if (arrival.fresh.uid >= mailbox.uid_next) mailbox.uid_next = arrival.fresh.uid;
  const std::string record =
      store::encode(store::MessageRow{0, row.size, row.internal_date, arrival.read.summary});
  const Result<Uid> uid = edit.place(mailbox, std::move(row), record, now);
  if (!uid) return std::unexpected(uid.error());
  edit.put_location(mailbox.id, *uid, arrival.fresh.location);
  arrival.uid = *uid;
  return {};
}

// What the files say of a mailbox's UIDs counts in an index that is new, and then on as long as it is about
// the same UIDVALIDITY: under another one they name messages that we know nothing of.
bool takes_validity(uint32_t uid_validity, Uid uid_next, const Driver::Look& look) {
  return look.uid_validity != 0 && uid_next == 1 && uid_validity != look.uid_validity;
}

// Returns whether the files are believed.
bool take_validity(store::AccountEdit& edit, store::MailboxRow& mailbox, const Driver::Look& look) {
  if (takes_validity(mailbox.uid_validity, mailbox.uid_next, look)) {
    mailbox.uid_validity = look.uid_validity;
    edit.head().last_uid_validity = std::max(edit.head().last_uid_validity, look.uid_validity);
  }
  return mailbox.uid_validity == look.uid_validity;
}

// The mailboxes that the outbox still has to make or rename, what it can't stays in the index; and, in `old`,
// those that have names in the files which they lost in the index.
Result<std::set<std::string>> unmade(const engine::Reader& reader, AccountId account,
                                     std::set<std::string>& old) {
  using Kind = store::EffectRow::Kind;
  std::set<std::string> names;
  old.clear();
  const Result<void> read = reader.scan(store::account_partition(account), store::effect_key(0),
                                        store::prefix_end(std::string(store::kEffectPrefix)),
                                        [&](std::string_view, std::string_view value) {
                                          const Result<store::EffectRow> row = store::decode_effect(value);
                                          if (!row) return true;
                                          if (row->kind == Kind::make) names.insert(row->name);
                                          if (row->kind == Kind::rename) names.insert(row->to);
                                          if (row->kind == Kind::rename || row->kind == Kind::erase)
                                            old.insert(row->name);
                                          return true;
                                        });
  if (!read) return std::unexpected(read.error());
  return names;
}

// What the files say of subscriptions, with what the outbox has still to bring there.
Result<void> add_subscriptions_to_come(const engine::Reader& reader, AccountId account,
                                       std::vector<std::string>& wanted) {
  using Kind = store::EffectRow::Kind;
  return reader.scan(store::account_partition(account), store::effect_key(0),
                     store::prefix_end(std::string(store::kEffectPrefix)),
                     [&](std::string_view, std::string_view value) {
                       const Result<store::EffectRow> row = store::decode_effect(value);
                       if (!row || (row->kind != Kind::subscribe && row->kind != Kind::unsubscribe))
                         return true;
                       std::erase(wanted, row->name);
                       if (row->kind == Kind::subscribe) wanted.push_back(row->name);
                       return true;
                     });
}

// Of letters that are gone from their files, those whose bytes are in the database.
Result<void> find_blobs(const store::AccountView& view, MailboxId mailbox, const std::vector<Uid>& gone,
                        std::vector<store::FlagRow>& out) {
  out.clear();
  for (const Uid uid : gone) {
    Result<std::optional<store::FlagRow>> row = view.message(mailbox, uid);
    if (!row) return std::unexpected(row.error());
    if (*row && (*row)->blob != 0) out.push_back(std::move(**row));
  }
  return {};
}

bool is_within(const std::string& name, const std::set<std::string>& levels) {
  const auto holds = [&](const std::string& level) { return name == level || name.starts_with(level + "/"); };
  return std::ranges::any_of(levels, holds);
}

}  // namespace

Task<Result<void>> Mirror::Impl::look_into(Account& account, MailboxId mailbox) {
  Result<std::string> name = co_await mailbox_name(account.id, mailbox);
  if (!name) co_return std::unexpected(name.error());
  Driver& driver = *account.driver;
  Result<std::string> before = co_await last_state(account, mailbox);
  if (!before) co_return std::unexpected(before.error());
  if (!before->empty() && !is_due(account, mailbox)) {
    std::string lasting;
    Result<bool> same = co_await offload(files, [&] {
      const Result<bool> is = driver.is_same(*name, *before);
      if (is && *is && !account.unread.contains(mailbox))
        lasting = driver.lasting(*name, *before).value_or("");
      return is;
    });
    if (!same) co_return std::unexpected(same.error());
    if (*same) {
      account.states[mailbox] = *before;
      Result<void> noted = co_await keep_state(account, mailbox, std::move(lasting));
      co_return noted;
    }
  }
  Snapshot snapshot;
  Result<void> carried;
  for (int attempt = 0; attempt < kLooks; ++attempt) {
    // What we are about to do must not be taken for what others did.
    carried = co_await carry_out(account);
    snapshot = Snapshot();
    snapshot.but_flags = !account.undone.contains(mailbox);
    std::function<Result<void>(const engine::Reader&)> look = [&](const engine::Reader& reader) {
      return take_snapshot(reader, account.id, mailbox, snapshot);
    };
    Result<void> seen = co_await engine.read(std::move(look));
    if (!seen) co_return seen;
    if (!snapshot.busy || !carried) break;
  }
  const bool locked = snapshot.busy && !carried && account.kept_back.holds(mailbox);
  if (locked) co_return fail(FaultKind::temporary, "another program keeps its file locked");
  if (snapshot.busy) co_return Result<void>();  // the next look will find it
  const SteadyTime begin = clock.steady();
  Result<Driver::Look> found = co_await offload(files, [&] { return driver.look(*name, snapshot.known); });
  const bool is_locked = !found && found.error().kind == FaultKind::temporary;
  if (is_locked) troubles.tell({account.id, mailbox, kLocked}, *name, found.error().what);
  if (!is_locked && !account.locked.contains(mailbox)) troubles.over({account.id, mailbox, kLocked}, *name);
  const bool fails = !found && !is_locked && found.error().kind != FaultKind::not_found;
  if (fails) troubles.tell({account.id, mailbox, kUnseen}, *name, found.error().what);
  if (found) troubles.over({account.id, mailbox, kUnseen}, *name);
  if (!found) co_return std::unexpected(found.error());
  std::string state = found->state;
  Result<std::optional<FaultKind>> all = co_await take_in(account, mailbox, *name, std::move(*found));
  account.looked[mailbox] = {clock.steady(), clock.steady() - begin, snapshot.known.size()};
  if (!all) co_return std::unexpected(all.error());
  // What could not be read is asked for with each look; a matter of rights, which mostly stays so, now and
  // then.
  const bool rights = *all == FaultKind::policy;
  account.states[mailbox] = !*all || rights ? state : std::string();
  account.unread.erase(mailbox);
  if (rights) account.unread[mailbox] = clock.steady() + kRetryUnread;
  std::string lasting;
  if (!*all) co_await offload(files, [&] { lasting = driver.lasting(*name, state).value_or(""); });
  Result<void> noted = co_await keep_state(account, mailbox, std::move(lasting));
  co_return noted;
}

bool Mirror::Impl::is_due(const Account& account, MailboxId mailbox) const {
  const auto unread = account.unread.find(mailbox);
  return unread != account.unread.end() && clock.steady() >= unread->second;
}

Task<Result<std::string>> Mirror::Impl::last_state(Account& account, MailboxId mailbox) {
  account.states.try_emplace(mailbox);
  if (account.lasting.contains(mailbox)) co_return account.states[mailbox];
  Result<std::optional<std::string>> record =
      co_await engine.fetch(store::account_partition(account.id), store::seen_key(mailbox));
  if (!record) co_return std::unexpected(record.error());
  Result<std::string> state = *record ? store::decode_location(**record) : Result<std::string>(std::string());
  std::string& lasting = account.lasting[mailbox];
  if (!state) co_return std::string();
  lasting = *state;
  co_return state;
}

// What the index says of the files is in it before this, so after a crash it is true or not there. Nothing is
// lost with it but time.
Task<Result<void>> Mirror::Impl::keep_state(Account& account, MailboxId mailbox, std::string lasting) {
  if (lasting.empty() || lasting == account.lasting[mailbox]) co_return Result<void>();
  std::vector<engine::Step> steps;
  steps.push_back({store::account_partition(account.id), [&](engine::Transaction& rows) -> Result<void> {
                     const Result<std::optional<std::string>> there = rows.get(store::mailbox_key(mailbox));
                     if (!there) return std::unexpected(there.error());
                     if (*there) rows.put(store::seen_key(mailbox), store::encode_location(lasting));
                     return {};
                   }});
  Result<void> done = co_await engine.transact_relaxed(std::move(steps));
  if (done) account.lasting[mailbox] = std::move(lasting);
  co_return Result<void>();
}

bool Mirror::Impl::rests(const Account& account, MailboxId mailbox) const {
  const auto last = account.looked.find(mailbox);
  if (last == account.looked.end() || last->second.messages < kLongLook) return false;
  return clock.steady() - last->second.end < kRestAfterLook * last->second.took;
}

Task<Result<std::optional<FaultKind>>> Mirror::Impl::take_in(Account& account, MailboxId mailbox,
                                                             const std::string& name, Driver::Look look) {
  if (!look.changed.empty() || !look.gone.empty()) {
    Result<void> done = co_await take_changes(account, mailbox, look);
    if (!done) co_return std::unexpected(done.error());
  }
  bool misnamed = look.misnamed;
  Result<std::optional<FaultKind>> unread = co_await take_new(account, mailbox, name, look, misnamed);
  if (unread && !*unread && misnamed) {
    Result<void> settled = co_await settle_uids(account, mailbox, name);
    if (!settled) co_return std::unexpected(settled.error());
  }
  co_return unread;
}

Task<Result<std::optional<FaultKind>>> Mirror::Impl::take_new(Account& account, MailboxId mailbox,
                                                              const std::string& name, Driver::Look& look,
                                                              bool& misnamed) {
  if (look.fresh.empty()) {
    troubles.over({account.id, mailbox, kUnreadable}, name);
    Result<void> taken = co_await take_uid_base(account, mailbox, look);
    if (!taken) co_return std::unexpected(taken.error());
    co_return std::optional<FaultKind>();
  }
  // Those that have UIDs come first, in their order; the others as they arrived.
  std::vector<Driver::Look::Fresh> named, unnamed;
  for (Driver::Look::Fresh& fresh : look.fresh)
    (fresh.uid != 0 ? named : unnamed).push_back(std::move(fresh));
  std::ranges::sort(named, {}, &Driver::Look::Fresh::uid);
  std::ranges::move(unnamed, std::back_inserter(named));
  look.fresh = std::move(named);
  Result<std::optional<FaultKind>> unread = co_await take_fresh(account, mailbox, name, look, misnamed);
  co_return unread;
}

Task<Result<void>> Mirror::Impl::take_uid_base(Account& account, MailboxId mailbox,
                                               const Driver::Look& look) {
  if (look.uid_validity == 0) co_return Result<void>();
  bool wanted = false;
  std::function<Result<void>(const engine::Reader&)> see = [&](const engine::Reader& reader) -> Result<void> {
    const Result<store::MailboxInfo> info = store::AccountView(reader, account.id).mailbox(mailbox);
    if (!info) return std::unexpected(info.error());
    const bool further = info->uid_validity == look.uid_validity && info->uid_next < look.uid_next;
    wanted = info->exists == 0 && (further || takes_validity(info->uid_validity, info->uid_next, look));
    return {};
  };
  Result<void> done = co_await engine.read(std::move(see));
  if (!done || !wanted) co_return done;
  std::vector<engine::Step> steps;
  store::add_counted_edit(steps, account.id, [&](store::AccountEdit& edit) -> Result<void> {
    edit.follow_files();
    const Result<store::MailboxRow*> row = edit.mailbox(mailbox);
    if (!row) return std::unexpected(row.error());
    if ((*row)->exists == 0 && take_validity(edit, **row, look))
      (*row)->uid_next = std::max((*row)->uid_next, look.uid_next);
    return {};
  });
  done = co_await engine.transact(std::move(steps));
  co_return done;
}

Task<Result<void>> Mirror::Impl::take_changes(Account& account, MailboxId mailbox, const Driver::Look& look) {
  std::vector<store::FlagRow> with_blob;
  std::function<Result<void>(const engine::Reader&)> see = [&](const engine::Reader& reader) {
    return find_blobs(store::AccountView(reader, account.id), mailbox, look.gone, with_blob);
  };
  Result<void> seen = co_await engine.read(std::move(see));
  if (!seen) co_return seen;
  std::set<uint64_t> went;  // deliveries
  std::vector<engine::Step> steps;
  store::add_counted_edit(steps, account.id, [&](store::AccountEdit& edit) -> Result<void> {
    edit.follow_files();
    for (const Driver::Look::Changed& changed : look.changed) {
      Result<void> done = edit.take_flags(mailbox, changed.uid, changed.added, changed.removed);
      if (!done) return done;
      edit.put_location(mailbox, changed.uid, changed.location);
    }
    const Result<store::MailboxRow*> row = edit.mailbox(mailbox);
    if (!row) return std::unexpected(row.error());
    went.clear();
    for (const Uid uid : look.gone) {
      const Result<std::optional<store::FlagRow>> message = edit.message(mailbox, uid);
      if (!message) return std::unexpected(message.error());
      if (!*message) continue;
      const Result<void> removed = edit.remove(**row, uid, **message);
      if (!removed) return removed;
      if ((*message)->blob != 0) went.insert((*message)->delivery);
    }
    return {};
  });
  for (const store::FlagRow& row : with_blob) {
    const uint64_t delivery = row.delivery;
    engine::Step drop =
        engine::drop_reference(row.blob, store::MailStore::blob_reference(account.id, delivery), row.size);
    steps.push_back(
        {drop.partition, [&went, delivery, apply = std::move(drop.apply)](engine::Transaction& rows) {
           return went.contains(delivery) ? apply(rows) : Result<void>();
         }});
  }
  Result<void> done = co_await engine.transact(std::move(steps));
  co_return done;
}

Task<Result<std::optional<FaultKind>>> Mirror::Impl::take_fresh(Account& account, MailboxId mailbox,
                                                                const std::string& name, Driver::Look& look,
                                                                bool& misnamed) {
  Driver& driver = *account.driver;
  std::vector<Driver::Look::Fresh>& fresh = look.fresh;
  bool left = false;  // some that could not be read
  Driver::Uids uids;  // noted once: each time may write the whole mailbox anew
  Result<void> done;
  Unread unread;
  for (size_t at = 0; done && at < fresh.size(); at += kNewTogether) {
    std::vector<Arrival> arrivals;
    const size_t end = std::min(fresh.size(), at + kNewTogether);
    co_await offload(files, [&] {
      for (size_t i = at; i < end; ++i) {
        Result<Read> read = read_message(driver, name, fresh[i].location);
        if (read) {
          arrivals.push_back({std::move(fresh[i]), std::move(*read), 0});
          continue;
        }
        left = true;
        if (read.error().kind != FaultKind::not_found) {
          unread.add(fresh[i].location, read.error());
        }
      }
    });
    std::vector<uint64_t> deliveries;
    for (size_t i = 0; i < arrivals.size(); ++i) deliveries.push_back(ids.next());
    std::vector<engine::Step> steps;
    store::add_counted_edit(steps, account.id, [&](store::AccountEdit& edit) -> Result<void> {
      edit.follow_files();
      const Result<store::MailboxRow*> row = edit.mailbox(mailbox);
      if (!row) return std::unexpected(row.error());
      const bool believed = take_validity(edit, **row, look);
      for (size_t i = 0; i < arrivals.size(); ++i) {
        if (!believed) arrivals[i].fresh.uid = 0;
        if (believed && arrivals[i].fresh.uid == 0)
          (*row)->uid_next = std::max((*row)->uid_next, look.uid_next);
        const Result<void> placed = place_arrival(edit, **row, deliveries[i], clock.now(), arrivals[i]);
        if (!placed) return placed;
      }
      // No UID is given again that a message had which is gone (RFC 9051 section 2.3.1.1). One that was left
      // out may come with its own yet, if it bears it itself.
      const bool last = end == fresh.size() && (!left || driver.notes_own());
      if (believed && last) (*row)->uid_next = std::max((*row)->uid_next, look.uid_next);
      uids.uid_validity = (*row)->uid_validity;
      uids.uid_next = (*row)->uid_next;
      uids.messages = (*row)->exists;
      return {};
    });
    done = co_await engine.transact(std::move(steps));
    if (!done) break;
    for (const Arrival& arrival : arrivals) {
      misnamed = misnamed || (arrival.fresh.uid != 0 && arrival.fresh.uid != arrival.uid);
      uids.given.push_back({arrival.uid, arrival.fresh.location});
    }
  }
  if (!uids.given.empty()) co_await note_uids(account, mailbox, name, std::move(uids));
  if (!done) co_return std::unexpected(done.error());
  if (unread.kind) {
    troubles.tell({account.id, mailbox, kUnreadable}, name, unread.first, unread.count);
  } else {
    troubles.over({account.id, mailbox, kUnreadable}, name);
  }
  co_return unread.kind;
}

// A mailbox that never had a message takes over UIDVALIDITY and UIDs of the files, so this comes before any
// delivery gives one.
Task<void> Mirror::Impl::look_into_new(Account& account) {
  std::vector<store::MailboxInfo> known;
  std::function<Result<void>(const engine::Reader&)> read =
      [&](const engine::Reader& reader) -> Result<void> {
    Result<std::vector<store::MailboxInfo>> found = store::AccountView(reader, account.id).mailboxes();
    if (!found) return std::unexpected(found.error());
    known = std::move(*found);
    return {};
  };
  Result<void> done = co_await engine.read(std::move(read));
  for (const store::MailboxInfo& mailbox : known) {
    if (mailbox.uid_next != 1 || account.states.contains(mailbox.id)) continue;
    done = co_await look_into(account, mailbox.id);
    if (!done) log::debug("mirror.unseen", {{"account", format_id(account.id)}, {"what", done.error().what}});
  }
}

Task<Result<void>> Mirror::Impl::look_at_mailboxes(Account& account) {
  Result<void> carried = co_await carry_out(account);
  if (!carried && account.stuck) co_return carried;
  Driver& driver = *account.driver;
  Result<std::vector<Driver::Level>> listed = co_await offload(files, [&] { return driver.mailboxes(); });
  if (!listed) co_return std::unexpected(listed.error());
  Result<std::vector<std::string>> wanted = co_await offload(files, [&] { return driver.subscriptions(); });
  if (!wanted) co_return std::unexpected(wanted.error());
  std::vector<store::MailboxInfo> known;
  std::vector<std::string> subscribed;
  std::set<std::string> unseen;  // still to come, or hidden by a directory that can't be read
  std::set<std::string> old;     // would seem to be new
  std::function<Result<void>(const engine::Reader&)> look =
      [&](const engine::Reader& reader) -> Result<void> {
    const store::AccountView view(reader, account.id);
    Result<std::vector<store::MailboxInfo>> found = view.mailboxes();
    if (!found) return std::unexpected(found.error());
    known = std::move(*found);
    Result<std::vector<std::string>> names = view.subscriptions();
    if (!names) return std::unexpected(names.error());
    subscribed = std::move(*names);
    Result<std::set<std::string>> still = unmade(reader, account.id, old);
    if (!still) return std::unexpected(still.error());
    unseen = std::move(*still);
    return add_subscriptions_to_come(reader, account.id, *wanted);
  };
  Result<void> seen = co_await engine.read(std::move(look));
  if (!seen) co_return seen;
  for (const Driver::Level& level : *listed) {
    if (level.unread) unseen.insert(level.name);
  }
  std::vector<std::string> added, gone;
  const auto is_known = [&](const std::string& name) {
    return std::ranges::any_of(known, [&](const store::MailboxInfo& m) { return m.name == name; });
  };
  for (const Driver::Level& level : *listed) {
    const Result<std::string> checked = store::check_name(level.name);
    const bool is_new = !level.only_holds && checked && !is_known(*checked) && !is_within(*checked, old);
    if (is_new) added.push_back(*checked);
  }
  for (const store::MailboxInfo& mailbox : known) {
    const bool inbox = mailbox.name == store::kInbox;
    if (!inbox && !is_within(mailbox.name, unseen) &&
        std::ranges::find(*listed, mailbox.name, &Driver::Level::name) == listed->end())
      gone.push_back(mailbox.name);
  }
  std::ranges::sort(*wanted);
  std::ranges::sort(subscribed);
  if (added.empty() && gone.empty() && *wanted == subscribed) co_return Result<void>();
  const SystemTime now = clock.now();
  std::vector<engine::Step> steps;
  store::add_counted_edit(steps, account.id, [&](store::AccountEdit& edit) -> Result<void> {
    edit.follow_files();
    for (const std::string& name : added) {
      const Result<store::MailboxRow*> made = edit.create(name, store::Role::none, now);
      if (!made && made.error().kind != FaultKind::exists) return std::unexpected(made.error());
    }
    for (const std::string& name : gone) {
      const Result<store::MailboxRow*> row = edit.mailbox_named(name);
      if (!row) continue;
      if (const Result<void> done = edit.forget(**row, false, now); !done) return done;
      edit.rows().hint(store::hint_key(store::kPurgeHint, account.id));
    }
    for (const std::string& name : subscribed) edit.rows().erase(store::subscription_key(name));
    for (const std::string& name : *wanted) {
      const Result<std::string> checked = store::check_name(name);
      if (checked) edit.rows().put(store::subscription_key(*checked), store::empty_record());
    }
    return {};
  });
  Result<void> done = co_await engine.transact(std::move(steps));
  co_return done;
}

}  // namespace posthouse::mirror
