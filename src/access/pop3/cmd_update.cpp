// DELE and QUIT (RFC 1939 sections 5 and 6): letters go at QUIT and at no other time.
#include "access/pop3/state.h"

namespace posthouse::access::pop3 {

Task<void> cmd_dele(Session& s, const wire::pop3::Command& c) {
  if (!is_there(s, *c.message)) co_return;
  Result<store::Entry> entry = co_await s.drop.find(*c.message);
  if (entry) {
    s.drop.mark(*c.message, entry->size);
    co_return s.ok("Marked");
  }
  if (entry.error().kind == FaultKind::not_found) co_return s.error("No such message any more");
  s.refuse(entry.error());
}

// Told after they are gone for good, all of them. The maildrop is free before the client knows, so that it
// may come back at once.
Task<void> cmd_quit(Session& s) {
  s.over = true;
  if (!s.logged_in) co_return s.ok("Goodbye");
  Result<size_t> done = co_await s.drop.remove_marked();
  s.lease = Maildrops::Lease();
  if (!done) {
    s.refuse(done.error());
    co_return;
  }
  s.removed = *done;
  s.ok("Goodbye");
}

}  // namespace posthouse::access::pop3
