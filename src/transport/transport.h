// The transport agent: takes due letters from the queue, finds the next host, sends, records, bounces.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "acceptance/acceptance.h"
#include "base/clock.h"
#include "base/pool.h"
#include "base/random.h"
#include "base/secret.h"
#include "directory/directory.h"
#include "engine/engine.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "net/tls.h"
#include "queue/queue.h"

namespace posthouse::transport {

class Connector;  // transport/connector.h

struct Smarthost {
  std::string host;  // name or address
  uint16_t port = 587;
  std::string user;
  Secret password;
  // Whether its certificate is checked is a matter of the Transport's TlsContext.
  enum class Tls { none, starttls, implicit } tls = Tls::starttls;
};

struct Options {
  std::string hostname;
  std::optional<Smarthost> smarthost;
  uint16_t port = 25;  // where other hosts listen; tests use another
  std::vector<seconds>
      retry_after{};  // after the n-th failure; the last repeats; empty: the default schedule
  seconds expire_after{5 * 24 * 3600};
  seconds warn_after{4 * 3600};
  uint32_t max_connections = 200;
  uint32_t max_per_destination = 20;
  uint32_t max_letters_per_connection = 100;
  size_t max_parked = 100'000;  // ids of letters for slow destinations kept in memory; tests use fewer
  seconds connection_idle{5};   // how long a used connection waits for another letter
  bool allow_loopback = false;  // tests and the demo: deliver to 127.0.0.0/8 although it is "us"
  std::vector<IpAddress> own_addresses{};  // never delivered to, like loopback
  std::string default_domain;     // whose "postmaster" is when the next is empty, for people; "": `hostname`
  std::string postmaster_domain;  // postmaster@ this gets undeliverable bounces; "": the default domain's
  std::shared_ptr<Connector> connector{};  // null: TCP
};

// Who was told that a letter failed. `set_aside`: nobody can be, so it is where the operator sees it.
enum class Told { nobody, sender, postmaster, set_aside };

// Lives on one loop (start() and stop() are called there).
class Transport {
 public:
  Transport(net::Loop& loop, queue::Queue& queue, acceptance::Acceptance& acceptance, engine::Engine& engine,
            net::Resolver& resolver, std::shared_ptr<const net::TlsContext> tls, const Clock& clock,
            Random& random, Options options);
  ~Transport();

  void start();
  // Lets what is being sent finish until `deadline`, then cuts it off (the letters stay queued).
  Task<void> stop(SteadyTime deadline);
  // Takes a look at the queue now, and forgets that destinations did not answer.
  void wake();
  // Fails the letter's remaining recipients now, with a bounce (the operator's verb). When it fails the
  // letter stays as it was.
  Task<Result<Told>> bounce(queue::LetterId id);

  struct Impl;

 private:
  std::shared_ptr<Impl> impl_;  // shared with what runs on the loop
};

}  // namespace posthouse::transport
