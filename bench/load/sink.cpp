// An SMTP server that takes everything and keeps nothing: where relayed letters go in measurements. Prints
// how many came and when, each time the count reaches --count (then ends) or at end of input on descriptor 0.
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <vector>

#include "connection.h"
#include "options.h"

namespace load {

namespace {

struct Tally {
  uint64_t letters = 0, octets = 0;
  Time first{}, last{};
};

class Receiver : public Connection {
 public:
  Receiver(Poller& poller, Tally& tally, int fd) : Connection(poller), tally_(tally) {
    adopt(fd);
    send("220 sink.test ESMTP\r\n");
  }

  size_t on_bytes(std::string_view bytes) override {
    size_t all = bytes.size();
    std::string replies;
    while (!bytes.empty()) {
      if (in_data_) {
        size_t end = find_end(bytes);
        if (end == std::string_view::npos) break;
        tally_.octets += end;
        bytes.remove_prefix(end);
        in_data_ = false;
        if (tally_.letters++ == 0) tally_.first = now();
        tally_.last = now();
        replies += "250 2.0.0 taken\r\n";
        continue;
      }
      std::string_view line;
      if (!take_line(bytes, line)) break;
      replies += answer(line);
    }
    if (!replies.empty()) send(replies);
    return all - bytes.size();
  }

  void on_close() override {}

 private:
  static size_t find_end(std::string_view bytes) {
    size_t at = bytes.find("\r\n.\r\n");
    return at == std::string_view::npos ? at : at + 5;
  }

  std::string_view answer(std::string_view line) {
    if (line.size() < 4) return "500 5.5.2 what?\r\n";
    switch (line[0] & ~32) {
      case 'E':
        return "250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 104857600\r\n";
      case 'D':
        in_data_ = true;
        return "354 go on\r\n";
      case 'Q':
        return "221 2.0.0 bye\r\n";
      default:
        return "250 2.0.0 ok\r\n";
    }
  }

  Tally& tally_;
  bool in_data_ = false;
};

}  // namespace

int run_sink(const Options& options) {
  Poller poller;
  Tally tally;
  std::vector<std::unique_ptr<Receiver>> receivers;
  if (!poller.listen(options.host, options.port,
                     [&](int fd) { receivers.push_back(std::make_unique<Receiver>(poller, tally, fd)); })) {
    fmt::print(stderr, "sink: port {} is in use\n", options.port);
    return 1;
  }
  fmt::print("ready\n");
  std::fflush(stdout);
  Time start = now();
  poller.run([&] { return tally.letters >= options.count || micros(start, now()) > options.seconds * 1e6; });
  double seconds = micros(tally.first, tally.last) / 1e6;
  fmt::print("{{\"mode\":\"sink\",\"letters\":{},\"octets\":{},\"seconds\":{:.3f},\"rate\":{:.1f}}}\n",
             tally.letters, tally.octets, seconds,
             seconds > 0 ? static_cast<double>(tally.letters) / seconds : 0.0);
  return tally.letters >= options.count ? 0 : 1;
}

}  // namespace load
