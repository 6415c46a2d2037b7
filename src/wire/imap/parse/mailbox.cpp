// RENAME, LIST, LSUB and STATUS (RFC 3501 sections 6.3.5, 6.3.8 to 6.3.10; RFC 8438; RFC 7889).
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
    {"HIGHESTMODSEQ", StatusItem::highest_modseq}};

bool status_item(Cursor& in, Status& out) {
  std::string_view name = in.word();
  for (const auto& [text, item] : kStatusItems) {
    if (!iequals(text, name)) continue;
    if (std::find(out.items.begin(), out.items.end(), item) == out.items.end()) out.items.push_back(item);
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

bool parse_list(Cursor& in, List& out) {
  if (!in.space() || !in.astring(out.reference) || !in.space() || !in.list_mailbox(out.pattern)) return false;
  return out.reference.size() + out.pattern.size() <= kMaxPattern || in.fail("Pattern too long");
}

bool parse_status(Cursor& in, Command& out) {
  Status command;
  if (!in.space() || !in.astring(command.mailbox) || !in.space() || !in.expect('(')) return false;
  do {
    if (!status_item(in, command)) return false;
  } while (in.eat(' '));
  if (!in.expect(')')) return false;
  out = std::move(command);
  return true;
}

}  // namespace posthouse::wire::imap
