// SORT and THREAD (RFC 5256 section 5; DISPLAYFROM, DISPLAYTO: RFC 5957; RETURN: RFC 5267 section 3;
// RELEVANCY: RFC 6203 section 6).
#include <algorithm>

#include "base/ascii.h"
#include "wire/imap/parse/parsers.h"

namespace posthouse::wire::imap {

namespace {

constexpr std::pair<std::string_view, SortCriterion::Key> kKeys[] = {
    {"ARRIVAL", SortCriterion::arrival},
    {"CC", SortCriterion::cc},
    {"DATE", SortCriterion::date},
    {"DISPLAYFROM", SortCriterion::display_from},
    {"DISPLAYTO", SortCriterion::display_to},
    {"FROM", SortCriterion::from},
    {"RELEVANCY", SortCriterion::relevancy},
    {"SIZE", SortCriterion::size},
    {"SUBJECT", SortCriterion::subject},
    {"TO", SortCriterion::to},
};

// sort-criterion = ["REVERSE" SP] sort-key
bool criterion(Cursor& in, SortCriterion& out) {
  std::string_view word = in.word();
  if (iequals(word, "REVERSE")) {
    out.reverse = true;
    if (!in.space()) return false;
    word = in.word();
  }
  for (const auto& [name, key] : kKeys) {
    if (!iequals(name, word)) continue;
    out.key = key;
    return true;
  }
  return in.fail("Unknown sort criterion");
}

bool criteria(Cursor& in, std::vector<SortCriterion>& out) {
  if (!in.expect('(')) return false;
  do {
    SortCriterion next;
    if (!criterion(in, next)) return false;
    const bool known =
        std::any_of(out.begin(), out.end(), [&](const SortCriterion& have) { return have.key == next.key; });
    if (!known) out.push_back(next);
  } while (in.eat(' '));
  return in.expect(')');
}

// search-criteria = charset 1*(SP search-key)
bool search_criteria(Cursor& in, Search& out) {
  return in.space() && in.astring(out.charset) && in.space() && parse_search_keys(in, out.key);
}

}  // namespace

bool parse_sort(Cursor& in, bool uid, Command& out) {
  Sort command;
  command.search.uid = uid;
  if (!in.space()) return false;
  if (in.eat_word("RETURN ")) {
    if (!parse_search_return(in, command.search) || !in.space()) return false;
  }
  if (!criteria(in, command.criteria) || !search_criteria(in, command.search)) return false;
  out = std::move(command);
  return true;
}

bool parse_thread(Cursor& in, bool uid, Command& out) {
  Thread command;
  command.search.uid = uid;
  std::string_view algorithm;
  if (!in.space() || !in.atom(algorithm)) return false;
  if (iequals(algorithm, "ORDEREDSUBJECT")) {
    command.algorithm = Thread::ordered_subject;
  } else if (!iequals(algorithm, "REFERENCES")) {
    return in.fail("Unknown threading algorithm");
  }
  if (!search_criteria(in, command.search)) return false;
  out = std::move(command);
  return true;
}

}  // namespace posthouse::wire::imap
