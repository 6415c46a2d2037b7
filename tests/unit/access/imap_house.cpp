#include "imap_house.h"

#include <gtest/gtest.h>

#include "base/log.h"

namespace posthouse::access::imap::test {

std::string Client::ask(std::string_view octets) {
  send(octets);
  if (threads_) settle();
  return take();
}

bool Client::take_line(std::string& line) {
  if (threads_) {
    executor_.run_until(
        [this] { return pending().find("\r\n") != std::string::npos || stream_->peer_closed(); });
  }
  return Talker::take_line(line);
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

store::FilePlace place_of(store::AccountId account, store::Format format, const std::string& directory) {
  store::FilePlace place;
  place.format = format;
  if (format == store::Format::database) return place;
  place.inbox = directory + "/" + std::to_string(account) + "/inbox";
  place.folders = directory + "/" + std::to_string(account) + "/folders";
  return place;
}

House::House(uint32_t kept_expunges, store::Format format) : store(faults, clock, random, kept_expunges) {
  log::configure(log::Level::error, "", "text");
  options->hostname = "mail.example.test";
  options->allow_plain_login = true;
  if (format != store::Format::database) {
    // Names of files take nothing from what ids are made of: those are the same for all formats.
    static SeededRandom names(2);
    files.emplace();
    mirror.emplace(faults, clock, names, ids);
    store.use_files(&*mirror);
  }
  for (store::AccountId account : {1u, 2u, 3u, 4u}) {
    const std::string directory = files ? files->path() : "";
    const std::string& address = neighbours.all[account - 1].address;
    const std::string domain = address.substr(address.find('@') + 1);
    Result<void> made =
        executor.run(store.create_account(account, domain, place_of(account, format, directory)));
    EXPECT_TRUE(made.has_value());
  }
}

House::~House() {
  executor.run();
  if (!mirror) return;
  EXPECT_TRUE(executor.run_until([this] { return open_sessions == 0; })) << "a session did not end";
}

Task<void> House::run_session(std::unique_ptr<net::Stream> stream) {
  ++open_sessions;
  Recall* const known = remembers ? &recall : nullptr;
  const Services services{faults, store, ids, clock, accounts, index, nullptr, &neighbours, known};
  co_await serve(std::move(stream), options, services, registry, "test");
  --open_sessions;
}

std::unique_ptr<Client> House::connect(size_t chunk, bool tls) {
  MemoryStream::Pair pair = access::test::make_connection(clock, chunk, tls);
  executor.start(run_session(std::move(pair.server)));
  auto client = std::make_unique<Client>(executor, std::move(pair), mirror.has_value());
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
