#include "access/imap/search_sources.h"

#include <set>
#include <utility>

#include "access/imap/commands.h"
#include "access/imap/limits.h"
#include "base/yield.h"
#include "store/names.h"

namespace posthouse::access::imap {

namespace {

using wire::imap::MailboxFilter;

class Sources {
 public:
  // Names as the client knows them.
  void name(std::string mailbox) { named_.push_back(std::move(mailbox)); }
  void take(MailboxFilter::Filter filter) {
    personal_ = personal_ || filter == MailboxFilter::personal || filter == MailboxFilter::inboxes;
    subscribed_ = subscribed_ || filter == MailboxFilter::subscribed;
  }
  // `deep`: with all levels below it, not only the next.
  void take_below(const std::string& top, bool deep) { (deep ? tops_ : parents_).insert(top); }

  // Section 2.2: who names a mailbox needs "r"; those that come by a pattern have to have "l" as well.
  Task<Result<std::vector<Located>>> find(Session& s) {
    for (std::string& name : named_) {
      Result<Located> one = co_await locate(s, std::move(name));
      if (!one && one.error().kind != FaultKind::not_found) co_return std::unexpected(one.error());
      if (one) add(std::move(*one), store::kMayRead);
    }
    if (!personal_ && !subscribed_ && tops_.empty() && parents_.empty()) co_return std::move(found_);
    Result<std::vector<Located>> all = co_await visible_mailboxes(s);
    if (!all) co_return std::unexpected(all.error());
    size_t looked = 0;
    for (Located& one : *all) {
      if (++looked % kEntriesPlain == 0) co_await LetOthers();
      if (includes(s, one)) add(std::move(one), store::kMayRead | store::kMayLookUp);
    }
    co_return std::move(found_);
  }

  void add(Located one, store::Rights needed) {
    if ((one.rights & needed) != needed) return;
    if (known_.emplace(one.account, one.info.id).second) found_.push_back(std::move(one));
  }

 private:
  bool includes(const Session& s, const Located& one) const {
    if (personal_ && one.account == s.account) return true;
    if (subscribed_ && one.info.subscribed) return true;
    if (tops_.empty() && parents_.empty()) return false;
    // The names above it are as many as it has levels, however many were asked for.
    const std::vector<std::string> above = store::superiors(one.info.name);
    if (!above.empty() && parents_.contains(above.back())) return true;
    for (const std::string& name : above) {
      if (tops_.contains(name)) return true;
    }
    return false;
  }

  bool personal_ = false, subscribed_ = false;
  std::vector<std::string> named_;
  std::set<std::string> tops_, parents_;
  std::vector<Located> found_;
  std::set<std::pair<store::AccountId, store::MailboxId>> known_;
};

// The name itself, if a mailbox can have it.
Task<std::optional<std::string>> usable_name(Session& s, std::string as_sent) {
  const std::optional<std::string> name = co_await known_mailbox(s, std::move(as_sent));
  if (!name) co_return std::nullopt;
  Result<std::string> checked = store::check_name(*name);
  if (!checked) co_return std::nullopt;
  co_return std::move(*checked);
}

// Whose name is looked up: after a RENAME by another session it is a new one.
Task<Result<Located>> selected_mailbox(Session& s) {
  Result<store::MailboxInfo> info = co_await s.store().mailbox(s.view->account, s.view->mailbox);
  if (!info) co_return std::unexpected(info.error());
  Located one{s.view->account, s.view->prefix, s.view->as_anyone, s.view->rights, std::move(*info)};
  one.info.name = one.prefix + one.info.name;
  co_return one;
}

}  // namespace

Task<SearchSources> find_sources(Session& s, const std::vector<MailboxFilter>& filters) {
  SearchSources out;
  Sources sources;
  bool selected = filters.empty();
  for (const MailboxFilter& filter : filters) {
    selected = selected || filter.is_selected();
    sources.take(filter.filter);
    for (const std::string& as_sent : filter.mailboxes) {
      const std::optional<std::string> name = co_await usable_name(s, as_sent);
      if (!name) continue;
      sources.name(*name);
      if (filter.filter != MailboxFilter::named)
        sources.take_below(*name, filter.filter == MailboxFilter::subtree);
    }
  }
  if (selected && s.view) {
    Result<Located> one = co_await selected_mailbox(s);
    if (!one) {
      out.refusal = refuse(one.error());
      co_return out;
    }
    sources.add(std::move(*one), store::kMayRead);
  }
  Result<std::vector<Located>> found = co_await sources.find(s);
  if (!found) {
    out.refusal = refuse(found.error());
  } else if (found->size() > kSearchedMailboxes) {
    out.refusal = no("Too many mailboxes to search at once", "LIMIT");  // section 2.4
  } else {
    out.mailboxes = std::move(*found);
  }
  co_return out;
}

}  // namespace posthouse::access::imap
