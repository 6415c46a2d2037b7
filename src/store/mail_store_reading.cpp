// Opening mailboxes and reading messages.
#include <algorithm>

#include <fmt/format.h>

#include "store/damage.h"
#include "store/mail_store.h"
#include "store/mail_store_impl.h"

namespace posthouse::store {

namespace {

Result<void> look_into(const AccountView& view, MailboxId mailbox, MailStore::Opened& opened) {
  Result<MailboxInfo> info = view.mailbox(mailbox);
  if (!info) return std::unexpected(info.error());
  opened.info = std::move(*info);
  const Result<KeywordTable> table = view.keywords(mailbox);
  if (!table) return std::unexpected(table.error());
  opened.keywords = table->names();
  return {};
}

void take_listing(const Listing& listing, MailStore::Opened& opened) {
  opened.uids = listing.uids;
  opened.first_unseen = listing.first_unseen == 0 ? 0 : listing.uids.sequence(listing.first_unseen);
  // What is there to be shown counts, also when rows were damaged.
  opened.info.exists = opened.uids.size();
}

}  // namespace

// By rows that are fetched one by one. Keywords may be newer than the rest: none of them ever goes.
Task<Result<void>> MailStore::Impl::open_at_hand(AccountId account, MailboxId mailbox, Opened& opened,
                                                 std::shared_ptr<const Listing>& listing) {
  listing = listings.find(account, mailbox);
  if (listing == nullptr) co_return Result<void>();
  Result<MailboxInfo> info = co_await mailbox_info(account, mailbox);
  if (!info) co_return std::unexpected(info.error());
  if (listing->uid_validity != info->uid_validity || listing->modseq != info->highest_modseq ||
      listing->uids.size() != info->exists)
    listing = nullptr;
  if (listing == nullptr) co_return Result<void>();
  const Result<std::optional<std::string>> names =
      co_await engine.fetch(account_partition(account), keywords_key(mailbox));
  if (!names) co_return std::unexpected(names.error());
  opened.info = std::move(*info);
  opened.keywords.clear();
  if (!*names) co_return Result<void>();
  Result<std::vector<std::string>> known = decode_keywords(**names);
  if (known) opened.keywords = std::move(*known);
  if (!known) listing = nullptr;
  co_return Result<void>();
}

Task<Result<MailStore::Opened>> MailStore::open(AccountId account, MailboxId mailbox, bool claim_recent) {
  Opened opened;
  co_await impl_->look(account, mailbox);
  std::shared_ptr<const Listing> listing;
  Result<void> seen = co_await impl_->open_at_hand(account, mailbox, opened, listing);
  if (!seen) co_return std::unexpected(seen.error());
  bool write = false;
  if (listing == nullptr) {
    std::function<Result<void>(const engine::Reader&)> look =
        [&](const engine::Reader& reader) -> Result<void> {
      const Result<void> found = look_into(AccountView(reader, account), mailbox, opened);
      if (!found) return found;
      Result<std::shared_ptr<const Listing>> listed = impl_->listing(reader, account, opened.info, write);
      if (!listed) return std::unexpected(listed.error());
      listing = std::move(*listed);
      return {};
    };
    seen = co_await impl_->engine.read(std::move(look));
    if (!seen) co_return std::unexpected(seen.error());
  }
  take_listing(*listing, opened);
  if (write) co_await impl_->write_listing(account, mailbox, *listing);
  if (!claim_recent || opened.info.first_recent >= opened.info.uid_next) co_return std::move(opened);
  // Another session may have claimed some meanwhile: each message is recent in one session only.
  const Uid shown = opened.info.uid_next;
  Uid first_recent = shown;
  std::function<Result<void>(AccountEdit&)> claim = [&](AccountEdit& edit) -> Result<void> {
    const Result<MailboxRow*> row = edit.mailbox(mailbox);
    if (!row) return std::unexpected(row.error());
    first_recent = (*row)->first_recent;
    (*row)->first_recent = std::max(first_recent, shown);
    return {};
  };
  Result<void> claimed = co_await impl_->edit(account, std::move(claim));
  if (!claimed && claimed.error().kind != FaultKind::no_space) co_return std::unexpected(claimed.error());
  opened.info.first_recent = first_recent;
  co_return std::move(opened);
}

Task<Result<void>> MailStore::claim_recent(AccountId account, MailboxId mailbox, Uid next) {
  std::function<Result<void>(AccountEdit&)> claim = [=](AccountEdit& edit) -> Result<void> {
    const Result<MailboxRow*> row = edit.mailbox(mailbox);
    if (!row) return std::unexpected(row.error());
    (*row)->first_recent = std::max((*row)->first_recent, next);
    return {};
  };
  Result<void> claimed = co_await impl_->edit(account, std::move(claim));
  co_return claimed;
}

Result<std::shared_ptr<const FlagSheet>> MailStore::Impl::sheet(const AccountView& seen, AccountId account,
                                                                const MailboxInfo& info, size_t asked) {
  if (info.exists < sheets_from || info.exists > kSheetMessages) return nullptr;
  Result<std::shared_ptr<const FlagSheet>> now = sheets.find(account, info.id);
  const bool worth_it = asked >= info.exists / kSheetShare;
  if (*now == nullptr && !worth_it) return nullptr;
  if (*now != nullptr) now = refresh(seen, info, std::move(*now));
  if (now && *now == nullptr && worth_it) now = read_sheet(seen, info);
  if (now && *now != nullptr) remember(account, info.id, *now);
  return now;
}

void MailStore::Impl::remember(AccountId account, MailboxId mailbox, std::shared_ptr<const FlagSheet> sheet) {
  const FlagSheet& seen = *sheet;
  sheets.keep(account, mailbox, seen.uid_validity(), seen.modseq(), std::move(sheet), seen.size());
}

void MailStore::keep_sheets(size_t from) {
  impl_->sheets_from = from;
}

Task<Result<std::shared_ptr<const FlagSheet>>> MailStore::flags(AccountId account, MailboxId mailbox,
                                                                size_t asked) {
  std::shared_ptr<const FlagSheet> found;
  if (asked < impl_->sheets_from / kSheetShare) co_return std::move(found);
  std::function<Result<void>(const AccountView&)> look = [&](const AccountView& seen) -> Result<void> {
    const Result<MailboxInfo> info = seen.mailbox(mailbox);
    if (!info) return std::unexpected(info.error());
    Result<std::shared_ptr<const FlagSheet>> now = impl_->sheet(seen, account, *info, asked);
    if (!now) return std::unexpected(now.error());
    found = std::move(*now);
    return {};
  };
  Result<void> seen = co_await impl_->view(account, std::move(look));
  if (!seen) co_return std::unexpected(seen.error());
  co_return std::move(found);
}

Task<Result<std::vector<Entry>>> MailStore::entries(AccountId account, MailboxId mailbox, Uid first, Uid last,
                                                    size_t most, bool with_summary) {
  std::vector<Entry> found;
  std::function<Result<void>(const AccountView&)> look = [&](const AccountView& view) -> Result<void> {
    Result<std::vector<Entry>> listed = view.entries(mailbox, first, last, most, with_summary);
    if (!listed) return std::unexpected(listed.error());
    found = std::move(*listed);
    return {};
  };
  Result<void> done = co_await impl_->view(account, std::move(look));
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(found);
}

Task<Result<std::vector<Entry>>> MailStore::entries(AccountId account, MailboxId mailbox,
                                                    std::vector<Uid> uids, bool with_summary) {
  std::vector<Entry> found;
  std::function<Result<void>(const AccountView&)> look = [&](const AccountView& view) -> Result<void> {
    Result<std::vector<Entry>> listed = view.entries(mailbox, std::move(uids), with_summary);
    if (!listed) return std::unexpected(listed.error());
    found = std::move(*listed);
    return {};
  };
  Result<void> done = co_await impl_->view(account, std::move(look));
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(found);
}

Task<Result<Changes>> MailStore::changes(AccountId account, MailboxId mailbox, ModSeq since) {
  return changes(account, mailbox, since, {});
}

// Whoever is woken is so by any change of the account; most often there is none, or one's own, in the
// mailbox.
Task<std::optional<Changes>> MailStore::Impl::changes_at_hand(AccountId account, MailboxId mailbox,
                                                              ModSeq since, const std::vector<Placed>& own) {
  const Result<std::optional<std::string>> record =
      co_await engine.fetch(account_partition(account), mailbox_key(mailbox));
  if (!record || !*record) co_return std::nullopt;
  const Result<MailboxRow> row = decode_mailbox(mailbox, **record);
  if (!row) co_return std::nullopt;
  Changes found;
  found.highest = row->highest_modseq;
  if (found.highest <= since) co_return std::move(found);
  const bool all = !own.empty() && own.front().before == since && own.back().modseq == found.highest;
  if (!all) co_return std::nullopt;
  for (const Placed& one : own) {
    Entry& entry = found.changed.emplace_back();
    entry.uid = one.uid;
    entry.mailbox = mailbox;
    entry.modseq = one.modseq;
  }
  co_return std::move(found);
}

Task<Result<Changes>> MailStore::changes(AccountId account, MailboxId mailbox, ModSeq since,
                                         std::vector<Placed> own) {
  co_await impl_->look(account, mailbox);
  std::optional<Changes> at_hand = co_await impl_->changes_at_hand(account, mailbox, since, own);
  if (at_hand) co_return std::move(*at_hand);
  Changes found;
  std::function<Result<void>(const AccountView&)> look = [&](const AccountView& view) -> Result<void> {
    Result<Changes> listed = view.changes(mailbox, since);
    if (!listed) return std::unexpected(listed.error());
    found = std::move(*listed);
    return {};
  };
  Result<void> done = co_await impl_->view(account, std::move(look));
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(found);
}

Task<Result<std::string>> MailStore::Impl::read_there(AccountId account, const Entry& entry, uint64_t offset,
                                                      uint64_t length) {
  const engine::BlobId blob = entry.blob;
  if (blob == 0) {
    if (!in_files(account)) co_return fail(FaultKind::corrupt, "a message without a body");
    Result<std::string> bytes = co_await files->read(account, entry.mailbox, entry.uid, offset, length);
    co_return bytes;
  }
  Result<bool> ours =
      co_await engine::fetch_has_reference(engine, blob, blob_reference(account, entry.delivery));
  if (!ours) co_return std::unexpected(ours.error());
  if (!*ours) co_return fail(FaultKind::not_found, "the message is gone");
  Result<std::string> bytes = co_await engine::fetch_blob(engine, blob, offset, length);
  if (!bytes && bytes.error().kind == FaultKind::corrupt) {
    report_damage(bytes.error(), account, 0, entry.uid);
  }
  co_return bytes;
}

// Where the bytes are changes under the eyes of who reads: a letter goes into its file, or an account to
// another format.
Task<Result<std::string>> MailStore::read(AccountId account, const Entry& entry, uint64_t offset,
                                          uint64_t length) {
  Result<std::string> bytes = co_await impl_->read_there(account, entry, offset, length);
  const bool perhaps_elsewhere = !bytes && (bytes.error().kind == FaultKind::not_found ||
                                            (entry.blob == 0 && bytes.error().kind == FaultKind::corrupt));
  if (!perhaps_elsewhere) co_return bytes;
  std::vector<Uid> uids{entry.uid};
  Result<std::vector<Entry>> now = co_await entries(account, entry.mailbox, std::move(uids), false);
  if (!now || now->empty() || now->front().blob == entry.blob) co_return bytes;
  Result<std::string> there = co_await impl_->read_there(account, now->front(), offset, length);
  co_return there;
}

namespace {

bool is_in_file(const Entry& entry) {
  return entry.blob == 0;
}

std::vector<engine::BlobUse> bodies_of(AccountId account, const std::vector<Entry>& messages) {
  std::vector<engine::BlobUse> out;
  for (const Entry& entry : messages)
    out.push_back({entry.blob, MailStore::blob_reference(account, entry.delivery)});
  return out;
}

// What was read before one that can't be is good; the caller meets the fault when it asks from there on.
Result<std::vector<std::string>> read_bodies(const engine::Reader& reader,
                                             const std::vector<engine::BlobUse>& bodies,
                                             uint64_t most_bytes) {
  std::vector<std::string> out;
  for (Result<std::string>& bytes : engine::read_blobs(reader, bodies, most_bytes)) {
    if (!bytes && out.empty()) return std::unexpected(bytes.error());
    if (bytes) out.push_back(std::move(*bytes));
  }
  return out;
}

}  // namespace

std::optional<MailStore::Reading> MailStore::begin_reading(AccountId account,
                                                           const std::vector<Entry>& entries,
                                                           uint64_t most_bytes) {
  if (std::ranges::any_of(entries, is_in_file)) return std::nullopt;
  Reading begun;
  impl_->engine.begin_read(
      [begun, most_bytes, bodies = bodies_of(account, entries)](const engine::Reader& reader) {
        begun.give(read_bodies(reader, bodies, most_bytes));
      });
  return begun;
}

Task<Result<std::vector<std::string>>> MailStore::read_whole(AccountId account, std::vector<Entry> wanted,
                                                             uint64_t most_bytes) {
  if (const std::optional<Reading> begun = begin_reading(account, wanted, most_bytes))
    co_return co_await begun->take();
  std::vector<std::string> messages;
  uint64_t total = 0;
  for (const Entry& entry : wanted) {
    Result<std::string> bytes = co_await read(account, entry, 0, UINT64_MAX);
    if (!bytes && messages.empty()) co_return std::unexpected(bytes.error());
    if (!bytes) break;
    total += bytes->size();
    messages.push_back(std::move(*bytes));
    if (total > most_bytes) break;
  }
  co_return std::move(messages);
}

}  // namespace posthouse::store
