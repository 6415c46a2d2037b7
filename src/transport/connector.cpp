#include "transport/connector.h"

#include "net/socket.h"

namespace posthouse::transport {

namespace {

class TcpConnector final : public Connector {
 public:
  Task<Result<std::unique_ptr<net::Stream>>> connect(Endpoint to, SteadyTime deadline) override {
    auto stream = co_await net::connect_tcp(to, deadline);
    co_return stream;
  }
};

}  // namespace

std::shared_ptr<Connector> tcp_connector() {
  return std::make_shared<TcpConnector>();
}

}  // namespace posthouse::transport
