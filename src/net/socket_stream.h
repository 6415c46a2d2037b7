// Stream over a connected TCP or local socket.
#pragma once

#include <memory>
#include <string>

#include "net/descriptor.h"
#include "net/stream.h"
#include "net/tls_session.h"

namespace posthouse::net {

class SocketStream final : public Stream {
 public:
  // Takes over the connected, non-blocking socket `fd`, on the loop of the calling thread.
  SocketStream(Loop& loop, int fd, Endpoint peer);
  ~SocketStream() override;

  // Waits until a connection that is under way stands, at most until `deadline`. Fails with timeout or
  // temporary.
  Task<Result<void>> wait_connected(SteadyTime deadline);

  Task<Result<void>> wait_readable() override;
  Task<Result<size_t>> read_some(std::span<char> out) override;
  Task<Result<void>> write_all(std::string_view bytes) override;
  void set_deadline(SteadyTime when) override { descriptor_.set_deadline(when); }
  Task<Result<void>> start_tls_server(std::shared_ptr<const TlsContext> context) override;
  Task<Result<void>> start_tls_client(std::shared_ptr<const TlsContext> context, std::string host) override;
  const TlsInfo& tls() const override;
  void end_writing() override;
  void close() override;
  void cancel() override { descriptor_.cancel(); }
  const Endpoint& peer() const override { return peer_; }
  const Endpoint& local() const override;

 private:
  // The TLS layer, and what only a connection that has one needs to remember.
  struct Tls {
    std::unique_ptr<TlsSession> session;
    TlsInfo info;
  };

  Result<void> state() const;
  Result<void> state_to_write() const;
  Task<Result<void>> wait_tls_readable();
  Task<Result<size_t>> read_tls(std::span<char> out);
  Task<Result<void>> write_tls(std::string_view bytes);
  Task<Result<void>> write_plain(std::string_view bytes);
  Task<Result<void>> handshake(std::unique_ptr<TlsSession> session);
  Task<Result<void>> wait_for(TlsSession::Step step);
  std::unexpected<Fault> broken(FaultKind kind, std::string what);
  void discard_input();
  void acknowledge();

  // After so many reads that found something without waiting, the others get their turn: a peer that sends
  // faster than we work must not have the loop to itself.
  static constexpr int kReadsInRow = 8;

  Descriptor descriptor_;
  int reads_in_row_ = 0;
  bool unanswered_ = false;  // bytes came in, and none went out since
  bool broken_ = false;      // failed for good
  std::unique_ptr<Tls> tls_;
  Endpoint peer_;
  mutable Endpoint local_;  // asked for when first wanted
};

}  // namespace posthouse::net
