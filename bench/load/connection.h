// One non-blocking client connection and the poll loop that drives many of them from one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace load {

using Time = std::chrono::steady_clock::time_point;
inline Time now() {
  return std::chrono::steady_clock::now();
}
inline double micros(Time from, Time to) {
  return std::chrono::duration<double, std::micro>(to - from).count();
}

class Poller;

// Override on_bytes(); the bytes consumed are its result. Owned by whoever made it, registered with one
// Poller.
class Connection {
 public:
  explicit Connection(Poller& poller) : poller_(poller) {}
  virtual ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool connect(const std::string& host, uint16_t port);  // starts; on_open or on_close follows
  void adopt(int fd);                                    // an accepted one
  void send(std::string_view bytes);
  void close();
  bool open() const { return fd_ >= 0; }

  virtual void on_open() {}
  virtual size_t on_bytes(std::string_view bytes) = 0;
  virtual void on_close() {}

 private:
  friend class Poller;
  void ready(uint32_t events);
  void flush();
  void watch();

  Poller& poller_;
  int fd_ = -1;
  bool connecting_ = false;
  bool want_write_ = false;
  std::string in_, out_;
  size_t out_at_ = 0;
};

class Poller {
 public:
  Poller();
  ~Poller();
  // Runs until `done` says so, calling `tick` at least every 100 ms (or at `wake`, if earlier).
  void run(const std::function<bool()>& done, const std::function<void()>& tick = {});
  void wake_at(Time when) { wake_ = when; }
  // Accepts connections on host:port, handing out descriptors.
  bool listen(const std::string& host, uint16_t port, std::function<void(int)> on_accept);

 private:
  friend class Connection;
  int epoll_ = -1;
  int listener_ = -1;
  std::function<void(int)> on_accept_;
  Time wake_ = Time::max();
};

// Takes one line (without CRLF) off `bytes`; false if there is none yet.
bool take_line(std::string_view& bytes, std::string_view& line);

}  // namespace load
