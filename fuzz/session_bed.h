// What the targets that feed a whole session with any bytes have in common.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/executor.h"
#include "base/log.h"
#include "base/task.h"
#include "net/stream.h"

namespace posthouse::fuzz {

inline void check(bool good) {
  if (!good) std::abort();
}

inline void log_nothing() {
  static const bool quiet = [] {
    log::configure(log::Level::error, "/dev/null", "text");
    return true;
  }();
  static_cast<void>(quiet);
}

// Runs all that is ready on the thread of the target.
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

// Gives the input in pieces of `chunk` octets and then the end; never waits. What the session writes goes
// behind `written`, which lives longer, as the input does.
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
    tls_.active = true;
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

}  // namespace posthouse::fuzz
