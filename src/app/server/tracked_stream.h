// A stream that is on a list as long as it lives, so that a shutdown finds every connection.
#pragma once

#include <atomic>
#include <memory>
#include <unordered_set>

#include "net/stream.h"

namespace posthouse::app {

class TrackedStream;

// The connections of one loop; used on its thread. `count` may be read from any.
struct ConnectionList {
  std::unordered_set<TrackedStream*> streams;
  std::atomic<size_t> count{0};
};

// Passes everything on; costs a virtual call and no memory to speak of. The list outlives it.
class TrackedStream : public net::Stream {
 public:
  TrackedStream(std::unique_ptr<net::Stream> inner, ConnectionList& list)
      : inner_(std::move(inner)), list_(list) {
    list_.streams.insert(this);
    ++list_.count;
  }
  ~TrackedStream() override {
    list_.streams.erase(this);
    --list_.count;
  }

  Task<Result<void>> wait_readable() override { return inner_->wait_readable(); }
  Task<Result<size_t>> read_some(std::span<char> out) override { return inner_->read_some(out); }
  Task<Result<void>> write_all(std::string_view bytes) override { return inner_->write_all(bytes); }
  void set_deadline(SteadyTime when) override { inner_->set_deadline(when); }
  Task<Result<void>> start_tls_server(std::shared_ptr<const net::TlsContext> context) override {
    return inner_->start_tls_server(std::move(context));
  }
  Task<Result<void>> start_tls_client(std::shared_ptr<const net::TlsContext> context,
                                      std::string host) override {
    return inner_->start_tls_client(std::move(context), std::move(host));
  }
  const net::TlsInfo& tls() const override { return inner_->tls(); }
  void end_writing() override { inner_->end_writing(); }
  void close() override { inner_->close(); }
  void cancel() override { inner_->cancel(); }
  void set_busy(bool busy) override {
    busy_ = busy;
    if (stop_is_due_ && !busy_) inner_->cancel();
  }
  // Ends the session as soon as nothing is under way.
  void stop_when_idle() {
    stop_is_due_ = true;
    if (!busy_) inner_->cancel();
  }
  const Endpoint& peer() const override { return inner_->peer(); }
  const Endpoint& local() const override { return inner_->local(); }

 private:
  std::unique_ptr<net::Stream> inner_;
  ConnectionList& list_;
  bool busy_ = false;
  bool stop_is_due_ = false;
};

}  // namespace posthouse::app
