// APPEND (RFC 3501 section 6.3.11; several messages: RFC 3502; literal8: RFC 3516; CATENATE: RFC 4469; UTF8:
// RFC 6855 section 4) and REPLACE (RFC 8508), from one literal to the next.
#include "base/ascii.h"
#include "wire/imap/date.h"
#include "wire/imap/limits.h"
#include "wire/imap/parse/parsers.h"

namespace posthouse::wire::imap {

namespace {

class AppendText {
 public:
  AppendText(Cursor& in, AppendOpen open, AppendParts& out) : in_(in), open_(open), out_(out) {}

  AppendParse result() const { return result_; }
  AppendOpen open() const { return open_; }

  // 1*(SP append-message) CRLF
  bool messages() {
    if (in_.at_end()) return in_.fail("APPEND needs a literal");
    do {
      if (!in_.space() || !message()) return false;
      if (stopped_) return true;
    } while (may_go_on());
    result_ = AppendParse::complete;
    return in_.at_end() || in_.fail("Unexpected text after the message");
  }

  // What follows a literal.
  bool behind_literal() {
    if (open_.utf8 && !in_.expect(')')) return false;
    if (open_.catenate) {
      if (in_.eat(' ')) {
        if (!parts()) return false;
        if (stopped_) return true;
      } else if (!in_.expect(')')) {
        return false;
      }
    }
    if (!add(AppendPart::end)) return false;
    if (may_go_on()) return messages();
    result_ = AppendParse::complete;
    return in_.at_end() || in_.fail("Unexpected text after the message");
  }

  // A literal that is no octets of a message: the text goes on behind it.
  bool inner_literal() {
    if (!in_.next_is('{')) return false;
    Cursor probe = in_;
    uint64_t size = 0;
    bool synchronizing = false;
    if (!probe.open_literal(size, synchronizing)) return false;
    result_ = AppendParse::inner;
    stopped_ = true;
    return true;
  }

 private:
  bool may_go_on() const { return !open_.single && in_.next_is(' '); }

  bool add(AppendPart::Kind kind) {
    if (out_.size() >= kMaxAppendParts) return in_.fail("Too many parts");
    out_.emplace_back().kind = kind;
    return true;
  }

  // [SP flag-list] [SP date-time] SP append-data, the first space being taken already
  bool message() {
    open_.utf8 = open_.catenate = false;
    if (!add(AppendPart::message)) return false;
    AppendPart& begun = out_.back();
    if (in_.next_is('(') && (!parse_flag_list(in_, begun.flags) || !in_.space())) return false;
    if (in_.next_is('"')) {
      std::string text;
      int64_t date = 0;
      if (!in_.quoted(text)) return false;
      if (!parse_date_time(text, date)) return in_.fail("Bad date-time");
      begun.date = date;
      if (!in_.space()) return false;
    }
    if (in_.eat_word("CATENATE (")) {
      begun.catenate = true;
      if (!parts()) return false;
      return stopped_ || add(AppendPart::end);
    }
    return in_.eat_word("UTF8 (") ? utf8_literal() : literal();
  }

  // cat-part *(SP cat-part) ")"
  bool parts() {
    open_.catenate = true;
    open_.utf8 = false;
    do {
      if (in_.eat_word("URL ")) {
        if (inner_literal()) return true;
        if (!add(AppendPart::url) || !in_.astring(out_.back().text)) return false;
      } else if (in_.eat_word("TEXT ")) {
        return literal();
      } else if (in_.eat_word("UTF8 (")) {
        return utf8_literal();
      } else {
        return in_.fail("URL or TEXT expected");
      }
    } while (in_.eat(' '));
    return in_.expect(')');
  }

  bool utf8_literal() {
    open_.utf8 = true;
    if (!in_.next_is('~')) return in_.fail("UTF8 needs a literal8");
    return literal();
  }

  bool literal() {
    if (!add(AppendPart::literal) || !in_.open_message(out_.back())) return false;
    result_ = AppendParse::literal;
    stopped_ = true;
    return true;
  }

  Cursor& in_;
  AppendOpen open_;
  AppendParts& out_;
  AppendParse result_ = AppendParse::failed;
  bool stopped_ = false;  // at a literal
};

// append = "APPEND" SP mailbox 1*(SP append-message)
AppendParse arguments(Cursor& in, Append& out, AppendOpen& open) {
  AppendText text(in, open, out.parts);
  if (!in.space()) return AppendParse::failed;
  if (text.inner_literal()) return AppendParse::inner;
  if (!in.astring(out.mailbox) || !text.messages()) return AppendParse::failed;
  open = text.open();
  return text.result();
}

// replace = "REPLACE" SP seq-number SP mailbox append-message
AppendParse replacement(Cursor& in, Replace& out, AppendOpen& open) {
  if (!in.space()) return AppendParse::failed;
  if (!in.eat('*') && !in.non_zero(out.number)) return AppendParse::failed;
  open.single = true;
  return arguments(in, out.message, open);
}

AppendParse named(Cursor& in, Command& out, AppendOpen& open) {
  std::string_view name = in.word();
  if (iequals(name, "APPEND")) return arguments(in, out.emplace<Append>(), open);
  Replace& replace = out.emplace<Replace>();
  replace.uid = iequals(name, "UID");
  if (replace.uid) {
    if (!in.space()) return AppendParse::failed;
    name = in.word();
  }
  if (iequals(name, "REPLACE")) return replacement(in, replace, open);
  in.fail("Unknown command");
  return AppendParse::failed;
}

// A whole command has no literal header at its end.
bool without_literal(Cursor& in, AppendParse parsed) {
  return parsed == AppendParse::complete || (parsed != AppendParse::failed && in.fail("Unfinished command"));
}

}  // namespace

AppendParse parse_append(std::string_view text, bool utf8, std::string& tag, Command& out, AppendOpen& open,
                         std::string& error) {
  Cursor in(text, utf8);
  open = {};
  AppendParse result = AppendParse::failed;
  if (in.tag(tag) && in.space()) result = named(in, out, open);
  if (result == AppendParse::failed) error = in.error();
  return result;
}

AppendParse parse_append_tail(std::string_view text, bool utf8, AppendOpen& open, AppendParts& out,
                              std::string& error) {
  Cursor in(text, utf8);
  AppendText tail(in, open, out);
  if (!tail.behind_literal()) {
    error = in.error();
    return AppendParse::failed;
  }
  if (tail.result() == AppendParse::literal) open = tail.open();
  return tail.result();
}

bool parse_append_line(Cursor& in, Command& out) {
  AppendOpen open;
  return without_literal(in, arguments(in, out.emplace<Append>(), open));
}

bool parse_replace_line(Cursor& in, bool uid, Command& out) {
  AppendOpen open;
  Replace& replace = out.emplace<Replace>();
  replace.uid = uid;
  return without_literal(in, replacement(in, replace, open));
}

}  // namespace posthouse::wire::imap
