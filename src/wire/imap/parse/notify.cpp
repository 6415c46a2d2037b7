// NOTIFY (RFC 5465 section 8).
#include "base/ascii.h"
#include "wire/imap/limits.h"
#include "wire/imap/parse/parsers.h"

namespace posthouse::wire::imap {

namespace {

struct EventName {
  std::string_view name;
  uint8_t bit;
};
constexpr EventName kEvents[] = {
    {"MessageNew", Notify::kNew},
    {"MessageExpunge", Notify::kExpunge},
    {"FlagChange", Notify::kFlags},
    {"MailboxName", Notify::kName},
    {"SubscriptionChange", Notify::kSubscription},
    {"MailboxMetadataChange", Notify::kMailboxMetadata},
    {"ServerMetadataChange", Notify::kServerMetadata},
};

bool event(Cursor& in, NotifyGroup& out) {
  const std::string_view word = in.word();
  if (word.empty()) return in.fail("Event expected");
  uint8_t bit = 0;
  for (const EventName& known : kEvents) {
    if (iequals(known.name, word)) bit = known.bit;
  }
  out.unknown_event = out.unknown_event || bit == 0;
  out.events |= bit;
  if (bit == Notify::kNew && in.rest().starts_with(" (")) {
    if (!out.is_selected()) return in.fail("Attributes are for the selected mailbox only");
    return in.space() && parse_fetch_items(in, out.fetch);
  }
  return true;
}

// Section 5
bool check_events(Cursor& in, const NotifyGroup& group) {
  constexpr uint8_t kBoth = Notify::kNew | Notify::kExpunge;
  const uint8_t messages = group.events & Notify::kMessages;
  if (messages != 0 && (messages & kBoth) != kBoth)
    return in.fail("MessageNew and MessageExpunge go together");
  if (group.is_selected() && (group.events & ~Notify::kMessages) != 0)
    return in.fail("Only message events for the selected mailbox");
  return true;
}

bool events(Cursor& in, NotifyGroup& out) {
  if (in.eat_word("NONE")) return true;
  if (!in.expect('(')) return false;
  do {
    if (!event(in, out)) return false;
  } while (in.eat(' '));
  return in.expect(')') && check_events(in, out);
}

}  // namespace

bool parse_notify(Cursor& in, Command& out) {
  Notify command;
  if (!in.space()) return false;
  if (in.eat_word("NONE")) {
    out = std::move(command);
    return true;
  }
  if (!in.eat_word("SET ")) return in.fail("SET or NONE expected");
  command.set = true;
  command.status = in.eat_word("STATUS ");
  size_t for_selected = 0;
  do {
    if (command.groups.size() >= kMaxNotifyGroups) return in.fail("Too many event groups");
    NotifyGroup& group = command.groups.emplace_back();
    if (!in.expect('(') || !parse_mailbox_filter(in, false, group) || !in.space() || !events(in, group) ||
        !in.expect(')'))
      return false;
    for_selected += group.is_selected() ? 1 : 0;
  } while (in.eat(' '));
  if (for_selected > 1) return in.fail("Only one of SELECTED and SELECTED-DELAYED");
  out = std::move(command);
  return true;
}

}  // namespace posthouse::wire::imap
