// The running program: core, loops, listeners, transport, control socket, upkeep, put together and taken
// apart.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/config/config.h"
#include "app/core/core.h"
#include "app/server/certificate_stock.h"
#include "app/server/listeners.h"
#include "base/result.h"
#include "net/loop.h"

namespace posthouse::app {

class Server {
 public:
  struct Options {
    Config config;
    std::string config_file;  // read again on SIGHUP; "" for none
    std::vector<Bound> listeners;
    Core::Store store = Core::Store::existing;
    std::function<void()> started;  // on the main loop, once every listener accepts
    // What may be served of certificates that are broken on disk by now. Without any, all must be good.
    std::optional<CertificateStock> certificates = std::nullopt;
    std::shared_ptr<search::TextExtractor> extractor = nullptr;  // of attached documents, for the index
    std::function<void()> renewed = nullptr;  // on the main loop, after other certificates were taken
  };

  // Opens the store and reads the certificates; nothing is served yet.
  static Result<std::unique_ptr<Server>> make(Options options);
  ~Server();

  // Serves until SIGTERM or SIGINT (or stop()), then lets sessions finish for limits.shutdown. True when all
  // ended in time; false when some had to be left: then end the process without destroying this object. A
  // fault when the server could not start.
  Result<bool> run();

  // Starts the shutdown. On the main loop.
  void stop(std::string reason);
  // Reads configuration and certificates again. On the main loop.
  void reload();

  net::Loop& main_loop();
  Core& core();

  struct Impl;

 private:
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace posthouse::app
