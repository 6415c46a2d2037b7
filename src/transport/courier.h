// One connection at a time that carries letters to a destination: finds the host, speaks, goes to the next
// host.
#pragma once

#include <memory>
#include <set>
#include <vector>

#include "smtp/client.h"
#include "transport/answer.h"
#include "transport/body.h"
#include "transport/connector.h"
#include "transport/destination.h"
#include "transport/transport.h"

namespace posthouse::transport {

// What all couriers of a Transport work with. One loop only.
struct Means {
  engine::Engine& engine;
  net::Resolver& resolver;
  std::shared_ptr<const net::TlsContext> tls;
  const Clock& clock;
  Random& random;
  const Options options;
  const std::shared_ptr<Connector> connector;
  const Surroundings surroundings;
  HostMemory hosts;
  std::set<net::Stream*> streams;  // open ones
  bool cut = false;                // the end: touch nothing outside any more

  void cut_off();
};

struct Carried {
  std::vector<Answer> answers;  // one for each recipient, same order
  // The host takes no further connection beside those it has: give the job to one of them.
  bool crowded = false;
};

class Courier {
 public:
  Courier(std::shared_ptr<Means> means, std::shared_ptr<Destination> destination);
  ~Courier();

  // Tries the open connection, then the hosts of the route in order, until every recipient has a final answer
  // or the limits of an attempt are reached. Tells the destination how it fared.
  Task<Carried> carry(const Job& job);
  bool connected() const { return client_ != nullptr; }
  // Carried enough letters on this connection.
  bool is_tired() const;
  Task<void> retire();

 private:
  struct Attempt;
  Task<void> use_open_connection(Attempt& attempt);
  Task<void> try_hosts(Attempt& attempt);
  Task<std::expected<Route, Answer>> find_hosts();
  Task<std::expected<void, Answer>> open_host(Host host);
  Task<std::expected<void, Answer>> open_once(Host host, bool tls);
  Task<void> transact(Attempt& attempt);
  smtp::ClientOptions client_options(const Host& host, bool tls) const;
  bool take_answers(Attempt& attempt, const smtp::DeliveryResult& result);
  void conclude(Attempt& attempt);
  void tell_operator(const Answer& refusal);
  void disconnect();

  std::shared_ptr<Means> means_;
  std::shared_ptr<Destination> destination_;
  std::unique_ptr<smtp::Client> client_;
  net::Stream* stream_ = nullptr;  // the client's
  Host host_;                      // where it leads
  uint32_t letters_ = 0;           // tried on this connection
};

}  // namespace posthouse::transport
