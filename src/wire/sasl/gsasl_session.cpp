#include "wire/sasl/gsasl_session.h"

#include <gsasl.h>

namespace posthouse::wire::sasl {
namespace {

struct Done {
  void operator()(Gsasl* context) const { gsasl_done(context); }
};

// GNU SASL does not promise that a context may be shared between threads.
Gsasl* thread_context() {
  thread_local const std::unique_ptr<Gsasl, Done> context([] {
    Gsasl* made = nullptr;
    return gsasl_init(&made) == GSASL_OK ? made : nullptr;
  }());
  return context.get();
}

FaultKind kind_of(int rc) {
  switch (rc) {
    case GSASL_AUTHENTICATION_ERROR:
      return FaultKind::policy;
    case GSASL_MALLOC_ERROR:
    case GSASL_CRYPTO_ERROR:
      return FaultKind::temporary;
    default:
      return FaultKind::syntax;
  }
}

}  // namespace

void GsaslSession::Finish::operator()(Gsasl_session* session) const {
  gsasl_finish(session);
}

Result<GsaslSession> GsaslSession::start(const char* mechanism) {
  Gsasl* const context = thread_context();
  Gsasl_session* session = nullptr;
  if (context == nullptr || gsasl_server_start(context, mechanism, &session) != GSASL_OK) {
    return fail(FaultKind::temporary, "SASL library not available");
  }
  return GsaslSession(session);
}

bool GsaslSession::set(int property, const std::string& value) {
  return gsasl_property_set(session_.get(), static_cast<Gsasl_property>(property), value.c_str()) == GSASL_OK;
}

Result<GsaslSession::Output> GsaslSession::step(std::string_view input) {
  char* bytes = nullptr;
  size_t size = 0;
  const int rc = gsasl_step(session_.get(), input.data(), input.size(), &bytes, &size);
  if (rc != GSASL_OK && rc != GSASL_NEEDS_MORE) return fail(kind_of(rc), gsasl_strerror(rc));
  Output out{rc == GSASL_OK, std::string(bytes != nullptr ? bytes : "", bytes != nullptr ? size : 0)};
  gsasl_free(bytes);
  return out;
}

}  // namespace posthouse::wire::sasl
