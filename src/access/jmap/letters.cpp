#include "access/jmap/letters.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/ascii.h"
#include "store/limits.h"

namespace posthouse::access::jmap {
namespace {

constexpr std::pair<std::string_view, uint8_t> kSystemKeywords[] = {
    {"$answered", store::kAnswered},
    {"$draft", store::kDraft},
    {"$flagged", store::kFlagged},
    {"$seen", store::kSeen},
};

bool is_keyword(std::string_view text) {
  if (text.empty() || text.size() > 255) return false;
  return std::ranges::all_of(text, [](char c) {
    return c > ' ' && c < '\x7f' && std::string_view("(){]%*\"\\").find(c) == std::string_view::npos;
  });
}

}  // namespace

Task<Result<std::vector<Letter>>> read_letters(const Services& services, store::AccountId account,
                                               std::vector<catalog::EmailId> ids, bool with_summary) {
  Result<std::vector<catalog::Email>> emails = co_await services.catalog.emails(account, std::move(ids));
  if (!emails) co_return std::unexpected(emails.error());
  std::map<store::MailboxId, std::vector<store::Uid>> wanted;
  for (const catalog::Email& email : *emails) {
    for (const catalog::Place& place : email.places) wanted[place.mailbox].push_back(place.uid);
  }
  std::map<catalog::Place, store::Entry> found;
  for (auto& [mailbox, uids] : wanted) {
    std::ranges::sort(uids);
    Result<std::vector<store::Entry>> entries =
        co_await services.store.entries(account, mailbox, std::move(uids), with_summary);
    if (!entries && entries.error().kind == FaultKind::not_found) continue;  // it went meanwhile
    if (!entries) co_return std::unexpected(entries.error());
    for (store::Entry& entry : *entries) {
      if ((entry.flags.system & store::kDeleted) != 0) continue;
      const catalog::Place place{mailbox, entry.uid};
      found.emplace(place, std::move(entry));
    }
  }
  std::vector<Letter> letters;
  for (const catalog::Email& email : *emails) {
    Letter letter{email.id, email.thread, {}};
    for (const catalog::Place& place : email.places) {
      const auto at = found.find(place);
      if (at != found.end()) letter.copies.push_back(std::move(at->second));
    }
    if (!letter.copies.empty()) letters.push_back(std::move(letter));
  }
  co_return letters;
}

std::vector<std::string> keywords_of(const Letter& letter) {
  uint8_t all = 0xff, any = 0;
  std::set<std::string> out;
  for (const store::Entry& copy : letter.copies) {
    all &= copy.flags.system;
    any |= copy.flags.system;
    for (const std::string& keyword : copy.flags.keywords) out.insert(to_lower(keyword));
  }
  for (const auto& [name, flag] : kSystemKeywords) {
    if (((flag == store::kSeen ? all : any) & flag) != 0) out.emplace(name);
  }
  return {out.begin(), out.end()};
}

std::optional<store::FlagSet> flags_of(const std::vector<std::string>& keywords) {
  std::set<std::string> names;
  store::FlagSet out;
  for (const std::string& keyword : keywords) {
    if (!is_keyword(keyword)) return std::nullopt;
    const std::string lower = to_lower(keyword);
    const auto system = std::ranges::find(kSystemKeywords, lower, [](const auto& one) { return one.first; });
    if (system != std::end(kSystemKeywords)) {
      out.system |= system->second;
    } else {
      names.insert(lower);
    }
  }
  out.keywords.assign(names.begin(), names.end());
  return out;
}

}  // namespace posthouse::access::jmap
