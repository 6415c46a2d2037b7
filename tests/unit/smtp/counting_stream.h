// A stream that counts the writes that go through it.
#pragma once

#include <memory>
#include <utility>

#include "net/stream.h"

namespace posthouse::smtp::test {

class CountingStream : public net::Stream {
 public:
  CountingStream(std::unique_ptr<net::Stream> inner, size_t& writes)
      : inner_(std::move(inner)), writes_(writes) {}

  Task<Result<void>> wait_readable() override { return inner_->wait_readable(); }
  Task<Result<size_t>> read_some(std::span<char> out) override { return inner_->read_some(out); }
  Task<Result<void>> write_all(std::string_view bytes) override {
    ++writes_;
    return inner_->write_all(bytes);
  }
  void set_deadline(SteadyTime when) override { inner_->set_deadline(when); }
  Task<Result<void>> start_tls_server(std::shared_ptr<const net::TlsContext> context) override {
    return inner_->start_tls_server(std::move(context));
  }
  Task<Result<void>> start_tls_client(std::shared_ptr<const net::TlsContext> context,
                                      std::string host) override {
    return inner_->start_tls_client(std::move(context), std::move(host));
  }
  const net::TlsInfo& tls() const override { return inner_->tls(); }
  void close() override { inner_->close(); }
  void cancel() override { inner_->cancel(); }
  const Endpoint& peer() const override { return inner_->peer(); }
  const Endpoint& local() const override { return inner_->local(); }

 private:
  std::unique_ptr<net::Stream> inner_;
  size_t& writes_;
};

}  // namespace posthouse::smtp::test
