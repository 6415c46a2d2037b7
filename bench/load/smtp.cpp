// SMTP and LMTP clients: `sessions` at once, each letter by letter, in a closed or an open loop.
#include <fmt/format.h>

#include <deque>
#include <memory>
#include <vector>

#include "connection.h"
#include "histogram.h"
#include "options.h"

namespace load {

namespace {

// Letters still to be given out, and when (open loop), and what came of them.
struct Work {
  explicit Work(const Options& o) : options(o), start(now()) {}
  const Options& options;
  Time start;
  uint64_t taken = 0, accepted = 0, refused = 0, lost = 0, connections = 0;
  Histogram latency;

  // The next letter's serial number and the moment it was due, if there is one now.
  bool next(uint64_t& serial, Time& due) {
    if (taken >= options.count) return false;
    due = now();
    if (options.rate > 0) {
      Time planned = start + std::chrono::nanoseconds(
                                 static_cast<int64_t>(1e9 * static_cast<double>(taken) / options.rate));
      if (planned > due) return false;
      due = planned;
    }
    serial = taken++;
    return true;
  }
  bool done() const { return accepted + refused + lost >= options.count; }
};

// The initial response of SASL PLAIN (RFC 4616) in base64.
std::string plain_response(const Options& options) {
  std::string raw = std::string(1, '\0') + options.auth + std::string(1, '\0') + options.password, out;
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < raw.size(); i += 3) {
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k)
      group = group << 8 | (i + k < raw.size() ? static_cast<unsigned char>(raw[i + k]) : 0u);
    for (size_t k = 0; k < 4; ++k) out += i + k > raw.size() ? '=' : digits[group >> (18 - 6 * k) & 63];
  }
  return out;
}

class Session : public Connection {
 public:
  Session(Poller& poller, Work& work) : Connection(poller), work_(work) {}

  void begin() {
    state_ = State::banner;
    on_connection_ = 0;
    pipelining_ = false;
    ++work_.connections;
    if (!connect(work_.options.host, work_.options.port)) on_close();
  }

  // Gives the session a letter if it waits for one.
  void poke() {
    if (state_ == State::ready) next_letter();
  }

  size_t on_bytes(std::string_view bytes) override {
    size_t all = bytes.size();
    std::string_view line;
    while (take_line(bytes, line)) {
      if (state_ == State::hello && line.substr(std::min<size_t>(4, line.size())) == "PIPELINING") {
        pipelining_ = work_.options.pipelining;
      }
      if (line.size() >= 4 && line[3] == '-') continue;
      int code = line.size() >= 3 ? (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0') : 0;
      reply(code);
      if (!open()) return all;
    }
    return all - bytes.size();
  }

  void on_close() override {
    if (busy_) {
      ++work_.lost;
      busy_ = false;
    }
    state_ = State::closed;
    if (!work_.done() && work_.taken < work_.options.count) begin();
  }

 private:
  enum class State { closed, banner, hello, auth, ready, mail, rcpt, data, body, quit };

  void reply(int code) {
    switch (state_) {
      case State::banner:
        send(work_.options.lmtp ? "LHLO load.test\r\n" : "EHLO load.test\r\n");
        state_ = State::hello;
        break;
      case State::hello:
        if (work_.options.auth.empty()) {
          next_letter();
        } else {
          send("AUTH PLAIN " + plain_response(work_.options) + "\r\n");
          state_ = State::auth;
        }
        break;
      case State::auth:
        if (code != 235) return refuse();
        next_letter();
        break;
      case State::mail:
        step(code, 250, rcpt(), State::rcpt);
        break;
      case State::rcpt:
        step(code, 250, "DATA\r\n", State::data);
        break;
      case State::data:
        if (code != 354) return refuse();
        send(letter_);
        state_ = State::body;
        break;
      case State::body:
        finish(code);
        break;
      case State::quit:
        close();
        on_close();
        break;
      default:
        break;
    }
  }

  void step(int code, int wanted, const std::string& command, State then) {
    if (code != wanted) return refuse();
    if (!pipelining_) send(command);  // else it went out with MAIL
    state_ = then;
  }

  std::string rcpt() const { return fmt::format("RCPT TO:<{}>\r\n", to_); }

  void refuse() {
    ++work_.refused;
    busy_ = false;
    close();
    on_close();
  }

  void finish(int code) {
    if (code == 250) {
      ++work_.accepted;
      work_.latency.add(micros(due_, now()));
    } else {
      ++work_.refused;
    }
    busy_ = false;
    if (work_.options.per_connection && ++on_connection_ >= work_.options.per_connection) {
      send("QUIT\r\n");
      state_ = State::quit;
      if (work_.options.quit_close) reply(221);
      return;
    }
    next_letter();
  }

  void next_letter() {
    state_ = State::ready;
    uint64_t serial = 0;
    if (!work_.next(serial, due_)) return;
    busy_ = true;
    to_ = numbered(work_.options.to, static_cast<int>(serial % static_cast<uint64_t>(work_.options.users)));
    letter_ = make_letter(work_.options.size, work_.options.from, to_, serial) + ".\r\n";
    std::string commands = fmt::format("MAIL FROM:<{}>\r\n", work_.options.from);
    if (pipelining_) commands += rcpt() + "DATA\r\n";  // as mail hosts do (RFC 2920 section 3.1)
    send(commands);
    state_ = State::mail;
  }

  Work& work_;
  State state_ = State::closed;
  std::string to_, letter_;
  Time due_{};
  int on_connection_ = 0;
  bool busy_ = false, pipelining_ = false;
};

}  // namespace

int run_smtp(const Options& options) {
  Poller poller;
  Work work(options);
  std::vector<std::unique_ptr<Session>> sessions;
  for (int i = 0; i < options.sessions; ++i) {
    sessions.push_back(std::make_unique<Session>(poller, work));
    sessions.back()->begin();
  }
  bool late = false;
  poller.run(
      [&] {
        late = micros(work.start, now()) > options.seconds * 1e6;
        return work.done() || late;
      },
      [&] {
        if (options.rate <= 0) return;
        for (auto& session : sessions) session->poke();
        poller.wake_at(now() + std::chrono::milliseconds(1));
      });
  double seconds = micros(work.start, now()) / 1e6;
  fmt::print(
      "{{\"mode\":\"{}\",\"sessions\":{},\"size\":{},\"accepted\":{},\"refused\":{},\"lost\":{},\"seconds\":{"
      ":.3f},"
      "\"rate\":{:.1f},\"p50_us\":{:.0f},\"p95_us\":{:.0f},\"p99_us\":{:.0f},\"max_us\":{:.0f},"
      "\"connections\":{}}}\n",
      options.mode, options.sessions, options.size, work.accepted, work.refused, work.lost, seconds,
      static_cast<double>(work.accepted) / seconds, work.latency.percentile(50), work.latency.percentile(95),
      work.latency.percentile(99), work.latency.max(), work.connections);
  return work.accepted == options.count ? 0 : 1;
}

}  // namespace load
