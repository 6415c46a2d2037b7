// A connection as sessions see it: bytes in, bytes out, a deadline, TLS on demand. Implementations: a socket
// (net/socket.h) and, in tests, a pair in memory (tests/support/memory_stream.h).
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ip.h"
#include "base/result.h"
#include "base/task.h"

namespace posthouse::net {

class TlsContext;  // net/tls.h

// What is known of the TLS layer once it stands.
struct TlsInfo {
  bool active = false;
  std::string protocol;              // "TLSv1.3"
  std::string cipher;                // "TLS_AES_256_GCM_SHA384"
  std::string server_name;           // SNI the client sent, lower case, without trailing dot
  std::string channel_binding;       // raw bytes of tls-exporter (TLS 1.3, RFC 9266) or tls-unique (1.2)
  std::string channel_binding_type;  // "tls-exporter" or "tls-unique"
  bool peer_verified = false;        // client side: the certificate chain and name were good
  std::string server_end_point;  // raw bytes of tls-server-end-point (RFC 5929 section 4), "" if undefined
};

// One owner, one executor: every call and every resumption happens on the loop the stream was made on, except
// cancel(). At most one read and one write wait at a time. A call after an error fails again, with `closed`
// or the error; only after a read timed out, set_deadline() makes the stream usable once more, so that a
// server can say why it hangs up.
class Stream {
 public:
  virtual ~Stream() = default;

  // Waits until there is something to read (or the end), holding no buffer meanwhile: what an idle session
  // awaits.
  virtual Task<Result<void>> wait_readable() = 0;

  // Reads 1 to out.size() bytes; 0 means that the peer closed in order. Fails with timeout, closed or io.
  virtual Task<Result<size_t>> read_some(std::span<char> out) = 0;

  // Writes all of `bytes`, which must stay valid until the task is done.
  virtual Task<Result<void>> write_all(std::string_view bytes) = 0;

  // Reads and writes that have not finished by then fail with timeout. Coarse: up to one second late.
  virtual void set_deadline(SteadyTime when) = 0;

  // Turns the connection into TLS. The caller must not have unread bytes buffered (command injection, RFC
  // 3207 section 4.2): drop the connection instead. `host` (client): the name to send as SNI and, if
  // verifying, to check.
  virtual Task<Result<void>> start_tls_server(std::shared_ptr<const TlsContext> context) = 0;
  virtual Task<Result<void>> start_tls_client(std::shared_ptr<const TlsContext> context,
                                              std::string host) = 0;
  virtual const TlsInfo& tls() const = 0;

  // Nothing more is written: the peer reads the end, and may still send what it is at.
  virtual void end_writing() {}

  // Closes in order (TLS close_notify, FIN), without waiting for the peer. Idempotent; the destructor calls
  // it.
  virtual void close() = 0;

  // Makes a waiting call fail with `closed`, and every later one that reads or would wait; what fits the send
  // buffer still goes out, so that a session can say why it ends. The only call allowed from other threads.
  virtual void cancel() = 0;

  // The session tells whether something is under way that an orderly stop waits for: a command, a letter that
  // comes in. At first, and whenever it waits for the next command, there is nothing. A stop that is due may
  // cancel the stream from within.
  virtual void set_busy(bool busy) { static_cast<void>(busy); }

  virtual const Endpoint& peer() const = 0;
  virtual const Endpoint& local() const = 0;
};

}  // namespace posthouse::net
