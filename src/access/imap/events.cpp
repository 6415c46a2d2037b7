// Events of mailboxes that are not selected, told by comparing what the client knows with what is there
// (RFC 5465 section 5).
#include <algorithm>

#include "access/imap/commands.h"
#include "access/imap/limits.h"
#include "access/imap/sharing.h"
#include "access/imap/special_use.h"
#include "store/names.h"
#include "wire/imap/encode.h"
#include "wire/imap/list_pattern.h"

namespace posthouse::access::imap {

namespace {

using wire::imap::Notify;
using wire::imap::StatusItem;

constexpr uint8_t kAnyEvent = UINT8_MAX;

// One round of telling.
class Events {
 public:
  Events(Session& s, const std::vector<Located>& now) : s_(s), observer_(*s.observer), now_(now) {
    for (const Located& mailbox : now_) names_.emplace(mailbox.info.name, &mailbox);
  }

  Task<Result<void>> tell() {
    co_await find_withdrawn();
    tell_names();
    Result<void> told = co_await tell_subscriptions();
    if (!told) co_return told;
    find_left();
    for (const Located& mailbox : now_) {
      if (lines_ > kNotifications) break;
      told = co_await tell_messages(mailbox);
      if (!told) co_return told;
      if (s_.wants_flush()) co_await s_.flush();
    }
    if (lines_ > kNotifications) overflow(s_);
    co_return Result<void>();
  }

 private:
  // Section 5.9: those of others that are there, but may not be looked up any more.
  Task<void> find_withdrawn() {
    for (const auto& [key, mailbox] : observer_.mailboxes) {
      if (mailbox.account == s_.account || names_.contains(mailbox.info.name)) continue;
      const Result<store::MailboxInfo> there = co_await s_.store().mailbox(key.first, key.second);
      if (there && mailbox.prefix + there->name == mailbox.info.name) withdrawn_.insert(mailbox.info.name);
    }
  }

  void find_left() {
    for (const auto& [key, mailbox] : observer_.mailboxes) {
      const auto found = names_.find(mailbox.info.name);
      const bool still = found != names_.end() && found->second->account == key.first &&
                         found->second->info.id == key.second;
      if (!still) observer_.left(mailbox);
    }
  }

  bool is_own(const std::string& name) const {
    const auto found = names_.find(name);
    return found != names_.end() ? found->second->account == s_.account : !is_shared_name(name);
  }

  bool wants(const std::string& name, uint8_t event) const {
    return (observer_.events_of(name, observer_.subscriptions.contains(name), is_own(name)) & event) != 0;
  }

  bool has_children(const std::string& name) const {
    const std::string prefix = name + wire::imap::kSeparator;
    const auto next = names_.lower_bound(prefix);
    return next != names_.end() && next->first.starts_with(prefix);
  }

  void tell_list(const std::string& name, bool subscribed, const std::string& old_name = "") {
    if (++lines_ > kNotifications) return;
    const auto found = names_.find(name);
    s_.out += "* LIST (";
    // Section 5.4: it is not there for the client. Section 5.9: it may be for others.
    if (found == names_.end()) s_.out += "\\NonExistent ";
    if (withdrawn_.contains(name)) {
      s_.out += "\\NoAccess ";
      if (observer_.no_access.size() < kWithdrawnNames) observer_.no_access.insert(name);
    } else {
      observer_.no_access.erase(name);
    }
    s_.out += has_children(name) ? "\\HasChildren" : "\\HasNoChildren";
    if (subscribed) s_.out += " \\Subscribed";
    if (found != names_.end()) {
      if (const std::string_view use = special_use(found->second->info.role); !use.empty())
        s_.out += " " + std::string(use);
    }
    s_.out += std::string(") \"") + wire::imap::kSeparator + "\" ";
    append_mailbox(s_, name);
    if (!old_name.empty()) {
      s_.out += " (\"OLDNAME\" (";
      append_mailbox(s_, old_name);
      s_.out += "))";
    }
    s_.out += "\r\n";
  }

  // Section 5.9: of those that are told of in any way, that they may not be looked up, and that they may
  // again.
  bool gains_or_loses_access(const std::string& name) const {
    return (withdrawn_.contains(name) || observer_.no_access.contains(name)) && wants(name, kAnyEvent);
  }

  // Section 5.4: the mailbox and its parent.
  void tell_affected(const std::string& name, std::set<std::string>& parents) {
    if (wants(name, Notify::kName) || gains_or_loses_access(name))
      tell_list(name, observer_.subscriptions.contains(name));
    const std::vector<std::string> above = store::superiors(name);
    if (!above.empty() && wants(above.back(), Notify::kName)) parents.insert(above.back());
  }

  // What the client knows of it.
  const Located* known_as(const Located& mailbox) const {
    const auto known = observer_.mailboxes.find({mailbox.account, mailbox.info.id});
    return known == observer_.mailboxes.end() ? nullptr : &known->second;
  }

  void tell_names() {
    std::set<std::string> parents;
    std::set<std::string> told;
    std::set<Observer::Key> there;
    for (const Located& mailbox : now_) {
      const std::string& name = mailbox.info.name;
      there.emplace(mailbox.account, mailbox.info.id);
      const Located* const known = known_as(mailbox);
      if (known == nullptr) {
        told.insert(name);
        tell_affected(name, parents);
      } else if (known->info.name != name) {
        tell_renamed(known->info.name, name);
      }
    }
    for (const auto& [key, mailbox] : observer_.mailboxes) {
      if (there.contains(key) || names_.contains(mailbox.info.name)) continue;
      told.insert(mailbox.info.name);
      tell_affected(mailbox.info.name, parents);
    }
    for (const std::string& parent : parents) {
      if (!told.contains(parent)) tell_list(parent, observer_.subscriptions.contains(parent));
    }
  }

  // Its inferiors were renamed with it: nothing is told of them.
  void tell_renamed(const std::string& from, const std::string& to) {
    const size_t old_cut = from.rfind(wire::imap::kSeparator);
    const size_t cut = to.rfind(wire::imap::kSeparator);
    if (old_cut != std::string::npos && cut != std::string::npos && from.substr(old_cut) == to.substr(cut)) {
      const auto above = names_.find(to.substr(0, cut));
      if (above != names_.end()) {
        const Located* const known = known_as(*above->second);
        if (known != nullptr && known->info.name == from.substr(0, old_cut)) return;
      }
    }
    if (wants(to, Notify::kName) || wants(from, Notify::kName))
      tell_list(to, names_.at(to)->info.subscribed, from);
  }

  Task<Result<void>> tell_subscriptions() {
    const Result<std::vector<std::string>> names = co_await s_.store().subscriptions(s_.account);
    if (!names) co_return std::unexpected(names.error());
    std::set<std::string> now(names->begin(), names->end());
    std::vector<std::string> changed;
    std::ranges::set_symmetric_difference(now, observer_.subscriptions, std::back_inserter(changed));
    for (const std::string& name : changed) {
      // Nothing is told of mailboxes of others.
      if (is_shared_name(name) && !names_.contains(name)) continue;
      // Also of one that was in "subscribed" until now.
      if ((observer_.events_of(name, true, is_own(name)) & Notify::kSubscription) != 0)
        tell_list(name, now.contains(name));
    }
    observer_.subscriptions = std::move(now);
    co_return Result<void>();
  }

  // Which items of STATUS have to tell what happened.
  std::set<StatusItem> news_of(const store::MailboxInfo& before, const store::MailboxInfo& info,
                               uint8_t events) const {
    std::set<StatusItem> items;
    const bool came = info.uid_next != before.uid_next;
    const bool went = info.exists - before.exists != info.uid_next - before.uid_next;
    // Section 5.1, and without FlagChange too: UIDNEXT says nothing without it.
    const bool other = info.uid_validity != before.uid_validity;
    const bool both =
        other || (came && (events & Notify::kNew) != 0) || (went && (events & Notify::kExpunge) != 0);
    if (both) items = {StatusItem::messages, StatusItem::uid_next};
    if (both && s_.condstore) items.insert(StatusItem::highest_modseq);
    if (other) items.insert(StatusItem::uid_validity);
    if ((events & Notify::kFlags) == 0) return items;
    if (other || info.unseen != before.unseen) items.insert({StatusItem::uid_validity, StatusItem::unseen});
    if (s_.condstore && info.highest_modseq != before.highest_modseq)
      items.insert({StatusItem::uid_validity, StatusItem::highest_modseq});
    return items;
  }

  // What the client knows of the mailbox of this name. One that has come is as one that was empty until now:
  // its messages are new.
  store::MailboxInfo before(const Located& mailbox) {
    const Located* const known = known_as(mailbox);
    store::MailboxInfo info;
    if (known != nullptr) info = known->info;
    const bool came = known == nullptr;
    if (came) info.highest_modseq = mailbox.info.highest_modseq;
    const bool so_called = !came && info.name == mailbox.info.name;
    info.uid_validity = observer_.former.take(mailbox.info.name, !so_called)
                            .value_or(came ? mailbox.info.uid_validity : info.uid_validity);
    return info;
  }

  Task<Result<void>> tell_messages(Located mailbox) {
    const uint8_t events = observer_.events_of(mailbox);
    if ((mailbox.rights & store::kMayRead) == 0) co_return Result<void>();
    if ((events & Notify::kMessages) == 0) co_return Result<void>();
    const store::MailboxInfo known = before(mailbox);
    // SELECT has told its UIDVALIDITY.
    if (s_.view && s_.view->is(mailbox.account, mailbox.info.id)) co_return Result<void>();
    const std::set<StatusItem> items = news_of(known, mailbox.info, events);
    if (items.empty()) co_return Result<void>();
    ++lines_;
    std::vector<StatusItem> list(items.begin(), items.end());
    Result<void> told = co_await tell_status(s_, mailbox.account, std::move(mailbox.info), std::move(list));
    co_return told;
  }

  Session& s_;
  Observer& observer_;
  const std::vector<Located>& now_;
  std::map<std::string, const Located*> names_;
  std::set<std::string> withdrawn_;
  size_t lines_ = 0;
};

}  // namespace

Task<Result<void>> tell_mailboxes(Session& s, const std::vector<Located>& now) {
  Events events(s, now);
  Result<void> told = co_await events.tell();
  co_return told;
}

std::vector<StatusItem> status_items(const Session&, uint8_t events) {
  std::vector<StatusItem> items;
  if ((events & Notify::kMessages) != 0)
    items = {StatusItem::messages, StatusItem::uid_next, StatusItem::uid_validity};
  if ((events & Notify::kFlags) != 0) items.push_back(StatusItem::highest_modseq);
  return items;
}

}  // namespace posthouse::access::imap
