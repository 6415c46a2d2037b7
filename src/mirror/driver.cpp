#include "mirror/driver.h"

#include <algorithm>

#include "base/ascii.h"

namespace posthouse::mirror {

namespace {

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::any_of(names, [&](const std::string& n) { return iequals(n, name); });
}

}  // namespace

store::FlagSet difference(const store::FlagSet& from, const store::FlagSet& without) {
  store::FlagSet out;
  out.system = static_cast<uint8_t>(from.system & ~without.system);
  for (const std::string& name : from.keywords) {
    if (!has(without.keywords, name)) out.keywords.push_back(name);
  }
  return out;
}

store::FlagSet with_change(store::FlagSet flags, const store::FlagSet& added, const store::FlagSet& removed) {
  flags = difference(flags, removed);
  flags.system = static_cast<uint8_t>(flags.system | added.system);
  for (const std::string& name : added.keywords) {
    if (!has(flags.keywords, name)) flags.keywords.push_back(name);
  }
  return flags;
}

}  // namespace posthouse::mirror
