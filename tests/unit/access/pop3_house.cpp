#include "pop3_house.h"

#include <gtest/gtest.h>

#include "base/log.h"

namespace posthouse::access::pop3::test {

std::string Client::ask(std::string_view command) {
  send(command);
  std::string line;
  EXPECT_TRUE(take_line(line)) << command;
  return line;
}

bool Client::take_line(std::string& line) {
  executor_.run_until(
      [this] { return pending().find("\r\n") != std::string::npos || stream_->peer_closed(); });
  return Talker::take_line(line);
}

std::string Client::take_until(std::string_view end) {
  EXPECT_TRUE(executor_.run_until([&] { return pending().ends_with(end) || stream_->peer_closed(); }));
  return take();
}

bool Client::closed() {
  return executor_.run_until([this] { return stream_->peer_closed(); });
}

House::House(store::Format format) : store(faults, clock, random), mirror(faults, clock, random, ids) {
  log::configure(log::Level::error, "", "text");
  options->hostname = "mail.example.test";
  options->allow_plain_login = true;
  store.use_files(&mirror);
  for (const store::AccountId account : {1u, 2u}) {
    store::FilePlace place;
    if (format != store::Format::database) {
      place.format = format;
      place.inbox = dir.path() + "/" + std::to_string(account) + "/inbox";
      place.folders = dir.path() + "/" + std::to_string(account) + "/folders";
    }
    EXPECT_TRUE(executor.run(store.create_account(account, "", place)));
  }
}

House::~House() {
  EXPECT_TRUE(wait_until([this] { return open_sessions == 0; })) << "a session did not end";
}

Task<void> House::run_session(std::unique_ptr<net::Stream> stream) {
  ++open_sessions;
  const Services services{store, clock, accounts};
  co_await serve(std::move(stream), options, services, maildrops, "test");
  --open_sessions;
}

std::unique_ptr<Client> House::connect(size_t chunk, bool tls) {
  MemoryStream::Pair pair = access::test::make_connection(clock, chunk, tls);
  executor.start(run_session(std::move(pair.server)));
  return std::make_unique<Client>(executor, std::move(pair));
}

std::unique_ptr<Client> House::login(const std::string& user, size_t chunk) {
  auto client = connect(chunk);
  client->send("USER " + user + "\r\nPASS demo\r\n");
  std::string line;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(client->take_line(line) && line.starts_with("+OK")) << line;
  return client;
}

store::Placed House::deliver(store::AccountId account, const std::string& letter) {
  return access::test::deliver(executor, *engine, ids, store, account, "INBOX", letter, {},
                               FakeClock::kStart);
}

std::vector<store::Entry> House::inbox(store::AccountId account) {
  Result<store::MailboxInfo> info = executor.run(store.mailbox(account, std::string("INBOX")));
  EXPECT_TRUE(info);
  Result<std::vector<store::Entry>> entries =
      executor.run(store.entries(account, info->id, 1, UINT32_MAX, SIZE_MAX, false));
  EXPECT_TRUE(entries);
  return entries.value_or(std::vector<store::Entry>());
}

void House::expunge(store::AccountId account, uint32_t number) {
  const std::vector<store::Entry> entries = inbox(account);
  Result<store::MailboxInfo> info = executor.run(store.mailbox(account, std::string("INBOX")));
  EXPECT_TRUE(executor.run(store.remove(account, info->id, {entries.at(number - 1).uid})));
}

}  // namespace posthouse::access::pop3::test
