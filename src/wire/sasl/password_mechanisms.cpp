#include "wire/sasl/password_mechanisms.h"

#include "wire/sasl/limits.h"
#include "wire/sasl/login_name.h"
#include "wire/sasl/steps.h"

namespace posthouse::wire::sasl {
namespace {

Task<Exchange::Step> check_password(Authenticator& authenticator, std::string name, Secret password,
                                    IpAddress peer, std::string protocol) {
  if (!is_login_name(name) || password.empty() || password.reveal().size() > kMaxPassword) {
    co_return failed(FaultKind::policy, "empty or overlong name or password");
  }
  Result<Identity> checked =
      co_await authenticator.verify_password(std::move(name), std::move(password), peer, std::move(protocol));
  if (!checked) co_return failed(checked.error());
  co_return succeeded(std::move(*checked));
}

// What PLAIN sends: [authzid] NUL authcid NUL passwd.
struct PlainMessage {
  std::string authzid, authcid;
  Secret password;
};

std::optional<PlainMessage> parse_plain(std::string_view message) {
  const size_t first = message.find('\0');
  if (first == std::string_view::npos) return std::nullopt;
  const size_t second = message.find('\0', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const std::string_view password = message.substr(second + 1);
  if (password.find('\0') != std::string_view::npos) return std::nullopt;
  return PlainMessage{std::string(message.substr(0, first)),
                      std::string(message.substr(first + 1, second - first - 1)),
                      Secret(std::string(password))};
}

class Plain : public Exchange {
 public:
  Plain(const Channel& channel, Authenticator& authenticator)
      : authenticator_(authenticator), peer_(channel.peer), protocol_(channel.protocol) {}

  Task<Step> step(std::optional<std::string> message) override {
    if (!message && !asked_) {
      asked_ = true;
      co_return challenge_with("");
    }
    if (!message || message->size() > kMaxMessage) co_return failed(FaultKind::syntax, "bad PLAIN message");
    std::optional<PlainMessage> plain = parse_plain(*message);
    if (!plain) co_return failed(FaultKind::syntax, "bad PLAIN message");
    name_ = plain->authcid;
    if (!plain->authzid.empty() && plain->authzid != plain->authcid) {
      co_return failed(FaultKind::policy, "authorization as another user");
    }
    Task<Step> check = check_password(authenticator_, name_, std::move(plain->password), peer_, protocol_);
    co_return co_await check;
  }
  std::string name() const override { return name_; }

 private:
  Authenticator& authenticator_;
  IpAddress peer_;
  std::string protocol_;
  std::string name_;
  bool asked_ = false;
};

class Login : public Exchange {
 public:
  Login(const Channel& channel, Authenticator& authenticator)
      : authenticator_(authenticator), peer_(channel.peer), protocol_(channel.protocol) {}

  Task<Step> step(std::optional<std::string> message) override {
    if (message && message->size() > kMaxMessage)
      co_return failed(FaultKind::syntax, "overlong LOGIN message");
    if (!message) {
      if (std::exchange(asked_, true)) co_return failed(FaultKind::syntax, "no LOGIN message");
      co_return challenge_with("Username:");
    }
    asked_ = true;
    if (!name_) {
      name_ = std::move(*message);
      co_return challenge_with("Password:");
    }
    Task<Step> check = check_password(authenticator_, *name_, Secret(std::move(*message)), peer_, protocol_);
    co_return co_await check;
  }
  std::string name() const override { return name_.value_or(""); }

 private:
  Authenticator& authenticator_;
  IpAddress peer_;
  std::string protocol_;
  bool asked_ = false;
  std::optional<std::string> name_;
};

}  // namespace

std::unique_ptr<Exchange> make_plain(const Channel& channel, Authenticator& authenticator) {
  return std::make_unique<Plain>(channel, authenticator);
}

std::unique_ptr<Exchange> make_login(const Channel& channel, Authenticator& authenticator) {
  return std::make_unique<Login>(channel, authenticator);
}

}  // namespace posthouse::wire::sasl
