// APPEND (RFC 3501 section 6.3.11), up to the header of the message's literal.
#include "base/ascii.h"
#include "wire/imap/date.h"
#include "wire/imap/parse/parsers.h"

namespace posthouse::wire::imap {

namespace {

// append = "APPEND" SP mailbox [SP flag-list] [SP date-time] SP literal
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
  if (!in.astring(out.mailbox) || !in.space()) return false;
  if (in.next_is('(') && (!parse_flag_list(in, out.flags) || !in.space())) return false;
  if (in.next_is('"')) {
    std::string text;
    int64_t date = 0;
    if (!in.quoted(text)) return false;
    if (!parse_date_time(text, date)) return in.fail("Bad date-time");
    out.date = date;
    if (!in.space()) return false;
  }
  return in.open_literal(out.size, out.synchronizing);
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

}  // namespace posthouse::wire::imap
