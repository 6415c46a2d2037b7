// IMAP clients: one command again and again, APPEND, login cycles, many IDLE sessions, and the delay of
// new-mail notices.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <vector>

#include <poll.h>
#include <unistd.h>

#include "connection.h"
#include "histogram.h"
#include "options.h"

namespace load {

namespace {

// A connection that hands over complete responses: lines, with literals skipped over and counted.
class ImapConnection : public Connection {
 public:
  using Connection::Connection;
  uint64_t octets() const { return octets_; }

  size_t on_bytes(std::string_view bytes) override {
    size_t all = bytes.size();
    octets_ += all - kept_;
    while (!bytes.empty() && open()) {
      if (skip_ > 0) {
        size_t n = std::min<uint64_t>(skip_, bytes.size());
        skip_ -= n;
        bytes.remove_prefix(n);
        continue;
      }
      std::string_view line;
      if (!take_line(bytes, line)) break;
      skip_ = literal_length(line);
      bool continued = in_literal_line_;
      in_literal_line_ = skip_ > 0;
      if (!continued) on_line(line);
    }
    kept_ = bytes.size();
    return all - bytes.size();
  }

  virtual void on_line(std::string_view line) = 0;

 private:
  static uint64_t literal_length(std::string_view line) {
    if (line.empty() || line.back() != '}') return 0;
    size_t open = line.rfind('{');
    if (open == std::string_view::npos) return 0;
    return std::strtoull(std::string(line.substr(open + 1)).c_str(), nullptr, 10);
  }
  uint64_t skip_ = 0, octets_ = 0;
  size_t kept_ = 0;
  bool in_literal_line_ = false;
};

bool tagged(std::string_view line, std::string_view tag) {
  return line.size() > tag.size() && line.substr(0, tag.size()) == tag && line[tag.size()] == ' ';
}
bool is_ok(std::string_view line, std::string_view tag) {
  return line.substr(tag.size() + 1, 2) == "OK";
}

struct Tally {
  uint64_t taken = 0, done = 0, failed = 0, octets = 0;
  Histogram latency;
  Time start{};
};

// Logs in, selects, then does what the subclass wants.
class Client : public ImapConnection {
 public:
  Client(Poller& poller, const Options& options, Tally& tally, int number)
      : ImapConnection(poller), options_(options), tally_(tally), number_(number) {}

  bool begin(uint16_t port) {
    phase_ = 0;
    return connect(options_.host, port);
  }
  bool working() const { return phase_ == 3; }
  bool dead() const { return dead_; }

  void on_line(std::string_view line) override {
    switch (phase_) {
      case 0:
        send(fmt::format("a LOGIN {} {}\r\n", numbered(options_.login, number_ % options_.users),
                         options_.password));
        phase_ = 1;
        break;
      case 1:
        if (!tagged(line, "a")) break;
        if (!is_ok(line, "a")) return give_up(line);
        send(fmt::format("b SELECT {}\r\n", options_.mailbox));
        phase_ = 2;
        break;
      case 2:
        if (!tagged(line, "b")) break;
        if (!is_ok(line, "b")) return give_up(line);
        phase_ = 3;
        work();
        break;
      default:
        on_work(line);
    }
  }
  void on_close() override { dead_ = true; }

 protected:
  virtual void work() = 0;
  virtual void on_work(std::string_view line) = 0;
  void give_up(std::string_view line) {
    fmt::print(stderr, "imap: {}\n", line);
    ++tally_.failed;
    dead_ = true;
    close();
  }

  const Options& options_;
  Tally& tally_;
  int number_;

 private:
  int phase_ = 0;
  bool dead_ = false;
};

class Commander : public Client {
 public:
  using Client::Client;

 protected:
  void work() override {
    if (tally_.taken == 0) tally_.start = now();
    if (tally_.taken >= options_.count) return;
    ++tally_.taken;
    begun_ = now();
    before_ = octets();
    send("c " + options_.command + "\r\n");
  }
  void on_work(std::string_view line) override {
    if (!tagged(line, "c")) return;
    tally_.latency.add(micros(begun_, now()));
    tally_.octets += octets() - before_;
    ++(is_ok(line, "c") ? tally_.done : tally_.failed);
    work();
  }

 private:
  Time begun_{};
  uint64_t before_ = 0;
};

class Appender : public Client {
 public:
  using Client::Client;

 protected:
  void work() override {
    if (tally_.taken == 0) tally_.start = now();
    if (tally_.taken >= options_.count) return;
    letter_ = make_letter(options_.size, options_.from, options_.login, tally_.taken++);
    begun_ = now();
    send(fmt::format("d APPEND {} (\\Seen) {{{}}}\r\n", options_.mailbox, letter_.size()));
  }
  void on_work(std::string_view line) override {
    if (line.substr(0, 1) == "+") {
      send(letter_ + "\r\n");
    } else if (tagged(line, "d")) {
      tally_.latency.add(micros(begun_, now()));
      ++(is_ok(line, "d") ? tally_.done : tally_.failed);
      work();
    }
  }

 private:
  std::string letter_;
  Time begun_{};
};

class Visitor : public Client {
 public:
  using Client::Client;
  void visit() {
    if (tally_.taken >= options_.count) return;
    ++tally_.taken;
    begun_ = now();
    if (!begin(options_.port)) ++tally_.failed;
  }
  void on_close() override {
    if (working()) {
      ++tally_.done;
      tally_.latency.add(micros(begun_, now()));
    } else {
      ++tally_.failed;
    }
    visit();
  }

 protected:
  void work() override { send("e LOGOUT\r\n"); }
  void on_work(std::string_view) override {}

 private:
  Time begun_{};
};

class Idler : public Client {
 public:
  // Counts itself in `ready` once it is told of news.
  Idler(Poller& poller, const Options& options, Tally& tally, int number, size_t& ready)
      : Client(poller, options, tally, number), ready_(ready) {}
  std::optional<Time> noticed;

 protected:
  void work() override { send("f IDLE\r\n"); }
  void on_work(std::string_view line) override {
    if (line.substr(0, 1) == "+") ++ready_;
    if (line.find(" EXISTS") != std::string_view::npos && !noticed) noticed = now();
  }

 private:
  size_t& ready_;
};

int report(const Options& options, const Tally& tally) {
  double seconds = micros(tally.start, now()) / 1e6;
  fmt::print(
      "{{\"mode\":\"{}\",\"sessions\":{},\"done\":{},\"failed\":{},\"seconds\":{:.4f},\"rate\":{:.1f},"
      "\"octets\":{},"
      "\"p50_us\":{:.0f},\"p95_us\":{:.0f},\"p99_us\":{:.0f},\"max_us\":{:.0f}}}\n",
      options.mode, options.sessions, tally.done, tally.failed, seconds,
      static_cast<double>(tally.done) / seconds, tally.octets, tally.latency.percentile(50),
      tally.latency.percentile(95), tally.latency.percentile(99), tally.latency.max());
  return tally.failed == 0 && tally.done >= options.count ? 0 : 1;
}

template <class Kind>
int run_clients(const Options& options) {
  Poller poller;
  Tally tally;
  std::vector<std::unique_ptr<Kind>> clients;
  for (int i = 0; i < options.sessions; ++i) {
    clients.push_back(std::make_unique<Kind>(poller, options, tally, i));
    clients.back()->begin(options.port);
  }
  Time start = tally.start = now();
  poller.run([&] {
    bool all_dead = std::all_of(clients.begin(), clients.end(), [](auto& c) { return c->dead(); });
    return tally.done + tally.failed >= options.count || all_dead ||
           micros(start, now()) > options.seconds * 1e6;
  });
  return report(options, tally);
}

// Opens the idlers, a few at a time so that no listen queue overflows; false if that did not work out.
// `ready` lives as long as they do.
bool open_idlers(Poller& poller, const Options& options, Tally& tally, uint16_t port,
                 std::vector<std::unique_ptr<Idler>>& idlers, size_t& ready) {
  Time start = now();
  poller.run([&] {
    while (idlers.size() < static_cast<size_t>(options.sessions) && idlers.size() < ready + 256) {
      idlers.push_back(
          std::make_unique<Idler>(poller, options, tally, static_cast<int>(idlers.size()), ready));
      idlers.back()->begin(port);
    }
    return ready >= static_cast<size_t>(options.sessions) || tally.failed ||
           micros(start, now()) > options.seconds * 1e6;
  });
  return ready >= static_cast<size_t>(options.sessions);
}

}  // namespace

int run_imap_command(const Options& options) {
  return run_clients<Commander>(options);
}
int run_imap_append(const Options& options) {
  return run_clients<Appender>(options);
}

int run_imap_login(const Options& options) {
  Poller poller;
  Tally tally;
  std::vector<std::unique_ptr<Visitor>> visitors;
  Time start = tally.start = now();
  for (int i = 0; i < options.sessions; ++i) {
    visitors.push_back(std::make_unique<Visitor>(poller, options, tally, i));
    visitors.back()->visit();
  }
  poller.run([&] {
    return tally.done + tally.failed >= options.count || micros(start, now()) > options.seconds * 1e6;
  });
  return report(options, tally);
}

int run_idle(const Options& options) {
  Poller poller;
  Tally tally;
  size_t ready = 0;
  std::vector<std::unique_ptr<Idler>> idlers;
  Time start = now();
  bool ok = open_idlers(poller, options, tally, options.port, idlers, ready);
  double seconds = micros(start, now()) / 1e6;
  fmt::print("{{\"mode\":\"idle\",\"sessions\":{},\"seconds\":{:.3f},\"rate\":{:.1f},\"ok\":{}}}\n",
             idlers.size(), seconds, static_cast<double>(idlers.size()) / seconds, ok);
  std::fflush(stdout);
  // Holds the sessions until the caller closes our input.
  poller.run([&] {
    pollfd in{STDIN_FILENO, POLLIN, 0};
    char byte = 0;
    return poll(&in, 1, 0) > 0 && read(STDIN_FILENO, &byte, 1) <= 0;
  });
  return ok ? 0 : 1;
}

namespace {

// Sends one letter by SMTP and notes when its 250 came.
class OneLetter : public Connection {
 public:
  OneLetter(Poller& poller, const Options& options, std::string to, uint64_t serial)
      : Connection(poller), options_(options), to_(std::move(to)), serial_(serial) {}
  std::optional<Time> answered;
  bool failed = false;
  size_t on_bytes(std::string_view bytes) override {
    size_t all = bytes.size();
    std::string_view line;
    while (take_line(bytes, line)) {
      if (line.size() >= 4 && line[3] == '-') continue;
      step(line);
    }
    return all - bytes.size();
  }
  void on_close() override { failed = failed || !answered; }

 private:
  void step(std::string_view line) {
    if (line.empty() || line[0] > '3') failed = true;
    switch (step_++) {
      case 0:
        return send("EHLO load.test\r\n");
      case 1:
        return send(fmt::format("MAIL FROM:<{}>\r\n", options_.from));
      case 2:
        return send(fmt::format("RCPT TO:<{}>\r\n", to_));
      case 3:
        return send("DATA\r\n");
      case 4:
        return send(make_letter(options_.size, options_.from, to_, serial_) + ".\r\n");
      case 5:
        answered = now();
        break;
      default:
        break;
    }
  }
  const Options& options_;
  std::string to_;
  uint64_t serial_;
  int step_ = 0;
};

}  // namespace

int run_notice(const Options& options) {
  Poller poller;
  Tally tally;
  Options all = options;
  all.users = std::max(options.users, 1);
  size_t ready = 0;
  std::vector<std::unique_ptr<Idler>> idlers;
  if (!open_idlers(poller, all, tally, options.imap_port, idlers, ready)) {
    fmt::print(stderr, "notice: the IDLE sessions did not come up\n");
    return 1;
  }
  for (uint64_t n = 0; n < options.count; ++n) {
    // Sessions of one account are told together; look at the first of it.
    int user = static_cast<int>(n % static_cast<uint64_t>(std::min(all.users, options.sessions)));
    Idler& watcher = *idlers[static_cast<size_t>(user)];
    watcher.noticed.reset();
    OneLetter letter(poller, options, numbered(options.to, user), n);
    letter.connect(options.host, options.port);
    Time start = now();
    poller.run(
        [&] { return letter.failed || (letter.answered && watcher.noticed) || micros(start, now()) > 5e6; });
    if (letter.failed || !letter.answered || !watcher.noticed) {
      ++tally.failed;
      continue;
    }
    ++tally.done;
    tally.latency.add(std::max(0.0, micros(*letter.answered, *watcher.noticed)));
  }
  tally.start = now() - std::chrono::seconds(1);
  return report(options, tally);
}

}  // namespace load
