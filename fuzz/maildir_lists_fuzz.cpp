// The small files of a Maildir, written by anybody: whatever the bytes, what can be read of them, within
// bounds, and what we write of it reads the same. The first byte chooses the file.
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "maildir/folder.h"
#include "maildir/keywords.h"
#include "maildir/quota_file.h"
#include "maildir/tree.h"
#include "maildir/uid_list.h"

namespace {

using namespace posthouse::maildir;

void check(bool holds) {
  if (!holds) std::abort();
}

void check_uid_list(const std::optional<UidList>& list) {
  if (!list) return;
  check(list->validity != 0);
  uint32_t before = 0;
  for (const UidEntry& entry : list->entries) {
    check(entry.uid > before && (entry.uid < list->next || list->next == UINT32_MAX));
    check(!entry.base.empty() && entry.base.find('/') == std::string::npos &&
          entry.base.find('\n') == std::string::npos);
    before = entry.uid;
  }
}

void check_keywords(std::string_view text) {
  const KeywordTable table = parse_keywords(text);
  check(parse_keywords(format_keywords(table)).names == table.names);
  check(table.names_of(~0u).size() == static_cast<size_t>(std::popcount(table.named())));
}

void check_quota(std::string_view text) {
  const std::optional<QuotaUse> use = parse_quota_file(text);
  if (use) check(use->is_stale || (use->bytes >= 0 && use->messages >= 0));
}

void check_subscriptions(std::string_view text) {
  const SubscriptionLines lines = parse_subscriptions(text);
  const SubscriptionLines again = parse_subscriptions(format_subscriptions(lines));
  check(again.lines == lines.lines || !lines.with_tabs);
}

void check_state(std::string_view text) {
  const std::optional<State> state = State::from_text(text);
  if (state) check(State::from_text(state->to_text()).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0]) {
    case 'd':
      check_uid_list(parse_dovecot_uid_list(text));
      break;
    case 'o':
      check_uid_list(parse_own_uid_list(text));
      break;
    case 'k':
      check_keywords(text);
      break;
    case 'q':
      check_quota(text);
      break;
    case 's':
      check_subscriptions(text);
      break;
    default:
      check_state(text);
  }
  return 0;
}
