#include "imap_house.h"

#include <gtest/gtest.h>

#include "base/log.h"

namespace posthouse::access::imap::test {

std::string Client::ask(std::string_view octets) {
  send(octets);
  return take();
}

Task<Result<People::Person>> Neighbours::person(uint64_t account) {
  for (const Person& one : all) {
    if (one.account == account) co_return one;
  }
  co_return fail(FaultKind::not_found, "no such account");
}

Task<Result<People::Person>> Neighbours::person_at(std::string address) {
  for (const Person& one : all) {
    if (one.address == address) co_return one;
  }
  co_return fail(FaultKind::not_found, "no such account");
}

House::House(uint32_t kept_expunges) : store(faults, clock, random, kept_expunges) {
  log::configure(log::Level::error, "", "text");
  options->hostname = "mail.example.test";
  options->allow_plain_login = true;
  for (store::AccountId account : {1u, 2u, 3u, 4u}) {
    Result<void> made = executor.run(store.create_account(account));
    EXPECT_TRUE(made.has_value());
  }
}

House::~House() {
  executor.run();
}

std::unique_ptr<Client> House::connect(size_t chunk, bool tls) {
  MemoryStream::Pair pair = access::test::make_connection(clock, chunk, tls);
  const Services services{faults, store, ids, clock, accounts, index, nullptr, &neighbours};
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
  return access::test::deliver(executor, *engine, ids, store, account, mailbox, message, std::move(flags),
                               date);
}

}  // namespace posthouse::access::imap::test
