#include "net/socket_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/metrics.h"
#include "net/socket_address.h"

namespace posthouse::net {

namespace {
const metrics::Counter& handshakes(bool good) {
  static const metrics::Counter ok("posthouse_net_tls_handshakes_total", "TLS handshakes by result.",
                                   {{"result", "ok"}});
  static const metrics::Counter failed("posthouse_net_tls_handshakes_total", "TLS handshakes by result.",
                                       {{"result", "failed"}});
  return good ? ok : failed;
}

bool would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK;
}
bool peer_went(int error) {
  return error == ECONNRESET || error == EPIPE;
}
}  // namespace

SocketStream::SocketStream(Loop& loop, int fd, Endpoint peer) : descriptor_(loop, fd), peer_(peer) {}

SocketStream::~SocketStream() {
  close();
}

Result<void> SocketStream::state() const {
  if (broken_) return fail(FaultKind::closed, "closed");
  return descriptor_.state();
}

Result<void> SocketStream::state_to_write() const {
  if (broken_) return fail(FaultKind::closed, "closed");
  return descriptor_.state_to_write();
}

std::unexpected<Fault> SocketStream::broken(FaultKind kind, std::string what) {
  broken_ = true;
  return fail(kind, std::move(what));
}

Task<Result<void>> SocketStream::wait_connected(SteadyTime deadline) {
  descriptor_.set_deadline(deadline);
  descriptor_.full();
  Descriptor::Awaiter writable = descriptor_.wait_writable();
  Result<void> waited = co_await writable;
  if (!waited) co_return waited;
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(descriptor_.fd(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error == 0) co_return Result<void>();
  co_return broken(error == ETIMEDOUT ? FaultKind::timeout : FaultKind::temporary, std::strerror(error));
}

Task<Result<void>> SocketStream::wait_readable() {
  if (tls_) {
    Result<void> ready = co_await wait_tls_readable();
    co_return ready;
  }
  Result<void> state_now = state();
  if (!state_now || descriptor_.readable()) co_return state_now;
  reads_in_row_ = 0;
  acknowledge();
  Descriptor::Awaiter readable = descriptor_.wait_readable();
  Result<void> waited = co_await readable;
  co_return waited;
}

Task<Result<size_t>> SocketStream::read_some(std::span<char> out) {
  if (++reads_in_row_ > kReadsInRow) {
    reads_in_row_ = 0;
    Descriptor::Yield others = descriptor_.yield();
    co_await others;
  }
  if (tls_) {
    Result<size_t> got = co_await read_tls(out);
    co_return got;
  }
  for (;;) {
    const Result<void> state_now = state();
    if (!state_now) co_return std::unexpected(state_now.error());
    if (descriptor_.readable()) {
      const ssize_t n = ::recv(descriptor_.fd(), out.data(), out.size(), 0);
      const int error = errno;
      // Less than asked for: that was all, and the kernel will tell when there is more.
      if (n < static_cast<ssize_t>(out.size())) descriptor_.drained();
      if (n >= 0) {
        unanswered_ = true;
        co_return static_cast<size_t>(n);
      }
      if (error == EINTR) continue;
      if (!would_block(error)) {
        co_return broken(peer_went(error) ? FaultKind::closed : FaultKind::io, std::strerror(error));
      }
    }
    reads_in_row_ = 0;
    acknowledge();
    Descriptor::Awaiter readable = descriptor_.wait_readable();
    const Result<void> waited = co_await readable;
    if (!waited) co_return std::unexpected(waited.error());
  }
}

Task<Result<void>> SocketStream::write_all(std::string_view bytes) {
  unanswered_ = false;
  if (tls_) {
    Result<void> sent = co_await write_tls(bytes);
    co_return sent;
  }
  Result<void> sent = co_await write_plain(bytes);
  co_return sent;
}

Task<Result<void>> SocketStream::write_plain(std::string_view bytes) {
  bool begun = false;
  while (!bytes.empty()) {
    const Result<void> state_now = state_to_write();
    if (!state_now) co_return state_now;
    const ssize_t n = ::send(descriptor_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      begun = true;
      bytes.remove_prefix(static_cast<size_t>(n));
      continue;
    }
    if (errno == EINTR) continue;
    if (!would_block(errno)) {
      co_return broken(peer_went(errno) ? FaultKind::closed : FaultKind::io, std::strerror(errno));
    }
    descriptor_.full();
    Descriptor::Awaiter writable = descriptor_.wait_writable();
    Result<void> waited = co_await writable;
    if (!waited) {
      broken_ = broken_ || begun;  // half a reply can't be taken back
      co_return waited;
    }
  }
  co_return Result<void>();
}

// What a TLS step asked for before it can be tried again.
Task<Result<void>> SocketStream::wait_for(TlsSession::Step step) {
  if (step == TlsSession::Step::want_write) {
    descriptor_.full();
    Descriptor::Awaiter writable = descriptor_.wait_writable();
    Result<void> waited = co_await writable;
    co_return waited;
  }
  reads_in_row_ = 0;
  acknowledge();
  descriptor_.drained();
  Descriptor::Awaiter readable = descriptor_.wait_readable();
  Result<void> waited = co_await readable;
  co_return waited;
}

// A readable socket may hold but a session ticket or half a record, so only a byte of the plain text counts.
Task<Result<void>> SocketStream::wait_tls_readable() {
  for (;;) {
    Result<void> state_now = state();
    if (!state_now) co_return state_now;
    auto step = TlsSession::Step::want_read;
    if (descriptor_.readable() || tls_->session->has_pending()) step = tls_->session->peek();
    if (step == TlsSession::Step::failed) co_return broken(FaultKind::closed, tls_->session->error());
    if (step == TlsSession::Step::done || step == TlsSession::Step::end) co_return Result<void>();
    const Result<void> waited = co_await wait_for(step);
    if (!waited) co_return waited;
  }
}

Task<Result<size_t>> SocketStream::read_tls(std::span<char> out) {
  for (;;) {
    const Result<void> state_now = state();
    if (!state_now) co_return std::unexpected(state_now.error());
    auto step = TlsSession::Step::want_read;
    size_t n = 0;
    if (descriptor_.readable() || tls_->session->has_pending()) step = tls_->session->read(out, n);
    if (step == TlsSession::Step::done) {
      unanswered_ = true;
      co_return n;
    }
    if (step == TlsSession::Step::end) co_return size_t{0};
    if (step == TlsSession::Step::failed) co_return broken(FaultKind::closed, tls_->session->error());
    const Result<void> waited = co_await wait_for(step);
    if (!waited) co_return std::unexpected(waited.error());
  }
}

Task<Result<void>> SocketStream::write_tls(std::string_view bytes) {
  while (!bytes.empty()) {
    const Result<void> state_now = state_to_write();
    if (!state_now) co_return state_now;
    size_t n = 0;
    const TlsSession::Step step = tls_->session->write(bytes, n);
    if (step == TlsSession::Step::done) {
      bytes.remove_prefix(n);
      continue;
    }
    if (step != TlsSession::Step::want_read && step != TlsSession::Step::want_write) {
      co_return broken(FaultKind::closed, tls_->session->error());
    }
    const Result<void> waited = co_await wait_for(step);
    if (!waited) {
      broken_ = true;  // a record that waits to be sent can't be taken back
      co_return waited;
    }
  }
  co_return Result<void>();
}

Task<Result<void>> SocketStream::handshake(std::unique_ptr<TlsSession> session) {
  for (;;) {
    const TlsSession::Step step = session->handshake();
    if (step == TlsSession::Step::done) break;
    if (step == TlsSession::Step::failed) {
      handshakes(false).add();
      co_return broken(FaultKind::closed, "TLS handshake: " + session->error());
    }
    const Result<void> waited = co_await wait_for(step);
    if (!waited) {
      handshakes(false).add();
      co_return broken(waited.error().kind, "TLS handshake: " + waited.error().what);
    }
  }
  handshakes(true).add();
  auto tls = std::make_unique<Tls>();
  tls->info = session->info();
  tls->session = std::move(session);
  tls_ = std::move(tls);
  co_return Result<void>();
}

Task<Result<void>> SocketStream::start_tls_server(std::shared_ptr<const TlsContext> context) {
  const Result<void> state_now = state();
  if (!state_now) co_return state_now;
  if (tls_) co_return broken(FaultKind::permanent, "TLS stands already");
  auto session = TlsSession::make(std::move(context), descriptor_.fd(), true, "");
  if (!session) co_return std::unexpected(session.error());
  Result<void> done = co_await handshake(std::move(*session));
  co_return done;
}

Task<Result<void>> SocketStream::start_tls_client(std::shared_ptr<const TlsContext> context,
                                                  std::string host) {
  const Result<void> state_now = state();
  if (!state_now) co_return state_now;
  if (tls_) co_return broken(FaultKind::permanent, "TLS stands already");
  auto session = TlsSession::make(std::move(context), descriptor_.fd(), false, host);
  if (!session) co_return std::unexpected(session.error());
  Result<void> done = co_await handshake(std::move(*session));
  co_return done;
}

const TlsInfo& SocketStream::tls() const {
  static const TlsInfo none;
  return tls_ ? tls_->info : none;
}

// About to wait for more of something that has begun. A peer with Nagle's algorithm (RFC 9293 section 3.7.4)
// sends the rest, the dot behind a letter for instance, only when the beginning is acknowledged, and the
// kernel would put that off by 40 ms in the hope of an answer that carries it.
void SocketStream::acknowledge() {
  if (!std::exchange(unanswered_, false)) return;
  const int on = 1;
  setsockopt(descriptor_.fd(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

// Closing a socket with unread input sends a reset, which may overtake our last words on their way.
void SocketStream::discard_input() {
  constexpr int kRounds = 16;
  char scrap[4096];
  for (int i = 0; i < kRounds && descriptor_.readable(); ++i) {
    if (::recv(descriptor_.fd(), scrap, sizeof scrap, MSG_DONTWAIT) < static_cast<ssize_t>(sizeof scrap))
      break;
  }
}

void SocketStream::end_writing() {
  if (descriptor_.fd() < 0) return;
  if (tls_) tls_->session->close_notify();
  ::shutdown(descriptor_.fd(), SHUT_WR);
}

void SocketStream::close() {
  if (descriptor_.fd() < 0) return;
  if (tls_) tls_->session->close_notify();
  discard_input();
  descriptor_.close();
}

const Endpoint& SocketStream::local() const {
  if (local_.port == 0 && descriptor_.fd() >= 0) local_ = local_endpoint(descriptor_.fd());
  return local_;
}

}  // namespace posthouse::net
