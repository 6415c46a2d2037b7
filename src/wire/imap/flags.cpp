#include "wire/imap/flags.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"

namespace posthouse::wire::imap {

namespace {
constexpr std::pair<std::string_view, uint8_t> kSystemFlags[] = {{"\\Answered", kAnswered},
                                                                 {"\\Flagged", kFlagged},
                                                                 {"\\Deleted", kDeleted},
                                                                 {"\\Seen", kSeen},
                                                                 {"\\Draft", kDraft}};
}  // namespace

bool add_flag(Flags& flags, std::string_view name) {
  for (const auto& [text, bit] : kSystemFlags) {
    if (iequals(text, name)) {
      flags.system |= bit;
      return true;
    }
  }
  if (name.empty() || name[0] == '\\') return false;
  auto same = [&](const std::string& have) { return iequals(have, name); };
  if (std::none_of(flags.keywords.begin(), flags.keywords.end(), same)) flags.keywords.emplace_back(name);
  return true;
}

void append_flags(std::string& out, uint8_t system, const std::vector<std::string>& keywords, bool recent,
                  bool wildcard) {
  out += '(';
  const size_t start = out.size();
  auto add = [&](std::string_view name) {
    if (out.size() != start) out += ' ';
    out += name;
  };
  for (const auto& [text, bit] : kSystemFlags) {
    if (system & bit) add(text);
  }
  if (recent) add("\\Recent");
  for (const std::string& keyword : keywords) add(keyword);
  if (wildcard) add("\\*");
  out += ')';
}

}  // namespace posthouse::wire::imap
