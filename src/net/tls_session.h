// One connection's TLS layer on a non-blocking socket: OpenSSL's calls as steps that end, or ask to be tried
// again.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/stream.h"
#include "net/tls.h"

namespace posthouse::net {

// Holds no buffers while nothing is under way. Not thread-safe.
class TlsSession {
 public:
  enum class Step { done, want_read, want_write, end, failed };

  // `host` (client): for SNI and verification. Fails when OpenSSL has no memory or refuses the name.
  static Result<std::unique_ptr<TlsSession>> make(std::shared_ptr<const TlsContext> context, int fd,
                                                  bool server, const std::string& host);
  ~TlsSession();

  Step handshake();
  Step peek();  // done: there is something to read
  Step read(std::span<char> out, size_t& n);
  Step write(std::string_view bytes, size_t& n);  // done: n > 0 bytes are on their way
  void close_notify();                            // if the layer is still whole

  bool has_pending() const;  // received bytes that the socket's readiness no longer tells of
  TlsInfo info() const;      // after the handshake
  const std::string& error() const { return error_; }  // why a step failed

 private:
  struct State;
  explicit TlsSession(std::unique_ptr<State> state);
  Step step_of(int result);

  std::unique_ptr<State> state_;
  std::string error_;
  bool broken_ = false;  // nothing may be sent any more
};

}  // namespace posthouse::net
