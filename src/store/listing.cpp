#include "store/listing.h"

#include <algorithm>

#include "base/log.h"
#include "engine/record.h"
#include "store/limits.h"
#include "store/mail_store_impl.h"
#include "store/record_fields.h"
#include "store/rows.h"

namespace posthouse::store {

namespace {

constexpr uint8_t kListingVersion = 1;

std::unexpected<Fault> does_not_fit() {
  return fail(FaultKind::not_found, "the listing does not fit the mailbox");
}

// The first message from `from` on without \Seen.
Result<Uid> next_unseen(const AccountView& view, const MailboxInfo& info, Uid from) {
  Uid found = 0;
  if (info.unseen == 0) return found;
  const Result<void> listed = view.for_each(info.id, from, UINT32_MAX, [&](Uid uid, const FlagRow& row) {
    if ((row.system & kSeen) == 0) found = uid;
    return found == 0;
  });
  if (!listed) return std::unexpected(listed.error());
  return found;
}

}  // namespace

std::string encode(const Listing& listing) {
  engine::RecordWriter writer(kListingVersion);
  writer.varint(listing.uid_validity).varint(listing.modseq).varint(listing.first_unseen);
  write_uids(writer, listing.uids);
  return writer.finish();
}

Result<Listing> decode_listing(std::string_view record) {
  engine::RecordReader reader(record, kListingVersion);
  Listing out;
  out.uid_validity = static_cast<uint32_t>(reader.varint());
  out.modseq = reader.varint();
  out.first_unseen = static_cast<Uid>(reader.varint());
  const bool sound = read_uids(reader, out.uids);
  if (!sound || !reader.ok() || !reader.at_end()) return std::unexpected(reader.fault("listing"));
  return out;
}

Result<Listing> list_messages(const AccountView& view, const MailboxInfo& info) {
  Listing out;
  out.uid_validity = info.uid_validity;
  out.modseq = info.highest_modseq;
  const Result<void> listed = view.for_each(info.id, 0, UINT32_MAX, [&](Uid uid, const FlagRow& row) {
    out.uids.append(uid);
    if (out.first_unseen == 0 && (row.system & kSeen) == 0) out.first_unseen = uid;
    return true;
  });
  if (!listed) return std::unexpected(listed.error());
  return out;
}

Result<Listing> refresh(const AccountView& view, const MailboxInfo& info, const Listing& old,
                        size_t& changes) {
  changes = 0;
  if (old.uid_validity != info.uid_validity || old.modseq > info.highest_modseq) return does_not_fit();
  Listing out = old;
  if (old.modseq < info.highest_modseq) {
    const Result<Changes> news = view.changes(info.id, old.modseq);
    if (!news) return std::unexpected(news.error());
    if (news->forgetful || news->mailbox_gone) return does_not_fit();
    changes = news->changed.size() + news->vanished.size();
    out.modseq = news->highest;
    if (!news->vanished.empty()) out.uids = without(old.uids, news->vanished);
    bool lost = std::ranges::binary_search(news->vanished, old.first_unseen);  // the first unseen one
    Uid earliest = 0;                                                          // of those that are unseen now
    for (const Entry& entry : news->changed) {
      const bool unseen = (entry.flags.system & kSeen) == 0;
      if (entry.uid > out.uids.last()) {
        out.uids.append(entry.uid);
      } else if (!out.uids.contains(entry.uid)) {
        return does_not_fit();
      }
      if (unseen && earliest == 0) earliest = entry.uid;
      if (!unseen && entry.uid == old.first_unseen) lost = true;
    }
    if (lost) {
      const Result<Uid> next = next_unseen(view, info, old.first_unseen);
      if (!next) return std::unexpected(next.error());
      out.first_unseen = *next;
    }
    if (earliest != 0 && (out.first_unseen == 0 || earliest < out.first_unseen)) out.first_unseen = earliest;
  }
  if (out.uids.size() != info.exists) return does_not_fit();
  return out;
}

Result<std::shared_ptr<const Listing>> MailStore::Impl::listing(const engine::Reader& reader,
                                                                AccountId account, const MailboxInfo& info,
                                                                bool& write) {
  const AccountView view(reader, account);
  write = false;
  const bool large = info.exists >= kListedFrom;
  size_t changes = 0;
  if (const auto known = large ? listings.find(account, info.id) : nullptr) {
    Result<Listing> now = refresh(view, info, *known, changes);
    if (!now && now.error().kind != FaultKind::not_found) return std::unexpected(now.error());
    if (now && changes == 0 && known->modseq == now->modseq) return known;
    if (now) return remember(account, info, std::move(*now));
  }
  if (info.exists >= kWrittenFrom) {
    const Result<std::optional<std::string>> row =
        reader.get(account_partition(account), listing_key(info.id));
    if (!row) return std::unexpected(row.error());
    Result<Listing> now = decode_listing(row->value_or(""));
    if (now) now = refresh(view, info, *now, changes);
    if (!now && now.error().kind != FaultKind::not_found && now.error().kind != FaultKind::corrupt)
      return std::unexpected(now.error());
    write = !now || changes > kWrittenAfter;
    if (now) return remember(account, info, std::move(*now));
  }
  Result<Listing> now = list_messages(view, info);
  if (!now) return std::unexpected(now.error());
  write = write && now->uids.size() == info.exists;  // else rows are damaged: the next one has to look again
  if (now->uids.size() == info.exists) return remember(account, info, std::move(*now));
  return std::make_shared<const Listing>(std::move(*now));
}

std::shared_ptr<const Listing> MailStore::Impl::remember(AccountId account, const MailboxInfo& info,
                                                         Listing listing) {
  auto now = std::make_shared<const Listing>(std::move(listing));
  listings.keep(account, info.id, now->uid_validity, now->modseq, now,
                now->uids.runs().size() + kListingRuns);
  return now;
}

// That it could not be written costs time only.
Task<void> MailStore::Impl::write_listing(AccountId account, MailboxId mailbox, const Listing& listing) {
  std::string record = encode(listing);
  if (record.size() > kWrittenBytes) co_return;
  std::vector<engine::Step> steps;
  steps.push_back({account_partition(account), [&](engine::Transaction& rows) -> Result<void> {
                     const Result<std::optional<std::string>> there = rows.get(mailbox_key(mailbox));
                     if (!there) return std::unexpected(there.error());
                     if (*there) rows.put(listing_key(mailbox), record);
                     return {};
                   }});
  const Result<void> written = co_await engine.transact_relaxed(std::move(steps));
  if (!written) log::debug("store.listing_not_written", {{"what", written.error().what}});
}

}  // namespace posthouse::store
