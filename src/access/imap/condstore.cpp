// Mod-sequences as a client sees them (RFC 7162).
#include <algorithm>
#include <utility>

#include "access/imap/commands.h"

namespace posthouse::access::imap {

namespace {

std::string highest_code(store::ModSeq modseq) {
  return "HIGHESTMODSEQ " + std::to_string(modseq);
}

}  // namespace

void enable_condstore(Session& s) {
  if (std::exchange(s.condstore, true) || !s.view) return;
  s.view->client_has = s.view->told_until();
  s.view->told_modseq = 0;
  s.untagged_ok(highest_code(s.view->client_has), "Changes so far");
}

void append_modseq(Session& s, const store::Entry& entry) {
  s.view->told_modseq = std::max(s.view->told_modseq, entry.modseq);
  s.out += "MODSEQ (";
  s.out += std::to_string(entry.modseq);
  s.out += ')';
}

void tell_highest(Session& s, Reply& reply) {
  if (!s.view || !s.condstore) return;
  View& view = *s.view;
  // RFC 7162 section 6: the client takes the highest of what it has seen, unless it is told.
  const store::ModSeq taken = std::max(view.client_has, std::exchange(view.told_modseq, 0));
  const store::ModSeq right = view.told_until();
  view.client_has = right;
  if (taken == right) return;
  // Expunges have no FETCH that would carry their MODSEQ. A client without QRESYNC looks for them by itself.
  if (taken < right && !s.qresync) return;
  if (reply.kind == Reply::ok && reply.code.empty()) {
    reply.code = highest_code(right);
  } else {
    s.untagged("OK [" + highest_code(right) + "] Changes told so far");
  }
}

}  // namespace posthouse::access::imap
