// A logged-in session with a small mailbox, fed with any bytes in pieces of any size: it ends, and what it
// writes are whole lines without NUL.
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <string>

#include "access/imap/session.h"
#include "base/executor.h"
#include "base/log.h"
#include "base/random.h"
#include "engine/memory_engine.h"
#include "message/summary.h"

namespace {

using namespace posthouse;

class RunQueue : public Executor {
 public:
  RunQueue() { set_current(this); }
  ~RunQueue() override { set_current(nullptr); }
  void post(std::coroutine_handle<> handle) override { ready_.push_back(handle); }
  void run() {
    while (!ready_.empty()) {
      const std::coroutine_handle<> next = ready_.front();
      ready_.pop_front();
      next.resume();
    }
  }

 private:
  std::deque<std::coroutine_handle<>> ready_;
};

// Gives the input in pieces and then the end; never waits.
class FuzzStream : public net::Stream {
 public:
  FuzzStream(std::string_view input, size_t chunk) : input_(input), chunk_(chunk) {}
  Task<Result<void>> wait_readable() override { co_return Result<void>(); }
  Task<Result<size_t>> read_some(std::span<char> out) override {
    const size_t n = std::min({out.size(), input_.size(), chunk_});
    std::copy_n(input_.begin(), n, out.begin());
    input_.remove_prefix(n);
    co_return n;
  }
  Task<Result<void>> write_all(std::string_view bytes) override {
    if (bytes.find('\0') != std::string_view::npos) std::abort();
    co_return Result<void>();
  }
  void set_deadline(SteadyTime) override {}
  Task<Result<void>> start_tls_server(std::shared_ptr<const net::TlsContext>) override {
    co_return Result<void>();
  }
  Task<Result<void>> start_tls_client(std::shared_ptr<const net::TlsContext>, std::string) override {
    co_return Result<void>();
  }
  const net::TlsInfo& tls() const override { return tls_; }
  void close() override {}
  void cancel() override { input_ = {}; }
  const Endpoint& peer() const override { return end_; }
  const Endpoint& local() const override { return end_; }

 private:
  std::string_view input_;
  size_t chunk_;
  net::TlsInfo tls_;
  Endpoint end_;
};

class Everybody : public wire::sasl::Authenticator {
 public:
  Task<Result<wire::sasl::Identity>> verify_password(std::string, Secret, IpAddress, std::string) override {
    co_return wire::sasl::Identity{1, "alice@example.test"};
  }
  Task<Result<wire::sasl::ScramCredential>> scram_credential(std::string, IpAddress) override {
    co_return fail(FaultKind::policy, "none");
  }
  bool report(std::string, IpAddress, bool) override { return true; }
};

constexpr std::string_view kMessages[] = {
    "From: Bob <bob@example.test>\r\nSubject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=\r\n\r\nplain text\r\n",
    "Subject: parts\r\nContent-Type: multipart/mixed; boundary=X\r\n\r\n--X\r\n\r\nfirst\r\n--X\r\n"
    "Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ntext\r\n--X--\r\n",
};

Task<void> furnish(engine::Engine& engine, store::MailStore& store, IdSource& ids) {
  Result<void> made = co_await store.create_account(1);
  if (!made) std::abort();
  for (const std::string_view text : kMessages) {
    engine::BlobWriter writer(engine, ids.next());
    Result<void> written = co_await writer.append(text);
    if (!written) std::abort();
    store::NewMessage message;
    message.blob = writer.id();
    message.size = text.size();
    message.summary = message::encode(message::summarize(text));
    std::string inbox = "INBOX";
    Result<store::Placed> placed =
        co_await store.append(1, std::move(inbox), writer, std::move(message), store::Quota());
    if (!placed) std::abort();
  }
}

Task<void> whole(std::string input, size_t chunk, bool& ended) {
  const std::unique_ptr<engine::Engine> engine = engine::make_memory_engine();
  IdSource ids(system_clock(), system_random());
  store::MailStore store(*engine, system_clock(), system_random());
  Everybody everybody;
  co_await furnish(*engine, store, ids);
  auto options = std::make_shared<access::imap::ServerOptions>();
  options->hostname = "fuzz";
  options->allow_plain_login = true;
  options->append_limit = 100'000;
  options->max_bad_commands = 1'000;
  const access::imap::Services services{*engine, store, ids, system_clock(), everybody};
  co_await access::imap::serve(std::make_unique<FuzzStream>(input, chunk), options, services,
                               access::imap::make_session_registry(), "fuzz");
  ended = true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool quiet = [] {
    log::configure(log::Level::error, "/dev/null", "text");
    return true;
  }();
  (void)quiet;
  if (size == 0 || size > 20'000) return 0;
  std::string input = "a LOGIN alice x\r\nb SELECT INBOX\r\n";
  input.append(reinterpret_cast<const char*>(data) + 1, size - 1);
  RunQueue queue;
  bool ended = false;
  spawn(whole(std::move(input), data[0] % 8 == 0 ? 1'000'000 : data[0], ended));
  queue.run();
  if (!ended) std::abort();
  return 0;
}
