#include "imap_house.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "message/summary.h"
#include "net/tls.h"

namespace posthouse::access::imap::test {

Task<Result<wire::sasl::Identity>> Accounts::verify_password(std::string name, Secret password, IpAddress,
                                                             std::string) {
  if (broken) co_return fail(FaultKind::temporary, "no directory");
  if (password.reveal() != "demo") co_return fail(FaultKind::policy, "wrong password");
  if (name == "alice") co_return wire::sasl::Identity{1, "alice@example.test"};
  if (name == "bob") co_return wire::sasl::Identity{2, "bob@example.test"};
  co_return fail(FaultKind::policy, "unknown user");
}

Task<Result<wire::sasl::ScramCredential>> Accounts::scram_credential(std::string, IpAddress) {
  co_return fail(FaultKind::policy, "no SCRAM here");
}

void Client::send(std::string_view octets) {
  stream_->push(octets);
  executor_.run();
}

std::string Client::ask(std::string_view octets) {
  send(octets);
  return take();
}

std::string& Client::pending() {
  // Draining makes room for a server that waits to write.
  for (std::string more = stream_->drain(); !more.empty(); more = stream_->drain()) {
    pending_ += more;
    executor_.run();
  }
  return pending_;
}

std::string Client::take() {
  return std::exchange(pending(), std::string());
}

bool Client::take_line(std::string& line) {
  std::string& text = pending();
  const size_t end = text.find("\r\n");
  if (end == std::string::npos) return false;
  line = text.substr(0, end);
  text.erase(0, end + 2);
  return true;
}

House::House(uint32_t kept_expunges) : store(faults, clock, random, kept_expunges) {
  log::configure(log::Level::error, "", "text");
  options->hostname = "mail.example.test";
  options->allow_plain_login = true;
  for (store::AccountId account : {1u, 2u}) {
    Result<void> made = executor.run(store.create_account(account));
    EXPECT_TRUE(made.has_value());
  }
}

House::~House() {
  executor.run();
}

std::unique_ptr<Client> House::connect(size_t chunk, bool tls) {
  MemoryStream::Pair pair = MemoryStream::make_pair(&clock);
  pair.server->set_chunk(chunk);
  if (tls) {
    net::TlsInfo info;
    info.active = true;
    pair.server->set_tls(info);
  }
  const Services services{faults, store, ids, clock, accounts};
  executor.start(serve(std::move(pair.server), options, services, registry, "test"));
  auto client = std::make_unique<Client>(executor, std::move(pair));
  executor.run();
  return client;
}

std::unique_ptr<Client> House::login(const std::string& user, size_t chunk) {
  auto client = connect(chunk);
  client->take();
  const std::string answer = client->ask("login LOGIN " + user + " demo\r\n");
  EXPECT_TRUE(answer.starts_with("login OK")) << answer;
  return client;
}

store::Placed House::deliver(store::AccountId account, const std::string& mailbox, const std::string& message,
                             store::FlagSet flags, SystemTime date) {
  engine::BlobWriter writer(*engine, ids.next());
  Result<void> written = executor.run(writer.append(message));
  EXPECT_TRUE(written.has_value());
  store::NewMessage fresh;
  fresh.blob = writer.id();
  fresh.size = writer.size();
  fresh.summary = message::encode(message::summarize(message));
  fresh.internal_date = date;
  fresh.flags = std::move(flags);
  Result<store::Placed> placed =
      executor.run(store.append(account, mailbox, writer, std::move(fresh), store::Quota()));
  EXPECT_TRUE(placed.has_value());
  return placed ? *placed : store::Placed();
}

}  // namespace posthouse::access::imap::test
