// Sockets: listening, accepting, connecting. TCP and local (unix) sockets.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "net/loop.h"
#include "net/stream.h"

namespace posthouse::net {

// A bound and listening socket as a plain descriptor, so that it can be bound as root and used after.
class ListenSocket {
 public:
  // Binds with SO_REUSEADDR (and SO_REUSEPORT if `shared`) and listens. Port 0 picks a free one. The fault
  // names the port and, where /proc tells, the process that holds it.
  static Result<ListenSocket> bind_tcp(const Endpoint& at, bool shared);
  // Could bind_tcp() have it, as far as this process and this machine go? `exists`: another holds it.
  static Result<void> try_bind(const Endpoint& at);
  // Replaces a stale socket file; `mode` are its permissions.
  static Result<ListenSocket> bind_unix(const std::string& path, unsigned mode);
  // Takes over an inherited descriptor (systemd socket activation, or the supervisor's).
  static Result<ListenSocket> adopt(int fd);

  ListenSocket(ListenSocket&&) noexcept;
  ListenSocket& operator=(ListenSocket&&) noexcept;
  ~ListenSocket();

  // Peers that are gone without a word are noticed within a minute, not hours, also while nothing is said.
  void notice_gone_peers_soon();

  int fd() const { return fd_; }
  const Endpoint& local() const { return local_; }  // with the real port
  // An inherited IPv6 socket that takes IPv4 as well; our own never do.
  bool dual_stack() const { return dual_stack_; }

 private:
  ListenSocket() = default;
  int fd_ = -1;
  Endpoint local_;
  bool dual_stack_ = false;
};

// Accepts connections on one loop. Backs off for a moment, with a warning, when descriptors run out (EMFILE),
// and keeps one in reserve so that it can tell the client to come later instead of spinning.
class Acceptor {
 public:
  using OnConnection = std::function<void(std::unique_ptr<Stream>)>;
  // Names the loop that shall serve the next connection; called on the accepting loop.
  using Choice = std::function<Loop&()>;
  // Connections leave some descriptors to the rest of the program; those of who mends things take these too.
  enum class Descriptors { leave_some, take_all };

  // Duplicates the descriptor of `socket`. Call on any thread; accepts begin when the loop runs. `busy_reply`
  // is what a client hears that is turned away for want of descriptors. With `choose`, connections are handed
  // to the loops it names and on_connection is called there, which may still happen once after the acceptor
  // went; those loops outlive `loop`'s run.
  Acceptor(Loop& loop, const ListenSocket& socket, OnConnection on_connection, std::string busy_reply = "",
           Choice choose = nullptr, Descriptors descriptors = Descriptors::leave_some);
  ~Acceptor();  // stops accepting; call on the loop's thread or after it stopped

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// Connects from `source` (unset: any address) on the calling loop. Fails with timeout, or temporary with the
// reason.
Task<Result<std::unique_ptr<Stream>>> connect_tcp(Endpoint to, SteadyTime deadline,
                                                  std::optional<IpAddress> source = std::nullopt);
Task<Result<std::unique_ptr<Stream>>> connect_unix(std::string path, SteadyTime deadline);

}  // namespace posthouse::net
