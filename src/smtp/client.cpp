#include "smtp/client.h"

#include "smtp/client_connection.h"
#include "smtp/client_opening.h"
#include "smtp/client_transaction.h"
#include "smtp/limits.h"

namespace posthouse::smtp {

struct Client::Impl {
  ClientOptions options;
  ClientConnection connection;
  wire::smtp::Capabilities capabilities;
  uint32_t letters = 0;

  Impl(std::unique_ptr<net::Stream> stream, ClientOptions given)
      : options(std::move(given)), connection(std::move(stream), *options.clock) {}
};

Client::Client(std::unique_ptr<net::Stream> stream, ClientOptions options)
    : impl_(std::make_unique<Impl>(std::move(stream), std::move(options))) {}

Client::~Client() = default;

Task<std::expected<void, Reply>> Client::open() {
  ClientOpening opening(impl_->connection, impl_->options, impl_->capabilities);
  std::expected<void, Reply> opened = co_await opening.run();
  co_return opened;
}

Task<DeliveryResult> Client::send(Delivery delivery, BodySource body) {
  ClientTransaction transaction(impl_->connection, impl_->options, impl_->capabilities, std::move(delivery));
  DeliveryResult result = co_await transaction.run(std::move(body));
  const auto taken = [](const Reply& reply) { return reply.code / 100 == 2; };
  if (std::ranges::any_of(result.replies, taken)) ++impl_->letters;
  co_return result;
}

Task<void> Client::quit() {
  if (impl_->connection.usable()) {
    const Reply ignored = co_await impl_->connection.command("QUIT\r\n", kQuitPatience);
    static_cast<void>(ignored);
  }
  impl_->connection.give_up("closed");
  impl_->connection.stream().close();
}

bool Client::tls_active() const {
  return impl_->connection.stream().tls().active;
}

uint32_t Client::letters_sent() const {
  return impl_->letters;
}

}  // namespace posthouse::smtp
