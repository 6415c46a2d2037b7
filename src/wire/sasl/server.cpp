#include "wire/sasl/server.h"

#include <algorithm>

#include "base/ascii.h"
#include "wire/sasl/password_mechanisms.h"
#include "wire/sasl/scram.h"

namespace posthouse::wire::sasl {
namespace {

using Make = std::unique_ptr<Exchange> (*)(const Channel&, Authenticator&);

std::unique_ptr<Exchange> make_scram_plus(const Channel& channel, Authenticator& authenticator) {
  return make_scram(true, channel, authenticator);
}
std::unique_ptr<Exchange> make_scram_plain(const Channel& channel, Authenticator& authenticator) {
  return make_scram(false, channel, authenticator);
}

struct Mechanism {
  std::string_view name;
  bool needs_binding;
  Make make;
};

// Best first: the order in which they are announced.
constexpr Mechanism kMechanisms[] = {
    {"SCRAM-SHA-256-PLUS", true, make_scram_plus},
    {"SCRAM-SHA-256", false, make_scram_plain},
    {"PLAIN", false, make_plain},
    {"LOGIN", false, make_login},
};

bool has_binding(const Channel& channel) {
  const bool known = channel.binding_type == "tls-exporter" || channel.binding_type == "tls-unique";
  return channel.tls && known && !channel.binding.empty();
}

bool is_allowed(const Mechanism& mechanism, const Channel& channel) {
  if (!channel.tls && !channel.allow_plain_without_tls) return false;
  return !mechanism.needs_binding || has_binding(channel);
}

}  // namespace

std::vector<std::string> mechanisms(const Channel& channel) {
  std::vector<std::string> names;
  for (const Mechanism& mechanism : kMechanisms) {
    if (is_allowed(mechanism, channel)) names.emplace_back(mechanism.name);
  }
  return names;
}

Result<std::unique_ptr<Exchange>> start(std::string_view mechanism, const Channel& channel,
                                        Authenticator& authenticator) {
  const auto* const found = std::ranges::find_if(
      kMechanisms, [&](const Mechanism& known) { return iequals(known.name, mechanism); });
  if (found == std::end(kMechanisms)) return fail(FaultKind::syntax, "unknown SASL mechanism");
  if (!is_allowed(*found, channel)) return fail(FaultKind::policy, "SASL mechanism not allowed here");
  Channel usable = channel;
  if (!has_binding(usable)) usable.binding_type.clear();
  return found->make(usable, authenticator);
}

}  // namespace posthouse::wire::sasl
