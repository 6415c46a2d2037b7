#include "access/imap/sharing.h"

#include <algorithm>
#include <set>

#include "access/imap/commands.h"
#include "access/imap/names_of_others.h"
#include "base/log.h"
#include "store/names.h"
#include "wire/imap/list_pattern.h"

namespace posthouse::access::imap {

using wire::imap::kSeparator;

namespace {

std::string_view domain_of(std::string_view address) {
  return address.substr(address.rfind('@') + 1);
}

// The level that an account is. A local part may have the separator (RFC 5322 section 3.2.3).
std::string level_of(std::string_view address) {
  std::string out;
  for (const char c : address) {
    if (c == kSeparator) {
      out += "%2F";
    } else if (c == '%') {
      out += "%25";
    } else {
      out += c;
    }
  }
  return out;
}

std::string prefix_of(const People::Person& person) {
  std::string prefix(person.shared ? kSharedFolders : kOtherUsers);
  prefix += kSeparator;
  prefix += level_of(person.address);
  prefix += kSeparator;
  return prefix;
}

// The other way round. Nothing for a level that is no account's.
std::optional<std::string> address_of(std::string_view level) {
  std::string out;
  for (size_t i = 0; i < level.size(); i++) {
    if (level[i] != '%') {
      out += level[i];
      continue;
    }
    const std::string_view escape = level.substr(i, 3);
    if (escape != "%2F" && escape != "%25") return std::nullopt;
    out += escape == "%2F" ? kSeparator : '%';
    i += 2;
  }
  return out;
}

// An account that shares something with the session's.
struct Sharing {
  store::AccountId owner = 0;
  std::string prefix;  // "Other Users/ann@example.org/"
  bool as_anyone = false;
};

// Nothing: what that account has given to everybody is not for the session's.
std::optional<Sharing> sharing_with(const Session& s, const People::Person& owner,
                                    const store::MailStore::Sharer& gives) {
  // Everybody is everybody of the owner's domain: others have to be named.
  const bool as_anyone = domain_of(owner.address) == domain_of(s.address);
  if (!gives.with_account && !(gives.with_anyone && as_anyone)) return std::nullopt;
  return Sharing{owner.account, prefix_of(owner), as_anyone};
}

// Of all that share something.
Task<std::vector<Sharing>> sharings(Session& s, const WantedPrefix& wanted) {
  std::vector<Sharing> out;
  if (s.services.people == nullptr) co_return out;
  const auto asked = [&](std::string_view top) { return !wanted || wanted(std::string(top) + kSeparator); };
  if (!asked(kOtherUsers) && !asked(kSharedFolders)) co_return out;
  const Result<std::vector<store::MailStore::Sharer>> all = co_await s.store().sharers(s.account);
  if (!all) {
    log::warn("imap.no_sharers", {{"sid", s.id}, {"what", all.error().what}});
    co_return out;
  }
  for (const store::MailStore::Sharer& sharer : *all) {
    const Result<People::Person> person = co_await s.services.people->person(sharer.owner);
    if (!person) continue;  // it is being removed
    std::optional<Sharing> one = sharing_with(s, *person, sharer);
    if (one && (!wanted || wanted(one->prefix))) out.push_back(std::move(*one));
  }
  co_return out;
}

// The account that a name's second level is; 0, which nobody is, if that is nobody.
Task<People::Person> person_of(Session& s, std::string name) {
  const size_t first = name.find(kSeparator);
  const size_t second = first == std::string::npos ? first : name.find(kSeparator, first + 1);
  if (s.services.people == nullptr || second == std::string::npos) co_return People::Person();
  std::optional<std::string> address =
      address_of(std::string_view(name).substr(first + 1, second - first - 1));
  if (!address) co_return People::Person();
  Result<People::Person> person = co_await s.services.people->person_at(std::move(*address));
  // By another form of the address there is no such mailbox.
  const bool so_called = person && std::string_view(name).substr(0, second + 1) == prefix_of(*person);
  if (!so_called || person->account == s.account) co_return People::Person();
  co_return std::move(*person);
}

// Whose mailbox a name in the namespaces is; owner 0 for a name that is nobody's.
Task<Sharing> sharing_of(Session& s, std::string name) {
  const People::Person person = co_await person_of(s, std::move(name));
  const Result<store::MailStore::Sharer> gives = co_await s.store().sharer(s.account, person.account);
  if (!gives) log::warn("imap.no_sharers", {{"sid", s.id}, {"what", gives.error().what}});
  if (!gives || person.account == 0) co_return Sharing();
  co_return sharing_with(s, person, *gives).value_or(Sharing());
}

// Of a mailbox of another account. The same is looked up whether it is there or not.
Task<Result<Located>> locate_shared(Session& s, std::string name) {
  Located out;
  const Sharing sharing = co_await sharing_of(s, name);
  out.account = sharing.owner;
  out.prefix = sharing.prefix;
  out.as_anyone = sharing.as_anyone;
  std::string local = sharing.owner == 0 ? name : name.substr(sharing.prefix.size());
  Result<store::MailboxInfo> info = co_await s.store().mailbox(out.account, std::move(local));
  if (!info && info.error().kind != FaultKind::not_found) co_return std::unexpected(info.error());
  const store::MailboxId id = info ? info->id : 0;
  const Result<store::Rights> rights =
      co_await s.store().rights_of(out.account, id, s.account, out.as_anyone);
  if (!rights) co_return std::unexpected(rights.error());
  if (!info || *rights == 0) co_return fail(FaultKind::not_found, "no such mailbox");
  out.rights = *rights;
  out.info = std::move(*info);
  out.info.name = out.prefix + out.info.name;
  out.info.role = store::Role::none;  // special uses are the owner's
  out.info.subscribed = false;
  co_return out;
}

// Adds what one account shares.
Task<Result<void>> add_visible(Session& s, const Sharing& sharing, const std::set<std::string>& subscribed,
                               std::vector<Located>& out) {
  const auto rights = co_await s.store().all_rights_of(sharing.owner, s.account, sharing.as_anyone);
  if (!rights) co_return std::unexpected(rights.error());
  Result<std::vector<store::MailboxInfo>> all = co_await s.store().mailboxes(sharing.owner);
  if (!all) co_return std::unexpected(all.error());
  for (store::MailboxInfo& info : *all) {
    const auto found = rights->find(info.id);
    if (found == rights->end() || (found->second & store::kMayLookUp) == 0) continue;
    if (has_dot_level(info.name)) continue;
    Located one{sharing.owner, sharing.prefix, sharing.as_anyone, found->second, std::move(info)};
    one.info.name = one.prefix + one.info.name;
    one.info.role = store::Role::none;
    one.info.subscribed = subscribed.contains(one.info.name);
    out.push_back(std::move(one));
  }
  co_return Result<void>();
}

}  // namespace

bool is_shared_name(std::string_view name) {
  return name == kOtherUsers || name == kSharedFolders || store::is_inferior(name, kOtherUsers) ||
         store::is_inferior(name, kSharedFolders);
}

Task<bool> names_others(Session& s, std::string name) {
  if (!is_shared_name(name)) co_return false;
  const Result<store::MailboxInfo> own = co_await s.store().mailbox(s.account, std::move(name));
  co_return !own;
}

Located own_mailbox(const Session& s, store::MailboxInfo info) {
  return {s.account, "", false, store::kAllRights, std::move(info)};
}

Task<Result<Located>> locate(Session& s, std::string name) {
  Result<store::MailboxInfo> own = co_await s.store().mailbox(s.account, name);
  if (own) co_return own_mailbox(s, std::move(*own));
  if (own.error().kind != FaultKind::not_found || !is_shared_name(name))
    co_return std::unexpected(own.error());
  Result<Located> shared = co_await locate_shared(s, std::move(name));
  co_return shared;
}

Reply no_such_mailbox(std::string code) {
  return no("There is no such mailbox", std::move(code));
}

Reply no_right() {
  return no("There is no right to do that", "NOPERM");
}

Task<Reached> reach(Session& s, std::string name, Need need, std::string missing) {
  Reached out;
  Result<Located> found = co_await locate(s, std::move(name));
  if (!found) {
    const bool none = found.error().kind == FaultKind::not_found;
    out.refusal = none ? no_such_mailbox(std::move(missing)) : refuse(found.error());
    co_return out;
  }
  out.mailbox = std::move(*found);
  const store::Rights rights = out.mailbox.rights;
  if (satisfies(rights, need)) co_return out;
  out.refusal = (rights & store::kMayLookUp) != 0 ? no_right() : no_such_mailbox(std::move(missing));
  co_return out;
}

Task<Reached> reach(Session& s, std::string name, Need need) {
  return reach(s, std::move(name), need, "NONEXISTENT");
}

WantedPrefix around(std::string name) {
  return [name = std::move(name)](std::string_view prefix) {
    return name.starts_with(prefix) || prefix.starts_with(name + kSeparator);
  };
}

Task<Result<std::vector<Located>>> visible_mailboxes(Session& s) {
  return visible_mailboxes(s, nullptr);
}

Task<Result<std::vector<Located>>> visible_mailboxes(Session& s, WantedPrefix wanted) {
  Result<std::vector<store::MailboxInfo>> own = co_await s.store().mailboxes(s.account);
  if (!own) co_return std::unexpected(own.error());
  std::vector<Located> out;
  std::set<std::string> taken;
  for (store::MailboxInfo& info : *own) {
    if (is_shared_name(info.name)) taken.insert(info.name);
    out.push_back(own_mailbox(s, std::move(info)));
  }
  const std::vector<Sharing> others = co_await sharings(s, wanted);
  if (others.empty()) co_return out;
  const Result<std::vector<std::string>> names = co_await s.store().subscriptions(s.account);
  if (!names) co_return std::unexpected(names.error());
  const std::set<std::string> subscribed(names->begin(), names->end());
  const size_t first = out.size();
  for (const Sharing& sharing : others) {
    // What can't be read of others hides nothing of one's own.
    Result<void> added = co_await add_visible(s, sharing, subscribed, out);
    if (!added) log::warn("imap.not_listed", {{"sid", s.id}, {"what", added.error().what}});
  }
  const auto behind_own = out.begin() + static_cast<ptrdiff_t>(first);
  out.erase(std::remove_if(behind_own, out.end(),
                           [&](const Located& one) { return taken.contains(one.info.name); }),
            out.end());
  co_return out;
}

// One answer whatever is missing: account, superior or right. Top levels are the owner's to make.
Task<NewPlace> place_for(Session& s, std::string name) {
  NewPlace out;
  if (!is_shared_name(name)) {
    out.account = s.account;
    out.local_name = std::move(name);
    co_return out;
  }
  const Sharing sharing = co_await sharing_of(s, name);
  out.account = sharing.owner;
  out.prefix = sharing.prefix;
  out.local_name = name.substr(sharing.prefix.size());
  std::vector<std::string> above = store::superiors(out.local_name);
  store::MailboxId nearest = 0;
  while (!above.empty() && nearest == 0) {
    const Result<store::MailboxInfo> info = co_await s.store().mailbox(out.account, std::move(above.back()));
    if (info) nearest = info->id;
    above.pop_back();
  }
  const Result<store::Rights> rights =
      co_await s.store().rights_of(out.account, nearest, s.account, sharing.as_anyone);
  if (!rights || (*rights & store::kMayCreate) == 0) out.refusal = no_right();
  co_return out;
}

store::FlagMask mask_of(store::Rights rights) {
  constexpr store::Rights kAll = store::kMaySetSeen | store::kMayDeleteMessages | store::kMayWrite;
  if ((rights & kAll) == kAll) return {};
  store::FlagMask mask{0, (rights & store::kMayWrite) != 0};
  if ((rights & store::kMaySetSeen) != 0) mask.system |= store::kSeen;
  if ((rights & store::kMayDeleteMessages) != 0) mask.system |= store::kDeleted;
  if (mask.keywords) mask.system |= store::kAnswered | store::kFlagged | store::kDraft;
  return mask;
}

store::FlagSet masked(store::FlagSet flags, const store::FlagMask& mask) {
  flags.system &= mask.system;
  if (!mask.keywords) flags.keywords.clear();
  return flags;
}

bool is_read_only(store::Rights rights) {
  return (rights & (store::kMayInsert | store::kMayExpunge | store::kMaySetSeen | store::kMayWrite |
                    store::kMayDeleteMessages)) == 0;
}

Task<void> refresh_rights(Session& s) {
  View& view = *s.view;
  if (view.account == s.account) co_return;
  const Result<store::Rights> rights =
      co_await s.store().rights_of(view.account, view.mailbox, s.account, view.as_anyone);
  if (!rights) throw SessionEnd{"Can't be done now, try again later", rights.error()};
  if ((*rights & store::kMayRead) == 0) {
    // Of a mailbox that is deleted nobody has rights either.
    const Result<store::MailboxInfo> there = co_await s.store().mailbox(view.account, view.mailbox);
    if (!there && there.error().kind == FaultKind::not_found)
      throw SessionEnd{"The mailbox was deleted", Fault{FaultKind::not_found, "selected mailbox deleted"}};
    throw SessionEnd{"The right to read this mailbox was withdrawn",
                     Fault{FaultKind::policy, "no right to read any more"}};
  }
  if (*rights == view.rights) co_return;
  view.rights = *rights;
  const bool was_read_only = view.read_only;
  view.read_only = view.examined || is_read_only(*rights);
  tell_known_flags(s);
  if (view.read_only == was_read_only) co_return;
  s.untagged_ok(view.read_only ? "READ-ONLY" : "READ-WRITE", "Rights changed");
}

}  // namespace posthouse::access::imap
