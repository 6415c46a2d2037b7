#include "wire/sasl/scram.h"

#include <gsasl.h>

#include "base/base64.h"
#include "wire/sasl/gsasl_session.h"
#include "wire/sasl/limits.h"
#include "wire/sasl/login_name.h"
#include "wire/sasl/scram_message.h"
#include "wire/sasl/steps.h"

namespace posthouse::wire::sasl {
namespace {

class Scram : public Exchange {
 public:
  Scram(bool plus, const Channel& channel, Authenticator& authenticator)
      : authenticator_(authenticator), channel_(channel), plus_(plus) {}

  Task<Step> step(std::optional<std::string> message) override {
    if (!message) {  // SCRAM is client-first (RFC 5802 section 5)
      if (std::exchange(asked_, true)) co_return failed(FaultKind::syntax, "no SCRAM message");
      co_return challenge_with("");
    }
    asked_ = true;
    if (message->size() > kMaxMessage || message->find('\0') != std::string::npos) {
      co_return failed(FaultKind::syntax, "bad SCRAM message");
    }
    if (session_) co_return last_step(*message);
    Task<Step> first = first_step(std::move(*message));
    co_return co_await first;
  }

 private:
  Task<Step> first_step(std::string message) {
    std::optional<ClientFirst> first = parse_client_first(message);
    if (!first) co_return failed(FaultKind::syntax, "bad first SCRAM message");
    if (Result<void> fits = check_binding(*first); !fits) co_return failed(fits.error());
    if (!first->authzid.empty() && first->authzid != first->name) {
      co_return failed(FaultKind::policy, "authorization as another user");
    }
    if (!is_login_name(first->name)) co_return failed(FaultKind::policy, "bad login name");
    name_ = std::move(first->name);
    Result<ScramCredential> found = co_await authenticator_.scram_credential(name_, channel_.peer);
    if (!found) co_return failed(found.error());
    credential_ = std::move(*found);
    co_return answer_first(message);
  }

  // RFC 5802 section 6. A client that could bind ("y") but was shown no -PLUS, although we announced it,
  // speaks through somebody in the middle.
  Result<void> check_binding(const ClientFirst& first) const {
    if (plus_ && (first.binding_flag != 'p' || first.binding_name != channel_.binding_type)) {
      return fail(FaultKind::policy, "channel binding does not fit");
    }
    if (!plus_ && first.binding_flag == 'p') return fail(FaultKind::syntax, "channel binding without -PLUS");
    if (!plus_ && first.binding_flag == 'y' && !channel_.binding_type.empty()) {
      return fail(FaultKind::policy, "the client was not shown SCRAM-SHA-256-PLUS");
    }
    return {};
  }

  Step answer_first(const std::string& message) {
    Result<GsaslSession> started = GsaslSession::start(plus_ ? "SCRAM-SHA-256-PLUS" : "SCRAM-SHA-256");
    if (!started) return failed(started.error());
    session_.emplace(std::move(*started));
    if (!set_properties()) return failed(FaultKind::temporary, "out of memory");
    const Result<GsaslSession::Output> out = session_->step(message);
    if (!out) return failed(out.error());
    return challenge_with(out->data);
  }

  bool set_properties() {
    GsaslSession& s = *session_;
    bool set = s.set(GSASL_SCRAM_ITER, std::to_string(credential_.iterations)) &&
               s.set(GSASL_SCRAM_SALT, base64_encode(credential_.salt)) &&
               s.set(GSASL_SCRAM_STOREDKEY, base64_encode(credential_.stored_key)) &&
               s.set(GSASL_SCRAM_SERVERKEY, base64_encode(credential_.server_key));
    if (plus_) {
      const bool exporter = channel_.binding_type == "tls-exporter";
      set = set &&
            s.set(exporter ? GSASL_CB_TLS_EXPORTER : GSASL_CB_TLS_UNIQUE, base64_encode(channel_.binding));
    }
    return set;
  }

  Step last_step(const std::string& message) {
    if (std::exchange(ended_, true)) return failed(FaultKind::syntax, "SCRAM message after the end");
    Result<GsaslSession::Output> out = session_->step(message);
    if (out && !out->done) out = fail(FaultKind::syntax, "SCRAM did not end");
    // Keys made up for an unknown user fit no password; should they ever, there is still nobody to log in.
    if (out && !credential_.account) out = fail(FaultKind::policy, "unknown user");
    const bool stands = authenticator_.report(name_, channel_.peer, out.has_value());
    if (out && !stands) out = fail(FaultKind::policy, "throttled: too many failed logins meanwhile");
    if (!out) return failed(out.error());
    return succeeded({*credential_.account, credential_.address}, std::move(out->data));
  }

  Authenticator& authenticator_;
  Channel channel_;
  bool plus_;
  bool asked_ = false;
  bool ended_ = false;
  std::string name_;
  ScramCredential credential_;
  std::optional<GsaslSession> session_;
};

}  // namespace

std::unique_ptr<Exchange> make_scram(bool plus, const Channel& channel, Authenticator& authenticator) {
  return std::make_unique<Scram>(plus, channel, authenticator);
}

}  // namespace posthouse::wire::sasl
