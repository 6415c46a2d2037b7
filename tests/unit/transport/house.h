// A transport agent in a whole post office in memory, with hosts that are scripted. The agent runs on a loop
// of its own thread; the test waits for what happens.
#pragma once

#include <condition_variable>
#include <thread>

#include "net/loop.h"
#include "support/post_office.h"
#include "support/scripted_resolver.h"
#include "transport/transport.h"
#include "unit/transport/fake_net.h"

namespace posthouse::transport::testing {

// Not a context that could encrypt: the streams in memory don't look at it.
inline std::shared_ptr<const net::TlsContext> pretended_tls() {
  static const char somewhere = 0;
  return {std::shared_ptr<void>(), reinterpret_cast<const net::TlsContext*>(&somewhere)};
}

class TransportTest : public test::PostOffice {
 protected:
  TransportTest() {
    options.hostname = "mx.example.test";
    options.postmaster_domain = "example.test";
    options.connector = net;
    options.connection_idle = seconds(5);
    net->on_event([this] { happened(); });
  }

  void SetUp() override {
    PostOffice::SetUp();
    watch = queue.watch([this] { happened(); });
  }
  void TearDown() override {
    stop(milliseconds(0));
    watch.reset();
  }

  // A domain with one mail host.
  void host(const std::string& name, const std::string& ip, HostScript script = {}) {
    resolver.add_mx(name, 10, "mx." + name);
    resolver.add_address("mx." + name, ip);
    net->set_host(ip, std::move(script));
  }

  uint64_t post(std::vector<std::string> to, std::string from = "alice@example.test",
                std::string text = "Subject: hello\r\n\r\nHi.\r\n") {
    acceptance::Envelope envelope;
    envelope.reverse_path = std::move(from);
    for (const std::string& t : to) envelope.recipients.push_back(address(t));
    std::unique_ptr<acceptance::Letter> letter = acceptance->begin(std::move(envelope));
    EXPECT_TRUE(run(letter->write(text)));
    EXPECT_TRUE(run(letter->commit()));
    return letter->id();
  }

  void start() {
    thread = std::make_unique<LoopThread>();
    transport = std::make_unique<Transport>(thread->loop, queue, *acceptance, engine, resolver, tls, clock,
                                            random, options);
    on_loop([this] { transport->start(); });
  }
  // With patience 0, what is under way is cut off; else it is waited for (time stands still).
  void stop(milliseconds patience = milliseconds(1)) {
    if (!transport) return;
    std::atomic<bool> done = false;
    on_loop([&] { spawn(stop_task(transport.get(), clock.steady() + patience, &done, this)); });
    EXPECT_TRUE(wait([&] { return done.load(); }));
    on_loop([this] { transport.reset(); });
    thread.reset();
  }

  // Time goes on; the agent looks at its queue.
  void pass(milliseconds time) {
    clock.advance(time);
    wake();
  }
  void wake() {
    on_loop([this] { transport->wake(); });
  }

  // Until it is true; looks after each event of queue and hosts.
  [[nodiscard]] bool wait(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    for (;;) {
      uint64_t seen = 0;
      {
        const std::lock_guard lock(mutex);
        seen = events;
      }
      if (condition()) return true;
      std::unique_lock lock(mutex);
      if (!changed.wait_until(lock, end, [&] { return events != seen; })) return false;
    }
  }
  [[nodiscard]] bool wait_empty() {
    return wait([this] { return queued().empty(); });
  }
  [[nodiscard]] bool wait_received(const std::string& ip, size_t count) {
    return wait([&] { return net->received(ip).size() >= count; });
  }
  // The only letter's recipient of that address has so many attempts behind it.
  [[nodiscard]] bool wait_attempts(uint64_t id, const std::string& to, uint32_t attempts) {
    return wait([&] {
      const auto r = recipient(id, to);
      return r && r->attempts >= attempts;
    });
  }
  std::optional<queue::Recipient> recipient(uint64_t id, const std::string& to) {
    const auto letter = run(queue.find(id));
    if (!letter || !*letter) return std::nullopt;
    for (const queue::Recipient& r : (*letter)->recipients) {
      if (r.address == to) return r;
    }
    return std::nullopt;
  }

  void on_loop(std::function<void()> call) {
    std::mutex m;
    std::condition_variable cv;
    bool done = false;
    thread->loop.post([&] {
      call();
      const std::lock_guard lock(m);
      done = true;
      cv.notify_one();
    });
    std::unique_lock lock(m);
    cv.wait(lock, [&] { return done; });
  }
  void happened() {
    const std::lock_guard lock(mutex);
    ++events;
    changed.notify_all();
  }

  struct LoopThread {
    LoopThread() : thread([this] { loop.run(); }) {}
    ~LoopThread() {
      loop.stop();
      thread.join();
    }
    net::Loop loop;
    std::thread thread;
  };

  static Task<void> stop_task(Transport* of, SteadyTime deadline, std::atomic<bool>* done,
                              TransportTest* test) {
    co_await of->stop(deadline);
    done->store(true);
    test->happened();
  }

  test::ScriptedResolver resolver;
  std::shared_ptr<FakeNet> net = std::make_shared<FakeNet>(clock);
  std::shared_ptr<const net::TlsContext> tls = pretended_tls();
  Options options;
  std::unique_ptr<LoopThread> thread;
  std::unique_ptr<Transport> transport;
  std::unique_ptr<engine::Watch> watch;

  std::mutex mutex;
  std::condition_variable changed;
  uint64_t events = 0;
};

}  // namespace posthouse::transport::testing
