#include "access/imap/special_use.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"

namespace posthouse::access::imap {

namespace {

constexpr std::pair<std::string_view, store::Role> kUses[] = {
    {"\\Drafts", store::Role::drafts},   {"\\Sent", store::Role::sent},
    {"\\Junk", store::Role::junk},       {"\\Trash", store::Role::trash},
    {"\\Archive", store::Role::archive}, {"\\Important", store::Role::important}};

}  // namespace

std::string_view special_use(store::Role role) {
  const auto* known = std::ranges::find_if(kUses, [&](const auto& one) { return one.second == role; });
  return known == std::end(kUses) ? std::string_view() : known->first;
}

std::optional<store::Role> role_of(const std::vector<std::string>& uses) {
  std::optional<store::Role> role;
  if (uses.empty()) return store::Role::none;
  for (const std::string& use : uses) {
    const auto* known = std::ranges::find_if(kUses, [&](const auto& one) { return iequals(one.first, use); });
    if (known == std::end(kUses) || (role && *role != known->second)) return std::nullopt;
    role = known->second;
  }
  return role;
}

}  // namespace posthouse::access::imap
