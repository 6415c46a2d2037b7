// Connected streams over the loopback interface, for the tests of net/.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <thread>

#include "base/executor.h"
#include "net/loop_thread.h"
#include "net/socket.h"

namespace posthouse::net::testing_net {

inline const Endpoint kLoopback{IpAddress::from_v4(0x7f000001), 0};

inline SteadyTime in_seconds(int n) {
  return system_clock().steady() + seconds(n);
}

// Streams that an acceptor gave, to be taken by a coroutine of the same loop.
class Arrivals {
 public:
  Acceptor::OnConnection sink() {
    return [this](std::unique_ptr<Stream> stream) {
      arrived_.push_back(std::move(stream));
      if (waiting_) Executor::current()->post(std::exchange(waiting_, nullptr));
    };
  }
  struct Awaiter {
    Arrivals& arrivals;
    bool await_ready() const { return !arrivals.arrived_.empty(); }
    void await_suspend(std::coroutine_handle<> handle) { arrivals.waiting_ = handle; }
    std::unique_ptr<Stream> await_resume() {
      auto stream = std::move(arrivals.arrived_.front());
      arrivals.arrived_.pop_front();
      return stream;
    }
  };
  Awaiter next() { return {*this}; }

 private:
  std::deque<std::unique_ptr<Stream>> arrived_;
  std::coroutine_handle<> waiting_;
};

struct TcpPair {
  std::unique_ptr<Stream> client;
  std::unique_ptr<Stream> server;
};

// A connected pair on the running loop; both ends have 20 seconds.
Task<TcpPair> tcp_pair();

// Reads until `size` bytes are there or the stream ends.
Task<std::string> read_exactly(Stream& stream, size_t size);
Task<std::string> read_to_end(Stream& stream);

// A blocking client socket, for tests that play the peer by hand.
class RawClient {
 public:
  explicit RawClient(const Endpoint& to);
  ~RawClient();
  int fd() const { return fd_; }
  bool connected() const { return connected_; }
  void send(std::string_view bytes);
  std::string receive_all();  // until the peer closes
  std::string receive(size_t size);

 private:
  int fd_;
  bool connected_;
};

}  // namespace posthouse::net::testing_net
