// ID (RFC 2971), ENABLE (RFC 5161), COMPRESS (RFC 4978), LANGUAGE (RFC 5255), CANCELUPDATE (RFC 5267).
#include "base/ascii.h"
#include "wire/imap/limits.h"
#include "wire/imap/parse/parsers.h"

namespace posthouse::wire::imap {

bool parse_id(Cursor& in, Command& out) {
  Id command;
  if (!in.space()) return false;
  if (!in.eat('(')) {
    std::optional<std::string> nil;
    if (!in.nstring(nil)) return false;
    if (nil) return in.fail("NIL or a list expected");
    out = std::move(command);
    return true;
  }
  if (!in.next_is(')')) {
    do {
      std::string name;
      std::optional<std::string> value;
      if (!in.string(name) || !in.space() || !in.nstring(value)) return false;
      if (command.fields.size() >= kMaxIdPairs) return in.fail("Too many ID fields");
      command.fields.emplace_back(std::move(name), std::move(value));
    } while (in.eat(' '));
  }
  if (!in.expect(')')) return false;
  out = std::move(command);
  return true;
}

bool parse_enable(Cursor& in, Command& out) {
  Enable command;
  if (!in.space()) return false;
  do {
    std::string_view name;
    if (!in.atom(name)) return false;
    if (command.capabilities.size() >= kMaxCapabilities) return in.fail("Too many capabilities");
    command.capabilities.push_back(to_upper(name));
  } while (in.eat(' '));
  out = std::move(command);
  return true;
}

bool parse_language(Cursor& in, Command& out) {
  Language command;
  while (in.eat(' ')) {
    std::string range;
    if (!in.astring(range)) return false;
    if (command.ranges.size() >= kMaxLanguages) return in.fail("Too many languages");
    command.ranges.push_back(to_lower(range));
  }
  out = std::move(command);
  return true;
}

bool parse_cancel_update(Cursor& in, Command& out) {
  CancelUpdate command;
  if (!in.next_is(' ')) return in.fail("Tags expected");
  while (in.eat(' ')) {
    if (command.tags.size() >= kMaxCancelled) return in.fail("Too many tags");
    if (!in.quoted(command.tags.emplace_back())) return false;
  }
  out = std::move(command);
  return true;
}

bool parse_compress(Cursor& in, Command& out) {
  Compress command;
  std::string_view algorithm;
  if (!in.space() || !in.atom(algorithm)) return false;
  command.algorithm = to_upper(algorithm);
  out = std::move(command);
  return true;
}

}  // namespace posthouse::wire::imap
