#include "store/keywords.h"

#include <algorithm>

#include "base/ascii.h"
#include "store/limits.h"

namespace posthouse::store {

namespace {

void sort_unique(std::vector<uint8_t>& numbers) {
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
}

}  // namespace

std::optional<uint8_t> KeywordTable::find(std::string_view name) const {
  const auto it =
      std::ranges::find_if(names_, [name](const std::string& known) { return iequals(known, name); });
  if (it == names_.end()) return std::nullopt;
  return static_cast<uint8_t>(it - names_.begin());
}

Result<std::vector<uint8_t>> KeywordTable::numbers(const std::vector<std::string>& names) {
  std::vector<uint8_t> found;
  for (const std::string& name : names) {
    if (const std::optional<uint8_t> number = find(name)) {
      found.push_back(*number);
      continue;
    }
    if (name.empty() || name.size() > kMaxKeywordBytes) return fail(FaultKind::policy, "keyword is too long");
    if (names_.size() >= kMaxKeywords) return fail(FaultKind::policy, "the mailbox has too many keywords");
    found.push_back(static_cast<uint8_t>(names_.size()));
    names_.push_back(name);
    changed_ = true;
  }
  sort_unique(found);
  return found;
}

std::vector<uint8_t> KeywordTable::known_numbers(const std::vector<std::string>& names) const {
  std::vector<uint8_t> found;
  for (const std::string& name : names) {
    if (const std::optional<uint8_t> number = find(name)) found.push_back(*number);
  }
  sort_unique(found);
  return found;
}

FlagSet KeywordTable::flags(uint8_t system, const std::vector<uint8_t>& numbers) const {
  FlagSet set;
  set.system = system;
  for (const uint8_t number : numbers) {
    if (number < names_.size()) set.keywords.push_back(names_[number]);
  }
  std::sort(set.keywords.begin(), set.keywords.end(), ILess());
  return set;
}

}  // namespace posthouse::store
