// REPLACE and UID REPLACE (RFC 8508): one message takes the place of another, in one transaction.
#include "access/imap/appending.h"
#include "access/imap/commands.h"
#include "access/imap/names_of_others.h"
#include "access/imap/sharing.h"

namespace posthouse::access::imap {

namespace {

// The message that goes.
struct Old {
  std::optional<Reply> refusal;
  store::Uid uid = 0;
  uint64_t size = 0;
};

Task<Old> find_old(Session& s, const wire::imap::Replace& c) {
  Old old;
  const View& view = *s.view;
  if (view.examined) {
    old.refusal = no("The mailbox is open read-only", "CANNOT");
    co_return old;
  }
  // Section 4.1
  if (!view.may(store::kMayDeleteMessages | store::kMayExpunge)) {
    old.refusal = no_right();
    co_return old;
  }
  const bool last = c.number == 0;
  if (last ? view.uids.empty() : !c.uid && c.number > view.uids.size()) {
    old.refusal = bad("No such message number");
    co_return old;
  }
  old.uid = last ? view.uids.last() : c.uid ? c.number : view.uids.at(c.number);
  std::vector<store::Uid> uids{old.uid};
  Result<std::vector<store::Entry>> entries =
      co_await s.store().entries(view.account, view.mailbox, std::move(uids), false);
  if (!entries) {
    old.refusal = refuse(entries.error());
  } else if (entries->empty() || !view.uids.contains(old.uid)) {
    old.refusal = no("The message is gone", c.uid ? "NONEXISTENT" : "EXPUNGEISSUED");
  } else {
    old.size = entries->front().size;
  }
  co_return old;
}

Task<Reply> exchange(Session& s, const Old& old, const Located& target, Arrived& arrived) {
  const Result<store::Quota> quota = co_await s.quota(target.account);
  if (!quota) co_return refuse(quota.error());
  store::MailStore::Arriving message{arrived.writer.get(), std::move(arrived.message)};
  bool gone = false;
  store::MailStore::Target into{target.account, target.local_name(), mask_of(target.rights)};
  const Result<store::Placed> placed = co_await s.store().replace(
      s.view->account, s.view->mailbox, old.uid, std::move(into), std::move(message), *quota, gone);
  if (gone) co_return no("The message is gone", "EXPUNGEISSUED");
  if (!placed) co_return refuse_placing(placed.error());
  const std::vector<store::Uid> made{placed->uid};
  note_put(s, target.account, placed->mailbox, made);
  // Section 4.3: before the EXPUNGE response
  const std::vector<store::Placed> one{*placed};
  if (may_know_uids(target)) s.untagged("OK [" + append_uid(one) + "] Replacement message ready");
  co_await sync(s, Tell::all_but_gone);
  std::vector<store::Uid> went{old.uid};
  tell_expunged(s, std::move(went));
  co_return ok("REPLACE done");
}

}  // namespace

Task<Reply> cmd_replace(Session& s, wire::imap::Replace& c) {
  Old old = co_await find_old(s, c);
  std::optional<std::string> name;
  if (!old.refusal) {
    name = co_await known_mailbox(s, c.message.mailbox);
    if (!name) old.refusal = no("There is no such mailbox", "TRYCREATE");
  }
  if (old.refusal) {
    if (s.commands.offers_body()) s.commands.refuse_body();
    co_return std::move(*old.refusal);
  }
  Appending appending(s, *name);
  appending.set_freed(old.size, s.view->account);
  std::optional<Reply> refusal = co_await appending.receive(std::move(c.message.parts));
  if (refusal) co_return std::move(*refusal);
  Reply reply = co_await exchange(s, old, appending.target(), appending.arrived().front());
  co_return reply;
}

}  // namespace posthouse::access::imap
