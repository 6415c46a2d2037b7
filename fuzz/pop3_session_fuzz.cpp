// A session with a small maildrop, fed with any bytes in pieces of any size: it ends, what it writes are
// whole lines without NUL that begin as answers do, and letters go only if QUIT was said.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <string>

#include "access/pop3/session.h"
#include "base/ascii.h"
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
  FuzzStream(std::string_view input, size_t chunk, std::string& written)
      : input_(input), chunk_(chunk), written_(written) {}
  Task<Result<void>> wait_readable() override { co_return Result<void>(); }
  Task<Result<size_t>> read_some(std::span<char> out) override {
    const size_t n = std::min({out.size(), input_.size(), chunk_});
    std::copy_n(input_.begin(), n, out.begin());
    input_.remove_prefix(n);
    co_return n;
  }
  Task<Result<void>> write_all(std::string_view bytes) override {
    written_ += bytes;
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
  std::string& written_;
  net::TlsInfo tls_;
  Endpoint end_;
};

class Everybody : public wire::sasl::Authenticator {
 public:
  Task<Result<wire::sasl::Identity>> verify_password(std::string name, Secret, IpAddress,
                                                     std::string) override {
    if (name != "alice") co_return fail(FaultKind::policy, "none");
    co_return wire::sasl::Identity{1, "alice@example.test"};
  }
  Task<Result<wire::sasl::ScramCredential>> scram_credential(std::string, IpAddress) override {
    co_return fail(FaultKind::policy, "none");
  }
  bool report(std::string, IpAddress, bool) override { return true; }
};

constexpr std::string_view kLetters[] = {
    "From: Bob <bob@example.test>\r\nSubject: one\r\n\r\n.a dot\r\n..\r\n.\r\nplain text",
    "Subject: Gr\xc3\xbc\xc3\x9f"
    "e\r\nTo: j\xc3\xb6rg@example.test\r\n\r\n8 bit \xff\n.\nbare\r\n",
    "",
};

Task<void> furnish(engine::Engine& engine, store::MailStore& store, IdSource& ids) {
  Result<void> made = co_await store.create_account(1);
  if (!made) std::abort();
  for (const std::string_view text : kLetters) {
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

void check(bool good) {
  if (!good) std::abort();
}

void check_output(std::string_view written) {
  check(written.starts_with("+OK fuzz POP3 ready\r\n"));
  check(written.ends_with("\r\n"));
  check(written.find('\0') == std::string_view::npos);
}

Task<void> whole(std::string input, size_t chunk, bool& ended) {
  const std::unique_ptr<engine::Engine> engine = engine::make_memory_engine();
  IdSource ids(system_clock(), system_random());
  store::MailStore store(*engine, system_clock(), system_random());
  Everybody everybody;
  co_await furnish(*engine, store, ids);
  auto options = std::make_shared<access::pop3::ServerOptions>();
  options->hostname = "fuzz";
  options->allow_plain_login = true;
  options->max_bad_commands = 1'000;
  const access::pop3::Services services{store, system_clock(), everybody};
  std::string written;
  co_await access::pop3::serve(std::make_unique<FuzzStream>(input, chunk, written), options, services,
                               access::pop3::make_maildrops(), "fuzz");
  check_output(written);
  Result<store::Usage> usage = co_await store.usage(1);
  check(usage.has_value());
  std::string upper = to_lower(input);
  check(usage->messages == std::size(kLetters) || upper.find("quit") != std::string::npos);
  ended = true;
}

}  // namespace

// The first octet says how the input is cut and whether it comes before login or after.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool quiet = [] {
    log::configure(log::Level::error, "/dev/null", "text");
    return true;
  }();
  (void)quiet;
  if (size == 0 || size > 20'000) return 0;
  std::string input = data[0] % 2 == 0 ? "USER alice\r\nPASS x\r\n" : "";
  input.append(reinterpret_cast<const char*>(data) + 1, size - 1);
  RunQueue queue;
  bool ended = false;
  spawn(whole(std::move(input), data[0] < 8 ? 1'000'000 : data[0] / 2, ended));
  queue.run();
  check(ended);
  return 0;
}
