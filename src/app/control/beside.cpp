// For root, who has files to read that the store's owner may not see: the store is opened by a child that has
// become the owner and answers on a socket of its own, as a server would, until we end.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <thread>

#include "app/control/admin.h"
#include "app/control/server.h"
#include "app/core/folders.h"
#include "net/loop.h"

namespace posthouse::app::control {
namespace {

std::string own_path(const Config& config) {
  return fmt::format("{}.{}", control_path(config), ::getpid());
}

void tell(int to, const std::string& text) {
  // Nobody who reads it: the parent is gone, and so are we soon.
  if (::write(to, text.data(), text.size()) < 0) ::_exit(1);
}

Result<void> serve(const Config& config, const std::string& path, int ready, int life) {
  auto user = owner_of_data(config);
  if (!user) return std::unexpected(user.error());
  if (auto made = make_data_folders(config, *user ? &**user : nullptr); !made) return made;
  if (*user) {
    if (auto became = become(**user); !became) return became;
  }
  net::Loop loop;  // goes after the core, whose threads tell it of what was still under way
  auto core = Core::open_settled(config);
  if (!core) return std::unexpected(core.error());
  AdminService service(**core);
  std::unique_ptr<Server> server;
  Result<void> state;
  loop.post([&] {
    auto started = Server::start(loop, service, {path, effective_hostname(config), effective_domain(config)});
    if (!started) {
      state = std::unexpected(started.error());
      loop.stop();
      return;
    }
    server = std::move(*started);
    tell(ready, "+");
  });
  std::thread watch([&] {
    char byte = 0;
    while (::read(life, &byte, 1) < 0 && errno == EINTR) {
    }
    loop.post([&] {
      const auto end = [](Server* of, net::Loop& on) -> Task<void> {
        if (of != nullptr) co_await of->stop();
        on.stop();
      };
      spawn(end(server.get(), loop));
    });
  });
  loop.run();
  if (!state) return watch.detach(), state;  // it waits for the parent, who waits for us
  watch.join();
  server.reset();
  return state;
}

// Holds the child; its calls go to it.
class BesideAdmin : public Admin {
 public:
  BesideAdmin(std::unique_ptr<Admin> to, pid_t child, int life)
      : to_(std::move(to)), child_(child), life_(life) {}
  ~BesideAdmin() override {
    ::close(life_);
    while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  Result<boost::json::value> call(std::string verb, boost::json::object arguments,
                                  Progress progress) override {
    return to_->call(std::move(verb), std::move(arguments), std::move(progress));
  }
  Result<boost::json::value> send(std::string verb, boost::json::object arguments,
                                  LetterPieces pieces) override {
    return to_->send(std::move(verb), std::move(arguments), std::move(pieces));
  }
  Result<Hold> hold(std::string address) override { return to_->hold(std::move(address)); }
  Result<std::string> deliver(LocalEnvelope envelope, LetterPieces pieces) override {
    return to_->deliver(std::move(envelope), std::move(pieces));
  }

 private:
  std::unique_ptr<Admin> to_;
  pid_t child_;
  int life_;
};

[[noreturn]] void be_child(const Config& config, const std::string& path, int ready, int life) {
  ::signal(SIGINT, SIG_IGN);  // of the terminal: the parent ends us
  auto served = serve(config, path, ready, life);
  if (!served) tell(ready, static_cast<char>(served.error().kind) + served.error().what.substr(0, 2'000));
  ::_exit(served ? 0 : 1);
}

Result<void> await_child(int ready) {
  std::string told;
  char bytes[512];
  ssize_t n = 0;
  while (told != "+" && ((n = ::read(ready, bytes, sizeof bytes)) > 0 || (n < 0 && errno == EINTR))) {
    if (n > 0) told.append(bytes, static_cast<size_t>(n));
  }
  if (told == "+") return {};
  if (told.empty()) return fail(FaultKind::io, "the process that opens the store ended");
  return fail(static_cast<FaultKind>(told.front()), told.substr(1));
}

}  // namespace

Result<std::unique_ptr<Admin>> connect_beside(const Config& config) {
  auto owner = owner_of_data(config);
  if (!owner) return std::unexpected(owner.error());
  if (!*owner) return connect_admin(config);
  if (auto remote = connect_remote(config)) return remote;
  const std::string path = own_path(config);
  int ready[2], life[2];
  if (::pipe(ready) != 0 || ::pipe(life) != 0)
    return fail(FaultKind::io, fmt::format("pipe: {}", std::strerror(errno)));
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ready[0]);
    ::close(life[1]);
    be_child(config, path, ready[1], life[0]);
  }
  const int error = errno;
  ::close(ready[1]);
  ::close(life[0]);
  Result<void> served = fail(FaultKind::io, fmt::format("fork: {}", std::strerror(error)));
  if (child > 0) served = await_child(ready[0]);
  ::close(ready[0]);
  auto remote = served ? connect_remote_at(path) : std::unexpected(served.error());
  if (remote) return std::make_unique<BesideAdmin>(std::move(*remote), child, life[1]);
  ::close(life[1]);
  if (child > 0) ::waitpid(child, nullptr, 0);
  return remote;
}

}  // namespace posthouse::app::control
