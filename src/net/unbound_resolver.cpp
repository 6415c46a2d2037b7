#include "net/unbound_resolver.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unbound.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <list>
#include <mutex>
#include <system_error>
#include <thread>

#include "base/ascii.h"
#include "base/executor.h"
#include "base/metrics.h"
#include "base/thread_name.h"
#include "net/dns_rdata.h"
#include "net/trust_anchor.h"

namespace posthouse::net {

namespace {
constexpr size_t kMaxRecords = 100;
constexpr size_t kMaxWaiting = 10'000;  // questions under way; more are answered servfail at once
enum RecordType : int { kA = 1, kPtr = 12, kMx = 15, kTxt = 16, kAaaa = 28 };
constexpr int kClassIn = 1;
constexpr int kRcodeOk = 0;
constexpr int kRcodeNxdomain = 3;

// What one question brought, copied out of the library's hands.
struct Outcome {
  DnsStatus status = DnsStatus::servfail;
  bool secure = false;
  std::vector<std::string> rdata;
};

// Some questions whose asker waits for all of them. Lives in the asker's coroutine until it is resumed.
struct Batch {
  std::coroutine_handle<> asker;
  Executor* home = nullptr;
  size_t open = 0;
};

struct Question {
  std::string name;
  int type = 0;
  Outcome outcome{};
  Batch* batch = nullptr;
};

Outcome outcome_of(int error, const ub_result* result) {
  Outcome outcome;
  if (error != 0 || result == nullptr || result->bogus != 0) return outcome;
  outcome.secure = result->secure != 0;
  if (result->rcode == kRcodeNxdomain || result->nxdomain != 0) {
    outcome.status = DnsStatus::nxdomain;
  } else if (result->rcode == kRcodeOk) {
    outcome.status = DnsStatus::ok;
    for (size_t i = 0; result->havedata != 0 && result->data[i] != nullptr && i < kMaxRecords; ++i) {
      outcome.rdata.emplace_back(result->data[i], static_cast<size_t>(std::max(result->len[i], 0)));
    }
  }
  return outcome;
}

// Could such a name exist at all (RFC 1035 section 2.3.4)? In text form, without trailing dot.
bool is_possible(const std::string& name) {
  constexpr size_t kMaxText = 253;
  constexpr size_t kMaxLabel = 63;
  if (name.empty() || name.size() > kMaxText) return false;
  for (const char c : name) {
    if (c <= ' ' || c >= 0x7f || c == '\\') return false;
  }
  for (const std::string_view label : split(name, '.')) {
    if (label.empty() || label.size() > kMaxLabel) return false;
  }
  return true;
}

// All calls of the library are made on one thread of its own, so nothing races with an answer or a time-out.
class Service {
 public:
  Service(ub_ctx* context, seconds timeout) : context_(context), timeout_(timeout) {
    wake_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (wake_fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
    thread_ = std::thread([this] {
      name_this_thread("dns");
      run();
    });
  }

  ~Service() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake();
    thread_.join();
    ub_ctx_delete(context_);
    ::close(wake_fd_);
  }

  // Any thread.
  void give_up() {
    {
      const std::lock_guard lock(mutex_);
      giving_up_ = true;
    }
    wake();
  }

  // Any thread. `question` stays where it is until its batch is resumed.
  void submit(Question* question) {
    {
      const std::lock_guard lock(mutex_);
      submitted_.push_back(question);
    }
    wake();
  }

 private:
  struct Pending {
    Service* service;
    Question* question;
    SteadyTime deadline;
    int id = 0;
    std::list<Pending>::iterator self;
  };

  void wake() {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof one);
  }

  void run() {
    for (;;) {
      pollfd waits[] = {{ub_fd(context_), POLLIN, 0}, {wake_fd_, POLLIN, 0}};
      poll(waits, 2, wait_time());
      uint64_t count = 0;
      [[maybe_unused]] const ssize_t n = ::read(wake_fd_, &count, sizeof count);
      if (!take_submitted()) break;
      ub_process(context_);
      expire(system_clock().steady());
    }
    expire(SteadyTime::max());
  }

  int wait_time() const {
    if (pending_.empty()) return -1;
    const auto left = std::chrono::ceil<milliseconds>(pending_.front().deadline - system_clock().steady());
    return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 60'000));
  }

  bool take_submitted() {
    std::vector<Question*> fresh;
    bool go_on = true, give_up = false;
    {
      const std::lock_guard lock(mutex_);
      fresh.swap(submitted_);
      go_on = !stopping_;
      give_up = giving_up_;
    }
    if (give_up) expire(SteadyTime::max());
    for (Question* question : fresh) give_up ? finish(question, Outcome{}) : ask(question);
    return go_on;
  }

  void ask(Question* question) {
    if (!is_possible(question->name)) return finish(question, Outcome{DnsStatus::nxdomain, false, {}});
    if (pending_.size() >= kMaxWaiting) return finish(question, Outcome{});
    pending_.push_back(Pending{this, question, system_clock().steady() + timeout_, 0, {}});
    Pending& pending = pending_.back();
    pending.self = std::prev(pending_.end());
    const int error = ub_resolve_async(context_, question->name.c_str(), question->type, kClassIn, &pending,
                                       on_answer, &pending.id);
    if (error == 0) return;
    pending_.pop_back();
    finish(question, Outcome{});
  }

  static void on_answer(void* data, int error, ub_result* result) {
    auto* const pending = static_cast<Pending*>(data);
    Service& service = *pending->service;
    Question* const question = pending->question;
    service.pending_.erase(pending->self);
    Outcome outcome = outcome_of(error, result);
    ub_resolve_free(result);
    finish(question, std::move(outcome));
  }

  // All have the same time, so the list is in the order of their deadlines.
  void expire(SteadyTime now) {
    while (!pending_.empty() && pending_.front().deadline <= now) {
      ub_cancel(context_, pending_.front().id);  // on_answer will not be called
      Question* const question = pending_.front().question;
      pending_.pop_front();
      finish(question, Outcome{});
    }
  }

  static void finish(Question* question, Outcome outcome) {
    question->outcome = std::move(outcome);
    Batch* const batch = question->batch;
    if (--batch->open == 0) batch->home->post(batch->asker);
  }

  ub_ctx* context_;
  seconds timeout_;
  int wake_fd_ = -1;
  std::mutex mutex_;
  std::vector<Question*> submitted_;  // with the lock
  bool stopping_ = false;             // with the lock
  bool giving_up_ = false;            // with the lock
  std::list<Pending> pending_;        // the thread's own
  std::thread thread_;
};

struct AskAwaiter {
  Service& service;
  std::vector<Question>& questions;
  Batch batch{};

  bool await_ready() const noexcept { return questions.empty(); }
  void await_suspend(std::coroutine_handle<> asker) {
    batch.asker = asker;
    batch.home = Executor::current();
    batch.open = questions.size();  // the service's from now on
    Service& to = service;
    std::vector<Question*> all;
    for (Question& question : questions) {
      question.batch = &batch;
      all.push_back(&question);
    }
    // From the last submission on this object may be gone.
    for (Question* question : all) to.submit(question);
  }
  void await_resume() const noexcept {}
};

std::string normal(std::string name) {
  if (!name.empty() && name.back() == '.') name.pop_back();
  return to_lower(name);
}

std::string reverse_name(const IpAddress& address) {
  std::string name;
  if (!address.v6) {
    for (int i = 3; i >= 0; --i) name += std::to_string(address.bytes[static_cast<size_t>(i)]) + ".";
    return name + "in-addr.arpa";
  }
  for (int i = 15; i >= 0; --i) {
    const unsigned byte = address.bytes[static_cast<size_t>(i)];
    name += fmt::format("{:x}.{:x}.", byte & 15, byte >> 4);
  }
  return name + "ip6.arpa";
}

template <class Record, class Reader>
DnsAnswer<Record> answer_of(const Outcome& outcome, Reader read) {
  DnsAnswer<Record> answer{outcome.status, outcome.secure, {}};
  for (const std::string& rdata : outcome.rdata) {
    if (auto record = read(rdata)) answer.records.push_back(std::move(*record));
  }
  return answer;
}

const metrics::Counter& questions_asked() {
  static const metrics::Counter counter("posthouse_net_dns_questions_total", "DNS questions asked.");
  return counter;
}

class UnboundResolver : public Resolver {
 public:
  UnboundResolver(ub_ctx* context, seconds timeout) : service_(context, timeout) {}

  void give_up() override { service_.give_up(); }

  Task<DnsAnswer<MxRecord>> mx(std::string name) override {
    const Outcome outcome = co_await ask(std::move(name), kMx);
    co_return answer_of<MxRecord>(outcome, read_mx);
  }

  Task<DnsAnswer<std::string>> txt(std::string name) override {
    const Outcome outcome = co_await ask(std::move(name), kTxt);
    co_return answer_of<std::string>(outcome, read_txt);
  }

  Task<DnsAnswer<std::string>> ptr(IpAddress address) override {
    const Outcome outcome = co_await ask(reverse_name(address), kPtr);
    co_return answer_of<std::string>(outcome, read_name);
  }

  Task<DnsAnswer<IpAddress>> addresses(std::string name) override {
    std::vector<Question> questions(2);
    questions[0].name = questions[1].name = normal(std::move(name));
    questions[0].type = kAaaa;
    questions[1].type = kA;
    questions_asked().add(2);
    AskAwaiter awaiter{service_, questions};
    co_await awaiter;
    const Outcome& v6 = questions[0].outcome;
    const Outcome& v4 = questions[1].outcome;
    DnsAnswer<IpAddress> answer = answer_of<IpAddress>(v6, read_address);
    const DnsAnswer<IpAddress> more = answer_of<IpAddress>(v4, read_address);
    answer.records.insert(answer.records.end(), more.records.begin(), more.records.end());
    if (answer.records.size() > kMaxRecords) answer.records.resize(kMaxRecords);
    answer.secure = v6.secure && v4.secure;
    // One half that failed does not spoil what the other found; without anything found it may be what is
    // missing.
    if (!answer.records.empty()) {
      answer.status = DnsStatus::ok;
    } else if (v6.status == DnsStatus::servfail || v4.status == DnsStatus::servfail) {
      answer.status = DnsStatus::servfail;
    }
    co_return answer;
  }

 private:
  Task<Outcome> ask(std::string name, int type) {
    std::vector<Question> questions(1);
    questions[0].name = normal(std::move(name));
    questions[0].type = type;
    questions_asked().add();
    AskAwaiter awaiter{service_, questions};
    co_await awaiter;
    co_return std::move(questions[0].outcome);
  }

  Service service_;
};

// Collects the first error of many settings.
class Setup {
 public:
  explicit Setup(ub_ctx* context) : context_(context) {}
  void step(int error, const std::string& what) {
    if (error != 0 && failure_.empty()) failure_ = what + ": " + ub_strerror(error);
  }
  void option(const char* name, const char* value) { step(ub_ctx_set_option(context_, name, value), name); }
  const std::string& failure() const { return failure_; }

 private:
  ub_ctx* context_;
  std::string failure_;
};

// Asks the operator's name servers, or those of /etc/resolv.conf if none are named; either may be on this
// host.
void use_servers(ub_ctx* context, Setup& setup, const std::vector<std::string>& servers) {
  setup.option("do-not-query-localhost:", "no");
  setup.option("unblock-lan-zones:", "yes");
  for (const std::string& server : servers) {
    setup.step(ub_ctx_set_fwd(context, server.c_str()), "name server " + server);
  }
  if (servers.empty()) setup.step(ub_ctx_resolvconf(context, nullptr), "/etc/resolv.conf");
}

// Names that the library answers itself by default (RFC 6761, 6303) may be served in earnest by name servers.
// From the first zone on the library takes no other setting; here it looks at them all, which without this
// call the first question would do, in vain with wrong ones, and every question after it.
void use_settings(ub_ctx* context, Setup& setup, const std::string& trust_anchor, bool forward) {
  setup.step(ub_ctx_data_remove(context, "settings.invalid."),
             trust_anchor.empty() ? "settings" : trust_anchor);
  if (!forward) return;
  for (const char* const zone : {"test.", "127.in-addr.arpa."}) {
    setup.step(ub_ctx_zone_add(context, zone, "transparent"), zone);
  }
}

struct DeleteContext {
  void operator()(ub_ctx* context) const { ub_ctx_delete(context); }
};
using Context = std::unique_ptr<ub_ctx, DeleteContext>;

// No thread runs and nothing is asked yet.
Result<Context> make_context(const UnboundOptions& options) {
  if (!options.trust_anchor_file.empty()) {
    if (auto good = check_trust_anchor(options.trust_anchor_file); !good)
      return std::unexpected(good.error());
  }
  Context made(ub_ctx_create());
  if (!made) return fail(FaultKind::io, "resolver: out of memory or descriptors");
  ub_ctx* const context = made.get();
  Setup setup(context);
  ub_ctx_debuglevel(context, 0);
  ub_ctx_debugout(context, nullptr);  // its complaints would go to standard error
  setup.step(ub_ctx_async(context, 1), "threads");
  if (options.trust_anchor_file.empty()) {
    setup.option("module-config:", "iterator");
  } else {
    setup.step(ub_ctx_add_ta_file(context, options.trust_anchor_file.c_str()), options.trust_anchor_file);
  }
  const bool forward = !options.servers.empty() || !options.recursive;
  if (forward) use_servers(context, setup, options.servers);
  use_settings(context, setup, options.trust_anchor_file, forward);
  if (!setup.failure().empty()) return fail(FaultKind::permanent, "resolver: " + setup.failure());
  return made;
}
}  // namespace

Result<void> check_unbound_options(const UnboundOptions& options) {
  auto context = make_context(options);
  if (!context) return std::unexpected(context.error());
  return {};
}

Result<std::unique_ptr<Resolver>> make_unbound_resolver(const UnboundOptions& options) {
  auto context = make_context(options);
  if (!context) return std::unexpected(context.error());
  return std::make_unique<UnboundResolver>(context->release(), options.timeout);
}

}  // namespace posthouse::net
