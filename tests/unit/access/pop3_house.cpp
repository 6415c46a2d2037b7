#include "pop3_house.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "message/summary.h"

namespace posthouse::access::pop3::test {

Task<Result<wire::sasl::Identity>> Accounts::verify_password(std::string name, Secret password, IpAddress,
                                                             std::string) {
  if (broken) co_return fail(FaultKind::temporary, "no directory");
  if (password.reveal() != "demo" && password.reveal() != " de mo ") {
    co_return fail(FaultKind::policy, "wrong password for " + name);
  }
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

std::string Client::ask(std::string_view command) {
  send(command);
  std::string line;
  EXPECT_TRUE(take_line(line)) << command;
  return line;
}

std::string& Client::pending() {
  // Draining makes room for a server that waits to write.
  for (std::string more = stream_->drain(); !more.empty(); more = stream_->drain()) {
    pending_ += more;
    executor_.run();
  }
  return pending_;
}

bool Client::take_line(std::string& line) {
  executor_.run_until(
      [this] { return pending().find("\r\n") != std::string::npos || stream_->peer_closed(); });
  const size_t end = pending().find("\r\n");
  if (end == std::string::npos) return false;
  line = pending_.substr(0, end);
  pending_.erase(0, end + 2);
  return true;
}

std::string Client::take_until(std::string_view end) {
  EXPECT_TRUE(executor_.run_until([&] { return pending().ends_with(end) || stream_->peer_closed(); }));
  return std::exchange(pending_, std::string());
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
  MemoryStream::Pair pair = MemoryStream::make_pair(&clock);
  pair.server->set_chunk(chunk);
  if (tls) {
    net::TlsInfo info;
    info.active = true;
    pair.server->set_tls(info);
  }
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
  engine::BlobWriter writer(*engine, ids.next());
  EXPECT_TRUE(executor.run(writer.append(letter)));
  store::NewMessage fresh;
  fresh.blob = writer.id();
  fresh.size = writer.size();
  fresh.summary = message::encode(message::summarize(letter));
  fresh.internal_date = FakeClock::kStart;
  Result<store::Placed> placed =
      executor.run(store.append(account, "INBOX", writer, std::move(fresh), store::Quota()));
  EXPECT_TRUE(placed);
  return placed ? *placed : store::Placed();
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
