#include "wire/sasl/scram.h"

#include <gsasl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/base64.h"
#include "wire/sasl/gsasl_session.h"
#include "wire/sasl/limits.h"
#include "wire/sasl/login_name.h"
#include "wire/sasl/scram_message.h"
#include "wire/sasl/steps.h"

namespace posthouse::wire::sasl {
namespace {

constexpr std::string_view kEndPoint = "tls-server-end-point";  // RFC 5929 section 4
constexpr size_t kBindingInLog = 64;                            // octets of its name

class Scram : public Exchange {
 public:
  Scram(bool plus, const Channel& channel, Authenticator& authenticator)
      : authenticator_(authenticator), channel_(channel), plus_(plus) {}

  Task<Step> step(std::optional<std::string> message) override {
    if (no_such_binding_) co_return failed(*no_such_binding_);  // whatever the client says to that
    if (!message) {                                             // SCRAM is client-first (RFC 5802 section 5)
      if (std::exchange(asked_, true)) co_return failed(FaultKind::syntax, "no SCRAM message");
      co_return challenge_with("");
    }
    asked_ = true;
    if (message->size() > kMaxMessage || message->find('\0') != std::string::npos) {
      co_return failed(FaultKind::syntax, "bad SCRAM message");
    }
    if (session_) {
      Task<Step> last = last_step(std::move(*message));
      co_return co_await last;
    }
    Task<Step> first = first_step(std::move(*message));
    co_return co_await first;
  }
  std::string name() const override { return name_; }

 private:
  Task<Step> first_step(std::string message) {
    std::optional<ClientFirst> first = parse_client_first(message);
    if (!first) co_return failed(FaultKind::syntax, "bad first SCRAM message");
    if (is_login_name(first->name)) name_ = first->name;
    if (plus_ && first->binding_flag == 'p' && !can_bind(first->binding_name))
      co_return unsupported(first->binding_name);
    if (Result<void> fits = check_binding(*first); !fits) co_return failed(fits.error());
    if (!first->authzid.empty() && first->authzid != first->name) {
      co_return failed(FaultKind::policy, "authorization as another user");
    }
    if (!is_login_name(first->name)) co_return failed(FaultKind::policy, "bad login name");
    by_end_point_ = plus_ && first->binding_name == kEndPoint;
    std::string name = name_;
    std::string protocol = channel_.protocol;
    Result<ScramCredential> found =
        co_await authenticator_.scram_credential(std::move(name), channel_.peer, std::move(protocol));
    if (!found && found.error().kind == kNoSuchBinding)
      co_return failed(FaultKind::policy, found.error().what);
    if (!found) co_return failed(found.error());
    credential_ = std::move(*found);
    co_return answer_first(message);
  }

  bool can_bind(std::string_view type) const {
    return type == channel_.binding_type || (type == kEndPoint && !channel_.end_point.empty());
  }

  // RFC 5802 section 6, and section 7 for the words. The client hears it in place of the server's first
  // message, since behind its own proof it could be taken for a wrong password.
  Step unsupported(const std::string& type) {
    no_such_binding_ = Fault{kNoSuchBinding, "no channel binding by " + type.substr(0, kBindingInLog)};
    Step step = challenge_with("e=unsupported-channel-binding-type");
    step.fault = *no_such_binding_;
    return step;
  }

  // RFC 5802 section 6. A client that could bind ("y") but was shown no -PLUS, although we announced it,
  // speaks through somebody in the middle.
  Result<void> check_binding(const ClientFirst& first) const {
    if (plus_ && first.binding_flag != 'p') return fail(FaultKind::policy, "-PLUS without channel binding");
    if (!plus_ && first.binding_flag == 'p') return fail(FaultKind::syntax, "channel binding without -PLUS");
    if (!plus_ && first.binding_flag == 'y' && !channel_.binding_type.empty()) {
      return fail(FaultKind::policy, "the client was not shown SCRAM-SHA-256-PLUS");
    }
    return {};
  }

  Step answer_first(const std::string& message) {
    // GNU SASL knows nothing of tls-server-end-point: there it does without, and what comes last is checked
    // here.
    const bool plus = plus_ && !by_end_point_;
    Result<GsaslSession> started = GsaslSession::start(plus ? "SCRAM-SHA-256-PLUS" : "SCRAM-SHA-256");
    if (!started) return failed(started.error());
    session_.emplace(std::move(*started));
    if (!set_properties(plus)) return failed(FaultKind::temporary, "out of memory");
    const size_t bare = message.find(',', message.find(',') + 1) + 1;  // behind the GS2 header
    const Result<GsaslSession::Output> out =
        session_->step(by_end_point_ ? "n,," + message.substr(bare) : message);
    if (!out) return failed(out.error());
    begun_ = message.substr(bare) + "," + out->data + ",";
    last_begins_ = "c=" + base64_encode(message.substr(0, bare) + channel_.end_point) + "," +
                   out->data.substr(0, out->data.find(',') + 1);  // with the nonce, r=
    return challenge_with(out->data);
  }

  bool set_properties(bool plus) {
    GsaslSession& s = *session_;
    bool set = s.set(GSASL_SCRAM_ITER, std::to_string(credential_.iterations)) &&
               s.set(GSASL_SCRAM_SALT, base64_encode(credential_.salt)) &&
               s.set(GSASL_SCRAM_STOREDKEY, base64_encode(credential_.stored_key)) &&
               s.set(GSASL_SCRAM_SERVERKEY, base64_encode(credential_.server_key));
    if (plus) {
      const bool exporter = channel_.binding_type == "tls-exporter";
      set = set &&
            s.set(exporter ? GSASL_CB_TLS_EXPORTER : GSASL_CB_TLS_UNIQUE, base64_encode(channel_.binding));
    }
    return set;
  }

  Task<Step> last_step(std::string message) {
    if (std::exchange(ended_, true)) co_return failed(FaultKind::syntax, "SCRAM message after the end");
    const ScramCredential::AppKeys* app = app_password_of(message);
    if (app != nullptr && !by_end_point_) {
      const bool set = session_->set(GSASL_SCRAM_STOREDKEY, base64_encode(app->stored_key)) &&
                       session_->set(GSASL_SCRAM_SERVERKEY, base64_encode(app->server_key));
      if (!set) co_return failed(FaultKind::temporary, "out of memory");
    }
    Result<GsaslSession::Output> out = by_end_point_ ? check_last(message, app) : session_->step(message);
    if (out && !out->done) out = fail(FaultKind::syntax, "SCRAM did not end");
    // Keys made up for an unknown user fit no password; should they ever, there is still nobody to log in.
    if (out && !credential_.account) out = fail(FaultKind::policy, "unknown user");
    if (out && app != nullptr && !app->allowed) {
      out = fail(FaultKind::policy,
                 fmt::format("app password '{}' is over or not for {}", app->name, channel_.protocol));
    }
    std::optional<Identity> as;
    if (out) as = Identity{*credential_.account, credential_.address};
    if (as && app != nullptr) {
      as->app_password = app->id;
      as->app_password_name = app->name;
    }
    std::string name = name_;
    const bool stands = co_await authenticator_.report(std::move(name), channel_.peer, as);
    if (out && !stands) out = fail(FaultKind::temporary, "throttled: too many failed logins meanwhile");
    if (!out) co_return failed(out.error());
    co_return succeeded(std::move(*as), std::move(out->data));
  }

  // What GNU SASL does with other bindings (RFC 5802 sections 3 and 7): "c=", "r=", perhaps extensions, "p=".
  Result<GsaslSession::Output> check_last(const std::string& message,
                                          const ScramCredential::AppKeys* app) const {
    const size_t at = message.rfind(",p=");
    if (at == std::string::npos || !message.starts_with("c="))
      return fail(FaultKind::syntax, "bad last SCRAM message");
    if (!message.starts_with(last_begins_) || at + 1 < last_begins_.size())
      return fail(FaultKind::policy, "channel binding does not fit");
    const std::optional<std::string> proof = base64_decode(std::string_view(message).substr(at + 3));
    if (!proof || proof->size() != kKeySize) return fail(FaultKind::syntax, "bad last SCRAM message");
    const std::string auth_message = begun_ + message.substr(0, at);
    if (!proves(*proof, app != nullptr ? app->stored_key : credential_.stored_key, auth_message))
      return fail(FaultKind::policy, "wrong proof");
    const std::string signature =
        hmac(app != nullptr ? app->server_key : credential_.server_key, auth_message);
    return GsaslSession::Output{true, "v=" + base64_encode(signature)};
  }

  // RFC 5802 section 3: ClientKey := ClientProof XOR HMAC(StoredKey, AuthMessage), and StoredKey is its hash.
  // All keys of the account have one salt, so what the client proves tells which of them it has; GNU SASL
  // then goes by that one.
  const ScramCredential::AppKeys* app_password_of(const std::string& message) const {
    const size_t at = message.rfind(",p=");
    if (at == std::string::npos) return nullptr;
    const std::optional<std::string> proof = base64_decode(std::string_view(message).substr(at + 3));
    if (!proof || proof->size() != kKeySize) return nullptr;
    const std::string auth_message = begun_ + message.substr(0, at);
    for (const ScramCredential::AppKeys& app : credential_.app_passwords) {
      if (proves(*proof, app.stored_key, auth_message)) return &app;
    }
    return nullptr;
  }

  static constexpr size_t kKeySize = 32;

  static std::string hmac(const std::string& key, const std::string& text) {
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), out, &size);
    return {reinterpret_cast<const char*>(out), size};
  }

  static bool proves(const std::string& proof, const std::string& stored_key,
                     const std::string& auth_message) {
    if (stored_key.size() != kKeySize) return false;
    std::string key = hmac(stored_key, auth_message);
    for (size_t i = 0; i < kKeySize; ++i) key[i] = static_cast<char>(key[i] ^ proof[i]);
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_Digest(key.data(), kKeySize, hash, &size, EVP_sha256(), nullptr);
    return constant_time_equal({reinterpret_cast<const char*>(hash), kKeySize}, stored_key);
  }

  Authenticator& authenticator_;
  Channel channel_;
  bool plus_;
  bool asked_ = false;
  bool ended_ = false;
  bool by_end_point_ = false;
  std::optional<Fault> no_such_binding_;
  std::string name_;
  std::string begun_;        // AuthMessage up to the client's last message
  std::string last_begins_;  // what the client's last message begins with, by end point
  ScramCredential credential_;
  std::optional<GsaslSession> session_;
};

}  // namespace

std::unique_ptr<Exchange> make_scram(bool plus, const Channel& channel, Authenticator& authenticator) {
  return std::make_unique<Scram>(plus, channel, authenticator);
}

}  // namespace posthouse::wire::sasl
