// The server's end of the control socket.
#pragma once

#include <memory>
#include <string>

#include "app/admin/service.h"
#include "net/loop.h"

namespace posthouse::app::control {

// Who may connect is the file system's business: the socket has mode 0600. Junk ends the connection it came
// on, and nothing else. Lives on `loop`; create and destroy it there.
class Server {
 public:
  struct Options {
    std::string path, hostname, default_domain;
  };
  static Result<std::unique_ptr<Server>> start(net::Loop& loop, AdminService& service, Options options);
  ~Server();

  // Ends waiting clients; those whose verb runs get their answer. Await before the service goes.
  Task<void> stop();

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace posthouse::app::control
