// STORE (RFC 3501 section 6.4.6; UNCHANGEDSINCE: RFC 7162 section 3.1.3), UID EXPUNGE (RFC 4315 section 2.1)
// and flag lists.
#include "base/ascii.h"
#include "wire/imap/limits.h"
#include "wire/imap/parse/parsers.h"

namespace posthouse::wire::imap {

bool parse_flag(Cursor& in, Flags& out) {
  const bool backslash = in.eat('\\');
  std::string_view name;
  if (!in.atom(name)) return false;
  if (name.size() > kMaxFlagLength) return in.fail("Flag too long");
  std::string flag = backslash ? "\\" + std::string(name) : std::string(name);
  if (!add_flag(out, flag)) return in.fail("This flag can't be set");
  return out.keywords.size() <= kMaxKeywords || in.fail("Too many flags");
}

bool parse_flag_list(Cursor& in, Flags& out) {
  if (!in.expect('(')) return false;
  if (in.eat(')')) return true;
  do {
    if (!parse_flag(in, out)) return false;
  } while (in.eat(' '));
  return in.expect(')');
}

namespace {

// store-modifiers = "(" store-modifier *(SP store-modifier) ")" (RFC 4466 section 2.5): there is one.
bool modifiers(Cursor& in, Store& out) {
  if (!in.eat('(')) return true;
  if (!iequals(in.word(), "UNCHANGEDSINCE")) return in.fail("Unknown STORE modifier");
  return in.space() && in.modseq(out.unchanged_since.emplace()) && in.expect(')') && in.space();
}

}  // namespace

bool parse_store(Cursor& in, bool uid, Command& out) {
  Store command;
  command.uid = uid;
  if (!in.space() || !in.set_or_saved(command.set) || !in.space() || !modifiers(in, command)) return false;
  if (in.eat('+')) {
    command.mode = StoreMode::add;
  } else if (in.eat('-')) {
    command.mode = StoreMode::remove;
  }
  std::string_view item = in.word();
  command.silent = iequals(item, "FLAGS.SILENT");
  if (!command.silent && !iequals(item, "FLAGS")) return in.fail("FLAGS or FLAGS.SILENT expected");
  if (!in.space()) return false;
  if (in.next_is('(')) {
    if (!parse_flag_list(in, command.flags)) return false;
  } else {
    do {  // store-att-flags: a list without parentheses
      if (!parse_flag(in, command.flags)) return false;
    } while (in.eat(' '));
  }
  out = std::move(command);
  return true;
}

bool parse_uid_expunge(Cursor& in, Command& out) {
  Expunge command;
  if (!in.space() || !in.set_or_saved(command.uids.emplace())) return false;
  out = std::move(command);
  return true;
}

}  // namespace posthouse::wire::imap
