#include "catalog/sheet.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "catalog/limits.h"

namespace posthouse::catalog {
namespace {

auto place_in_sheet(const SheetRow& row) {
  return std::tie(row.thread, row.email, row.mailbox, row.uid);
}

bool in_sheet_order(const SheetRow& a, const SheetRow& b) {
  return place_in_sheet(a) < place_in_sheet(b);
}

bool by_place(const SheetRow& a, const SheetRow& b) {
  return std::tie(a.mailbox, a.uid) < std::tie(b.mailbox, b.uid);
}

bool is_unread(const SheetRow& row) {
  return (row.flags & (store::kSeen | store::kDraft)) == 0;
}

void fill(SheetRow& row, const store::Entry& entry) {
  row.received = entry.internal_date.time_since_epoch().count();
  row.size = static_cast<uint32_t>(std::min<uint64_t>(entry.size, std::numeric_limits<uint32_t>::max()));
  row.flags = entry.flags.system;
}

// The letters of one conversation, which follow each other.
void count_thread(std::span<const SheetRow> thread, MailboxId trash,
                  std::map<MailboxId, Sheet::Counts>& counts) {
  bool unread_in_trash = false, unread_elsewhere = false;
  for (const SheetRow& row : thread) {
    (row.mailbox == trash ? unread_in_trash : unread_elsewhere) |= is_unread(row);
    Sheet::Counts& here = counts[row.mailbox];
    ++here.emails;
    here.unread_emails += is_unread(row) ? 1 : 0;
  }
  std::vector<MailboxId> mailboxes;
  for (const SheetRow& row : thread) mailboxes.push_back(row.mailbox);
  std::ranges::sort(mailboxes);
  mailboxes.erase(std::unique(mailboxes.begin(), mailboxes.end()), mailboxes.end());
  for (const MailboxId mailbox : mailboxes) {
    Sheet::Counts& here = counts[mailbox];
    ++here.threads;
    here.unread_threads += (mailbox == trash ? unread_in_trash : unread_elsewhere) ? 1 : 0;
  }
}

}  // namespace

std::map<MailboxId, Sheet::Counts> Sheet::counts(MailboxId trash) const {
  std::map<MailboxId, Counts> counts;
  const std::span<const SheetRow> all(rows_);
  for (size_t at = 0; at < all.size();) {
    size_t end = at + 1;
    while (end < all.size() && all[end].thread == all[at].thread) ++end;
    count_thread(all.subspan(at, end - at), trash, counts);
    at = end;
  }
  return counts;
}

std::span<const SheetRow> Sheet::thread(ThreadId thread) const {
  const auto found = std::ranges::equal_range(rows_, thread, {}, &SheetRow::thread);
  return {found.begin(), found.end()};
}

const std::vector<Sheet::Letter>& Sheet::letters() const {
  std::call_once(ordered_, [this] {
    uint32_t threads = 0;
    for (uint32_t at = 0; at < rows_.size();) {
      uint32_t end = at + 1;
      while (end < rows_.size() && rows_[end].email == rows_[at].email) ++end;
      if (at != 0 && rows_[at].thread != rows_[at - 1].thread) ++threads;
      letters_.push_back({at, end - at, threads});
      at = end;
    }
    std::ranges::sort(letters_, {}, [this](const Letter& letter) {
      const SheetRow& row = rows_[letter.first_row];
      return std::pair(row.received, row.email);
    });
  });
  return letters_;
}

Task<Result<std::shared_ptr<const Sheet>>> Sheets::of(AccountId account) {
  Result<Position> now = co_await catalog_.refresh(account);
  if (!now) co_return std::unexpected(now.error());
  std::shared_ptr<const Sheet> known = find(account);
  if (known && known->position() == *now) co_return known;
  std::optional<Rows> rows;
  if (known) {
    Result<std::optional<Rows>> since = co_await rows_since(account, known);
    if (!since) co_return std::unexpected(since.error());
    rows = std::move(*since);
  }
  if (!rows) {
    Result<Rows> all = co_await all_rows(account);
    if (!all) co_return std::unexpected(all.error());
    rows = std::move(*all);
  }
  auto sheet = std::make_shared<const Sheet>(*now, std::move(*rows));
  keep(account, sheet);
  co_return sheet;
}

// `wanted`: rows of that mailbox, rising, without what the store has to say. Those that are gone meanwhile
// are left out.
Task<Result<void>> Sheets::add_rows(AccountId account, MailboxId mailbox, std::vector<SheetRow> wanted,
                                    Rows& rows) {
  for (size_t at = 0; at < wanted.size(); at += kPart) {
    const size_t end = std::min(wanted.size(), at + kPart);
    std::vector<Uid> uids;
    for (size_t i = at; i < end; ++i) uids.push_back(wanted[i].uid);
    Result<std::vector<store::Entry>> entries =
        co_await store_.entries(account, mailbox, std::move(uids), false);
    if (!entries) co_return std::unexpected(entries.error());
    size_t next = at;
    for (const store::Entry& entry : *entries) {
      while (next < end && wanted[next].uid < entry.uid) ++next;
      if (next == end || wanted[next].uid != entry.uid || (entry.flags.system & store::kDeleted) != 0)
        continue;
      fill(wanted[next], entry);
      rows.push_back(wanted[next]);
    }
  }
  co_return Result<void>();
}

Task<Result<Sheets::Rows>> Sheets::rows_of(AccountId account, std::vector<EmailId> ids) {
  Result<std::vector<Email>> emails = co_await catalog_.emails(account, std::move(ids));
  if (!emails) co_return std::unexpected(emails.error());
  Rows wanted, rows;
  for (const Email& email : *emails) {
    for (const Place& place : email.places)
      wanted.push_back({email.thread, email.id, 0, 0, place.mailbox, place.uid, 0});
  }
  std::ranges::sort(wanted, by_place);
  for (size_t at = 0; at < wanted.size();) {
    size_t end = at;
    while (end < wanted.size() && wanted[end].mailbox == wanted[at].mailbox) ++end;
    Rows of_mailbox(wanted.begin() + static_cast<ptrdiff_t>(at),
                    wanted.begin() + static_cast<ptrdiff_t>(end));
    Result<void> added = co_await add_rows(account, wanted[at].mailbox, std::move(of_mailbox), rows);
    if (!added) co_return std::unexpected(added.error());
    at = end;
  }
  std::ranges::sort(rows, in_sheet_order);
  co_return rows;
}

Task<Result<Sheets::Rows>> Sheets::all_rows(AccountId account) {
  Result<std::vector<EmailId>> ids = co_await catalog_.all_ids(account);
  if (!ids) co_return std::unexpected(ids.error());
  Rows all;
  for (size_t at = 0; at < ids->size(); at += kSheetPart) {
    const auto from = ids->begin() + static_cast<ptrdiff_t>(at);
    std::vector<EmailId> some(from, from + static_cast<ptrdiff_t>(std::min(kSheetPart, ids->size() - at)));
    Result<Rows> rows = co_await rows_of(account, std::move(some));
    if (!rows) co_return std::unexpected(rows.error());
    all.insert(all.end(), rows->begin(), rows->end());
  }
  std::ranges::sort(all, in_sheet_order);
  co_return all;
}

Task<Result<std::optional<Sheets::Rows>>> Sheets::rows_since(AccountId account,
                                                             std::shared_ptr<const Sheet> from) {
  std::optional<Rows> out;
  Result<std::optional<Changes>> changes =
      co_await catalog_.email_changes(account, from->position(), kSheetPart);
  if (!changes) co_return std::unexpected(changes.error());
  if (!*changes || (*changes)->more) co_return std::move(out);
  std::vector<EmailId> ids;
  for (const auto* some : {&(*changes)->created, &(*changes)->updated, &(*changes)->destroyed})
    ids.insert(ids.end(), some->begin(), some->end());
  std::ranges::sort(ids);
  Result<Rows> fresh = co_await rows_of(account, ids);
  if (!fresh) co_return std::unexpected(fresh.error());
  Rows& rows = out.emplace();
  rows.reserve(from->rows().size() + fresh->size());
  auto next = fresh->begin();
  for (const SheetRow& row : from->rows()) {
    if (std::ranges::binary_search(ids, row.email)) continue;
    while (next != fresh->end() && in_sheet_order(*next, row)) rows.push_back(*next++);
    rows.push_back(row);
  }
  rows.insert(rows.end(), next, fresh->end());
  co_return std::move(out);
}

std::shared_ptr<const Sheet> Sheets::find(AccountId account) {
  const std::lock_guard lock(mutex_);
  const auto at = kept_.find(account);
  if (at == kept_.end()) return nullptr;
  at->second.when = ++clock_;
  return at->second.sheet;
}

void Sheets::keep(AccountId account, const std::shared_ptr<const Sheet>& sheet) {
  const std::lock_guard lock(mutex_);
  Kept& kept = kept_[account];
  if (kept.sheet) used_ -= kept.sheet->memory();
  used_ += sheet->memory();
  kept = {sheet, ++clock_};
  while (used_ > memory_ && kept_.size() > 1) {
    const auto oldest = std::ranges::min_element(kept_, {}, [](const auto& one) { return one.second.when; });
    used_ -= oldest->second.sheet->memory();
    kept_.erase(oldest);
  }
}

}  // namespace posthouse::catalog
