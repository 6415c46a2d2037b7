#include "directory/alias_check.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <set>

#include "directory/impl.h"
#include "directory/subaddress.h"
#include "message/address.h"

namespace posthouse::directory {

namespace {

constexpr std::string_view kPostmaster = "postmaster";

// The alias that a target means, and what it leads to. That of all names of a domain, its catch-all, has an
// address without a local part.
struct Found {
  std::string address;
  NameRecord record;
};

std::string catch_all_of(std::string_view domain) {
  return fmt::format("@{}", domain);
}

bool is_catch_all(const Found& found) {
  return found.address.starts_with('@');
}

std::string for_people(const std::string& address) {
  return address.starts_with('@') ? "*" + address : address;
}

// What a name that is nobody's leads to: its domain's catch-all, unless it is postmaster's, whom somebody
// always reads.
Result<std::optional<Found>> find_catch_all(const engine::Transaction& rows, const Found& changed,
                                            std::string key) {
  const std::string_view domain_name = domain_part(key);
  std::string base = key, detail;
  split_subaddress(key, base, detail);
  if (local_part(base) == kPostmaster) return std::optional<Found>();
  if (changed.address == catch_all_of(domain_name)) return std::optional(Found{key, changed.record});
  Result<std::optional<Domain>> domain = load(rows, domain_row(domain_name), decode_domain);
  if (!domain) return std::unexpected(domain.error());
  if (!domain->has_value() || (*domain)->catch_all.empty()) return std::optional<Found>();
  return std::optional(Found{std::move(key), NameRecord{0, {(*domain)->catch_all}}});
}

// Nothing where the way ends: an account, another host, a name that is nobody's.
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
  if (!name->has_value()) return find_catch_all(rows, changed, std::move(*key));
  if ((*name)->account != 0) return std::optional<Found>();
  return std::optional(Found{std::move(base), std::move(**name)});
}

// "a -> b -> a", along the first target of each; every way is known to end in the circle.
Result<std::string> spell_circle(const engine::Transaction& rows, const Found& changed) {
  std::string out = for_people(changed.address);
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

Result<size_t> check(const engine::Transaction& rows, const Found& changed) {
  std::set<std::string> seen{changed.address};
  std::deque<std::pair<Found, size_t>> todo{{changed, 1}};
  bool ends = false;
  size_t deepest = 1;
  for (; !todo.empty(); todo.pop_front()) {
    const auto [at, depth] = todo.front();
    deepest = depth;
    if (depth > kMaxAliasDepth) return chain_too_long(changed.address);
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
  return fail(FaultKind::policy, fmt::format("the {} leads in a circle to nobody: {}",
                                             is_catch_all(changed) ? "catch-all" : "alias", *circle));
}

// One step upwards: who leads to any of a level of aliases.
class Level {
 public:
  Level(const engine::Reader& reader, const std::set<std::string>& members)
      : reader_(reader), members_(members) {}

  bool reached_by(const std::string& target) const {
    Result<std::string> key = message::address_key(target);
    std::string base, detail;
    if (!key) return false;
    const bool tagged = split_subaddress(*key, base, detail);
    if (members_.contains(*key) || (tagged && members_.contains(base))) return true;
    if (!members_.contains(catch_all_of(domain_part(*key)))) return false;
    if (local_part(tagged ? base : *key) == kPostmaster) return false;
    return !is_somebody(*key) && !(tagged && is_somebody(base));
  }

 private:
  bool is_somebody(const std::string& address) const {
    const auto row = reader_.get(kPartition, name_row(address));
    return row && row->has_value();
  }

  const engine::Reader& reader_;
  const std::set<std::string>& members_;
};

// All aliases, then all catch-alls.
Result<void> each_alias(const engine::Reader& reader, const std::function<void(Found)>& see) {
  auto alias = [&see](std::string_view key, std::string_view value) {
    Result<NameRecord> name = decode_name(value);
    if (name && name->account == 0) see(Found{address_of(key), std::move(*name)});
    return true;
  };
  Result<void> done = reader.scan(kPartition, "n", after("n"), alias);
  if (!done) return done;
  auto catch_all = [&see](std::string_view, std::string_view value) {
    Result<Domain> domain = decode_domain(value);
    if (domain && !domain->catch_all.empty())
      see(Found{catch_all_of(domain->name), NameRecord{0, {std::move(domain->catch_all)}}});
    return true;
  };
  return reader.scan(kPartition, "d", after("d"), catch_all);
}

}  // namespace

std::unexpected<Fault> chain_too_long(const std::string& address) {
  return fail(FaultKind::policy, fmt::format("{} would make more than {} aliases one after another",
                                             for_people(address), kMaxAliasDepth));
}

Result<size_t> check_downwards(const engine::Transaction& rows, const std::string& address,
                               const NameRecord& record) {
  return check(rows, Found{address, record});
}

Result<size_t> check_catch_all(const engine::Transaction& rows, const Domain& domain) {
  return check(rows, Found{catch_all_of(domain.name), NameRecord{0, {domain.catch_all}}});
}

Result<size_t> count_upwards(const engine::Reader& reader, const std::string& address) {
  std::set<std::string> seen{address};
  std::set<std::string> members{address};
  for (size_t depth = 0; depth < kMaxAliasDepth; ++depth) {
    std::set<std::string> above;
    const Level level(reader, members);
    auto look = [&](Found found) {
      const auto& targets = found.record.targets;
      auto leads_there = [&level](const std::string& target) { return level.reached_by(target); };
      if (seen.size() >= kMaxTargets || std::none_of(targets.begin(), targets.end(), leads_there)) return;
      if (seen.insert(found.address).second) above.insert(std::move(found.address));
    };
    Result<void> done = each_alias(reader, look);
    if (!done) return std::unexpected(done.error());
    if (above.empty()) return depth;
    members = std::move(above);
  }
  return kMaxAliasDepth;
}

}  // namespace posthouse::directory
