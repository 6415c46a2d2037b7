// SEARCH (RFC 3501 section 6.4.4; MODSEQ: RFC 7162 section 3.1.5; RETURN: RFC 4731, RFC 5182;
// OLDER, YOUNGER: RFC 5032; PARTIAL: RFC 9394; UPDATE, CONTEXT: RFC 5267; FILTER: RFC 5466; FUZZY, RELEVANCY:
// RFC 6203; UIDAFTER, UIDBEFORE: RFC 9738).
#include "base/ascii.h"
#include "wire/imap/date.h"
#include "wire/imap/limits.h"
#include "wire/imap/parse/parsers.h"
#include "wire/imap/search_criteria.h"

namespace posthouse::wire::imap {

namespace {

enum class Argument : uint8_t {
  none,
  string,
  date,
  number,
  non_zero,
  flag_keyword,
  header,
  set,
  modseq,
  filter
};

struct KeyWord {
  std::string_view name;
  SearchKey::Type type;
  Argument argument = Argument::none;
  int64_t number = 0;
};

using K = SearchKey;
constexpr KeyWord kKeyWords[] = {
    {"ALL", K::all},
    {"ANSWERED", K::flag_set, Argument::none, kAnswered},
    {"BCC", K::bcc, Argument::string},
    {"BEFORE", K::before, Argument::date},
    {"BODY", K::body, Argument::string},
    {"CC", K::cc, Argument::string},
    {"DELETED", K::flag_set, Argument::none, kDeleted},
    {"DRAFT", K::flag_set, Argument::none, kDraft},
    {"EMAILID", K::email_id, Argument::string},
    {"FILTER", K::filter, Argument::filter},
    {"FLAGGED", K::flag_set, Argument::none, kFlagged},
    {"FROM", K::from, Argument::string},
    {"HEADER", K::header, Argument::header},
    {"KEYWORD", K::keyword, Argument::flag_keyword},
    {"LARGER", K::larger, Argument::number},
    {"MODSEQ", K::modseq, Argument::modseq},
    {"NEW", K::is_new},
    {"OLD", K::old},
    {"OLDER", K::older, Argument::non_zero},
    {"ON", K::on, Argument::date},
    {"RECENT", K::recent},
    {"SAVEDATESUPPORTED", K::save_date_supported},
    {"SAVEDBEFORE", K::saved_before, Argument::date},
    {"SAVEDON", K::saved_on, Argument::date},
    {"SAVEDSINCE", K::saved_since, Argument::date},
    {"SEEN", K::flag_set, Argument::none, kSeen},
    {"SENTBEFORE", K::sent_before, Argument::date},
    {"SENTON", K::sent_on, Argument::date},
    {"SENTSINCE", K::sent_since, Argument::date},
    {"SINCE", K::since, Argument::date},
    {"SMALLER", K::smaller, Argument::number},
    {"SUBJECT", K::subject, Argument::string},
    {"TEXT", K::text_, Argument::string},
    {"THREADID", K::thread_id, Argument::string},
    {"TO", K::to, Argument::string},
    {"UID", K::uid, Argument::set},
    {"UIDAFTER", K::uid_after, Argument::non_zero},
    {"UIDBEFORE", K::uid_before, Argument::non_zero},
    {"UNANSWERED", K::flag_unset, Argument::none, kAnswered},
    {"UNDELETED", K::flag_unset, Argument::none, kDeleted},
    {"UNDRAFT", K::flag_unset, Argument::none, kDraft},
    {"UNFLAGGED", K::flag_unset, Argument::none, kFlagged},
    {"UNKEYWORD", K::unkeyword, Argument::flag_keyword},
    {"UNSEEN", K::flag_unset, Argument::none, kSeen},
    {"YOUNGER", K::younger, Argument::non_zero},
};

// date = date-text / DQUOTE date-text DQUOTE
bool date_argument(Cursor& in, SearchKey& out) {
  std::string quoted;
  std::string_view text;
  int32_t days = 0;
  if (in.next_is('"')) {
    if (!in.quoted(quoted)) return false;
    text = quoted;
  } else {
    text = in.word();
  }
  if (!parse_date(text, days)) return in.fail("Bad date");
  out.number = days;
  return true;
}

// ["/flags/..." entry-type-req SP] mod-sequence-valzer: all items of a message have one MODSEQ, so that it
// does not matter which is named.
bool modseq_argument(Cursor& in, SearchKey& out) {
  if (in.next_is('"')) {
    std::string name;
    if (!in.quoted(name) || !in.space()) return false;
    std::string_view type = in.word();
    if (!istarts_with(name, "/flags/")) return in.fail("Unknown metadata item");
    if (!iequals(type, "all") && !iequals(type, "priv") && !iequals(type, "shared"))
      return in.fail("Unknown type");
    if (!in.space()) return false;
  }
  uint64_t modseq = 0;
  if (!in.modseq(modseq)) return false;
  out.number = static_cast<int64_t>(modseq);
  return true;
}

bool argument(Cursor& in, Argument kind, SearchKey& out) {
  if (kind == Argument::none) return true;
  if (!in.space()) return false;
  switch (kind) {
    case Argument::string:
      return in.astring(out.text);
    case Argument::date:
      return date_argument(in, out);
    case Argument::header:
      return in.astring(out.name) && in.space() && in.astring(out.text);
    case Argument::set:
      return in.set_or_saved(out.set);
    case Argument::number: {  // of octets: number64 (RFC 9051 section 9)
      uint64_t number = 0;
      if (!in.number64(number)) return false;
      out.number = static_cast<int64_t>(number);
      return true;
    }
    case Argument::non_zero: {
      uint32_t number = 0;
      if (!in.non_zero(number)) return false;
      out.number = number;
      return true;
    }
    case Argument::flag_keyword: {
      std::string_view name;
      if (!in.atom(name)) return false;
      out.text = name;
      return true;
    }
    case Argument::filter: {  // filter-name (RFC 5466 section 4)
      std::string_view name;
      if (!in.atom(name)) return false;
      if (name.find('/') != std::string_view::npos) return in.fail("Bad filter name");
      out.text = name;
      return true;
    }
    case Argument::modseq:
      return modseq_argument(in, out);
    case Argument::none:
      break;
  }
  return true;
}

// Reads one command's keys; depth and number of keys are bounded, so neither the stack nor the tree can grow.
class KeyParser {
 public:
  explicit KeyParser(Cursor& in) : in_(in) {}

  // search-key *(SP search-key), as an and_
  bool list(SearchKey& out, size_t depth) {
    out.type = SearchKey::and_;
    do {
      if (!key(out.children.emplace_back(), depth)) return false;
    } while (in_.eat(' '));
    return true;
  }

  bool key(SearchKey& out, size_t depth) {
    if (depth > kMaxNesting) return in_.fail("Search too deep");
    if (++keys_ > kMaxSearchKeys) return in_.fail("Too many search keys");
    if (in_.eat('(')) return list(out, depth + 1) && in_.expect(')');
    if (!in_.rest().empty() && (is_digit(in_.rest()[0]) || in_.next_is('*') || in_.next_is('$'))) {
      out.type = SearchKey::sequence;
      return in_.set_or_saved(out.set);
    }
    std::string_view word = in_.word();
    if (iequals(word, "NOT")) {
      out.type = SearchKey::not_;
      return in_.space() && key(out.children.emplace_back(), depth + 1);
    }
    if (iequals(word, "FUZZY")) {
      out.type = SearchKey::fuzzy;
      return in_.space() && key(out.children.emplace_back(), depth + 1);
    }
    if (iequals(word, "OR")) {
      out.type = SearchKey::or_;
      return in_.space() && key(out.children.emplace_back(), depth + 1) && in_.space() &&
             key(out.children.emplace_back(), depth + 1);
    }
    for (const KeyWord& known : kKeyWords) {
      if (!iequals(known.name, word)) continue;
      out.type = known.type;
      out.number = known.number;
      return argument(in_, known.argument, out);
    }
    return in_.fail("Unknown search key");
  }

 private:
  Cursor& in_;
  size_t keys_ = 0;
};

constexpr std::pair<std::string_view, uint16_t> kReturns[] = {
    {"MIN", Search::kMin},       {"MAX", Search::kMax},         {"ALL", Search::kAll},
    {"COUNT", Search::kCount},   {"SAVE", Search::kSave},       {"PARTIAL", Search::kPartial},
    {"UPDATE", Search::kUpdate}, {"CONTEXT", Search::kContext}, {"RELEVANCY", Search::kRelevancy}};

}  // namespace

bool parse_search_return(Cursor& in, Search& out) {
  uint16_t& wanted = out.results.emplace(uint16_t{0});
  if (!in.expect('(')) return false;
  if (!in.next_is(')')) {
    do {
      const std::string_view word = in.word();
      uint16_t bit = 0;
      for (const auto& [name, value] : kReturns) {
        if (iequals(name, word)) bit = value;
      }
      if (bit == 0) return in.fail("Unknown search return option");
      // RFC 9394 section 3.1
      const uint16_t others = bit == Search::kPartial ? Search::kAll | Search::kPartial
                              : bit == Search::kAll   ? Search::kPartial
                                                      : 0;
      if ((wanted & others) != 0) return in.fail("Only one PARTIAL or ALL");
      if (bit == Search::kPartial && (!in.space() || !in.partial(out.partial))) return false;
      // RFC 5465 section 7
      if (bit == Search::kUpdate && in.rest().starts_with(" (") &&
          (!in.space() || !parse_fetch_items(in, out.update)))
        return false;
      wanted |= bit;
    } while (in.eat(' '));
  }
  if (wanted == 0) wanted = Search::kAll;
  return in.expect(')');
}

bool parse_search_keys(Cursor& in, SearchKey& out) {
  return KeyParser(in).list(out, 0);
}

bool parse_search_criteria(std::string_view text, SearchKey& out) {
  if (text.find('{') != std::string_view::npos && text.find('\n') != std::string_view::npos) return false;
  Cursor in(text);
  return KeyParser(in).list(out, 0) && in.rest().empty();
}

size_t count_keys(const SearchKey& key) {
  size_t count = 1;
  for (const SearchKey& child : key.children) count += count_keys(child);
  return count;
}

bool parse_search_program(Cursor& in, Search& out) {
  if (in.eat_word("CHARSET ") && (!in.astring(out.charset) || !in.space())) return false;
  return parse_search_keys(in, out.key);
}

bool parse_search(Cursor& in, bool uid, Command& out) {
  Search command;
  command.uid = uid;
  if (!in.space()) return false;
  if (in.eat_word("RETURN ")) {
    if (!parse_search_return(in, command) || !in.space()) return false;
  }
  if (!parse_search_program(in, command)) return false;
  out = std::move(command);
  return true;
}

}  // namespace posthouse::wire::imap
