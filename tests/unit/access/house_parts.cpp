#include "house_parts.h"

#include <gtest/gtest.h>

#include <utility>

#include "engine/blob.h"
#include "message/summary.h"

namespace posthouse::access::test {

Task<Result<wire::sasl::Identity>> Accounts::verify_password(std::string name, Secret password, IpAddress,
                                                             std::string) {
  if (broken) co_return fail(FaultKind::temporary, "no directory");
  if (password.reveal() != "demo" && password.reveal() != " de mo ")
    co_return fail(FaultKind::policy, "wrong password for " + name);
  if (name == "alice") co_return wire::sasl::Identity{1, "alice@example.test"};
  if (name == "bob") co_return wire::sasl::Identity{2, "bob@example.test"};
  if (name == "carol") co_return wire::sasl::Identity{3, "carol@else.test"};
  co_return fail(FaultKind::policy, "unknown user");
}

Task<Result<wire::sasl::ScramCredential>> Accounts::scram_credential(std::string, IpAddress, std::string) {
  co_return fail(FaultKind::policy, "no SCRAM here");
}

void Talker::send(std::string_view octets) {
  stream_->push(octets);
  executor_.run();
}

void Talker::settle() {
  executor_.run_until([this] {
    pending();
    return stream_->peer_waits();
  });
}

std::string& Talker::pending() {
  // Draining makes room for a server that waits to write.
  for (std::string more = stream_->drain(); !more.empty(); more = stream_->drain()) {
    pending_ += more;
    executor_.run();
  }
  return pending_;
}

bool Talker::take_line(std::string& line) {
  std::string& text = pending();
  const size_t end = text.find("\r\n");
  if (end == std::string::npos) return false;
  line = text.substr(0, end);
  text.erase(0, end + 2);
  return true;
}

MemoryStream::Pair make_connection(posthouse::test::FakeClock& clock, size_t chunk, bool tls) {
  MemoryStream::Pair pair = MemoryStream::make_pair(&clock);
  pair.server->set_chunk(chunk);
  if (tls) {
    net::TlsInfo info;
    info.active = true;
    pair.server->set_tls(info);
  }
  return pair;
}

store::Placed deliver(ManualExecutor& executor, engine::Engine& engine, IdSource& ids,
                      store::MailStore& store, store::AccountId account, std::string mailbox,
                      const std::string& message, store::FlagSet flags, SystemTime date) {
  engine::BlobWriter writer(engine, ids.next());
  EXPECT_TRUE(executor.run(writer.append(message)));
  store::NewMessage fresh;
  fresh.blob = writer.id();
  fresh.size = writer.size();
  fresh.summary = message::encode(message::summarize(message));
  fresh.internal_date = date;
  fresh.flags = std::move(flags);
  Result<store::Placed> placed =
      executor.run(store.append(account, std::move(mailbox), writer, std::move(fresh), store::Quota()));
  EXPECT_TRUE(placed);
  return placed.value_or(store::Placed());
}

}  // namespace posthouse::access::test
