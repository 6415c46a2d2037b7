#include "directory/alias_check.h"

#include <deque>
#include <set>

#include "directory/impl.h"
#include "directory/subaddress.h"
#include "message/address.h"

namespace posthouse::directory {

namespace {

constexpr std::string_view kPostmaster = "postmaster";

// The alias that a target means, and what it leads to.
struct Found {
  std::string address;
  NameRecord record;
};

// Nothing where the way ends: an account, another host, a name that is nobody's or a catch-all's.
Result<std::optional<Found>> find_alias(const engine::Transaction& rows, const Found& changed,
                                        const std::string& target) {
  Result<std::string> key = message::address_key(target);
  if (!key) return std::optional<Found>();
  if (*key == changed.address) return std::optional(changed);
  Result<std::optional<NameRecord>> name = load(rows, name_row(*key), decode_name);
  std::string base = *key, detail;
  if (name && !name->has_value() && split_subaddress(*key, base, detail)) {
    if (base == changed.address) return std::optional(changed);
    name = load(rows, name_row(base), decode_name);
  }
  if (!name) return std::unexpected(name.error());
  if (!name->has_value() || (*name)->account != 0) return std::optional<Found>();
  return std::optional(Found{std::move(base), std::move(**name)});
}

// "a -> b -> a", along the first target of each; every way is known to end in the circle.
Result<std::string> spell_circle(const engine::Transaction& rows, const Found& changed) {
  std::string out = changed.address;
  std::set<std::string> seen{changed.address};
  Found at = changed;
  while (true) {
    Result<std::optional<Found>> next = find_alias(rows, changed, at.record.targets.front());
    if (!next) return std::unexpected(next.error());
    if (!next->has_value()) return out;
    at = std::move(**next);
    out += " -> " + at.address;
    if (!seen.insert(at.address).second) return out;
  }
}

}  // namespace

std::unexpected<Fault> chain_too_long(const std::string& address) {
  return fail(FaultKind::policy,
              fmt::format("{} would make more than {} aliases one after another", address, kMaxAliasDepth));
}

Result<size_t> check_downwards(const engine::Transaction& rows, const std::string& address,
                               const NameRecord& record) {
  const Found changed{address, record};
  std::set<std::string> seen{address};
  std::deque<std::pair<Found, size_t>> todo{{changed, 1}};
  bool ends = false;
  size_t deepest = 1;
  for (; !todo.empty(); todo.pop_front()) {
    const auto [at, depth] = todo.front();
    deepest = depth;
    if (depth > kMaxAliasDepth) return chain_too_long(address);
    ends = ends || local_part(at.address) == kPostmaster;  // an admin reads what leads nowhere else
    for (const std::string& target : at.record.targets) {
      Result<std::optional<Found>> next = find_alias(rows, changed, target);
      if (!next) return std::unexpected(next.error());
      ends = ends || !next->has_value();
      // More than a letter could be sent to is told when one comes; here it only must not take for ever.
      if (!next->has_value() || seen.size() >= kMaxTargets || !seen.insert((*next)->address).second) continue;
      todo.emplace_back(std::move(**next), depth + 1);
    }
  }
  if (ends || seen.size() >= kMaxTargets) return deepest;
  Result<std::string> circle = spell_circle(rows, changed);
  if (!circle) return std::unexpected(circle.error());
  return fail(FaultKind::policy, fmt::format("the alias leads in a circle to nobody: {}", *circle));
}

Result<size_t> count_upwards(const engine::Reader& reader, const std::string& address) {
  std::set<std::string> seen{address};
  std::set<std::string> level{address};
  for (size_t depth = 0; depth < kMaxAliasDepth; ++depth) {
    std::set<std::string> above;
    auto leads_there = [&level](const std::string& target) {
      Result<std::string> key = message::address_key(target);
      std::string base, detail;
      if (!key) return false;
      return level.contains(*key) || (split_subaddress(*key, base, detail) && level.contains(base));
    };
    Result<void> done =
        reader.scan(kPartition, "n", after("n"), [&](std::string_view key, std::string_view value) {
          Result<NameRecord> name = decode_name(value);
          if (!name || name->account != 0) return true;
          if (!std::any_of(name->targets.begin(), name->targets.end(), leads_there)) return true;
          std::string alias = address_of(key);
          if (seen.size() < kMaxTargets && seen.insert(alias).second) above.insert(std::move(alias));
          return true;
        });
    if (!done) return std::unexpected(done.error());
    if (above.empty()) return depth;
    level = std::move(above);
  }
  return kMaxAliasDepth;
}

}  // namespace posthouse::directory
