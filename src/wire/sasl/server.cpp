#include "wire/sasl/server.h"

#include <algorithm>

#include "base/ascii.h"
#include "wire/sasl/bearer.h"
#include "wire/sasl/failed_login.h"
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
  enum Needs { nothing, binding, tokens } needs;
  Make make;
};

// Best first: the order in which they are announced.
constexpr Mechanism kMechanisms[] = {
    {"SCRAM-SHA-256-PLUS", Mechanism::binding, make_scram_plus},
    {"SCRAM-SHA-256", Mechanism::nothing, make_scram_plain},
    {"PLAIN", Mechanism::nothing, make_plain},
    {"LOGIN", Mechanism::nothing, make_login},
    {"OAUTHBEARER", Mechanism::tokens, make_oauthbearer},
    {"XOAUTH2", Mechanism::tokens, make_xoauth2},
};

bool has_binding(const Channel& channel) {
  const bool known = channel.binding_type == "tls-exporter" || channel.binding_type == "tls-unique";
  return channel.tls && known && !channel.binding.empty();
}

bool is_allowed(const Mechanism& mechanism, const Channel& channel) {
  // RFC 7628 section 5: a token is a password for whoever reads it, and for others than this server, too.
  if (mechanism.needs == Mechanism::tokens) return channel.tls && channel.tokens != nullptr;
  if (!channel.tls && !channel.allow_plain_without_tls) return false;
  return mechanism.needs != Mechanism::binding || has_binding(channel);
}

// Logs a failure as soon as it is known, once.
class Logged : public Exchange {
 public:
  Logged(const Channel& channel, std::unique_ptr<Exchange> inner)
      : channel_(channel), inner_(std::move(inner)) {}

  Task<Step> step(std::optional<std::string> message) override {
    Step out = co_await inner_->step(std::move(message));
    const bool failed = !out.fault.what.empty() && out.fault.kind != FaultKind::syntax;
    if (failed && !std::exchange(told_, true)) log_failed_login(channel_, inner_->name(), out.fault);
    co_return out;
  }
  std::string name() const override { return inner_->name(); }

 private:
  Channel channel_;
  std::unique_ptr<Exchange> inner_;
  bool told_ = false;
};

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
  const bool unknown =
      found == std::end(kMechanisms) || (found->needs == Mechanism::tokens && channel.tokens == nullptr);
  if (unknown) return fail(FaultKind::syntax, "unknown SASL mechanism");
  if (!is_allowed(*found, channel)) return fail(FaultKind::policy, "SASL mechanism not allowed here");
  Channel usable = channel;
  if (!has_binding(usable)) {
    usable.binding_type.clear();
    usable.end_point.clear();
  }
  return std::make_unique<Logged>(usable, found->make(usable, authenticator));
}

}  // namespace posthouse::wire::sasl
