// Expunged messages that may come back: keeping, listing, putting back, removing for good.
//
// Such a message is one row of the account, ordered by the time of its expunge, and its body keeps the
// reference it had. So keeping one touches no body, and putting it back neither; only the purge does.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "engine/record.h"
#include "store/annotations.h"
#include "store/damage.h"
#include "store/limits.h"
#include "store/mail_store.h"
#include "store/mail_store_impl.h"
#include "store/names.h"

namespace posthouse::store {

namespace {

const std::string& kept_end() {
  static const std::string end = prefix_end(std::string(kKeptPrefix));
  return end;
}

using Names = std::map<MailboxId, std::string>;

Result<Names> names_of(const engine::Reader& reader, AccountId account) {
  const Result<std::vector<MailboxInfo>> mailboxes = AccountView(reader, account).mailboxes();
  if (!mailboxes) return std::unexpected(mailboxes.error());
  Names names;
  for (const MailboxInfo& mailbox : *mailboxes) names.emplace(mailbox.id, mailbox.name);
  return names;
}

bool fits(const KeptFilter& filter, const KeptMessage& message, const std::string& name_then) {
  if (!filter.mailbox.empty() && message.mailbox != filter.mailbox && name_then != filter.mailbox)
    return false;
  return filter.uids.empty() || std::ranges::find(filter.uids, message.place.uid) != filter.uids.end();
}

KeptMessage make_kept(const KeptPlace& place, KeptRow row, const Names& names) {
  KeptMessage message;
  message.place = place;
  const auto now = names.find(place.mailbox);
  message.mailbox = now == names.end() ? std::move(row.mailbox) : now->second;
  message.flags.system = row.system;
  message.flags.keywords = std::move(row.keywords);
  message.internal_date = row.internal_date;
  message.size = row.size;
  message.blob = row.blob;
  message.delivery = row.delivery;
  message.summary = row.summary;
  return message;
}

Result<void> list_kept(const engine::Reader& reader, AccountId account, const KeptFilter& filter,
                       const std::optional<KeptPlace>& after, size_t most, std::vector<KeptMessage>& out) {
  const Result<Names> names = names_of(reader, account);
  if (!names) return std::unexpected(names.error());
  std::string begin(kKeptPrefix);
  if (filter.since) begin = kept_key(KeptPlace{*filter.since, 0, 0});
  if (after) begin = std::max(begin, kept_key(*after) + '\0');
  return reader.scan(account_partition(account), begin, kept_end(),
                     [&](std::string_view key, std::string_view value) {
                       Result<KeptRow> row = decode_kept(value);
                       const KeptPlace place = kept_place(key);
                       if (!row) {
                         report_damage(row.error(), account, place.mailbox, place.uid);
                         return true;
                       }
                       const std::string name_then = row->mailbox;
                       KeptMessage message = make_kept(place, std::move(*row), *names);
                       if (fits(filter, message, name_then)) out.push_back(std::move(message));
                       return out.size() < most;
                     });
}

// The mailbox it was in, else the one that is called so now, else one made again.
Result<MailboxRow*> home_of(AccountEdit& edit, const KeptPlace& place, const std::string& name,
                            SystemTime now) {
  Result<MailboxRow*> row = edit.mailbox(place.mailbox);
  if (row || row.error().kind != FaultKind::not_found) return row;
  row = edit.mailbox_named(name);
  if (row || row.error().kind != FaultKind::not_found) return row;
  return edit.create(name, Role::none, now);
}

Result<void> put_back(AccountEdit& edit, const KeptPlace& place, const Quota& quota, SystemTime now,
                      Restored& done) {
  std::string record;
  const Result<std::optional<KeptRow>> taken = edit.take_kept(place, record);
  if (!taken) return std::unexpected(taken.error());
  if (!*taken) return {};
  const KeptRow& kept = **taken;
  const HeadRow& head = edit.head();
  if (!quota.has_room(head.messages, head.bytes, kept.size))
    return fail(FaultKind::over_quota, "the account is full");
  const Result<MailboxRow*> home = home_of(edit, place, kept.mailbox, now);
  if (!home) return std::unexpected(home.error());
  if ((*home)->id != place.mailbox) {
    const Result<void> back = return_annotations(edit.rows(), place.mailbox, (*home)->id, edit.modseq());
    if (!back) return back;
  }
  FlagRow row;
  row.system = kept.system & static_cast<uint8_t>(~kDeleted);
  row.size = kept.size;
  row.internal_date = kept.internal_date;
  row.blob = kept.blob;
  row.delivery = kept.delivery;
  row.email = kept.email;
  if (!kept.keywords.empty()) {
    const Result<KeywordTable*> table = edit.keywords((*home)->id);
    if (!table) return std::unexpected(table.error());
    Result<std::vector<uint8_t>> numbers = (*table)->numbers(kept.keywords);
    row.keywords = numbers ? std::move(*numbers) : (*table)->known_numbers(kept.keywords);
  }
  const std::string message = encode(MessageRow{kept.blob, kept.size, kept.internal_date, kept.summary});
  const Result<Uid> uid = edit.place(**home, std::move(row), message, now);
  if (!uid) return std::unexpected(uid.error());
  ++done.messages;
  done.bytes += kept.size;
  return {};
}

// Those whose bodies still know them: after damage rows of long ago may be there again.
Result<void> find_whole(const engine::Reader& reader, AccountId account, const std::vector<KeptPlace>& places,
                        std::vector<KeptPlace>& whole) {
  for (const KeptPlace& place : places) {
    const Result<std::optional<std::string>> record = reader.get(account_partition(account), kept_key(place));
    if (!record) return std::unexpected(record.error());
    const Result<KeptRow> row = decode_kept(record->value_or(""));
    if (!*record || !row) continue;
    const Result<bool> known =
        engine::has_reference(reader, row->blob, MailStore::blob_reference(account, row->delivery));
    if (!known) return std::unexpected(known.error());
    if (*known) whole.push_back(place);
  }
  return {};
}

struct Doomed {
  KeptPlace place;
  engine::BlobId blob = 0;
  uint64_t delivery = 0, size = 0;
  bool readable = false;
};

// `any`: whether there are kept messages at all.
Result<void> find_doomed(const engine::Reader& reader, AccountId account, SystemTime before, size_t most,
                         std::vector<Doomed>& out, bool& any) {
  const std::string end = before == SystemTime::max() ? kept_end() : kept_key(KeptPlace{before, 0, 0});
  return reader.scan(account_partition(account), kKeptPrefix, kept_end(),
                     [&](std::string_view key, std::string_view value) {
                       any = true;
                       if (key >= end) return false;
                       Doomed doomed;
                       doomed.place = kept_place(key);
                       const Result<KeptRow> row = decode_kept(value);
                       if (row) {
                         doomed.blob = row->blob;
                         doomed.delivery = row->delivery;
                         doomed.size = row->size;
                         doomed.readable = true;
                       }
                       out.push_back(doomed);
                       return out.size() < most;
                     });
}

// Whether none is left; then nothing counts as kept either, whatever damage did to the counters.
Result<bool> none_left(engine::Transaction& rows) {
  bool any = false;
  const Result<void> scanned = rows.scan(kKeptPrefix, kept_end(), [&](std::string_view, std::string_view) {
    any = true;
    return false;
  });
  if (!scanned) return std::unexpected(scanned.error());
  return !any;
}

// Takes the rows; `went` says of which, `none` whether they were the last. The account may be one that is
// being removed, whose head is gone.
Result<void> take_doomed(engine::Transaction& rows, AccountId account, const std::vector<Doomed>& doomed,
                         std::vector<char>& went, bool& none) {
  AccountEdit edit(rows, account);
  const Result<void> loaded = edit.load();
  if (!loaded && loaded.error().kind != FaultKind::not_found) return loaded;
  for (size_t i = 0; i < doomed.size(); ++i) {
    std::string record;
    const Result<std::optional<KeptRow>> taken = edit.take_kept(doomed[i].place, record);
    if (!taken) return std::unexpected(taken.error());
    went[i] = taken->has_value();
  }
  const Result<bool> left = none_left(rows);
  if (!left) return std::unexpected(left.error());
  none = *left;
  if (none) edit.head().kept_messages = edit.head().kept_bytes = 0;
  if (loaded) edit.save();
  return {};
}

engine::Step forget_kept_hint(AccountId account, const bool* none) {
  return engine::Step{engine::hints_partition(), [account, none](engine::Transaction& rows) -> Result<void> {
                        if (*none) rows.erase(hint_key(kKeptHint, account));
                        return {};
                      }};
}

}  // namespace

Result<std::vector<Entry>> with_summaries(const AccountView& seen, MailboxId mailbox,
                                          std::vector<Uid>& candidates, std::vector<Uid>& rest) {
  std::vector<Entry> entries;
  size_t bytes = 0;
  for (size_t at = 0; at < candidates.size(); at += kExpungeLook) {
    const auto from = candidates.begin() + static_cast<ptrdiff_t>(at);
    if (bytes > kExpungeBytes) {
      rest.assign(from, candidates.end());
      candidates.erase(from, candidates.end());
      break;
    }
    const auto to = from + static_cast<ptrdiff_t>(std::min(kExpungeLook, candidates.size() - at));
    Result<std::vector<Entry>> some = seen.entries(mailbox, std::vector<Uid>(from, to), true);
    if (!some) return some;
    for (const Entry& entry : *some) bytes += entry.summary.size();
    std::ranges::move(*some, std::back_inserter(entries));
  }
  return entries;
}

std::string_view summary_of(const std::vector<Entry>& rising, Uid uid) {
  const auto found = std::ranges::lower_bound(rising, uid, {}, &Entry::uid);
  return found != rising.end() && found->uid == uid ? std::string_view(found->summary) : std::string_view();
}

Task<Result<std::vector<Uid>>> MailStore::Impl::keep_part(AccountId account, MailboxId mailbox,
                                                          std::vector<Uid> uids, bool only_deleted,
                                                          std::vector<Uid>& missed, std::vector<Uid>& rest) {
  const std::vector<Uid> missed_before = missed;
  for (int attempt = 0;; ++attempt) {
    Result<std::vector<Uid>> went = co_await try_keep(account, mailbox, uids, only_deleted, missed, rest);
    if (!look_again(went, attempt)) co_return went;
    missed = missed_before;
    rest.clear();
  }
}

// What has \Deleted is looked up on the reading threads, so that the transaction meets only those and reads
// no summaries, which never change.
Task<Result<std::vector<Uid>>> MailStore::Impl::try_keep(AccountId account, MailboxId mailbox,
                                                         std::vector<Uid> uids, bool only_deleted,
                                                         std::vector<Uid>& missed, std::vector<Uid>& rest) {
  std::vector<Uid> candidates;
  std::vector<Entry> entries;
  std::function<Result<void>(const AccountView&)> look = [&](const AccountView& seen) -> Result<void> {
    const Result<void> listed = seen.for_these(mailbox, uids, [&](Uid uid, const FlagRow& row) {
      if (!only_deleted || (row.system & kDeleted) != 0) candidates.push_back(uid);
    });
    if (!listed) return listed;
    Result<std::vector<Entry>> read = with_summaries(seen, mailbox, candidates, rest);
    if (!read) return std::unexpected(read.error());
    entries = std::move(*read);
    return {};
  };
  Result<void> found = co_await view(account, std::move(look));
  if (!found) co_return std::unexpected(found.error());
  Result<std::vector<Uid>> loaded = co_await load_bodies_to_keep(account, mailbox, candidates);
  if (!loaded) co_return std::unexpected(loaded.error());
  Result<PlacesToBe> places = co_await places_to_be(account, mailbox, candidates);
  if (!places) co_return std::unexpected(places.error());
  std::vector<Uid> went;
  const size_t missed_before = missed.size();
  bool too_much = false;
  const SystemTime now = clock.now();
  std::vector<engine::Step> steps;
  add_counted_edit(steps, account, [&, now](AccountEdit& edit) -> Result<void> {
    went.clear();
    missed.resize(missed_before);
    const Result<MailboxRow*> row = edit.mailbox(mailbox);
    if (!row) return std::unexpected(row.error());
    const Result<KeywordTable*> table = edit.keywords(mailbox);
    if (!table) return std::unexpected(table.error());
    Result<std::vector<AccountEdit::Message>> messages = edit.messages(mailbox, candidates);
    if (!messages) return std::unexpected(messages.error());
    std::vector<AccountEdit::Message> going;
    going.reserve(messages->size());
    for (auto& [uid, message] : *messages) {
      if (only_deleted && (message.system & kDeleted) == 0) {
        const bool lets_go = message.blob != 0 && std::ranges::binary_search(*loaded, uid);
        if (lets_go) edit.effect({EffectRow::Kind::put, mailbox, uid, std::string(kFromFile), {}});
        continue;
      }
      if (message.blob == 0) {  // they went back to its file meanwhile
        missed.push_back(uid);
        continue;
      }
      edit.keep(KeptPlace{now, mailbox, uid}, (*row)->name, **table, message, summary_of(entries, uid));
      went.push_back(uid);
      going.emplace_back(uid, std::move(message));
    }
    if (files != nullptr) edit.expect_at(*places);
    const Result<void> removed = edit.remove(**row, going);
    if (!removed) return removed;
    too_much = remembers_too_much(**row);
    return {};
  });
  Result<void> done = co_await engine.transact(std::move(steps));
  if (!done) co_return std::unexpected(done.error());
  if (too_much) co_await forget_expunges(account, mailbox);
  co_return std::move(went);
}

Task<Result<std::vector<KeptMessage>>> MailStore::kept(AccountId account, KeptFilter filter,
                                                       std::optional<KeptPlace> after, size_t most) {
  std::vector<KeptMessage> found;
  if (!filter.mailbox.empty()) {
    const Result<std::string> name = check_name(filter.mailbox);
    if (!name) co_return fail(FaultKind::not_found, name.error().what);
    filter.mailbox = *name;
  }
  if (most == 0) co_return std::move(found);
  Result<void> finished = co_await impl_->finish_expunges(account);
  if (!finished) co_return std::unexpected(finished.error());
  std::function<Result<void>(const engine::Reader&)> look = [&](const engine::Reader& reader) {
    return list_kept(reader, account, filter, after, most, found);
  };
  Result<void> done = co_await impl_->engine.read(std::move(look));
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(found);
}

Task<Result<void>> MailStore::undelete(AccountId account, std::vector<KeptPlace> places, Quota quota,
                                       Restored& done) {
  for (size_t at = 0; at < places.size(); at += kKeptPart) {
    const auto begin = places.begin() + static_cast<ptrdiff_t>(at);
    const std::vector<KeptPlace> part(
        begin, begin + static_cast<ptrdiff_t>(std::min(kKeptPart, places.size() - at)));
    std::vector<KeptPlace> whole;
    std::function<Result<void>(const engine::Reader&)> look = [&](const engine::Reader& reader) {
      return find_whole(reader, account, part, whole);
    };
    Result<void> looked = co_await impl_->engine.read(std::move(look));
    if (!looked) co_return looked;
    Restored some;
    const SystemTime now = impl_->clock.now();
    const auto work = [&, now](AccountEdit& edit) -> Result<void> {
      some = Restored();
      for (const KeptPlace& place : whole) {
        const Result<void> back = put_back(edit, place, quota, now, some);
        if (!back) return back;
      }
      return {};
    };
    std::vector<engine::Step> steps;
    add_counted_edit(steps, account, work, GroupLimits{quota.group_bytes, quota.group_messages});
    Result<void> put = co_await impl_->engine.transact(std::move(steps));
    if (!put) co_return put;
    done.messages += some.messages;
    done.bytes += some.bytes;
  }
  co_await impl_->carry_out(account);
  co_return Result<void>();
}

Task<Result<Restored>> MailStore::purge_kept(AccountId account, SystemTime before, size_t most) {
  Result<Restored> done = co_await impl_->purge_kept(account, before, std::min(most, kPart));
  co_return done;
}

// An unreadable row goes as well: its body then has a reference that belongs to no message, as check() tells.
Task<Result<Restored>> MailStore::Impl::purge_kept(AccountId account, SystemTime before, size_t most) {
  std::vector<Doomed> doomed;
  bool any = false;
  std::function<Result<void>(const engine::Reader&)> look = [&](const engine::Reader& reader) {
    return find_doomed(reader, account, before, most, doomed, any);
  };
  Result<void> found = co_await engine.read(std::move(look));
  if (!found) co_return std::unexpected(found.error());
  if (doomed.empty() && any) co_return Restored();
  std::vector<char> went(doomed.size(), 0);
  bool none = false;
  std::vector<engine::Step> steps;
  steps.push_back({account_partition(account), [&, account](engine::Transaction& rows) -> Result<void> {
                     const Result<void> taken = take_doomed(rows, account, doomed, went, none);
                     return taken ? purge_annotations(rows, none ? SystemTime::max() : before) : taken;
                   }});
  for (size_t i = 0; i < doomed.size(); ++i) {
    if (!doomed[i].readable) continue;
    engine::Step drop =
        engine::drop_reference(doomed[i].blob, blob_reference(account, doomed[i].delivery), doomed[i].size);
    steps.push_back({drop.partition, [&went, i, apply = std::move(drop.apply)](engine::Transaction& rows) {
                       return went[i] ? apply(rows) : Result<void>();
                     }});
  }
  steps.push_back(forget_kept_hint(account, &none));
  Result<void> done = co_await engine.transact(std::move(steps));
  if (!done) co_return std::unexpected(done.error());
  Restored purged;
  purged.messages = doomed.size();
  for (size_t i = 0; i < doomed.size(); ++i) purged.bytes += went[i] ? doomed[i].size : 0;
  co_return purged;
}

Task<Result<std::vector<AccountId>>> MailStore::accounts_with_kept() {
  co_return co_await impl_->hinted(kKeptHint);
}

}  // namespace posthouse::store
