// A POP3 client that downloads a whole maildrop.
#include <fmt/format.h>

#include <cstdio>
#include <string>

#include "connection.h"
#include "options.h"

namespace load {

namespace {

constexpr uint64_t kAhead = 50;  // commands under way, where the server takes them

// Logs in, asks how many letters there are and for all unique ids, retrieves each letter, leaves all there.
class Downloader : public Connection {
 public:
  Downloader(Poller& poller, const Options& options) : Connection(poller), options_(options) {}

  uint64_t letters = 0, octets = 0;
  bool ended = false, failed = false;
  Time begun{}, listed{};

  size_t on_bytes(std::string_view bytes) override {
    const size_t all = bytes.size();
    std::string_view line;
    while (open() && take_line(bytes, line)) {
      if (in_answer_) {
        octets += line.size() + 2;
        if (line == ".") on_answer_end();
      } else {
        on_status(line);
      }
    }
    return all - bytes.size();
  }
  void on_close() override { ended = true; }

 private:
  void on_status(std::string_view line) {
    if (!line.starts_with("+OK")) {
      fmt::print(stderr, "pop3: {}\n", line);
      failed = ended = true;
      return close();
    }
    switch (phase_++) {
      case 0:
        return send(fmt::format("USER {}\r\n", numbered(options_.login, 0)));
      case 1:
        return send(fmt::format("PASS {}\r\n", options_.password));
      case 2:
        begun = now();
        return send("STAT\r\n");
      case 3:
        count_ = std::strtoull(std::string(line.substr(4)).c_str(), nullptr, 10);
        return send("UIDL\r\n");
      case 4:
        in_answer_ = true;
        return;
      default:
        in_answer_ = asked_ > letters;
        if (!in_answer_) ended = true;  // QUIT
    }
  }

  void on_answer_end() {
    in_answer_ = false;
    if (phase_ == 5 && asked_ == 0) {
      listed = now();
    } else {
      ++letters;
    }
    const uint64_t ahead = options_.pipelining ? kAhead : 1;
    if (asked_ - letters > ahead / 2) return;
    std::string commands;
    while (asked_ < count_ && asked_ - letters < ahead) commands += fmt::format("RETR {}\r\n", ++asked_);
    if (letters == count_) commands = "QUIT\r\n";
    if (!commands.empty()) send(commands);
  }

  const Options& options_;
  int phase_ = 0;
  uint64_t count_ = 0, asked_ = 0;
  bool in_answer_ = false;
};

}  // namespace

int run_pop3(const Options& options) {
  Poller poller;
  Downloader client(poller, options);
  client.connect(options.host, options.port);
  const Time start = now();
  poller.run([&] { return client.ended || micros(start, now()) > options.seconds * 1e6; });
  const bool good = client.ended && !client.failed && client.letters > 0;
  const double micros_taken = micros(client.begun, now());
  fmt::print(
      "{{\"mode\":\"pop3\",\"done\":{},\"failed\":{},\"octets\":{},\"list_us\":{:.0f},\"p50_us\":{:.0f}}}\n",
      client.letters, good ? 0 : 1, client.octets, micros(client.begun, client.listed), micros_taken);
  return good ? 0 : 1;
}

}  // namespace load
