// What the index says that is to be done in the files.
#include <algorithm>
#include <set>
#include <tuple>

#include "engine/blob.h"
#include "mirror/impl.h"
#include "mirror/outbox_reader.h"
#include "store/mail_store.h"
#include "store/mail_store_impl.h"

namespace posthouse::mirror {

namespace {

using Kind = store::EffectRow::Kind;

// Another program keeps a lock, so nothing of it was begun.
bool is_locked(const Effect& effect) {
  return !effect.done && effect.done.error().kind == FaultKind::temporary;
}

// Does effects in the files, those of one kind and mailbox that follow each other together. Blocks.
class Work {
 public:
  // Rows up to account.again_to may have been carried out before.
  Work(engine::Engine& engine, Account& account)
      : engine_(engine), account_(account), driver_(*account.driver), again_to_(account.again_to) {}

  void run(std::vector<Effect>& effects) {
    for (auto it = effects.begin(); it != effects.end();) {
      const auto first = it;
      it = std::find_if(first, effects.end(), is_structure);
      run_messages(first, it);
      if (it == effects.end()) break;
      run_group(pointers(it, it + 1));
      ++it;
    }
  }

 private:
  using Iterator = std::vector<Effect>::iterator;
  using Which = std::pair<MailboxId, Uid>;

  static bool is_structure(const Effect& effect) {
    const Kind kind = effect.row.kind;
    return kind != Kind::put && kind != Kind::flags && kind != Kind::remove;
  }

  static std::vector<Effect*> pointers(Iterator from, Iterator to) {
    std::vector<Effect*> out;
    for (; from != to; ++from) {
      if (from->done) out.push_back(&*from);
    }
    return out;
  }

  // A move of many puts and removes in turn. What a message became counts, not in which order, but that it is
  // there before it gets flags, and in its new place before it goes from the old one. UIDs rise through a
  // file.
  void run_messages(Iterator from, Iterator to) {
    std::vector<Effect*> all = pointers(from, to);
    const auto order = [](const Effect* e) { return std::tie(e->row.kind, e->mailbox); };
    std::ranges::sort(all, {}, [](const Effect* e) {
      const Uid uid = e->row.kind == Kind::put ? e->row.uid : 0;
      return std::tuple(e->row.kind, std::string_view(e->mailbox), uid, e->number);
    });
    for (auto it = all.begin(); it != all.end();) {
      const auto first = it;
      it = std::find_if(first, all.end(), [&](const Effect* e) { return order(e) != order(*first); });
      run_group(std::vector<Effect*>(first, it));
    }
  }

  // Behind what a locked file kept from being done nothing is done to it, though its lock went meanwhile.
  void run_group(const std::vector<Effect*>& all) {
    std::vector<Effect*> group;
    for (Effect* effect : all) {
      const auto locked = locked_.find(effect->row.mailbox);
      if (locked == locked_.end()) {
        group.push_back(effect);
      } else {
        effect->done = std::unexpected(locked->second);
      }
    }
    if (group.empty()) return;
    do_group(group);
    for (const Effect* effect : group) {
      if (is_locked(*effect) && effect->row.mailbox != 0)
        locked_.emplace(effect->row.mailbox, effect->done.error());
    }
  }

  void do_group(const std::vector<Effect*>& group) {
    switch (group.front()->row.kind) {
      case Kind::put:
        return put(group);
      case Kind::flags:
        return change(group);
      case Kind::remove:
        return remove(group);
      default:
        for (Effect* effect : group) effect->done = structure(effect->row);
    }
  }

  Result<void> structure(const store::EffectRow& row) {
    switch (row.kind) {
      case Kind::make:
        return driver_.make(row.name);
      case Kind::rename:
        return driver_.rename(row.name, row.to);
      case Kind::erase:
        return driver_.erase(row.name);
      case Kind::subscribe:
        return driver_.subscribe(row.name, true);
      default:
        return driver_.subscribe(row.name, false);
    }
  }

  Driver::Put to_put(const Effect& effect) {
    Driver::Put one;
    one.delivery = effect.message.delivery;
    one.uid = effect.row.uid;
    one.uid_validity = effect.uid_validity;
    one.date = effect.message.internal_date;
    one.flags = effect.flags;
    one.size = effect.message.size;
    one.again = is_again(effect);
    one.bytes = [this, blob = effect.message.blob](uint64_t offset, uint64_t length) {
      Result<std::string> piece = engine::read_blob(engine_, blob, offset, length);
      if (!piece || piece->empty()) unread_.insert(blob);
      // Rows that are missing are damage here: the account and its files are there.
      if (!piece && piece.error().kind == FaultKind::not_found) piece.error().kind = FaultKind::corrupt;
      return piece;
    };
    return one;
  }

  // One that has its file: it is about the blob only, which stays when in doubt.
  bool may_leave_blob(const Effect& effect) {
    return effect.row.name == store::kFromFile || driver_.would_be_exact(to_put(effect)).value_or(false);
  }

  // A message may have several rows, as one that came while its account was converted, or whose conversion
  // was begun again: it gets one file.
  void put(const std::vector<Effect*>& group) {
    std::vector<std::pair<Effect*, size_t>> wanted;
    std::vector<Driver::Put> puts;
    std::vector<engine::BlobId> blobs;
    std::map<Which, size_t> known;
    for (Effect* effect : group) {
      if (!effect->there || effect->message.blob == 0) continue;
      const Which which(effect->row.mailbox, effect->row.uid);
      if (effect->location.empty()) effect->location = place_of(which);
      if (!effect->location.empty()) {
        effect->exact = may_leave_blob(*effect);
        continue;
      }
      const auto [at, first] = known.try_emplace(which, puts.size());
      if (first) puts.push_back(to_put(*effect));
      if (first) blobs.push_back(effect->message.blob);
      wanted.emplace_back(effect, at->second);
    }
    if (puts.empty()) return;
    put(group.front()->row.mailbox, group.front()->mailbox, puts, blobs);
    for (const auto& [effect, at] : wanted) {
      const Driver::Put& put = puts[at];
      effect->done = put.done;
      effect->now = put.flags;
      effect->exact = put.exact;
      if (!put.done) continue;
      effect->location = put.location;
      put_[{effect->row.mailbox, effect->row.uid}] = put.location;
    }
  }

  // In the order of their UIDs: once one has to wait, so do those behind it, until the outbox is tried anew.
  // One that can't be read holds up nobody.
  void put(MailboxId mailbox, const std::string& name, std::vector<Driver::Put>& puts,
           const std::vector<engine::BlobId>& blobs) {
    const auto stopped = account_.stopped.find(mailbox);
    if (stopped == account_.stopped.end()) {
      driver_.put_unflushed(name, puts);
    } else {
      for (Driver::Put& put : puts) put.done = std::unexpected(stopped->second);
    }
    for (size_t i = 0; i < puts.size(); ++i) {
      const Result<void>& done = puts[i].done;
      const bool waits = !done && !unread_.contains(blobs[i]);
      if (waits && !driver_.notes_own()) account_.stopped.try_emplace(mailbox, done.error());
    }
  }

  // Where it was put by this round; else "".
  std::string place_of(const Which& which) const {
    const auto put = put_.find(which);
    return put == put_.end() ? std::string() : put->second;
  }

  // All rows of one message have the flags that it has now, so it is changed once. After a crash its file may
  // have those of any of them: where there are several nobody can tell which were ours, and the index counts.
  void change(const std::vector<Effect*>& group) {
    std::vector<std::pair<Effect*, size_t>> wanted;
    std::vector<Driver::Change> changes;
    std::unordered_map<Uid, size_t> known;
    for (Effect* effect : group) {
      effect->now = effect->flags;
      if (!effect->there) continue;
      if (effect->location.empty()) {  // put with the flags that it has now, but for an earlier attempt
        if (is_again(*effect)) effect->location = place_of({effect->row.mailbox, effect->row.uid});
        if (effect->location.empty()) continue;
      }
      const auto [at, first] = known.try_emplace(effect->row.uid, changes.size());
      if (first) {
        changes.push_back({effect->location, effect->flags, false, effect->uid_next, effect->flags, {}});
      } else {
        changes[at->second].only_ours = changes[at->second].only_ours || is_again(*effect);
      }
      wanted.emplace_back(effect, at->second);
    }
    if (changes.empty()) return;
    driver_.change(group.front()->mailbox, changes);
    for (const auto& [effect, at] : wanted) {
      const Driver::Change& change = changes[at];
      // One that others removed is found missing by the next look.
      const bool gone = !change.done && change.done.error().kind == FaultKind::not_found;
      if (!gone) effect->done = change.done;
      if (!change.done) continue;
      effect->location = change.location;
      effect->now = change.now;
    }
  }

  void remove(const std::vector<Effect*>& group) {
    std::vector<std::string> locations;
    std::set<MailboxId> doubtful;
    Uid next = 0;
    for (const Effect* effect : group) {
      std::string_view location = effect->row.name;
      if (location.starts_with(store::kPerhaps)) {
        location.remove_prefix(store::kPerhaps.size());
        doubtful.insert(effect->row.mailbox);
      }
      locations.emplace_back(location);
      next = std::max(next, effect->uid_next);
    }
    std::vector<std::string> spared;
    Result<void> done;
    for (const MailboxId mailbox : doubtful) {
      if (done) done = add_places(mailbox, spared);
    }
    if (done) done = driver_.remove(group.front()->mailbox, locations, next, spared);
    for (Effect* effect : group) effect->done = done;
  }

  bool is_again(const Effect& effect) const { return effect.number <= again_to_; }

  // All that the index has in a mailbox, or is about to.
  Result<void> add_places(MailboxId mailbox, std::vector<std::string>& out) const {
    for (const auto& [which, location] : put_) {
      if (which.first == mailbox) out.push_back(location);
    }
    return engine_.scan(store::account_partition(account_.id), store::location_key(mailbox, 0),
                        store::location_end(mailbox, UINT32_MAX),
                        [&](std::string_view, std::string_view value) {
                          Result<std::string> location = store::decode_location(value);
                          if (location) out.push_back(std::move(*location));
                          return true;
                        });
  }

  engine::Engine& engine_;
  Account& account_;
  Driver& driver_;
  uint64_t again_to_;
  std::map<MailboxId, Fault> locked_;
  std::map<Which, std::string> put_;           // where what was put is
  std::unordered_set<engine::BlobId> unread_;  // whose bytes can't be had
};

// Of letters alone that are all in the files and flushed, with more behind them: what is to be done next need
// not wait until the index knows of these.
bool can_go_on(const Round& round) {
  if (!round.part || round.cut || !round.anew.empty()) return false;
  return std::ranges::all_of(round.effects, [](const Effect& effect) {
    return effect.done.has_value() && effect.row.kind == Kind::put;
  });
}

// Whether these are letters behind all those of the round, so that they are the same whether or not that one
// is in the index.
bool come_behind(const std::vector<Effect>& effects, const Round& round) {
  std::map<MailboxId, Uid> last;
  for (const Effect& effect : round.effects) {
    Uid& uid = last[effect.row.mailbox];
    uid = std::max(uid, effect.row.uid);
  }
  return !effects.empty() && std::ranges::all_of(effects, [&](const Effect& effect) {
    const auto before = last.find(effect.row.mailbox);
    const bool behind = before == last.end() || effect.row.uid > before->second;
    return effect.done && effect.row.kind == Kind::put && effect.location.empty() && behind;
  });
}

// What a put or a change of flags made of a message, into the index. `left`: its blob is not needed any more.
// Of a letter that no file of the format gives back as it came, the blob stays, and is what clients read.
Result<void> record_message(store::AccountEdit& edit, const Effect& effect, bool& left, bool& more) {
  left = false;
  const MailboxId mailbox = effect.row.mailbox;
  const Uid uid = effect.row.uid;
  if (!effect.there || effect.location.empty()) return {};
  Result<std::optional<store::FlagRow>> row = edit.message(mailbox, uid);
  if (!row) return std::unexpected(row.error());
  const Result<std::optional<std::string>> before = edit.location(mailbox, uid);
  if (!before) return std::unexpected(before.error());
  if (!*row) {
    // Removed while it was put into the files: as nobody knew its place, it has to be removed there now.
    const bool unknown_place = effect.row.kind == Kind::put && !*before;
    more = more || unknown_place;
    if (!unknown_place) return {};
    const Result<store::MailboxRow*> now = edit.mailbox(mailbox);  // perhaps renamed since
    edit.effect({Kind::remove, mailbox, uid, std::string(store::kPerhaps) + effect.location,
                 now ? (*now)->name : effect.mailbox});
    return {};
  }
  if (*before != effect.location) edit.put_location(mailbox, uid, effect.location);
  if (effect.row.kind == Kind::put) {
    left = effect.exact && (*row)->blob != 0 && (*row)->blob == effect.message.blob;
    if (left) edit.leave_blob(mailbox, uid, std::move(**row));
    return {};
  }
  const store::FlagSet added = difference(effect.now, effect.flags);
  const store::FlagSet removed = difference(effect.flags, effect.now);
  if (added == store::FlagSet() && removed == store::FlagSet()) return {};
  return edit.take_flags(mailbox, uid, added, removed);
}

}  // namespace

Task<Result<std::vector<Effect>>> Mirror::Impl::read_outbox(Account& account, uint64_t from, bool& cut) {
  std::vector<Effect> effects;
  KeptBack kept_back;
  uint64_t first = 0;
  std::function<Result<void>(const engine::Reader&)> look =
      [&](const engine::Reader& reader) -> Result<void> {
    kept_back = account.kept_back;
    const Result<store::HeadRow> head = store::AccountView(reader, account.id).head();
    first = head && head->next_effect >= account.first_effect ? account.first_effect : 0;
    Result<std::vector<Effect>> found =
        read_effects(reader, account.id, std::max(from, first), kept_back, cut);
    if (!found) return std::unexpected(found.error());
    effects = std::move(*found);
    return {};
  };
  Result<void> done = co_await engine.read(std::move(look));
  if (!done) co_return std::unexpected(done.error());
  account.kept_back = std::move(kept_back);
  account.first_effect = first;
  co_return std::move(effects);
}

void Mirror::Impl::note_put(Driver& driver, const std::vector<Effect>& effects,
                            std::map<MailboxId, std::pair<std::string, Driver::Uids>>& anew) {
  if (!driver.notes_own()) return;
  for (const Effect& effect : effects) {
    const auto renamed =
        effect.row.kind == Kind::rename && effect.done ? anew.find(effect.row.mailbox) : anew.end();
    if (renamed != anew.end()) renamed->second.first = effect.row.to;
    if (effect.row.kind != Kind::put || !effect.done || !effect.there || effect.location.empty()) continue;
    auto& [name, uids] = anew[effect.row.mailbox];
    name = effect.mailbox;
    uids.uid_validity = effect.uid_validity;
    uids.uid_next = effect.uid_next;
    uids.messages = effect.messages;
    uids.given.push_back({effect.row.uid, effect.location});
  }
  std::erase_if(anew,
                [&](auto& mailbox) { return driver.note_uids(mailbox.second.first, mailbox.second.second); });
}

Task<Result<bool>> Mirror::Impl::record(AccountId account, std::vector<Effect>& effects, bool durable) {
  bool more = false;
  std::vector<char> left(effects.size(), 0);
  std::vector<engine::Step> steps;
  steps.push_back(store::edit_step(account, [&](store::AccountEdit& edit) -> Result<void> {
    more = false;
    for (size_t i = 0; i < effects.size(); ++i) {
      if (!effects[i].done) continue;
      bool lets_go = false;
      const Result<void> recorded = record_message(edit, effects[i], lets_go, more);
      if (!recorded) return recorded;
      left[i] = lets_go;
      edit.rows().erase(store::effect_key(effects[i].number));
    }
    return {};
  }));
  for (size_t i = 0; i < effects.size(); ++i) {
    const store::FlagRow& row = effects[i].message;
    if (!effects[i].there || row.blob == 0) continue;
    engine::Step drop =
        engine::drop_reference(row.blob, store::MailStore::blob_reference(account, row.delivery), row.size);
    steps.push_back({drop.partition, [&left, i, apply = std::move(drop.apply)](engine::Transaction& rows) {
                       return left[i] ? apply(rows) : Result<void>();
                     }});
  }
  Result<void> done;
  if (durable) {
    done = co_await engine.transact(std::move(steps));
  } else {
    done = co_await engine.transact_relaxed(std::move(steps));
  }
  if (!done) co_return std::unexpected(done.error());
  co_return more;
}

Task<Result<void>> Mirror::Impl::do_in_files(Account& account, uint64_t from, Round& round) {
  if (from == 0) begin_pass(account);
  Result<std::vector<Effect>> effects = co_await read_outbox(account, from, round.cut);
  if (!effects) co_return std::unexpected(effects.error());
  round.effects = std::move(*effects);
  if (round.effects.empty()) co_return Result<void>();
  if (from == 0) account.stopped.clear();
  co_await work_off(account, round);
  co_return Result<void>();
}

Task<void> Mirror::Impl::work_off(Account& account, Round& round) {
  Driver& driver = *account.driver;
  co_await offload(files, [&] {
    Work(engine, account).run(round.effects);
    note_put(driver, round.effects, round.anew);
  });
  round.part = round.cut || is_part(round.effects);
}

// What was found locked just now is not tried with every letter for another mailbox.
void Mirror::Impl::begin_pass(Account& account) {
  account.kept_back = KeptBack();
  account.undone.clear();
  account.stuck = false;
  const SteadyTime now = clock.steady();
  for (const auto& [mailbox, locked] : account.locked) {
    if (locked.again_at <= now) continue;
    account.kept_back.add(mailbox);
    account.undone.insert(mailbox);
  }
}

void Mirror::Impl::keep_back(Account& account, const Effect& effect) {
  const MailboxId mailbox = effect.row.mailbox;
  account.undone.insert(mailbox);
  if (stands_alone(effect.row.kind)) account.kept_back.add(effect.row, effect.number);
  if (!is_locked(effect)) {
    account.stuck = true;
    account.again_to = std::max(account.again_to, effect.number);
    return;
  }
  const bool has_file = mailbox != 0 && effect.row.kind != Kind::make;
  if (!has_file) return;
  account.kept_back.add(mailbox);
  const std::string& name = effect.mailbox.empty() ? effect.row.name : effect.mailbox;
  account.locked[mailbox] = {clock.steady() + kLookAgain, name};
  troubles.tell({account.id, mailbox, kLocked}, name, effect.done.error().what);
}

// What was not kept back any more is in the files.
Result<void> Mirror::Impl::end_pass(Account& account, const Result<void>& all, uint64_t doubtful) {
  for (auto at = account.locked.begin(); at != account.locked.end();) {
    if (account.kept_back.holds(at->first)) {
      ++at;
      continue;
    }
    troubles.over({account.id, at->first, kLocked}, at->second.name);
    at = account.locked.erase(at);
  }
  // What was in doubt and waits still is so.
  account.again_to = std::max(doubtful, std::min(account.again_to, account.kept_back.last()));
  {
    const std::lock_guard lock(account.names_mutex);
    account.old_names = account.kept_back.old_names();
  }
  if (!account.stuck) {
    troubles.over({account.id, 0, kFilesWait}, "");
  } else if (!all) {
    troubles.tell({account.id, 0, kFilesWait}, "", all.error().what);
  }
  if (!all || !account.kept_back.any()) return all;
  return fail(FaultKind::temporary, "another program keeps a file locked");
}

Task<Result<bool>> Mirror::Impl::take_from_outbox(Account& account, Round& round, Result<void>& all) {
  Result<bool> more = co_await record(account.id, round.effects, round.cut);
  if (!more) co_return more;
  for (auto& [mailbox, uids] : round.anew)
    co_await note_uids(account, mailbox, uids.first, std::move(uids.second));
  for (const Effect& effect : round.effects) {
    if (effect.done) continue;
    // What the format forbids is in the index for good; it is tried again with every change, and not told
    // again.
    const bool final = effect.done.error().kind == FaultKind::permanent;
    if (final && account.told.insert(effect.number).second)
      log::warn("mirror.only_in_index",
                {{"account", format_id(account.id)}, {"what", effect.done.error().what}});
    if (final) continue;
    if (all || (all.error().kind == FaultKind::temporary && !is_locked(effect))) all = effect.done;
    keep_back(account, effect);
  }
  co_return round.part || *more;
}

// What could not be flushed is not there, and waits with all that comes behind it.
Task<void> Mirror::Impl::flush(Account& account, Round& round) {
  if (!account.driver->is_unflushed()) co_return;
  const std::map<std::string, Fault> failed =
      co_await offload(files, [&] { return account.driver->flush(); });
  for (Effect& effect : round.effects) {
    const auto at = failed.find(effect.mailbox);
    if (effect.row.kind != Kind::put || !effect.done || at == failed.end()) continue;
    effect.done = std::unexpected(at->second);
    account.stopped.try_emplace(effect.row.mailbox, at->second);
  }
}

Task<void> Mirror::Impl::take_behind(Account& account, Round& round, Result<void>& all,
                                     Begun<Result<bool>> more) {
  Result<bool> taken = co_await take_from_outbox(account, round, all);
  more.give(std::move(taken));
}

Task<Result<bool>> Mirror::Impl::take_and_go_on(Account& account, Round& round, Result<void>& all,
                                                std::optional<Round>& next) {
  if (!can_go_on(round) || account.kept_back.any()) {
    Result<bool> more = co_await take_from_outbox(account, round, all);
    co_return more;
  }
  const Begun<Result<bool>> taken;
  spawn(take_behind(account, round, all, taken));
  Round ahead;
  Result<std::vector<Effect>> effects =
      co_await read_outbox(account, round.effects.back().number + 1, ahead.cut);
  if (effects && !ahead.cut && come_behind(*effects, round) && !account.kept_back.any()) {
    ahead.effects = std::move(*effects);
    co_await work_off(account, ahead);
    next = std::move(ahead);
  }
  Result<bool> more = co_await taken.take();
  co_return more;
}

Task<Result<void>> Mirror::Impl::carry_out(Account& account, std::optional<Round> begun) {
  Result<void> all;
  const uint64_t again_before = account.again_to;
  uint64_t doubtful = 0;
  bool all_gone = true;  // from the outbox
  std::optional<Round> next = std::move(begun);
  for (uint64_t from = 0;;) {
    Round round;
    if (next) {
      round = std::move(*next);
      next.reset();
    } else {
      Result<void> done = co_await do_in_files(account, from, round);
      if (!done) co_return done;
    }
    if (round.effects.empty()) break;
    co_await flush(account, round);
    from = round.effects.back().number + 1;
    Result<bool> more = co_await take_and_go_on(account, round, all, next);
    if (!more) account.again_to = UINT64_MAX;  // it is in the files, and in the outbox still
    if (!more) co_return std::unexpected(more.error());
    for (const Effect& effect : round.effects) {
      all_gone = all_gone && effect.done;
      const bool begun_once = !is_locked(effect) || effect.number <= again_before;
      const bool final = !effect.done && effect.done.error().kind == FaultKind::permanent;
      if (!effect.done && !final && begun_once) doubtful = std::max(doubtful, effect.number);
    }
    if (all_gone && !account.kept_back.any()) account.first_effect = from;
    if (!*more) break;
  }
  co_return end_pass(account, all, doubtful);
}

}  // namespace posthouse::mirror
