// APPEND (RFC 3501 section 6.3.11, RFC 4315 section 3; several messages: RFC 3502; CATENATE: RFC 4469):
// messages are announced after they are on disk.
#include "access/imap/appending.h"
#include "access/imap/commands.h"
#include "access/imap/names_of_others.h"

namespace posthouse::access::imap {

namespace {

Task<Reply> place(Session& s, std::string name, std::string_view as_sent, Appending& appending) {
  const Located& target = appending.target();
  const Result<store::Quota> quota = co_await s.quota(target.account);
  if (!quota) co_return refuse(quota.error());
  std::vector<store::MailStore::Arriving> messages;
  bool keywords = false;
  for (Arrived& one : appending.arrived()) {
    keywords = keywords || !one.message.flags.keywords.empty();
    messages.push_back({one.writer.get(), std::move(one.message)});
  }
  Result<std::vector<store::Placed>> placed =
      co_await s.store().append_all(target.account, target.local_name(), std::move(messages), *quota);
  if (!placed) co_return refuse_placing(placed.error());
  std::vector<store::Uid> uids;
  for (const store::Placed& one : *placed) uids.push_back(one.uid);
  if (s.view && s.view->is(target.account, placed->front().mailbox) && !keywords) s.view->put = *placed;
  note_put(s, target.account, placed->front().mailbox, uids);
  // RFC 9051 section 6.3.12: what the client called otherwise
  std::string sent = mailbox_name(s, as_sent).value_or(name);
  if (sent != name) co_await tell_listed(s, std::move(name), std::move(sent));
  co_return ok("APPEND done", may_know_uids(target) ? append_uid(*placed) : "");
}

}  // namespace

Task<Reply> cmd_append(Session& s, wire::imap::Append& c) {
  std::optional<std::string> name = co_await known_mailbox(s, c.mailbox);
  if (!name) {
    if (s.commands.offers_body()) s.commands.refuse_body();
    co_return no("There is no such mailbox", "TRYCREATE");
  }
  Appending appending(s, *name);
  std::optional<Reply> refusal = co_await appending.receive(std::move(c.parts));
  if (refusal) co_return std::move(*refusal);
  Reply reply = co_await place(s, std::move(*name), c.mailbox, appending);
  co_return reply;
}

}  // namespace posthouse::access::imap
