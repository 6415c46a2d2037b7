#include "access/imap/observer.h"

#include <algorithm>

#include "access/imap/annotations.h"
#include "access/imap/commands.h"
#include "base/log.h"
#include "store/names.h"
#include "wire/imap/encode.h"

namespace posthouse::access::imap {

namespace {

using wire::imap::Notify;
using wire::imap::NotifyGroup;

std::map<store::MailboxId, store::MailboxInfo> by_id(const std::vector<store::MailboxInfo>& mailboxes) {
  std::map<store::MailboxId, store::MailboxInfo> out;
  for (const store::MailboxInfo& info : mailboxes) out.emplace(info.id, info);
  return out;
}

bool includes(const NotifyGroup& group, const std::string& mailbox, bool subscribed) {
  switch (group.filter) {
    case NotifyGroup::selected:
    case NotifyGroup::selected_delayed:
      return false;
    // RFC 5465 section 6.3: delivery may put letters into any mailbox
    case NotifyGroup::inboxes:
    case NotifyGroup::personal:
      return true;
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

Changed compare(const Observer& before, const store::MailStore::AnnotationNames& now,
                const std::vector<store::MailboxInfo>& mailboxes) {
  Changed changed;
  for (const auto& [key, modseq] : now.all) {
    const auto known = before.annotations.all.find(key);
    if (known == before.annotations.all.end() || known->second != modseq)
      changed[key.first].insert(key.second);
  }
  for (const auto& [key, modseq] : before.annotations.all) {
    if (!now.all.contains(key)) changed[key.first].insert(key.second);
  }
  for (const store::MailboxInfo& info : mailboxes) {
    const auto known = before.mailboxes.find(info.id);
    if (known != before.mailboxes.end() && known->second.role != info.role)
      changed[info.id].insert(std::string(kSpecialUseEntry));
  }
  return changed;
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

uint8_t Observer::events_of(const std::string& mailbox, bool subscribed) const {
  uint8_t events = 0;
  if (!notify) return events;
  for (const NotifyGroup& group : notify->groups) {
    if (includes(group, mailbox, subscribed)) events |= group.events;
  }
  return events;
}

bool Observer::wants_server_metadata() const {
  return metadata || (notify && std::ranges::any_of(notify->groups, [](const NotifyGroup& group) {
                        return (group.events & Notify::kServerMetadata) != 0;
                      }));
}

void Observer::annotated(store::MailboxId mailbox, const std::vector<store::AnnotationChange>& changes,
                         std::optional<store::Role> role, const store::MailStore::Annotated& done) {
  for (const store::AnnotationChange& change : changes) {
    const std::pair key(mailbox, change.name);
    if (change.value) {
      annotations.all[key] = done.modseq;
    } else {
      annotations.all.erase(key);
    }
  }
  if (role && mailboxes.contains(mailbox)) mailboxes[mailbox].role = *role;
  if (done.loser && mailboxes.contains(*done.loser)) mailboxes[*done.loser].role = store::Role::none;
}

// As long as nobody else put something in between.
void Observer::put(store::MailboxId mailbox, const std::vector<store::Uid>& rising) {
  const auto known = mailboxes.find(mailbox);
  if (known == mailboxes.end() || known->second.uid_next != rising.front()) return;
  if (rising.back() - rising.front() + 1 != rising.size()) return;
  known->second.uid_next = rising.back() + 1;
  known->second.exists += static_cast<uint32_t>(rising.size());
}

void Observer::made(const store::MailboxInfo& mailbox) {
  mailboxes.emplace(mailbox.id, mailbox);
}

void Observer::deleted(store::MailboxId mailbox) {
  mailboxes.erase(mailbox);
}

// Its inferiors and the subscriptions go along (store::MailStore::rename_mailbox).
void Observer::renamed(const std::string& from, const std::string& to) {
  const auto follow = [&](const std::string& name) {
    const bool moves = name == from || store::is_inferior(name, from);
    return moves ? to + name.substr(from.size()) : name;
  };
  if (from == store::kInbox) return;
  for (auto& [id, info] : mailboxes) info.name = follow(info.name);
  std::set<std::string> names;
  for (const std::string& name : subscriptions) names.insert(follow(name));
  subscriptions = std::move(names);
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
  if (account == s.account) s.observer->put(mailbox, rising);
}

Task<Result<void>> begin_observing(Session& s) {
  auto observer = std::make_unique<Observer>();
  Waker* waker = &observer->waker;
  // The watch starts first, so that no change can slip between it and the reading.
  observer->watch = s.store().watch(s.account, [waker] { waker->signal(); });
  Result<std::optional<store::MailStore::AnnotationNames>> now =
      co_await s.store().annotation_names(s.account, UINT64_MAX);
  if (!now) co_return std::unexpected(now.error());
  if (*now) observer->annotations = std::move(**now);
  const Result<std::vector<store::MailboxInfo>> mailboxes = co_await s.store().mailboxes(s.account);
  if (!mailboxes) co_return std::unexpected(mailboxes.error());
  observer->mailboxes = by_id(*mailboxes);
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

Task<Result<void>> tell_metadata(Session& s, const std::vector<store::MailboxInfo>& mailboxes) {
  Observer& observer = *s.observer;
  Result<std::optional<store::MailStore::AnnotationNames>> now =
      co_await s.store().annotation_names(s.account, observer.annotations.modseq);
  if (!now) co_return std::unexpected(now.error());
  if (!*now) co_return Result<void>();
  const Changed changed = compare(observer, **now, mailboxes);
  observer.annotations = std::move(**now);
  const auto server = changed.find(0);
  if (server != changed.end() && observer.wants_server_metadata()) tell_changed(s, "", server->second);
  // Of a mailbox that is gone there is nothing to tell.
  for (const store::MailboxInfo& info : mailboxes) {
    const auto found = changed.find(info.id);
    if (found == changed.end()) continue;
    const bool wanted = (observer.events_of(info.name, info.subscribed) & Notify::kMailboxMetadata) != 0;
    if (observer.metadata || wanted) tell_changed(s, info.name, found->second);
    if (s.wants_flush()) co_await s.flush();
  }
  co_return Result<void>();
}

namespace {

Task<Result<void>> tell_all(Session& s) {
  if (!s.observer->tells_at_any_time()) {
    const auto changed = co_await s.store().annotation_names(s.account, s.observer->annotations.modseq);
    if (!changed) co_return std::unexpected(changed.error());
    if (!*changed) co_return Result<void>();
  }
  const Result<std::vector<store::MailboxInfo>> now = co_await s.store().mailboxes(s.account);
  if (!now) co_return std::unexpected(now.error());
  if (s.observer->tells_at_any_time()) {
    Result<void> told = co_await tell_mailboxes(s, *now);
    if (!told) co_return told;
  }
  Result<void> told = co_await tell_metadata(s, *now);
  if (told) s.observer->mailboxes = by_id(*now);
  co_return told;
}

}  // namespace

Task<void> tell_observed(Session& s) {
  Result<void> told = co_await tell_all(s);
  s.observer->stale = !told;
  if (!told) log::warn("imap.observing_failed", {{"sid", s.id}, {"what", told.error().what}});
}

}  // namespace posthouse::access::imap
