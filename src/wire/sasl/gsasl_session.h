// One server session of GNU SASL as a C++ object.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct Gsasl_session;

namespace posthouse::wire::sasl {

// Bound to the thread that made it: each thread has a library context of its own.
class GsaslSession {
 public:
  // Fails with `temporary` if the library can't.
  static Result<GsaslSession> start(const char* mechanism);

  // `property` is a Gsasl_property. False if there is no memory.
  bool set(int property, const std::string& value);

  struct Output {
    bool done = false;
    std::string data;
  };
  // Fails with `policy`: the proof was wrong; `syntax`: the message was; `temporary`: the library could not.
  Result<Output> step(std::string_view input);

 private:
  struct Finish {
    void operator()(Gsasl_session* session) const;
  };
  explicit GsaslSession(Gsasl_session* session) : session_(session) {}
  std::unique_ptr<Gsasl_session, Finish> session_;
};

}  // namespace posthouse::wire::sasl
