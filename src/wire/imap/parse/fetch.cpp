// FETCH (RFC 3501 section 6.4.5), with MODSEQ, CHANGEDSINCE and VANISHED (RFC 7162), PARTIAL (RFC 9394),
// BINARY (RFC 3516) and PREVIEW (RFC 8970).
#include "base/ascii.h"
#include "wire/imap/grammar.h"
#include "wire/imap/limits.h"
#include "wire/imap/parse/parsers.h"

namespace posthouse::wire::imap {

namespace {

// header-list = "(" header-fld-name *(SP header-fld-name) ")"
bool header_list(Cursor& in, Section& out) {
  if (!in.space() || !in.expect('(')) return false;
  do {
    std::string name;
    if (!in.astring(name)) return false;
    if (out.fields.size() >= kMaxHeaderNames) return in.fail("Too many header fields");
    out.fields.push_back(std::move(name));
  } while (in.eat(' '));
  return in.expect(')');
}

bool section_text(Cursor& in, Section& out) {
  std::string_view word = in.word();
  if (iequals(word, "HEADER")) {
    out.kind = Section::header;
  } else if (iequals(word, "TEXT")) {
    out.kind = Section::text;
  } else if (iequals(word, "MIME") && !out.part.empty()) {
    out.kind = Section::mime;
  } else if (iequals(word, "HEADER.FIELDS")) {
    out.kind = Section::header_fields;
    return header_list(in, out);
  } else if (iequals(word, "HEADER.FIELDS.NOT")) {
    out.kind = Section::header_fields_not;
    return header_list(in, out);
  } else {
    return in.fail("Unknown section");
  }
  return true;
}

// section-part = nz-number *("." nz-number), as far as there is one
bool section_part(Cursor& in, Section& out, bool& text_follows) {
  while (!in.rest().empty() && is_digit(in.rest()[0])) {
    uint32_t number = 0;
    if (!in.non_zero(number)) return false;
    if (out.part.size() >= kMaxNesting) return in.fail("Section too deep");
    out.part.push_back(number);
    text_follows = in.eat('.');
    if (!text_follows) break;
  }
  return true;
}

// section = "[" [section-spec] "]", the "[" being taken already
bool section(Cursor& in, Section& out) {
  if (in.eat(']')) return true;
  bool text_follows = true;
  if (!section_part(in, out, text_follows)) return false;
  if (text_follows && !section_text(in, out)) return false;
  return in.expect(']');
}

// "<" number64 "." nz-number64 ">" (RFC 9051 section 9)
bool partial(Cursor& in, FetchItem& out) {
  if (!in.eat('<')) return true;
  FetchItem::Partial range;
  if (!in.number64(range.offset) || !in.expect('.')) return false;
  if (in.next_is('0')) return in.fail("Number must not start with 0");
  if (!in.number64(range.length) || !in.expect('>')) return false;
  out.partial = range;
  return true;
}

bool body_item(Cursor& in, bool peek, FetchItem& out) {
  if (!in.eat('[')) {
    out.type = FetchItem::body_shape;
    return !peek || in.fail("[ expected");
  }
  out.type = FetchItem::body;
  out.peek = peek;
  return section(in, out.section) && partial(in, out);
}

// RFC 3516 section 7: section-binary = "[" [section-part] "]"
bool binary_item(Cursor& in, FetchItem::Type type, bool peek, FetchItem& out) {
  out.type = type;
  out.peek = peek;
  bool text_follows = false;
  if (!in.expect('[') || !section_part(in, out.section, text_follows)) return false;
  if (text_follows) return in.fail("Unknown section");
  return in.expect(']') && (type == FetchItem::binary_size || partial(in, out));
}

// "PREVIEW" [SP "(" preview-mod *(SP preview-mod) ")"] (RFC 8970 section 6). LAZY changes nothing: previews
// are stored.
bool preview_item(Cursor& in, FetchItem& out) {
  out.type = FetchItem::preview;
  if (!in.eat_word(" (")) return true;
  do {
    if (!iequals(in.word(), "LAZY")) return in.fail("Unknown PREVIEW modifier");
  } while (in.eat(' '));
  return in.expect(')');
}

constexpr std::pair<std::string_view, FetchItem::Type> kItems[] = {
    {"FLAGS", FetchItem::flags},
    {"UID", FetchItem::uid},
    {"ENVELOPE", FetchItem::envelope},
    {"INTERNALDATE", FetchItem::internal_date},
    {"RFC822.SIZE", FetchItem::rfc822_size},
    {"BODYSTRUCTURE", FetchItem::body_structure},
    {"RFC822", FetchItem::rfc822},
    {"RFC822.HEADER", FetchItem::rfc822_header},
    {"RFC822.TEXT", FetchItem::rfc822_text},
    {"MODSEQ", FetchItem::modseq},
    {"EMAILID", FetchItem::email_id},
    {"THREADID", FetchItem::thread_id},
    {"SAVEDATE", FetchItem::save_date},
};

bool named_item(Cursor& in, std::string_view word, FetchItem& out) {
  if (iequals(word, "BODY")) return body_item(in, false, out);
  if (iequals(word, "BODY.PEEK")) return body_item(in, true, out);
  if (iequals(word, "BINARY")) return binary_item(in, FetchItem::binary, false, out);
  if (iequals(word, "BINARY.PEEK")) return binary_item(in, FetchItem::binary, true, out);
  if (iequals(word, "BINARY.SIZE")) return binary_item(in, FetchItem::binary_size, true, out);
  if (iequals(word, "PREVIEW")) return preview_item(in, out);
  for (const auto& [name, type] : kItems) {
    if (!iequals(name, word)) continue;
    out.type = type;
    return true;
  }
  return in.fail("Unknown FETCH item");
}

// ALL, FAST and FULL stand alone, never within parentheses.
bool macro(std::string_view word, Fetch& out) {
  auto add = [&](FetchItem::Type type) { out.items.emplace_back().type = type; };
  const bool all = iequals(word, "ALL");
  const bool full = iequals(word, "FULL");
  if (!all && !full && !iequals(word, "FAST")) return false;
  add(FetchItem::flags);
  add(FetchItem::internal_date);
  add(FetchItem::rfc822_size);
  if (all || full) add(FetchItem::envelope);
  if (full) add(FetchItem::body_shape);
  return true;
}

// fetch-modifiers = SP "(" fetch-modifier *(SP fetch-modifier) ")" (RFC 4466 section 2.4)
bool modifiers(Cursor& in, Fetch& out) {
  if (!in.expect('(')) return false;
  do {
    std::string_view word = in.word();
    if (iequals(word, "CHANGEDSINCE") && !out.changed_since) {
      if (!in.space() || !in.modseq(out.changed_since.emplace())) return false;
    } else if (iequals(word, "VANISHED") && out.uid) {
      out.vanished = true;
    } else if (iequals(word, "PARTIAL") && out.uid && !out.partial) {
      if (!in.space() || !in.partial(out.partial.emplace())) return false;
    } else {
      return in.fail("Unknown FETCH modifier");
    }
  } while (in.eat(' '));
  // RFC 7162 section 3.2.6
  if (out.vanished && !out.changed_since) return in.fail("VANISHED needs CHANGEDSINCE");
  return in.expect(')');
}

}  // namespace

bool parse_section_spec(std::string_view text, Section& out) {
  const std::string closed = std::string(text) + "]";
  Cursor in(closed);
  return section(in, out) && in.rest().empty();
}

// "(" fetch-att *(SP fetch-att) ")"
bool parse_fetch_items(Cursor& in, std::vector<FetchItem>& out) {
  if (!in.expect('(')) return false;
  do {
    if (out.size() >= kMaxFetchItems) return in.fail("Too many FETCH items");
    std::string_view word = in.word();
    if (!named_item(in, word, out.emplace_back())) return false;
  } while (in.eat(' '));
  return in.expect(')');
}

bool parse_fetch(Cursor& in, bool uid, Command& out) {
  Fetch command;
  command.uid = uid;
  if (!in.space() || !in.set_or_saved(command.set) || !in.space()) return false;
  if (in.next_is('(')) {
    if (!parse_fetch_items(in, command.items)) return false;
  } else {
    std::string_view word = in.word();
    if (!macro(word, command) && !named_item(in, word, command.items.emplace_back())) return false;
  }
  if (in.eat(' ') && !modifiers(in, command)) return false;
  out = std::move(command);
  return true;
}

}  // namespace posthouse::wire::imap
