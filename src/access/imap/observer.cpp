#include "access/imap/observer.h"

#include <algorithm>

#include "access/imap/annotations.h"
#include "access/imap/commands.h"
#include "access/imap/limits.h"
#include "access/imap/sharing.h"
#include "base/log.h"
#include "store/names.h"
#include "wire/imap/encode.h"

namespace posthouse::access::imap {

namespace {

using wire::imap::Notify;
using wire::imap::NotifyGroup;

using Key = Observer::Key;

Key key_of(const Located& mailbox) {
  return {mailbox.account, mailbox.info.id};
}

std::map<Key, Located> by_key(const std::vector<Located>& mailboxes) {
  std::map<Key, Located> out;
  for (const Located& mailbox : mailboxes) out.emplace(key_of(mailbox), mailbox);
  return out;
}

bool includes(const NotifyGroup& group, const std::string& mailbox, bool subscribed, bool own) {
  switch (group.filter) {
    case NotifyGroup::selected:
    case NotifyGroup::selected_delayed:
      return false;
    // RFC 5465 section 6.3: delivery may put letters into any mailbox
    case NotifyGroup::inboxes:
    case NotifyGroup::personal:
      return own;
    case NotifyGroup::subscribed:
      return subscribed;
    case NotifyGroup::subtree:
      return std::ranges::any_of(group.mailboxes, [&](const std::string& top) {
        return top == mailbox || store::is_inferior(mailbox, top);
      });
    case NotifyGroup::subtree_one:  // not of NOTIFY
      return false;
    case NotifyGroup::named:
      return std::ranges::find(group.mailboxes, mailbox) != group.mailboxes.end();
  }
  return false;
}

// Entries that changed, by mailbox; also those that are gone.
using Changed = std::map<store::MailboxId, std::set<std::string>>;

Changed compare(const store::MailStore::AnnotationNames& before,
                const store::MailStore::AnnotationNames& now) {
  Changed changed;
  for (const auto& [key, modseq] : now.all) {
    const auto known = before.all.find(key);
    if (known == before.all.end() || known->second != modseq) changed[key.first].insert(key.second);
  }
  for (const auto& [key, modseq] : before.all) {
    if (!now.all.contains(key)) changed[key.first].insert(key.second);
  }
  return changed;
}

// Special uses are told as annotations.
void add_new_roles(const Observer& observer, const std::vector<Located>& mailboxes, Changed& changed) {
  for (const Located& mailbox : mailboxes) {
    const auto known = observer.mailboxes.find(key_of(mailbox));
    if (mailbox.account != observer.account || known == observer.mailboxes.end()) continue;
    if (known->second.info.role != mailbox.info.role)
      changed[mailbox.info.id].insert(std::string(kSpecialUseEntry));
  }
}

// RFC 5464 section 4.4.2: names without values.
void tell_changed(Session& s, std::string_view mailbox, const std::set<std::string>& entries) {
  s.out += "* METADATA ";
  append_mailbox(s, mailbox);
  for (const std::string& entry : entries) {
    s.out += ' ';
    wire::imap::append_astring(s.out, entry);
  }
  s.out += "\r\n";
}

}  // namespace

const NotifyGroup* Observer::for_selected() const {
  if (!notify) return nullptr;
  const auto found = std::ranges::find_if(notify->groups, &NotifyGroup::is_selected);
  return found == notify->groups.end() ? nullptr : &*found;
}

bool Observer::wants_messages() const {
  const NotifyGroup* group = for_selected();
  return !notify || (group != nullptr && (group->events & Notify::kMessages) != 0);
}

bool Observer::wants_flags() const {
  const NotifyGroup* group = for_selected();
  return !notify || (group != nullptr && (group->events & Notify::kFlags) != 0);
}

uint8_t Observer::events_of(const std::string& mailbox, bool is_subscribed, bool own) const {
  uint8_t events = 0;
  if (!notify) return events;
  for (const NotifyGroup& group : notify->groups) {
    if (includes(group, mailbox, is_subscribed, own)) events |= group.events;
  }
  return events;
}

bool Observer::wants_below(std::string_view prefix, const std::vector<std::string>& names) const {
  if (!notify) return false;
  const auto is_there = [prefix](const std::string& name) { return name.starts_with(prefix); };
  return std::ranges::any_of(notify->groups, [&](const NotifyGroup& group) {
    if (group.events == 0) return false;
    if (group.filter == NotifyGroup::subscribed) return std::ranges::any_of(names, is_there);
    if (group.filter == NotifyGroup::named) return std::ranges::any_of(group.mailboxes, is_there);
    return group.filter == NotifyGroup::subtree &&
           std::ranges::any_of(group.mailboxes, [&](const std::string& top) { return around(top)(prefix); });
  });
}

bool Observer::wants_server_metadata() const {
  return metadata || (notify && std::ranges::any_of(notify->groups, [](const NotifyGroup& group) {
                        return (group.events & Notify::kServerMetadata) != 0;
                      }));
}

void Observer::annotated(store::AccountId owner, store::MailboxId mailbox,
                         const std::vector<store::AnnotationChange>& changes, std::optional<store::Role> role,
                         const store::MailStore::Annotated& done) {
  const auto names = annotations.find(owner);
  if (names == annotations.end()) return;
  for (const store::AnnotationChange& change : changes) {
    const std::pair key(mailbox, change.name);
    if (change.value) {
      names->second.all[key] = done.modseq;
    } else {
      names->second.all.erase(key);
    }
  }
  const auto set_role = [&](store::MailboxId id, store::Role now) {
    const auto known = mailboxes.find({owner, id});
    if (known != mailboxes.end()) known->second.info.role = now;
  };
  if (role) set_role(mailbox, *role);
  if (done.loser) set_role(*done.loser, store::Role::none);
}

// Only of what was told, or would have been.
void Observer::left(const Located& mailbox) {
  const bool told = (events_of(mailbox) & Notify::kMessages) != 0 && (mailbox.rights & store::kMayRead) != 0;
  if (told) former.add(mailbox.info.name, mailbox.info.uid_validity);
}

void Observer::made(const store::MailboxInfo& mailbox) {
  mailboxes.emplace(Key(account, mailbox.id), Located{account, "", false, store::kAllRights, mailbox});
}

void Observer::deleted(store::MailboxId mailbox) {
  const auto known = mailboxes.find({account, mailbox});
  if (known == mailboxes.end()) return;
  left(known->second);
  mailboxes.erase(known);
}

// Its inferiors and the subscriptions go along (store::MailStore::rename_mailbox).
void Observer::renamed(const std::string& from, const std::string& to) {
  const auto follow = [&](const std::string& name) {
    const bool moves = name == from || store::is_inferior(name, from);
    return moves ? to + name.substr(from.size()) : name;
  };
  if (from == store::kInbox) return;
  for (auto& [key, mailbox] : mailboxes) {
    if (key.first != account) continue;
    std::string now = follow(mailbox.info.name);
    if (now == mailbox.info.name) continue;
    left(mailbox);
    mailbox.info.name = std::move(now);
  }
  std::set<std::string> names;  // the old ones stay, too
  for (const std::string& name : subscriptions) names.insert(follow(name));
  subscriptions.merge(names);
}

void Observer::subscribed(const std::string& mailbox, bool now) {
  if (now) {
    subscriptions.insert(mailbox);
  } else {
    subscriptions.erase(mailbox);
  }
}

void note_put(Session& s, store::AccountId account, store::MailboxId mailbox,
              const std::vector<store::Uid>& rising) {
  if (!s.observer || !s.observer->tells_at_any_time() || rising.empty()) return;
  if (s.view && s.view->is(account, mailbox)) s.observer->mine.insert(rising.begin(), rising.end());
}

Task<Result<void>> begin_observing(Session& s) {
  auto observer = std::make_unique<Observer>();
  observer->account = s.account;
  Waker* waker = &observer->waker;
  // The watch starts first, so that no change can slip between it and the reading.
  observer->watch = s.store().watch(s.account, [waker] { waker->signal(); });
  Result<std::optional<store::MailStore::AnnotationNames>> now =
      co_await s.store().annotation_names(s.account, UINT64_MAX);
  if (!now) co_return std::unexpected(now.error());
  if (*now) observer->annotations[s.account] = std::move(**now);
  const Result<std::vector<store::MailboxInfo>> mailboxes = co_await s.store().mailboxes(s.account);
  if (!mailboxes) co_return std::unexpected(mailboxes.error());
  for (const store::MailboxInfo& info : *mailboxes) observer->made(info);
  const Result<std::vector<std::string>> names = co_await s.store().subscriptions(s.account);
  if (!names) co_return std::unexpected(names.error());
  observer->subscriptions = {names->begin(), names->end()};
  // The one before lives until nothing signals it any more.
  std::swap(s.observer, observer);
  if (s.view && s.view->account != s.account) {
    watch_view(s, *s.view, s.view->account);
    s.view->stale = true;  // something may have slipped between the two watches
  }
  co_return Result<void>();
}

namespace {

Task<Result<void>> tell_own_metadata(Session& s, const std::vector<Located>& mailboxes) {
  Observer& observer = *s.observer;
  store::MailStore::AnnotationNames& known = observer.annotations[s.account];
  Result<std::optional<store::MailStore::AnnotationNames>> now =
      co_await s.store().annotation_names(s.account, known.modseq);
  if (!now) co_return std::unexpected(now.error());
  if (!*now) co_return Result<void>();
  Changed changed = compare(known, **now);
  add_new_roles(observer, mailboxes, changed);
  known = std::move(**now);
  const auto server = changed.find(0);
  if (server != changed.end() && observer.wants_server_metadata()) tell_changed(s, "", server->second);
  // Of a mailbox that is gone there is nothing to tell.
  for (const Located& mailbox : mailboxes) {
    const auto found = changed.find(mailbox.info.id);
    if (mailbox.account != s.account || found == changed.end()) continue;
    const bool wanted = (observer.events_of(mailbox) & Notify::kMailboxMetadata) != 0;
    if (observer.metadata || wanted) tell_changed(s, mailbox.info.name, found->second);
    if (s.wants_flush()) co_await s.flush();
  }
  co_return Result<void>();
}

// Both before and now: what changed while there was no right is not told later.
bool may_be_told_metadata(const Observer& observer, const Located& mailbox) {
  return (mailbox.rights & store::kMayRead) != 0 &&
         (observer.events_of(mailbox) & Notify::kMailboxMetadata) != 0;
}

// Of one other account. The first time there is nothing to compare with.
Task<Result<void>> tell_metadata_of(Session& s, store::AccountId owner,
                                    const std::vector<Located>& mailboxes) {
  Observer& observer = *s.observer;
  const auto known = observer.annotations.find(owner);
  const bool first = known == observer.annotations.end();
  Result<std::optional<store::MailStore::AnnotationNames>> now =
      co_await s.store().annotation_names(owner, first ? UINT64_MAX : known->second.modseq);
  if (!now) co_return std::unexpected(now.error());
  if (!*now) co_return Result<void>();
  std::erase_if((*now)->all, [](const auto& one) { return !one.first.second.starts_with("/shared/"); });
  const Changed changed = first ? Changed() : compare(known->second, **now);
  observer.annotations[owner] = std::move(**now);
  for (const Located& mailbox : mailboxes) {
    const auto found = changed.find(mailbox.info.id);
    if (mailbox.account != owner || found == changed.end()) continue;
    const auto before = observer.mailboxes.find(key_of(mailbox));
    if (before == observer.mailboxes.end() || !may_be_told_metadata(observer, before->second)) continue;
    if (may_be_told_metadata(observer, mailbox)) tell_changed(s, mailbox.info.name, found->second);
    if (s.wants_flush()) co_await s.flush();
  }
  co_return Result<void>();
}

// RFC 5465 section 5.6: what is shared, of mailboxes that NOTIFY names. What can't be read of others hides
// nothing of one's own.
Task<void> tell_metadata_of_others(Session& s, const std::vector<Located>& mailboxes) {
  Observer& observer = *s.observer;
  std::set<store::AccountId> owners;
  for (const Located& mailbox : mailboxes) {
    if (mailbox.account != s.account && may_be_told_metadata(observer, mailbox))
      owners.insert(mailbox.account);
  }
  std::erase_if(observer.annotations,
                [&](const auto& known) { return known.first != s.account && !owners.contains(known.first); });
  for (const store::AccountId owner : owners) {
    Result<void> told = co_await tell_metadata_of(s, owner, mailboxes);
    if (!told) log::warn("imap.observing_failed", {{"sid", s.id}, {"what", told.error().what}});
  }
}

}  // namespace

Task<Result<void>> tell_metadata(Session& s, const std::vector<Located>& mailboxes) {
  co_await tell_metadata_of_others(s, mailboxes);
  Result<void> told = co_await tell_own_metadata(s, mailboxes);
  co_return told;
}

namespace {

// True: the watch of one of them has but begun, so that something may have happened before.
bool watch_owners(Session& s, const std::vector<Located>& mailboxes, bool& too_many) {
  Observer& observer = *s.observer;
  Waker* waker = &observer.waker;
  bool begun = false;
  for (const Located& mailbox : mailboxes) {
    if (mailbox.account == s.account || observer.owners.contains(mailbox.account)) continue;
    too_many = observer.owners.size() >= kWatchedOwners;
    if (too_many) return false;
    observer.owners[mailbox.account] = s.store().watch(mailbox.account, [waker] { waker->signal(); });
    begun = true;
  }
  return begun;
}

// The session's own, and those of others that NOTIFY may name. Who shares something new is found when
// something else happens.
Task<Result<std::vector<Located>>> observed_mailboxes(Session& s, bool& too_many) {
  const Result<std::vector<std::string>> subscribed = co_await s.store().subscriptions(s.account);
  if (!subscribed) co_return std::unexpected(subscribed.error());
  for (;;) {
    WantedPrefix wanted = [&](std::string_view prefix) {
      return s.observer->wants_below(prefix, *subscribed);
    };
    Result<std::vector<Located>> all = co_await visible_mailboxes(s, std::move(wanted));
    if (!all || !watch_owners(s, *all, too_many)) co_return all;
  }
}

}  // namespace

Task<Result<bool>> observe_others(Session& s) {
  Observer& observer = *s.observer;
  observer.owners.clear();
  bool too_many = false;
  const Result<std::vector<Located>> now = co_await observed_mailboxes(s, too_many);
  if (!now) co_return std::unexpected(now.error());
  std::erase_if(observer.mailboxes, [&](const auto& known) { return known.first.first != s.account; });
  for (const Located& mailbox : *now) {
    if (mailbox.account != s.account) observer.mailboxes.emplace(key_of(mailbox), mailbox);
  }
  co_await tell_metadata_of_others(s, *now);
  co_return !too_many;
}

void overflow(Session& s) {
  s.untagged_ok("NOTIFICATIONOVERFLOW", "Too much happens at once");
  s.observer->notify.emplace();
}

namespace {

Task<Result<void>> tell_all(Session& s) {
  if (!s.observer->tells_at_any_time()) {
    const store::ModSeq known = s.observer->annotations[s.account].modseq;
    const auto changed = co_await s.store().annotation_names(s.account, known);
    if (!changed) co_return std::unexpected(changed.error());
    if (!*changed) co_return Result<void>();
  }
  bool too_many = false;
  const Result<std::vector<Located>> now = co_await observed_mailboxes(s, too_many);
  if (!now) co_return std::unexpected(now.error());
  if (too_many) overflow(s);
  if (s.observer->tells_at_any_time()) {
    Result<void> told = co_await tell_mailboxes(s, *now);
    if (!told) co_return told;
  }
  Result<void> told = co_await tell_metadata(s, *now);
  if (told) s.observer->mailboxes = by_key(*now);
  co_return told;
}

}  // namespace

Task<void> tell_observed(Session& s) {
  Result<void> told = co_await tell_all(s);
  s.observer->stale = !told;
  if (!told) log::warn("imap.observing_failed", {{"sid", s.id}, {"what", told.error().what}});
}

}  // namespace posthouse::access::imap
