// ESEARCH (RFC 7377 section 4), and mailbox specifiers as NOTIFY has them too (RFC 5465 section 8).
#include "base/ascii.h"
#include "wire/imap/limits.h"
#include "wire/imap/parse/parsers.h"

namespace posthouse::wire::imap {

namespace {

using F = MailboxFilter;

// one-or-more-mailbox
bool mailboxes(Cursor& in, std::vector<std::string>& out) {
  if (!in.space()) return false;
  const bool many = in.eat('(');
  do {
    if (out.size() >= kMaxFilterMailboxes) return in.fail("Too many mailboxes");
    if (!in.astring(out.emplace_back())) return false;
  } while (many && in.eat(' '));
  return !many || in.expect(')');
}

// source-mbox [SP "(" scope-options ")"], with the parentheses around. There are no scope options yet.
bool source_options(Cursor& in, std::vector<MailboxFilter>& out) {
  if (!in.expect('(')) return false;
  do {
    if (!out.empty() && in.eat('(')) {
      if (!in.next_is(')')) return in.fail("Unknown scope option");
      return in.expect(')') && in.expect(')');
    }
    if (out.size() >= kMaxSearchSources) return in.fail("Too many mailbox specifiers");
    if (!parse_mailbox_filter(in, true, out.emplace_back())) return false;
  } while (in.eat(' '));
  return in.expect(')');
}

// RFC 7377 section 2.2: "$" is of the selected mailbox alone.
bool saves_of_others(const MultiSearch& command) {
  if ((*command.search.results & Search::kSave) == 0) return false;
  for (const MailboxFilter& source : command.sources) {
    if (source.filter != F::selected) return true;
  }
  return false;
}

}  // namespace

bool parse_mailbox_filter(Cursor& in, bool search, MailboxFilter& out) {
  constexpr std::pair<std::string_view, F::Filter> kFilters[] = {
      {"SELECTED", F::selected},       {"SELECTED-DELAYED", F::selected_delayed},
      {"INBOXES", F::inboxes},         {"PERSONAL", F::personal},
      {"SUBSCRIBED", F::subscribed},   {"SUBTREE", F::subtree},
      {"SUBTREE-ONE", F::subtree_one}, {"MAILBOXES", F::named}};
  const std::string_view word = in.word();
  for (const auto& [name, value] : kFilters) {
    if (!iequals(name, word) || value == (search ? F::selected_delayed : F::subtree_one)) continue;
    out.filter = value;
    const bool names = value == F::subtree || value == F::subtree_one || value == F::named;
    return !names || mailboxes(in, out.mailboxes);
  }
  return in.fail("Unknown mailbox specifier");
}

// Without a result option the result is ALL (section 2.1).
bool parse_multi_search(Cursor& in, Command& out) {
  MultiSearch command;
  command.search.uid = true;
  command.search.results = Search::kAll;
  if (!in.space()) return false;
  if (in.eat_word("IN ") && (!source_options(in, command.sources) || !in.space())) return false;
  if (in.eat_word("RETURN ") && (!parse_search_return(in, command.search) || !in.space())) return false;
  if (!parse_search_program(in, command.search)) return false;
  if (saves_of_others(command)) return in.fail("SAVE is for the selected mailbox only");
  out = std::move(command);
  return true;
}

}  // namespace posthouse::wire::imap
