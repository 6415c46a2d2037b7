// The mail system without its network: engine, directory, store, delivery, queue, acceptance, put together as
// the configuration says. The server serves it; the command line uses it directly when no server runs.
#pragma once

#include <memory>

#include "acceptance/acceptance.h"
#include "app/config/config.h"
#include "base/id.h"
#include "base/pool.h"
#include "base/result.h"
#include "delivery/delivery.h"
#include "directory/directory.h"
#include "engine/engine.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "queue/queue.h"
#include "store/mail_store.h"
#include "transport/transport.h"

namespace posthouse::app {

// Thread-safe as its parts are. They are destroyed in the order that they need each other.
class Core {
 public:
  // Opens the store; makes it where there is none only if told. Faults as engine::open_rocks_engine.
  enum class Store { existing, create, read_only };
  static Result<std::unique_ptr<Core>> open(const Config& config, Store store = Store::existing);

  // Puts in order what may have lost rows when damaged files were mended (engine::Engine::lost). First of
  // all, before anybody else reads or writes; does nothing otherwise. What can't be put in order now is tried
  // again at the next start. Fails when the store can't be written.
  Task<Result<void>> settle();

  // The transport of this core on `loop`, not started. `resolver` outlives it. Fails when the smarthost's
  // password file or the authorities can't be read.
  Result<std::unique_ptr<transport::Transport>> make_transport(const Config& config, net::Loop& loop,
                                                               net::Resolver& resolver);

 private:
  Core(const Config& config, std::unique_ptr<engine::Engine> opened);

  std::unique_ptr<engine::Engine> engine_;
  Pool passwords_;

 public:
  engine::Engine& engine;
  const Clock& clock;
  Random& random;
  IdSource ids;
  directory::Directory directory;
  store::MailStore store;
  delivery::Delivery delivery;
  queue::Queue queue;
  acceptance::Acceptance acceptance;
};

// A resolver that knows nothing and never waits, for a transport that must not connect.
std::unique_ptr<net::Resolver> make_null_resolver();

// The first line of a file without its line end. Fails with io, naming the file.
Result<std::string> read_first_line(const std::string& path);
// A whole file of at most `limit` bytes.
Result<std::string> read_file(const std::string& path, size_t limit);

}  // namespace posthouse::app
