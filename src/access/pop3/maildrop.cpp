#include "access/pop3/maildrop.h"

#include <fmt/core.h>

#include <algorithm>

#include "access/pop3/limits.h"

namespace posthouse::access::pop3 {

Task<Result<void>> Maildrop::open(store::MailStore& store, store::AccountId account) {
  std::string inbox = "INBOX";
  Result<store::MailboxInfo> info = co_await store.mailbox(account, std::move(inbox));
  if (!info) co_return std::unexpected(info.error());
  // Nothing is claimed: what is new to IMAP stays new to it.
  Result<store::MailStore::Opened> opened = co_await store.open(account, info->id, false);
  if (!opened) co_return std::unexpected(opened.error());
  store_ = &store;
  account_ = account;
  mailbox_ = opened->info.id;
  validity_ = opened->info.uid_validity;
  uids_ = std::move(opened->uids);
  octets_ = opened->info.bytes;
  // The two are counted apart; should they ever differ, the letters are right.
  stale_ = opened->info.exists != uids_.size();
  co_return Result<void>();
}

bool Maildrop::has(uint32_t number) const {
  if (number == 0 || number > size()) return false;
  return (marked_.empty() || !marked_[number - 1]) && (gone_.empty() || !gone_[number - 1]);
}

void Maildrop::note_gone(uint32_t number) {
  if (!has(number)) return;
  if (gone_.empty()) gone_.resize(size());
  gone_[number - 1] = true;
  ++absent_;
  stale_ = true;
}

void Maildrop::mark(uint32_t number, uint64_t octets) {
  if (!has(number)) return;
  if (marked_.empty()) marked_.resize(size());
  marked_[number - 1] = true;
  ++marked_count_;
  ++absent_;
  octets_ -= std::min(octets, octets_);
  marked_octets_ += octets;
}

void Maildrop::unmark_all() {
  marked_ = {};
  absent_ -= std::exchange(marked_count_, 0);
  octets_ += std::exchange(marked_octets_, 0);
}

Task<Result<std::vector<store::Entry>>> Maildrop::read(uint32_t first, uint32_t last) {
  Result<std::vector<store::Entry>> entries =
      co_await store_->entries(account_, mailbox_, uids_.at(first), uids_.at(last), last - first + 1, false);
  if (!entries) co_return entries;
  // A range of UIDs may only hold letters of ours: those that came later have higher ones.
  uint32_t expected = first;
  for (const store::Entry& entry : *entries) {
    for (const uint32_t number = number_of(entry); expected < number; ++expected) note_gone(expected);
    ++expected;
  }
  for (; expected <= last; ++expected) note_gone(expected);
  co_return entries;
}

Task<Result<store::Entry>> Maildrop::find(uint32_t number, uint32_t together) {
  const store::Uid uid = uids_.at(number);
  const auto known = std::ranges::lower_bound(near_, uid, {}, &store::Entry::uid);
  if (known != near_.end() && known->uid == uid) co_return *known;
  const uint32_t last = number + std::min(together - 1, size() - number);
  Result<std::vector<store::Entry>> entries = co_await read(number, last);
  if (!entries) co_return std::unexpected(entries.error());
  near_ = std::move(*entries);
  if (near_.empty() || near_[0].uid != uid) co_return fail(FaultKind::not_found, "letter is gone");
  co_return near_[0];
}

Task<Result<store::Entry>> Maildrop::find_again(uint32_t number) {
  near_.clear();
  return find(number);
}

std::vector<store::Entry> Maildrop::near(store::Uid from, uint64_t octets) const {
  std::vector<store::Entry> out;
  for (auto it = std::ranges::lower_bound(near_, from, {}, &store::Entry::uid);
       it != near_.end() && it->size <= octets; ++it) {
    octets -= it->size;
    out.push_back(*it);
  }
  return out;
}

Task<Result<std::vector<store::Entry>>> Maildrop::next(uint32_t& number) {
  const uint32_t last = number + std::min<uint32_t>(kEntriesListed - 1, size() - number);
  Result<std::vector<store::Entry>> entries = co_await read(number, last);
  number = last + 1;
  if (entries) std::erase_if(*entries, [this](const store::Entry& e) { return !has(number_of(e)); });
  co_return entries;
}

Task<Result<void>> Maildrop::recount() {
  uint64_t octets = 0;
  for (uint32_t number = 1; number <= size();) {
    Result<std::vector<store::Entry>> entries = co_await next(number);
    if (!entries) co_return std::unexpected(entries.error());
    for (const store::Entry& entry : *entries) octets += entry.size;
  }
  octets_ = octets;
  stale_ = false;
  co_return Result<void>();
}

// As Dovecot has it by default ("%08Xu%08Xv"), so that letters of accounts that come from there with their
// UIDs are not fetched again.
std::string Maildrop::unique_id(uint32_t number) const {
  return fmt::format("{:08x}{:08x}", uids_.at(number), validity_);
}

Task<Result<size_t>> Maildrop::remove_marked() {
  std::vector<store::Uid> uids;
  for (uint32_t number = 1; number <= marked_.size(); ++number) {
    if (marked_[number - 1]) uids.push_back(uids_.at(number));
  }
  if (uids.empty()) co_return size_t{0};
  Result<std::vector<store::Uid>> removed = co_await store_->remove(account_, mailbox_, std::move(uids));
  if (!removed) co_return std::unexpected(removed.error());
  co_return removed->size();
}

}  // namespace posthouse::access::pop3
