#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/log.h"
#include "base/metrics.h"
#include "net/descriptor.h"
#include "net/socket.h"
#include "net/socket_address.h"
#include "net/socket_stream.h"

namespace posthouse::net {

namespace {
constexpr int kAcceptsInRow = 64;  // then the connections there are get their turn
constexpr milliseconds kBackOff{250};
constexpr seconds kWarnEvery{10};
// Descriptors that connections leave to the rest of the program, so that files can still be opened: a share
// of the limit and at most so many.
constexpr rlim_t kShareLeft = 32;
constexpr rlim_t kMostLeft = 1024;

// The kernel gives the lowest free number: a connection with this one or a higher one finds too few left.
int first_number_too_high() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return INT_MAX;
  const rlim_t left = std::min(limit.rlim_cur / kShareLeft, kMostLeft);
  return static_cast<int>(std::min<rlim_t>(limit.rlim_cur - left, INT_MAX));
}

int open_reserve() {
  return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

bool out_of_descriptors(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

struct OwnedDescriptor {
  explicit OwnedDescriptor(int number) : fd(number) {}
  ~OwnedDescriptor() {
    if (fd >= 0) ::close(fd);
  }
  OwnedDescriptor(const OwnedDescriptor&) = delete;
  OwnedDescriptor& operator=(const OwnedDescriptor&) = delete;
  int fd;
};

const metrics::Counter& turned_away() {
  static const metrics::Counter counter("posthouse_net_connections_turned_away_total",
                                        "Connections closed at once because descriptors ran out.");
  return counter;
}

const metrics::Counter& accepted() {
  static const metrics::Counter counter("posthouse_net_connections_accepted_total", "Connections accepted.");
  return counter;
}
}  // namespace

struct Acceptor::Impl {
  Impl(Loop& on, int listener, OnConnection call, std::string reply, Choice choice, Descriptors descriptors)
      : too_high(descriptors == Descriptors::take_all ? INT_MAX : first_number_too_high()),
        loop(on),
        fd(listener),
        on_connection(std::move(call)),
        busy_reply(std::move(reply)),
        choose(std::move(choice)) {}
  ~Impl() {
    descriptor.reset();
    if (fd >= 0) ::close(fd);
    if (reserve >= 0) ::close(reserve);
  }

  const int too_high;
  Loop& loop;
  int fd;  // until the descriptor has it
  OnConnection on_connection;
  std::string busy_reply;
  Choice choose;
  std::unique_ptr<Descriptor> descriptor;
  int reserve = open_reserve();
  std::atomic<bool> stopped{false};
  SteadyTime warned{};

  enum class Next { more, wait, back_off, end };
  static Next accept_one(const std::shared_ptr<Impl>& self);
  Next judge(int error);
  void turn_away(int error);
  void say_busy(int connection);
  void warn(int error);
  void begin(Loop& on, int connection, const Endpoint& peer);
  static void hand_over(const std::shared_ptr<Impl>& self, int connection, const Endpoint& peer);
  static Task<void> run(std::shared_ptr<Impl> self);
};

void Acceptor::Impl::begin(Loop& on, int connection, const Endpoint& peer) {
  try {
    on_connection(std::make_unique<SocketStream>(on, connection, peer));
  } catch (const std::exception& e) {
    log::error("net.connection_failed", {{"what", e.what()}});
  }
}

void Acceptor::Impl::hand_over(const std::shared_ptr<Impl>& self, int connection, const Endpoint& peer) {
  accepted().add();
  Loop& on = self->choose ? self->choose() : self->loop;
  if (&on == &self->loop) {
    self->begin(on, connection, peer);
    return;
  }
  // A loop that has ended never calls, only destroys, what is posted to it.
  auto owned = std::make_shared<OwnedDescriptor>(connection);
  on.post([self, owned, peer, &on] { self->begin(on, std::exchange(owned->fd, -1), peer); });
}

Acceptor::Impl::Next Acceptor::Impl::accept_one(const std::shared_ptr<Impl>& self) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  const int connection = accept4(self->descriptor->fd(), reinterpret_cast<sockaddr*>(&address), &size,
                                 SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (connection >= self->too_high) {
    self->warn(EMFILE);
    self->say_busy(connection);
    return Next::back_off;
  }
  if (connection < 0) return self->judge(errno);
  hand_over(self, connection, from_sockaddr(address));
  return Next::more;
}

Acceptor::Impl::Next Acceptor::Impl::judge(int error) {
  if (error == EAGAIN || error == EWOULDBLOCK) {
    descriptor->drained();
    return Next::wait;
  }
  if (out_of_descriptors(error)) {
    turn_away(error);
    return Next::back_off;
  }
  if (error == EBADF || error == EINVAL || error == ENOTSOCK) {
    log::error("net.accept_failed", {{"what", std::strerror(error)}});
    return Next::end;
  }
  // A connection's own trouble, which accept(2) passes on, says nothing about the next one.
  return error == EINTR || error == ECONNABORTED || error == EPROTO ? Next::more : Next::back_off;
}

// Gives up the reserve to take one connection out of the queue and end it politely, instead of letting it
// wait.
void Acceptor::Impl::turn_away(int error) {
  warn(error);
  if (reserve < 0) return;
  ::close(reserve);
  const int connection = accept4(descriptor->fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (connection >= 0) say_busy(connection);
  reserve = open_reserve();
}

void Acceptor::Impl::say_busy(int connection) {
  turned_away().add();
  if (!busy_reply.empty()) ::send(connection, busy_reply.data(), busy_reply.size(), MSG_NOSIGNAL);
  ::close(connection);
}

void Acceptor::Impl::warn(int error) {
  const SteadyTime now = system_clock().steady();
  if (now - warned <= kWarnEvery) return;
  warned = now;
  log::warn("net.out_of_descriptors", {{"what", std::strerror(error)}});
}

Task<void> Acceptor::Impl::run(std::shared_ptr<Impl> self) {
  if (self->stopped) co_return;
  self->descriptor = std::make_unique<Descriptor>(self->loop, std::exchange(self->fd, -1));
  auto next = Next::wait;
  while (next != Next::end) {
    if (next == Next::back_off) {
      const Result<void> slept = co_await self->loop.sleep(kBackOff);
      if (!slept || self->stopped) break;
    } else if (next == Next::more) {
      const Result<void> yielded = co_await self->loop.sleep(milliseconds(0));
      if (!yielded || self->stopped) break;
    } else {
      Descriptor::Awaiter readable = self->descriptor->wait_readable();
      const Result<void> ready = co_await readable;
      if (!ready) break;
    }
    next = Next::more;
    for (int i = 0; i < kAcceptsInRow && next == Next::more && !self->stopped; ++i) next = accept_one(self);
  }
  self->descriptor.reset();  // here, as the loop may go before its acceptors
}

Acceptor::Acceptor(Loop& loop, const ListenSocket& socket, OnConnection on_connection, std::string busy_reply,
                   Choice choose, Descriptors descriptors) {
  const int fd = fcntl(socket.fd(), F_DUPFD_CLOEXEC, 0);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "duplicate a listening socket");
  impl_ = std::make_shared<Impl>(loop, fd, std::move(on_connection), std::move(busy_reply), std::move(choose),
                                 descriptors);
  loop.post([impl = impl_] { spawn(Impl::run(impl)); });
}

Acceptor::~Acceptor() {
  impl_->stopped = true;
  if (impl_->descriptor) impl_->descriptor->close();
}

}  // namespace posthouse::net
