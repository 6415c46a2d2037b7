// Accounts: making, counting, removing.
#include <array>

#include "engine/record.h"
#include "store/damage.h"
#include "store/limits.h"
#include "store/mail_store.h"
#include "store/mail_store_impl.h"
#include "store/names.h"

namespace posthouse::store {

namespace {

// UIDVALIDITYs that are above those of all accounts that are gone: who removes an account and adds it again
// at once must not get the old ones (RFC 9051 section 2.3.1.1), and clients know accounts by their names.
constexpr std::string_view kValidityKey = "V";
constexpr uint8_t kValidityVersion = 1;

// An unreadable row counts as none: the clock alone is nearly always enough.
Result<uint32_t> last_validity(engine::Transaction& rows) {
  const Result<std::optional<std::string>> record = rows.get(kValidityKey);
  if (!record) return std::unexpected(record.error());
  if (!*record) return 0;
  engine::RecordReader reader(**record, kValidityVersion);
  const uint64_t last = reader.varint();
  return reader.ok() ? static_cast<uint32_t>(std::min<uint64_t>(last, UINT32_MAX)) : 0;
}

void put_validity(engine::Transaction& rows, uint32_t last) {
  engine::RecordWriter writer(kValidityVersion);
  writer.varint(last);
  rows.put(kValidityKey, writer.finish());
}

// Takes as many as a new account needs at first; the last one before them goes to `before`.
engine::Step take_validities(SystemTime now, uint32_t* before) {
  return {kStorePartition, [now, before](engine::Transaction& rows) -> Result<void> {
            const Result<uint32_t> last = last_validity(rows);
            if (!last) return std::unexpected(last.error());
            *before = std::max(*last, validity_by_clock(now) - 1);
            const uint64_t taken = uint64_t{*before} + kUsualMailboxes.size();
            if (taken > UINT32_MAX) return fail(FaultKind::permanent, "UIDVALIDITY is used up");
            put_validity(rows, static_cast<uint32_t>(taken));
            return {};
          }};
}

// After the step that found `gone`, the last one of an account that goes.
engine::Step keep_validity(const uint32_t* gone) {
  return {kStorePartition, [gone](engine::Transaction& rows) -> Result<void> {
            const Result<uint32_t> last = last_validity(rows);
            if (!last) return std::unexpected(last.error());
            if (*gone > *last) put_validity(rows, *gone);
            return {};
          }};
}

Result<void> fill_account(engine::Transaction& rows, AccountId account, const std::string& group,
                          const FilePlace& place, uint32_t validity, SystemTime now, bool* is_new) {
  const Result<std::optional<std::string>> there = rows.get(kHeadKey);
  if (!there) return std::unexpected(there.error());
  *is_new = !*there;
  if (*there) return {};
  AccountEdit edit(rows, account);
  edit.head().last_uid_validity = validity;
  edit.head().group = group;
  if (place.format != Format::database) {
    edit.head().in_files = true;
    rows.put(kFilePlaceKey, encode(place));
    rows.hint(hint_key(kFilesHint, account));
  }
  for (const UsualMailbox& first : kUsualMailboxes) {
    const Result<MailboxRow*> made = edit.create(first.name, first.role, now);
    if (!made) return std::unexpected(made.error());
    rows.put(subscription_key(first.name), empty_record());
    edit.effect({EffectRow::Kind::subscribe, 0, 0, std::string(first.name), {}});
  }
  edit.save();
  return {};
}

// A message of a mailbox that is going: its rows, and the blob it refers to where that can be read.
struct Going {
  std::vector<Uid> uids;
  std::vector<FlagRow> rows;
  std::vector<Entry> entries;  // with summaries, where they are kept
};

Result<void> find_going(const engine::Reader& reader, AccountId account, MailboxId mailbox, Going& going) {
  return reader.scan(account_partition(account), flags_key(mailbox, 0), flags_end(mailbox, UINT32_MAX),
                     [&](std::string_view key, std::string_view value) {
                       going.uids.push_back(uid_of_key(key));
                       Result<FlagRow> row = decode_flags(value);
                       if (row) {
                         going.rows.push_back(std::move(*row));
                       } else {
                         report_damage(row.error(), account, mailbox, going.uids.back());
                       }
                       return going.uids.size() < kPart;
                     });
}

// Expunged with their mailbox. What can't be read, and what another purge took meanwhile, only goes.
Result<void> keep_going(AccountEdit& edit, MailboxId mailbox, const DyingRow& left, const Going& going) {
  const Result<KeywordTable*> table = edit.keywords(mailbox);
  const KeywordTable none;
  edit.show_hidden();
  for (const Uid uid : going.uids) {
    const Result<std::optional<FlagRow>> row = edit.message(mailbox, uid);
    if (!row) return std::unexpected(row.error());
    if (*row && (*row)->blob != 0) {
      edit.keep(KeptPlace{left.when, mailbox, uid}, left.name, table ? **table : none, **row,
                summary_of(going.entries, uid));
    }
    edit.erase_message(mailbox, uid);
  }
  return {};
}

// Of a damaged row it is not known what its mailbox was called; its messages are kept all the same.
DyingRow left_by(AccountId account, std::string_view key, std::string_view value) {
  Result<DyingRow> row = decode_dying(value);
  if (row) return std::move(*row);
  report_damage(row.error(), account, mailbox_of_key(key), 0);
  return DyingRow{std::string(kInbox), SystemTime()};
}

// Whether a purge has nothing more to do.
Result<bool> nothing_left(const engine::Transaction& rows) {
  bool none = true;
  for (const std::string_view prefix : {kDyingPrefix, kExpungedPrefix, kPendingPrefix}) {
    const Result<void> scanned =
        rows.scan(prefix, prefix_end(std::string(prefix)), [&none](std::string_view, std::string_view) {
          none = false;
          return false;
        });
    if (!scanned) return std::unexpected(scanned.error());
  }
  return none;
}

// Erases at most kPart rows of a range; `more` tells whether some may be left.
engine::Step erase_part(AccountId account, std::string begin, std::string end, bool* more) {
  return engine::Step{
      account_partition(account), [begin, end, more](engine::Transaction& rows) -> Result<void> {
        std::vector<std::string> keys;
        const Result<void> scanned = rows.scan(begin, end, [&](std::string_view key, std::string_view) {
          keys.emplace_back(key);
          return keys.size() < kPart;
        });
        if (!scanned) return scanned;
        for (const std::string& key : keys) rows.erase(key);
        *more = keys.size() == kPart;
        return {};
      }};
}

// Nobody finds the account any more; a hint leads to what is left of it.
engine::Step take_head(AccountId account, std::shared_ptr<Tally> tally, uint32_t* validity) {
  return engine::Step{
      account_partition(account),
      [account, tally = std::move(tally), validity](engine::Transaction& rows) -> Result<void> {
        const Result<std::optional<std::string>> record = rows.get(kHeadKey);
        if (!record) return std::unexpected(record.error());
        const Result<HeadRow> head = decode_head(record->value_or(""));
        *validity = head ? head->last_uid_validity : 0;
        tally->before(head ? *head : HeadRow());
        tally->after(HeadRow());
        rows.hint(hint_key(kRemoveHint, account));
        rows.erase(kHeadKey);
        return {};
      }};
}

engine::Step erase_hint(std::string key) {
  return engine::Step{engine::hints_partition(), [key](engine::Transaction& rows) -> Result<void> {
                        rows.erase(key);
                        return {};
                      }};
}

}  // namespace

Task<Result<void>> MailStore::Impl::erase_range(AccountId account, std::string begin, std::string end) {
  bool more = true;
  while (more) {
    std::vector<engine::Step> steps;
    steps.push_back(erase_part(account, begin, end, &more));
    Result<void> done = co_await engine.transact(std::move(steps));
    if (!done) co_return done;
  }
  co_return Result<void>();
}

Task<Result<void>> MailStore::create_account(AccountId account, std::string group, FilePlace place) {
  uint32_t validity = 0;
  bool is_new = false;
  const SystemTime now = impl_->clock.now();
  std::vector<engine::Step> steps;
  steps.push_back(take_validities(now, &validity));
  steps.push_back({account_partition(account),
                   [account, now, &group, &place, &validity, &is_new](engine::Transaction& rows) {
                     return fill_account(rows, account, group, place, validity, now, &is_new);
                   }});
  Result<void> done = co_await impl_->engine.transact(std::move(steps));
  if (!done || place.format == Format::database || impl_->files == nullptr) co_return done;
  if (!is_new) co_return done;  // its files may be locked for long, and are seen to like those of all others
  impl_->files->adopt(account);
  co_await impl_->carry_out(account);
  co_await impl_->look_at_all(account);
  co_return done;
}

Task<Result<void>> MailStore::create_account(AccountId account, std::string group) {
  FilePlace in_database;
  return create_account(account, std::move(group), std::move(in_database));
}

Task<Result<void>> MailStore::create_account(AccountId account) {
  return create_account(account, std::string());
}

Task<Result<FilePlace>> MailStore::place(AccountId account) {
  Result<std::optional<std::string>> row =
      co_await impl_->engine.fetch(account_partition(account), std::string(kFilePlaceKey));
  if (!row) co_return std::unexpected(row.error());
  if (!*row) co_return FilePlace();
  co_return decode_file_place(**row);
}

namespace {
Task<Result<HeadRow>> fetch_head(engine::Engine& engine, AccountId account) {
  Result<std::optional<std::string>> row =
      co_await engine.fetch(account_partition(account), std::string(kHeadKey));
  if (!row) co_return std::unexpected(row.error());
  if (!*row) co_return fail(FaultKind::not_found, "no such account");
  co_return decode_head(**row);
}
}  // namespace

Task<Result<Usage>> MailStore::usage(AccountId account) {
  const Result<HeadRow> head = co_await fetch_head(impl_->engine, account);
  if (!head) co_return std::unexpected(head.error());
  Usage usage;
  usage.messages = head->messages;
  usage.bytes = head->bytes;
  usage.kept_messages = head->kept_messages;
  usage.kept_bytes = head->kept_bytes;
  usage.group = head->group;
  co_return usage;
}

Task<Result<ModSeq>> MailStore::modseq(AccountId account) {
  const Result<HeadRow> head = co_await fetch_head(impl_->engine, account);
  if (!head) co_return std::unexpected(head.error());
  co_return head->modseq;
}

// First the head goes, so that nobody finds the account any more; a hint leads sweep() to the rest after a
// crash.
Task<Result<void>> MailStore::remove_account(AccountId account) {
  uint32_t validity = 0;
  std::vector<engine::Step> steps;
  auto tally = std::make_shared<Tally>();
  steps.push_back(take_head(account, tally, &validity));
  steps.push_back(keep_validity(&validity));
  steps.push_back(count_step(tally));
  Result<void> marked = co_await impl_->engine.transact(std::move(steps));
  if (!marked) co_return marked;
  Result<void> done = co_await impl_->purge_account(account);
  co_return done;
}

// Some of a mailbox that is going; false: none was left. Another purge may be at it at the same time.
Task<Result<bool>> MailStore::Impl::purge_messages(AccountId account, MailboxId mailbox, DyingRow left) {
  Going going;
  std::function<Result<void>(const engine::Reader&)> look =
      [&](const engine::Reader& reader) -> Result<void> {
    const Result<void> listed = find_going(reader, account, mailbox, going);
    if (!listed || left.name.empty()) return listed;
    Result<std::vector<Entry>> read =
        AccountView(reader, account, AccountView::Expunged::shown).entries(mailbox, going.uids, true);
    if (!read) return std::unexpected(read.error());
    going.entries = std::move(*read);
    return {};
  };
  Result<void> found = co_await engine.read(std::move(look));
  if (!found) co_return std::unexpected(found.error());
  if (going.uids.empty()) co_return false;
  std::vector<engine::Step> steps;
  if (left.name.empty()) {
    for (const FlagRow& row : going.rows) {
      if (row.blob == 0) continue;
      steps.push_back(engine::drop_reference(row.blob, blob_reference(account, row.delivery), row.size));
    }
    steps.push_back(
        {account_partition(account), [mailbox, &going](engine::Transaction& rows) -> Result<void> {
           for (const Uid uid : going.uids) {
             rows.erase(flags_key(mailbox, uid));
             rows.erase(message_key(mailbox, uid));
           }
           return {};
         }});
  } else {
    steps.push_back(edit_step(
        account, [&, mailbox](AccountEdit& edit) { return keep_going(edit, mailbox, left, going); }));
  }
  Result<void> done = co_await engine.transact(std::move(steps));
  if (!done) co_return std::unexpected(done.error());
  co_return true;
}

Task<Result<void>> MailStore::Impl::purge_mailbox(AccountId account, MailboxId mailbox, DyingRow left) {
  for (bool more = true; more;) {
    Result<bool> some = co_await purge_messages(account, mailbox, left);
    if (!some) co_return std::unexpected(some.error());
    more = *some;
  }
  const std::string changes_end = prefix_end(change_key(mailbox, UINT64_MAX, UINT32_MAX));
  Result<void> changes = co_await erase_range(account, change_key(mailbox, 0, 0), changes_end);
  if (!changes) co_return changes;
  Result<void> records =
      co_await erase_range(account, message_key(mailbox, 0), message_end(mailbox, UINT32_MAX));
  if (!records) co_return records;
  Result<void> locations =
      co_await erase_range(account, location_key(mailbox, 0), location_end(mailbox, UINT32_MAX));
  if (!locations) co_return locations;
  std::vector<engine::Step> last;
  last.push_back({account_partition(account), [mailbox](engine::Transaction& rows) -> Result<void> {
                    rows.erase(keywords_key(mailbox));
                    rows.erase(listing_key(mailbox));
                    rows.erase(expunged_key(mailbox));
                    rows.erase(pending_key(mailbox));
                    rows.erase(dying_key(mailbox));
                    return {};
                  }});
  Result<void> ended = co_await engine.transact(std::move(last));
  co_return ended;
}

Task<Result<void>> MailStore::Impl::purge_dying(AccountId account) {
  std::vector<std::pair<MailboxId, DyingRow>> dying;
  std::function<Result<void>(const engine::Reader&)> look = [&](const engine::Reader& reader) {
    const std::string end = prefix_end(std::string(kDyingPrefix));
    return reader.scan(account_partition(account), kDyingPrefix, end,
                       [&](std::string_view key, std::string_view value) {
                         dying.emplace_back(mailbox_of_key(key), left_by(account, key, value));
                         return true;
                       });
  };
  Result<void> found = co_await engine.read(std::move(look));
  if (!found) co_return found;
  for (const auto& [mailbox, left] : dying) {
    Result<void> purged = co_await purge_mailbox(account, mailbox, left);
    if (!purged) co_return purged;
  }
  // Another may have been deleted meanwhile, and its purge may not come to its end.
  bool none = false;
  std::vector<engine::Step> steps;
  steps.push_back({account_partition(account), [&none](engine::Transaction& rows) -> Result<void> {
                     const Result<bool> left = nothing_left(rows);
                     if (!left) return std::unexpected(left.error());
                     none = *left;
                     return {};
                   }});
  engine::Step erase = erase_hint(hint_key(kPurgeHint, account));
  steps.push_back({erase.partition, [&none, apply = std::move(erase.apply)](engine::Transaction& rows) {
                     return none ? apply(rows) : Result<void>();
                   }});
  Result<void> done = co_await engine.transact(std::move(steps));
  co_return done;
}

Task<Result<void>> MailStore::Impl::purge_account(AccountId account) {
  std::vector<MailboxId> mailboxes;
  std::function<Result<void>(const engine::Reader&)> look = [&](const engine::Reader& reader) {
    const engine::RowVisitor collect = [&](std::string_view key, std::string_view) {
      mailboxes.push_back(mailbox_of_key(key));
      return true;
    };
    for (const std::string_view prefix : {kMailboxPrefix, kDyingPrefix}) {
      const std::string end = prefix_end(std::string(prefix));
      Result<void> scanned = reader.scan(account_partition(account), prefix, end, collect);
      if (!scanned) return scanned;
    }
    return Result<void>();
  };
  Result<void> found = co_await engine.read(std::move(look));
  if (!found) co_return found;
  const DyingRow nothing;
  for (const MailboxId mailbox : mailboxes) {
    Result<void> purged = co_await purge_mailbox(account, mailbox, nothing);
    if (!purged) co_return purged;
  }
  for (bool more = true; more;) {
    Result<Restored> purged = co_await purge_kept(account, SystemTime::max(), kPart);
    if (!purged) co_return std::unexpected(purged.error());
    more = purged->messages == kPart;
  }
  Result<void> unshared = co_await forget_shares(account);
  if (!unshared) co_return unshared;
  Result<void> erased = co_await engine.erase_partition(account_partition(account));
  if (!erased) co_return erased;
  std::vector<engine::Step> steps;
  steps.push_back(erase_hint(hint_key(kRemoveHint, account)));
  steps.push_back(erase_hint(hint_key(kPurgeHint, account)));
  steps.push_back(erase_hint(hint_key(kFilesHint, account)));
  steps.push_back(erase_hint(hint_key(kConvertHint, account)));
  steps.push_back(erase_hint(hint_key(kKeptHint, account)));
  steps.push_back(erase_hint(hint_key(kRemovalHint, account)));
  Result<void> done = co_await engine.transact(std::move(steps));
  co_return done;
}

Task<Result<size_t>> MailStore::sweep(bool at_start) {
  struct Unfinished {
    std::vector<AccountId> purge, remove;
  } unfinished;
  std::function<Result<void>(const engine::Reader&)> look = [&](const engine::Reader& reader) {
    const auto collect = [&](std::string_view prefix, std::vector<AccountId>& out) {
      return reader.scan(engine::hints_partition(), prefix, prefix_end(std::string(prefix)),
                         [&](std::string_view key, std::string_view) {
                           if (key.size() == prefix.size() + 8)
                             out.push_back(engine::read_key_u64(key.substr(prefix.size())));
                           return true;
                         });
    };
    // Mailboxes that others removed are left to us at any time; accounts only by a crash.
    Result<void> found = collect(kPurgeHint, unfinished.purge);
    if (found && at_start) found = collect(kRemoveHint, unfinished.remove);
    return found;
  };
  Result<void> found = co_await impl_->engine.read(std::move(look));
  if (!found) co_return std::unexpected(found.error());
  for (const AccountId account : unfinished.remove) {
    Result<void> purged = co_await impl_->purge_account(account);
    if (!purged) co_return std::unexpected(purged.error());
  }
  for (const AccountId account : unfinished.purge) {
    // At the start nobody waits for files that others have locked.
    Result<void> purged;
    if (!at_start) purged = co_await impl_->finish_expunges(account);
    if (purged) purged = co_await impl_->purge_dying(account);
    if (!purged) co_return std::unexpected(purged.error());
  }
  Result<void> removed = co_await impl_->finish_removals();
  if (!removed) co_return std::unexpected(removed.error());
  Result<size_t> swept = co_await engine::sweep_blobs(impl_->engine, at_start);
  co_return swept;
}

}  // namespace posthouse::store
