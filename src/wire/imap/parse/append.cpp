// APPEND (RFC 3501 section 6.3.11; several messages: RFC 3502; literal8: RFC 3516), up to the header of a
// message's literal.
#include "base/ascii.h"
#include "wire/imap/date.h"
#include "wire/imap/parse/parsers.h"

namespace posthouse::wire::imap {

namespace {

// [flag-list SP] [date-time SP] (literal / literal8)
bool message(Cursor& in, Append& out) {
  if (in.next_is('(') && (!parse_flag_list(in, out.flags) || !in.space())) return false;
  if (in.next_is('"')) {
    std::string text;
    int64_t date = 0;
    if (!in.quoted(text)) return false;
    if (!parse_date_time(text, date)) return in.fail("Bad date-time");
    out.date = date;
    if (!in.space()) return false;
  }
  return in.open_message(out);
}

// append = "APPEND" SP mailbox 1*(SP append-message)
bool arguments(Cursor& in, Append& out, bool& mailbox_literal) {
  if (!in.space()) return false;
  if (in.next_is('{')) {
    Cursor probe = in;
    uint64_t size = 0;
    bool synchronizing = false;
    if (probe.open_literal(size, synchronizing)) {
      mailbox_literal = true;
      return true;
    }
  }
  return in.astring(out.mailbox) && in.space() && message(in, out);
}

}  // namespace

AppendParse parse_append(std::string_view text, std::string& tag, Append& out, std::string& error) {
  Cursor in(text);
  bool mailbox_literal = false;
  if (in.tag(tag) && in.space() && iequals(in.word(), "APPEND") && arguments(in, out, mailbox_literal)) {
    return mailbox_literal ? AppendParse::mailbox_literal : AppendParse::message;
  }
  error = in.error();
  return AppendParse::failed;
}

bool parse_next_message(std::string_view text, Append& out, std::string& error) {
  Cursor in(text);
  if (in.space() && message(in, out)) return true;
  error = in.error();
  return false;
}

}  // namespace posthouse::wire::imap
