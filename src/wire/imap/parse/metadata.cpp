// GETMETADATA and SETMETADATA (RFC 5464 section 5).
#include <algorithm>

#include "base/ascii.h"
#include "wire/imap/limits.h"
#include "wire/imap/parse/parsers.h"

namespace posthouse::wire::imap {

namespace {

// Section 3.2, of any level: "/private", "/shared/vendor/x". `out` is in lower case: case does not matter.
bool entry(Cursor& in, std::string& out) {
  if (!in.astring(out)) return false;
  if (out.size() > kMaxEntryName) return in.fail("Entry name too long");
  const bool bad = std::any_of(out.begin(), out.end(), [](char c) {
    return is_8bit(c) || static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '*' || c == '%';
  });
  if (bad || !out.starts_with('/') || out.ends_with('/') || out.find("//") != std::string::npos)
    return in.fail("Bad entry name");
  out = to_lower(out);
  const std::string_view scope = std::string_view(out).substr(1, out.find('/', 1) - 1);
  return scope == "private" || scope == "shared" || in.fail("Entry names begin with /private or /shared");
}

// What can have a value: two levels or more, and below vendor four.
bool has_value(std::string_view name) {
  const auto levels = std::count(name.begin(), name.end(), '/');
  const std::string_view below = name.substr(std::min(name.find('/', 1), name.size()));
  const bool vendor = below == "/vendor" || below.starts_with("/vendor/");
  return levels >= (vendor ? 4 : 2);
}

bool option(Cursor& in, GetMetadata& out) {
  const std::string_view word = in.word();
  if (!in.space()) return false;
  if (iequals(word, "MAXSIZE")) {
    uint32_t size = 0;
    if (!in.number(size)) return false;
    out.max_size = size;
    return true;
  }
  if (!iequals(word, "DEPTH")) return in.fail("Unknown option");
  const std::string_view depth = in.word();
  if (depth == "0" || depth == "1") {
    out.depth = depth == "1" ? GetMetadata::one : GetMetadata::none;
  } else if (iequals(depth, "infinity")) {
    out.depth = GetMetadata::infinity;
  } else {
    return in.fail("DEPTH is 0, 1 or infinity");
  }
  return true;
}

// "(" option *(SP option) ")", if that is what comes: entries begin with "/".
bool options(Cursor& in, GetMetadata& out, bool& were_there) {
  const std::string_view rest = in.rest();
  were_there = rest.size() > 1 && rest[0] == '(' && is_alpha(rest[1]);
  if (!were_there) return true;
  in.eat('(');
  do {
    if (!option(in, out)) return false;
  } while (in.eat(' '));
  return in.expect(')') && in.space();
}

}  // namespace

bool parse_entries(Cursor& in, std::vector<std::string>& out) {
  const bool many = in.eat('(');
  do {
    if (out.size() >= kMaxEntries) return in.fail("Too many entries");
    if (!entry(in, out.emplace_back())) return false;
  } while (many && in.eat(' '));
  return !many || in.expect(')');
}

// The options stand before the mailbox in the grammar, and behind it in the RFC's examples.
bool parse_get_metadata(Cursor& in, Command& out) {
  GetMetadata command;
  bool before = false;
  bool behind = false;
  if (!in.space() || !options(in, command, before)) return false;
  if (!in.astring(command.mailbox) || !in.space()) return false;
  if (!before && !options(in, command, behind)) return false;
  if (!parse_entries(in, command.entries)) return false;
  out = std::move(command);
  return true;
}

bool parse_set_metadata(Cursor& in, Command& out) {
  SetMetadata command;
  if (!in.space() || !in.astring(command.mailbox) || !in.space() || !in.expect('(')) return false;
  do {
    if (command.values.size() >= kMaxEntries) return in.fail("Too many entries");
    auto& [name, value] = command.values.emplace_back();
    if (!entry(in, name) || !in.space()) return false;
    if (!has_value(name)) return in.fail("Entry name has too few levels");
    if (in.next_is('~') ? !in.literal8(value.emplace()) : !in.nstring(value)) return false;
  } while (in.eat(' '));
  if (!in.expect(')')) return false;
  out = std::move(command);
  return true;
}

}  // namespace posthouse::wire::imap
