#include "mirror/driver.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/ascii.h"

namespace posthouse::mirror {

namespace {

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::any_of(names, [&](const std::string& n) { return iequals(n, name); });
}

}  // namespace

Result<void> make_parents(const std::string& path) {
  for (size_t at = path.find('/', 1); at != path.npos; at = path.find('/', at + 1)) {
    const std::string part = path.substr(0, at);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST)
      return fail(FaultKind::io, "make folder " + part + ": " + std::strerror(errno));
  }
  return {};
}

std::unexpected<Fault> final_fault(const Fault& fault) {
  const bool names =
      fault.kind == FaultKind::policy || fault.kind == FaultKind::exists || fault.kind == FaultKind::syntax;
  return fail(names ? FaultKind::permanent : fault.kind, fault.what);
}

std::vector<Result<std::string>> Driver::read_all(const std::string& mailbox,
                                                  const std::vector<Wanted>& wanted) {
  std::vector<Result<std::string>> out;
  out.reserve(wanted.size());
  for (const Wanted& one : wanted) {
    const Result<Bytes> bytes = open(mailbox, one.location);
    out.push_back(bytes ? (*bytes)(0, one.size + 1) : std::unexpected(bytes.error()));
  }
  return out;
}

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
