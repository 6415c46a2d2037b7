// LIST (RFC 3501 section 6.3.8) and its extended form (RFC 9051 section 6.3.9, RFC 5258, RFC 5819, RFC 6154,
// RFC 8440).
#include "base/ascii.h"
#include "wire/imap/limits.h"
#include "wire/imap/parse/parsers.h"

namespace posthouse::wire::imap {

namespace {

// list-select-opts, the "(" being taken already
bool select_options(Cursor& in, List& out) {
  while (!in.next_is(')')) {
    std::string_view word = in.word();
    if (iequals(word, "SUBSCRIBED")) {
      out.select.subscribed = true;
    } else if (iequals(word, "SPECIAL-USE")) {
      out.select.special_use = true;
    } else if (iequals(word, "RECURSIVEMATCH")) {
      out.recursive = true;
    } else if (!iequals(word, "REMOTE")) {  // all mailboxes are here: nothing more to list
      return in.fail("Unknown selection option");
    }
    if (!in.eat(' ')) break;
  }
  // RFC 9051 section 6.3.9.1: not without an option that says what has to match
  if (out.recursive && !out.select.subscribed) return in.fail("RECURSIVEMATCH needs SUBSCRIBED");
  return in.expect(')');
}

bool patterns(Cursor& in, List& out) {
  size_t length = out.reference.size();
  do {
    std::string pattern;
    if (!in.list_mailbox(pattern)) return false;
    length += pattern.size();
    if (out.patterns.size() >= kMaxPatterns || length > kMaxPattern) return in.fail("Too many patterns");
    if (!pattern.empty()) out.patterns.push_back(std::move(pattern));
  } while (in.eat(' '));
  return in.expect(')');
}

// "RETURN" SP "(" [return-option *(SP return-option)] ")"
bool return_options(Cursor& in, List& out) {
  if (!iequals(in.word(), "RETURN")) return in.fail("RETURN expected");
  if (!in.space() || !in.expect('(')) return false;
  while (!in.next_is(')')) {
    std::string_view word = in.word();
    if (iequals(word, "SUBSCRIBED")) {
      out.tell.subscribed = true;
    } else if (iequals(word, "SPECIAL-USE")) {
      out.tell.special_use = true;
    } else if (iequals(word, "MYRIGHTS")) {  // RFC 8440
      out.my_rights = true;
    } else if (iequals(word, "METADATA")) {  // RFC 9590
      if (!in.space() || !parse_entries(in, out.metadata)) return false;
    } else if (iequals(word, "STATUS")) {
      if (!in.space() || !parse_status_items(in, out.status)) return false;
    } else if (!iequals(word, "CHILDREN")) {  // always told
      return in.fail("Unknown return option");
    }
    if (!in.eat(' ')) break;
  }
  return in.expect(')');
}

bool arguments(Cursor& in, List& out) {
  if (!in.space()) return false;
  if (in.eat('(')) {
    out.extended = true;
    if (!select_options(in, out) || !in.space()) return false;
  }
  if (!in.astring(out.reference) || !in.space()) return false;
  if (in.eat('(')) {
    out.extended = true;
    if (!patterns(in, out)) return false;
  } else {
    if (!in.list_mailbox(out.pattern)) return false;
    if (out.reference.size() + out.pattern.size() > kMaxPattern) return in.fail("Pattern too long");
  }
  if (in.eat(' ')) {
    out.extended = true;
    if (!return_options(in, out)) return false;
  }
  // The empty pattern has no meaning of its own in the extended form.
  if (out.extended && !out.pattern.empty()) out.patterns.push_back(std::exchange(out.pattern, ""));
  return true;
}

}  // namespace

bool parse_list(Cursor& in, Command& out) {
  List command;
  if (!arguments(in, command)) return false;
  out = std::move(command);
  return true;
}

}  // namespace posthouse::wire::imap
