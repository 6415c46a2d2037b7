// The whole program with two loops under the hands of many clients at once: whatever its threads share meets
// here, for the thread sanitizer to see.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "app/config/reference.h"
#include "app/demo/demo.h"
#include "app/server/listeners.h"
#include "app/server/server.h"
#include "base/log.h"
#include "net/loop.h"

namespace posthouse::app {
namespace {

using testing::HasSubstr;

constexpr int kLettersEach = 25;
constexpr int kDeliverers = 2;
constexpr int kReaders = 4;
constexpr int kSeconds = 60;  // without an answer: enough also for a sanitizer on a busy machine

// A client that speaks and listens in turn, on a thread of its own.
class Peer {
 public:
  explicit Peer(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    timeval patience{kSeconds, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      throw std::runtime_error("connect");
    }
  }
  ~Peer() { ::close(fd_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void send(std::string_view text) {
    while (!text.empty()) {
      ssize_t n = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) throw std::runtime_error("send");
      text.remove_prefix(static_cast<size_t>(n));
    }
  }
  // The lines up to the first that begins with `start`, that one included.
  std::string until(std::string_view start) {
    std::string lines;
    while (true) {
      std::string line = next_line();
      lines += line;
      if (line.starts_with(start)) return lines;
    }
  }
  std::string ask(std::string_view tag, std::string_view command) {
    send(fmt::format("{} {}\r\n", tag, command));
    return until(fmt::format("{} ", tag));
  }

 private:
  std::string next_line() {
    size_t end = 0;
    while ((end = pending_.find("\r\n")) == std::string::npos) {
      char bytes[4096];
      ssize_t n = ::recv(fd_, bytes, sizeof bytes, 0);
      if (n <= 0) throw std::runtime_error("the server said no more after: " + pending_);
      pending_.append(bytes, static_cast<size_t>(n));
    }
    std::string line = pending_.substr(0, end + 2);
    pending_.erase(0, end + 2);
    return line;
  }

  int fd_;
  std::string pending_;
};

struct Ports {
  uint16_t imap, lmtp, submission, metrics;
};

// Letters over LMTP to alice, until all are in.
void deliver(const Ports& ports) {
  Peer peer(ports.lmtp);
  peer.until("220 ");
  peer.send("LHLO here.test\r\n");
  peer.until("250 ");
  for (int i = 0; i < kLettersEach; ++i) {
    peer.send("MAIL FROM:<x@far.test>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n");
    peer.until("250 ");
    peer.until("250 ");
    peer.until("354 ");
    peer.send(fmt::format("Subject: letter {}\r\n\r\nOne of many.\r\n.\r\n", i));
    peer.until("250 ");
  }
}

void log_in(Peer& peer) {
  peer.until("* OK");
  EXPECT_THAT(peer.ask("l", fmt::format("LOGIN alice@example.test {}", kDemoPassword)), HasSubstr("l OK"));
  EXPECT_THAT(peer.ask("s", "SELECT INBOX"), HasSubstr("s OK"));
}

// Reads, flags, waits and reads again. With what others expunge meanwhile, a NO is no mistake; a BAD is.
void read(const Ports& ports, const std::atomic<bool>& all_in, std::string_view flag) {
  Peer peer(ports.imap);
  log_in(peer);
  for (bool last = false; !last;) {
    last = all_in;
    for (std::string_view command :
         {"UID FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE)", "FETCH * BODY[]", "UID SEARCH SUBJECT letter",
          "NOOP", "STATUS INBOX (MESSAGES UNSEEN)", "LIST \"\" \"*\""}) {
      EXPECT_THAT(peer.ask("r", command), testing::Not(HasSubstr("r BAD"))) << command;
    }
    EXPECT_THAT(peer.ask("f", fmt::format("UID STORE 1:* +FLAGS ({})", flag)),
                testing::Not(HasSubstr("f BAD")));
    peer.send("i IDLE\r\n");
    peer.until("+ ");
    peer.send("DONE\r\n");
    EXPECT_THAT(peer.until("i "), HasSubstr("i OK"));
  }
}

// Makes letters of its own and takes them away again, next to everybody's.
void come_and_go(const Ports& ports) {
  Peer peer(ports.imap);
  log_in(peer);
  for (int i = 0; i < kLettersEach; ++i) {
    peer.send("a APPEND INBOX (\\Deleted) {12}\r\n");
    peer.until("+ ");
    peer.send("Subject: x\r\n\r\n");
    std::string made = peer.until("a ");
    EXPECT_THAT(made, HasSubstr("APPENDUID"));
    std::string uid = made.substr(made.find("APPENDUID"));
    uid = uid.substr(uid.find(' ', uid.find(' ') + 1) + 1);
    EXPECT_THAT(peer.ask("e", "UID EXPUNGE " + uid.substr(0, uid.find(']'))), HasSubstr("e OK"));
  }
}

// Connections that take the settings in force, log in and hand over a letter, one after another.
void submit(const Ports& ports) {
  for (int i = 0; i < kLettersEach; ++i) {
    Peer peer(ports.submission);
    peer.until("220 ");
    peer.send("EHLO here.test\r\n");
    peer.until("250 ");
    peer.send("AUTH PLAIN AGFsaWNlQGV4YW1wbGUudGVzdABkZW1v\r\n");  // alice@example.test, demo
    peer.until("235 ");
    peer.send("MAIL FROM:<alice@example.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n");
    peer.until("354 ");
    peer.send("Subject: hello\r\n\r\nbob\r\n.\r\nQUIT\r\n");
    peer.until("221 ");
  }
}

// What is counted, while it is being counted.
void look_at_the_numbers(const Ports& ports) {
  for (int i = 0; i < kLettersEach; ++i) {
    Peer peer(ports.metrics);
    peer.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    peer.until("HTTP/1.1 200 ");
  }
}

class Threads : public testing::Test {
 protected:
  Threads() {
    log::configure(log::Level::error, "", "text");
    DemoOptions options;
    options.base_port = 0;
    options.settings = {"server.loops=2",      "store.memory=16MiB", "resolver.servers=[\"127.0.0.1@1\"]",
                        "resolver.timeout=1s", "log.file=",          "log.level=error"};
    auto config = demo_config(options, directory_.path());
    if (!config) throw std::runtime_error(config.error().what);
    config_ = *config;
    auto listeners = bind_listeners(config_);
    if (!listeners) throw std::runtime_error(listeners.error().what);
    auto ports = ports_of(*listeners);
    ports_ = {ports.at("imap"), ports.at("lmtp"), ports.at("submission"), ports.at("metrics")};
    write_config(false);
    auto made = Server::make({config_, config_file_, std::move(*listeners), Core::Store::create, [] {}});
    if (!made) throw std::runtime_error(made.error().what);
    server_ = std::move(*made);
    auto accounts = net::run_blocking(make_demo_accounts(server_->core(), "example.test"));
    if (!accounts) throw std::runtime_error(accounts.error().what);
  }

  void write_config(bool other) {
    Config config = config_;
    config.limits.errors = other ? 20 : 10;
    std::string fresh = config_file_ + ".new";  // a reload never meets half a file
    std::ofstream(fresh) << config_as_toml(config, false);
    std::filesystem::rename(fresh, config_file_);
  }

  void reload_again_and_again() {
    for (int i = 0; i < kLettersEach; ++i) {
      write_config(i % 2 == 0);
      std::promise<void> done;
      server_->main_loop().post([&] {
        server_->reload();
        done.set_value();
      });
      done.get_future().wait();
    }
  }

  DemoDirectory directory_ = *DemoDirectory::open("");
  std::string config_file_ = directory_.path() + "/posthouse.toml";
  Config config_;
  Ports ports_{};
  std::unique_ptr<Server> server_;
};

TEST_F(Threads, ManySessionsOnOneMailboxWhileLettersArrive) {
  std::atomic<bool> all_in = false;
  std::thread clients([&] {
    std::vector<std::thread> readers, writers;
    for (int i = 0; i < kReaders; ++i) {
      readers.emplace_back([&, i] { read(ports_, all_in, i % 2 == 0 ? "\\Seen" : "\\Flagged"); });
    }
    for (int i = 0; i < kDeliverers; ++i) writers.emplace_back([&] { deliver(ports_); });
    writers.emplace_back([&] { come_and_go(ports_); });
    for (int i = 0; i < kDeliverers; ++i) writers.emplace_back([&] { submit(ports_); });
    writers.emplace_back([&] { look_at_the_numbers(ports_); });
    writers.emplace_back([&] { reload_again_and_again(); });
    for (std::thread& writer : writers) writer.join();
    all_in = true;
    for (std::thread& reader : readers) reader.join();
    Peer peer(ports_.imap);
    peer.until("* OK");
    peer.ask("l", fmt::format("LOGIN alice@example.test {}", kDemoPassword));
    EXPECT_THAT(peer.ask("s", "STATUS INBOX (MESSAGES)"),
                HasSubstr(fmt::format("MESSAGES {}", kDeliverers * kLettersEach)));
    server_->main_loop().post([&] { server_->stop("the test is over"); });
  });
  auto clean = server_->run();
  clients.join();
  ASSERT_TRUE(clean) << clean.error().what;
  EXPECT_TRUE(*clean);
}

}  // namespace
}  // namespace posthouse::app
