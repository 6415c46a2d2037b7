#include "wire/sasl/bearer.h"

#include "wire/sasl/bearer_message.h"
#include "wire/sasl/limits.h"
#include "wire/sasl/login_name.h"
#include "wire/sasl/steps.h"

namespace posthouse::wire::sasl {
namespace {

// What stands in the configuration, so nobody's doing; quotes would end the text nevertheless.
void append_member(std::string& json, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  json += json.size() > 1 ? ",\"" : "\"";
  json += name;
  json += "\":\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') json += '\\';
    if (static_cast<unsigned char>(c) >= ' ') json += c;
  }
  json += '"';
}

class Bearer : public Exchange {
 public:
  Bearer(const Channel& channel, Authenticator& authenticator, bool standard)
      : authenticator_(authenticator), channel_(channel), standard_(standard) {}

  Task<Step> step(std::optional<std::string> message) override {
    // RFC 7628 section 3.2.3: the client has read why, and its answer, whatever it is, ends the exchange.
    if (refused_) co_return failed(*refused_);
    if (!message) {
      if (std::exchange(asked_, true)) co_return failed(FaultKind::syntax, "no token message");
      co_return challenge_with("");
    }
    asked_ = true;
    std::optional<BearerMessage> parsed;
    if (message->size() <= kMaxMessage)
      parsed = standard_ ? parse_oauthbearer(*message) : parse_xoauth2(*message);
    if (!parsed) co_return failed(FaultKind::syntax, "bad token message");
    name_ = std::move(parsed->name);
    if (!name_.empty() && !is_login_name(name_)) co_return failed(FaultKind::policy, "bad login name");
    std::string name = name_;
    std::string protocol = channel_.protocol;
    Result<Identity> checked = co_await authenticator_.verify_token(std::move(name), std::move(parsed->token),
                                                                    channel_.peer, std::move(protocol));
    if (checked) co_return succeeded(std::move(*checked));
    const FaultKind kind = checked.error().kind;
    if (kind != FaultKind::policy && kind != FaultKind::permanent) co_return failed(checked.error());
    co_return tell_why(checked.error());
  }
  std::string name() const override { return name_; }

 private:
  // RFC 7628 section 3.2.2; XOAUTH2 has a status of HTTP instead, and names the scheme.
  Step tell_why(const Fault& fault) {
    const bool scope = fault.kind == FaultKind::permanent;
    refused_ = Fault{FaultKind::policy, fault.what};
    std::string json = "{";
    if (standard_) {
      append_member(json, "status", scope ? "insufficient_scope" : "invalid_token");
    } else {
      append_member(json, "status", scope ? "403" : "401");
      append_member(json, "schemes", "bearer");
    }
    append_member(json, "scope", channel_.tokens->scope);
    append_member(json, "openid-configuration", channel_.tokens->openid_configuration);
    Step out = challenge_with(json + "}");
    out.fault = *refused_;
    return out;
  }

  Authenticator& authenticator_;
  Channel channel_;
  bool standard_;
  bool asked_ = false;
  std::string name_;
  std::optional<Fault> refused_;
};

}  // namespace

std::unique_ptr<Exchange> make_oauthbearer(const Channel& channel, Authenticator& authenticator) {
  return std::make_unique<Bearer>(channel, authenticator, true);
}

std::unique_ptr<Exchange> make_xoauth2(const Channel& channel, Authenticator& authenticator) {
  return std::make_unique<Bearer>(channel, authenticator, false);
}

}  // namespace posthouse::wire::sasl
