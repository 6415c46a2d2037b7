// CREATE, RENAME, LSUB and STATUS (RFC 3501 sections 6.3.3, 6.3.5, 6.3.9, 6.3.10; RFC 6154; RFC 8438; RFC
// 7889; RFC 9208).
#include "base/ascii.h"
#include "wire/imap/limits.h"
#include "wire/imap/parse/parsers.h"

namespace posthouse::wire::imap {

namespace {

constexpr std::pair<std::string_view, StatusItem> kStatusItems[] = {
    {"MESSAGES", StatusItem::messages},
    {"RECENT", StatusItem::recent},
    {"UIDNEXT", StatusItem::uid_next},
    {"UIDVALIDITY", StatusItem::uid_validity},
    {"UNSEEN", StatusItem::unseen},
    {"SIZE", StatusItem::size},
    {"APPENDLIMIT", StatusItem::append_limit},
    {"HIGHESTMODSEQ", StatusItem::highest_modseq},
    {"DELETED", StatusItem::deleted},
    {"DELETED-STORAGE", StatusItem::deleted_storage},
    {"MAILBOXID", StatusItem::mailbox_id}};

bool status_item(Cursor& in, std::vector<StatusItem>& out) {
  std::string_view name = in.word();
  for (const auto& [text, item] : kStatusItems) {
    if (!iequals(text, name)) continue;
    if (std::find(out.begin(), out.end(), item) == out.end()) out.push_back(item);
    return true;
  }
  return in.fail("Unknown STATUS item");
}

}  // namespace

bool parse_rename(Cursor& in, Command& out) {
  Rename command;
  if (!in.space() || !in.astring(command.from) || !in.space() || !in.astring(command.to)) return false;
  out = std::move(command);
  return true;
}

// create-param = "USE" SP "(" [use-attr *(SP use-attr)] ")" (RFC 6154 section 6)
bool parse_create(Cursor& in, Command& out) {
  Create command;
  if (!in.space() || !in.astring(command.mailbox)) return false;
  if (in.eat(' ')) {
    if (!in.expect('(') || !iequals(in.word(), "USE")) return in.fail("Unknown parameter");
    if (!in.space() || !in.expect('(')) return false;
    while (!in.next_is(')')) {
      std::string_view name;
      if (!command.uses.empty() && !in.space()) return false;
      if (!in.expect('\\') || !in.atom(name)) return false;
      if (command.uses.size() >= kMaxKeywords) return in.fail("Too many attributes");
      command.uses.push_back("\\" + std::string(name));
    }
    if (!in.expect(')') || !in.expect(')')) return false;
  }
  out = std::move(command);
  return true;
}

bool parse_lsub(Cursor& in, Command& out) {
  Lsub command;
  if (!in.space() || !in.astring(command.reference) || !in.space() || !in.list_mailbox(command.pattern))
    return false;
  if (command.reference.size() + command.pattern.size() > kMaxPattern) return in.fail("Pattern too long");
  out = std::move(command);
  return true;
}

bool parse_status_items(Cursor& in, std::vector<StatusItem>& out) {
  if (!in.expect('(')) return false;
  do {
    if (!status_item(in, out)) return false;
  } while (in.eat(' '));
  return in.expect(')');
}

bool parse_get_quota(Cursor& in, Command& out) {
  GetQuota command;
  if (!in.space() || !in.astring(command.root)) return false;
  out = std::move(command);
  return true;
}

bool parse_status(Cursor& in, Command& out) {
  Status command;
  if (!in.space() || !in.astring(command.mailbox) || !in.space() || !parse_status_items(in, command.items))
    return false;
  out = std::move(command);
  return true;
}

}  // namespace posthouse::wire::imap
