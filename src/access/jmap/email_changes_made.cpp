#include "access/jmap/email_changes_made.h"

#include <algorithm>

namespace posthouse::access::jmap {
namespace {

using store::MailboxId;
using store::Uid;

struct Member {
  Uid uid;
  size_t change;  // whose copy it is
};
template <class Key>
using Groups = std::map<Key, std::vector<Member>>;

struct FlagKey {
  MailboxId mailbox = 0;
  bool add = false;
  std::set<std::string> keywords;
  auto operator<=>(const FlagKey&) const = default;
};
struct Road {
  MailboxId from = 0, to = 0;
  auto operator<=>(const Road&) const = default;
};

struct Plan {
  Groups<Road> copies, moves;
  Groups<FlagKey> flags;
  Groups<MailboxId> removals;
};

struct Maker {
  const Services& services;
  store::AccountId account;
  const MailboxTree& tree;
  std::vector<EmailChange>& changes;
  store::Quota quota{};
  Plan plan{};

  // Those whose change has not failed.
  std::vector<Uid> uids_of(std::vector<Member>& members) const {
    std::erase_if(members, [&](const Member& one) { return changes[one.change].fault.has_value(); });
    std::ranges::sort(members, {}, &Member::uid);
    std::vector<Uid> uids;
    for (const Member& one : members) uids.push_back(one.uid);
    return uids;
  }
  void failed(const std::vector<Member>& members, const Fault& fault) const {
    for (const Member& one : members) changes[one.change].fault = fault;
  }
  std::string name_of(MailboxId mailbox) const {
    const MailboxNode* node = tree.find(mailbox);
    return node == nullptr ? std::string() : node->info.name;
  }
  void add_flags(MailboxId mailbox, Member member) {
    const EmailPatch& patch = changes[member.change].patch;
    if (!patch.add_keywords.empty()) plan.flags[{mailbox, true, patch.add_keywords}].push_back(member);
    if (!patch.remove_keywords.empty()) plan.flags[{mailbox, false, patch.remove_keywords}].push_back(member);
  }
};

// From each mailbox that it leaves to one that it comes to; it is copied to the others.
void plan_one(Maker& maker, size_t at) {
  const EmailChange& change = maker.changes[at];
  std::vector<MailboxId> to(change.patch.add_mailboxes.begin(), change.patch.add_mailboxes.end());
  for (const store::Entry& copy : change.letter.copies) {
    const Member member{copy.uid, at};
    const bool goes = change.destroy || change.patch.remove_mailboxes.contains(copy.mailbox);
    const bool moves = goes && !to.empty();
    if (moves) {
      maker.plan.moves[{copy.mailbox, to.back()}].push_back(member);
      to.pop_back();
    } else if (goes) {
      maker.plan.removals[copy.mailbox].push_back(member);
    }
    if (moves || !goes) maker.add_flags(copy.mailbox, member);
  }
  const store::Entry& first = change.letter.copies.front();
  for (const MailboxId other : to) maker.plan.copies[{first.mailbox, other}].push_back({first.uid, at});
}

Task<Result<void>> copy_some(Maker& maker, Road road, std::vector<Member> members) {
  std::vector<Uid> uids = maker.uids_of(members);
  if (uids.empty()) co_return Result<void>();
  Result<store::Copied> copied = co_await maker.services.store.copy(maker.account, road.from, std::move(uids),
                                                                    maker.name_of(road.to), maker.quota);
  if (!copied) co_return std::unexpected(copied.error());
  for (size_t i = 0; i < copied->from.size(); ++i) {
    const auto member = std::ranges::find(members, copied->from[i], &Member::uid);
    maker.add_flags(copied->mailbox, {copied->to[i], member->change});
  }
  co_return Result<void>();
}

// All of them or, where that can't be, as many as can.
Task<void> make_copies(Maker& maker) {
  for (auto& [road, members] : maker.plan.copies) {
    const Result<void> all = co_await copy_some(maker, road, members);
    if (all) continue;
    for (const Member& one : members) {
      const std::vector<Member> alone{one};
      const Result<void> done = co_await copy_some(maker, road, alone);
      if (!done) maker.failed(alone, done.error());
    }
  }
}

Task<void> change_flags(Maker& maker) {
  for (auto& [key, members] : maker.plan.flags) {
    store::FlagUpdate update;
    update.change = key.add ? store::FlagChange::add : store::FlagChange::remove;
    update.flags = flags_of({key.keywords.begin(), key.keywords.end()}).value_or(store::FlagSet());
    update.tell = false;
    std::vector<Uid> uids = maker.uids_of(members);
    if (uids.empty()) continue;
    const auto done =
        co_await maker.services.store.update_flags(maker.account, key.mailbox, std::move(uids), update);
    if (!done) maker.failed(members, done.error());
  }
}

Task<void> make_moves(Maker& maker) {
  for (auto& [road, members] : maker.plan.moves) {
    std::vector<Uid> uids = maker.uids_of(members);
    if (uids.empty()) continue;
    const auto done =
        co_await maker.services.store.move(maker.account, road.from, std::move(uids), maker.name_of(road.to));
    if (!done) maker.failed(members, done.error());
  }
}

Task<void> make_removals(Maker& maker) {
  for (auto& [mailbox, members] : maker.plan.removals) {
    std::vector<Uid> uids = maker.uids_of(members);
    if (uids.empty()) continue;
    const auto done = co_await maker.services.store.remove(maker.account, mailbox, std::move(uids));
    if (!done) maker.failed(members, done.error());
  }
}

}  // namespace

Task<void> carry_out(const Services& services, store::AccountId account, const MailboxTree& tree,
                     std::vector<EmailChange>& changes) {
  Maker maker{services, account, tree, changes};
  for (size_t at = 0; at < changes.size(); ++at) plan_one(maker, at);
  if (!maker.plan.copies.empty() && services.quotas != nullptr) {
    Result<store::Quota> quota = co_await services.quotas->quota_of(account);
    if (quota) maker.quota = *quota;
    if (!quota) {
      for (auto& [road, members] : maker.plan.copies) maker.failed(members, quota.error());
    }
  }
  co_await make_copies(maker);
  co_await change_flags(maker);
  co_await make_moves(maker);
  co_await make_removals(maker);
}

}  // namespace posthouse::access::jmap
