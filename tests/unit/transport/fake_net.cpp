#include "unit/transport/fake_net.h"

#include "base/ascii.h"
#include "net/buffered_reader.h"
#include "support/memory_stream.h"

namespace posthouse::transport::testing {

namespace {

// A stream whose TLS handshake fails.
class BrokenTls final : public net::Stream {
 public:
  explicit BrokenTls(std::unique_ptr<net::Stream> inner) : inner_(std::move(inner)) {}
  Task<Result<void>> wait_readable() override { return inner_->wait_readable(); }
  Task<Result<size_t>> read_some(std::span<char> out) override { return inner_->read_some(out); }
  Task<Result<void>> write_all(std::string_view bytes) override { return inner_->write_all(bytes); }
  void set_deadline(SteadyTime when) override { inner_->set_deadline(when); }
  Task<Result<void>> start_tls_server(std::shared_ptr<const net::TlsContext>) override { return refuse(); }
  Task<Result<void>> start_tls_client(std::shared_ptr<const net::TlsContext>, std::string) override {
    return refuse();
  }
  const net::TlsInfo& tls() const override { return inner_->tls(); }
  void close() override { inner_->close(); }
  void cancel() override { inner_->cancel(); }
  const Endpoint& peer() const override { return inner_->peer(); }
  const Endpoint& local() const override { return inner_->local(); }

 private:
  static Task<Result<void>> refuse() { co_return fail(FaultKind::io, "wrong version number"); }
  std::unique_ptr<net::Stream> inner_;
};

std::string path_of(std::string_view line) {
  const size_t begin = line.find('<');
  const size_t end = line.find('>');
  return std::string(line.substr(begin + 1, end - begin - 1));
}

}  // namespace

struct FakeNet::Session {
  Session(std::string address, std::unique_ptr<net::Stream> s, HostScript sc)
      : ip(std::move(address)), stream(std::move(s)), reader(*stream), script(std::move(sc)) {}
  std::string ip;
  std::unique_ptr<net::Stream> stream;
  net::BufferedReader reader;
  HostScript script;
  Received letter;
  size_t letters = 0;
  bool tls = false;
  bool mail_given = false;
  std::string login;
};

void FakeNet::set_host(const std::string& ip, HostScript script) {
  const std::lock_guard lock(mutex_);
  hosts_[ip].script = std::move(script);
}

std::vector<Received> FakeNet::received(const std::string& ip) {
  const std::lock_guard lock(mutex_);
  return hosts_[ip].received;
}

size_t FakeNet::connections(const std::string& ip) {
  const std::lock_guard lock(mutex_);
  return hosts_[ip].connections;
}

size_t FakeNet::most_at_once(const std::string& ip) {
  const std::lock_guard lock(mutex_);
  return hosts_[ip].most_open;
}

size_t FakeNet::silent_ends(const std::string& ip) {
  const std::lock_guard lock(mutex_);
  return hosts_[ip].silent_ends;
}

size_t FakeNet::logins(const std::string& ip) {
  const std::lock_guard lock(mutex_);
  return hosts_[ip].logins;
}

void FakeNet::event() {
  if (event_) event_();
}

Task<Result<std::unique_ptr<net::Stream>>> FakeNet::connect(Endpoint to, SteadyTime) {
  const std::string ip = to.ip.to_string();
  HostScript script;
  {
    const std::lock_guard lock(mutex_);
    State& state = hosts_[ip];
    ++state.connections;
    script = state.script;
    if (!script.unreachable) {
      ++state.open;
      state.most_open = std::max(state.most_open, state.open);
      if (state.open > script.most_connections) script.greeting = "421 too many connections";
    }
  }
  event();
  if (script.unreachable) co_return fail(FaultKind::temporary, "connection refused");
  auto pair = test::MemoryStream::make_pair(&clock_);
  const Endpoint here{IpAddress::from_v4(0xC6336401), 40000};
  pair.client->set_endpoints(to, here);
  pair.server->set_endpoints(here, to);
  std::unique_ptr<net::Stream> client = std::move(pair.client);
  if (script.tls_broken) client = std::make_unique<BrokenTls>(std::move(client));
  std::unique_ptr<net::Stream> server = std::move(pair.server);
  spawn(serve(this, ip, std::move(server)));
  co_return client;
}

Task<void> FakeNet::serve(FakeNet* self, std::string ip, std::unique_ptr<net::Stream> stream) {
  HostScript script;
  {
    const std::lock_guard lock(self->mutex_);
    const State& state = self->hosts_[ip];
    script = state.script;
    if (state.open > script.most_connections) script.greeting = "421 too many connections";
  }
  {
    Session session(ip, std::move(stream), std::move(script));
    co_await self->talk(session);
  }
  {
    const std::lock_guard lock(self->mutex_);
    --self->hosts_[ip].open;
  }
  self->event();
}

Task<void> FakeNet::talk(Session& session) {
  const std::string greeting = session.script.greeting + "\r\n";
  Result<void> sent = co_await session.stream->write_all(greeting);
  if (!sent || !greeting.starts_with("220")) co_return;
  while (session.letters < session.script.letters_a_connection) {
    auto line = co_await session.reader.read_line(4096);
    if (!line) co_return;
    std::string text(trim(*line));
    const bool goes_on = co_await answer(session, std::move(text));
    if (!goes_on) co_return;
  }
}

Task<bool> FakeNet::answer(Session& session, std::string line) {
  const HostScript& script = session.script;
  std::string reply = "500 what?";
  bool goes_on = true;
  if (!script.ehlo_reply.empty() && (istarts_with(line, "EHLO") || istarts_with(line, "HELO"))) {
    reply = script.ehlo_reply;
  } else if (istarts_with(line, "EHLO")) {
    reply = "250-fake";
    for (const std::string& offer : script.offers) reply += "\r\n250-" + offer;
    if (script.starttls && !session.tls) reply += "\r\n250-STARTTLS";
    reply += "\r\n250 ENHANCEDSTATUSCODES";
  } else if (istarts_with(line, "STARTTLS")) {
    reply = script.starttls_reply;
    session.tls = reply.starts_with("220");
  } else if (istarts_with(line, "AUTH")) {
    reply = script.auth_reply;
    session.login = line.substr(5);
    const std::lock_guard lock(mutex_);
    ++hosts_[session.ip].logins;
  } else if (istarts_with(line, "MAIL")) {
    reply = script.mail_reply;
    session.letter = Received();
    session.letter.from = line.substr(line.find('<'));
    session.mail_given = reply.starts_with("250");
  } else if (istarts_with(line, "RCPT") && !session.mail_given) {
    reply = "503 5.5.1 MAIL first";
  } else if (istarts_with(line, "RCPT")) {
    const std::string to = path_of(line);
    const auto it = script.rcpt_replies.find(to);
    reply = it == script.rcpt_replies.end() ? "250 ok" : it->second;
    if (session.letter.to.size() >= script.most_recipients) reply = "452 4.5.3 too many";
    if (reply.starts_with("250")) session.letter.to.push_back(to);
  } else if (istarts_with(line, "DATA")) {
    reply = session.letter.to.empty() ? "554 no valid recipients" : script.data_reply;
    if (reply.starts_with("354")) {
      const std::string text = reply + "\r\n";
      Result<void> sent = co_await session.stream->write_all(text);
      goes_on = false;
      if (sent) goes_on = co_await take_body(session);
      if (!goes_on) co_return false;
      reply = script.end_reply;
    }
  } else if (istarts_with(line, "RSET")) {
    reply = "250 ok";
  } else if (istarts_with(line, "QUIT")) {
    reply = "221 bye";
    goes_on = false;
  }
  const std::string text = reply + "\r\n";
  Result<void> sent = co_await session.stream->write_all(text);
  event();
  co_return sent&& goes_on;
}

Task<bool> FakeNet::take_body(Session& session) {
  for (;;) {
    auto line = co_await session.reader.read_line(100000);
    if (!line) co_return false;
    if (*line == ".\r\n") break;
    session.letter.body += *line;
  }
  ++session.letters;
  session.letter.tls = session.tls;
  session.letter.login = session.login;
  if (session.script.silent_at_end) {
    {
      const std::lock_guard lock(mutex_);
      ++hosts_[session.ip].silent_ends;
    }
    event();
    auto nothing = co_await session.reader.read_line(4096);
    co_return nothing.has_value();
  }
  if (session.script.end_reply.starts_with("250")) {
    const std::lock_guard lock(mutex_);
    hosts_[session.ip].received.push_back(session.letter);
  }
  co_return true;
}

}  // namespace posthouse::transport::testing
