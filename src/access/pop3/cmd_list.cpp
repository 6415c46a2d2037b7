// STAT, LIST, UIDL (RFC 1939 sections 5 and 7).
#include <fmt/core.h>

#include "access/pop3/state.h"

namespace posthouse::access::pop3 {

namespace {

std::string line_of(Session& s, wire::pop3::Verb verb, uint32_t number, uint64_t size) {
  if (verb == wire::pop3::Verb::uidl) return fmt::format("{} {}", number, s.drop.unique_id(number));
  return fmt::format("{} {}", number, size);
}

Task<void> list_one(Session& s, wire::pop3::Verb verb, uint32_t number) {
  if (!is_there(s, number)) co_return;
  Result<store::Entry> entry = co_await s.drop.find(number);
  if (entry) co_return s.ok(line_of(s, verb, number, entry->size));
  if (entry.error().kind == FaultKind::not_found) co_return s.error("No such message any more");
  s.refuse(entry.error());
}

// A client that was promised a listing can't be told of an error any more.
Task<void> list_all(Session& s, wire::pop3::Verb verb) {
  bool promised = false;
  for (uint32_t number = 1; number <= s.drop.size();) {
    Result<std::vector<store::Entry>> entries = co_await s.drop.next(number);
    if (!entries) {
      if (!promised) co_return s.refuse(entries.error());
      throw SessionEnd{"", entries.error()};
    }
    if (!std::exchange(promised, true)) s.ok("Listing follows");
    for (const store::Entry& entry : *entries) {
      s.out += line_of(s, verb, s.drop.number_of(entry), entry.size) + "\r\n";
    }
    co_await s.flush_if_much();
  }
  if (!promised) s.ok("Listing follows");
  s.out += ".\r\n";
}

}  // namespace

Task<void> cmd_stat(Session& s) {
  if (s.drop.stale()) {
    Result<void> counted = co_await s.drop.recount();
    if (!counted) co_return s.refuse(counted.error());
  }
  s.ok(fmt::format("{} {}", s.drop.count(), s.drop.octets()));
}

Task<void> cmd_list(Session& s, const wire::pop3::Command& c) {
  if (c.message) return list_one(s, c.verb, *c.message);
  return list_all(s, c.verb);
}

}  // namespace posthouse::access::pop3
