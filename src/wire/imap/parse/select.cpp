// SELECT and EXAMINE (RFC 3501 sections 6.3.1 and 6.3.2) with their parameters (RFC 4466 section 2.1; RFC
// 7162 sections 3.1.8 and 3.2.5).
#include <algorithm>

#include "base/ascii.h"
#include "wire/imap/parse/parsers.h"

namespace posthouse::wire::imap {

namespace {

// A set in which "*" is not allowed.
bool known_set(Cursor& in, SequenceSet& out) {
  if (!in.set(out)) return false;
  const bool star = std::any_of(out.ranges.begin(), out.ranges.end(), [](const SequenceRange& range) {
    return range.first == 0 || range.last == 0;
  });
  return !star || in.fail("* is not allowed here");
}

// seq-match-data = "(" known-sequence-set SP known-uid-set ")"
bool match_data(Cursor& in, Resync& out) {
  return in.expect('(') && known_set(in, out.match_numbers) && in.space() && known_set(in, out.match_uids) &&
         in.expect(')');
}

// "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")"
bool resync(Cursor& in, Resync& out) {
  if (!in.space() || !in.expect('(') || !in.non_zero(out.uid_validity) || !in.space() ||
      !in.modseq(out.modseq))
    return false;
  bool more = in.eat(' ');
  if (more && !in.next_is('(')) {
    if (!known_set(in, out.uids.emplace())) return false;
    more = in.eat(' ');
  }
  if (more && !match_data(in, out)) return false;
  return in.expect(')');
}

bool parameters(Cursor& in, SelectParameters& out) {
  if (!in.eat(' ')) return true;
  if (!in.expect('(')) return false;
  do {
    std::string_view word = in.word();
    if (iequals(word, "CONDSTORE")) {
      out.condstore = true;
    } else if (iequals(word, "QRESYNC") && !out.resync) {
      if (!resync(in, out.resync.emplace())) return false;
    } else {
      return in.fail("Unknown parameter");
    }
  } while (in.eat(' '));
  return in.expect(')');
}

template <class C>
bool parse(Cursor& in, Command& out) {
  C command;
  if (!in.space() || !in.astring(command.mailbox) || !parameters(in, command.parameters)) return false;
  out = std::move(command);
  return true;
}

}  // namespace

bool parse_select(Cursor& in, Command& out) {
  return parse<Select>(in, out);
}

bool parse_examine(Cursor& in, Command& out) {
  return parse<Examine>(in, out);
}

}  // namespace posthouse::wire::imap
