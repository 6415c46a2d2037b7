// Runs the dialogues of tests/scripts/pop3 (see README.md there) on each of the three stores.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <tuple>

#include "net/tls.h"
#include "pop3_house.h"

namespace posthouse::access::pop3::test {
namespace {

bool matches(std::string_view pattern, std::string_view text) {
  const size_t dots = pattern.find("...");
  if (dots == std::string_view::npos) return pattern == text;
  if (text.substr(0, dots) != pattern.substr(0, dots)) return false;
  pattern.remove_prefix(dots + 3);
  for (size_t at = dots; at <= text.size(); at++) {
    if (matches(pattern, text.substr(at))) return true;
  }
  return false;
}

// \xNN is an octet, \\ a backslash.
std::string octets(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 >= text.size()) {
      out += text[i];
    } else if (text[i + 1] == 'x') {
      out += static_cast<char>(std::stoi(std::string(text.substr(i + 2, 2)), nullptr, 16));
      i += 3;
    } else {
      out += text[++i];
    }
  }
  return out;
}

// "N of TEXT": TEXT so many times.
std::string repeated(const std::string& text) {
  const size_t of = text.find(" of ");
  std::string out;
  for (int left = std::stoi(text.substr(0, of)); left > 0; --left) out += octets(text.substr(of + 4));
  return out;
}

class Player {
 public:
  Player(const std::string& file, store::Format format, size_t chunk)
      : file_(file), chunk_(chunk), house_(format) {}
  ~Player() {
    for (auto& [id, client] : clients_) client->stream().close();
  }

  void play() {
    std::ifstream in(file_);
    ASSERT_TRUE(in.good()) << file_;
    std::string line;
    while (std::getline(in, line)) {
      number_++;
      SCOPED_TRACE(file_ + ":" + std::to_string(number_) + ": " + line);
      if (delivering_) {
        letter_line(line);
      } else {
        step(line);
      }
      if (testing::Test::HasFatalFailure()) return;
    }
    push();
    for (auto& [id, client] : clients_) EXPECT_EQ(client->pending(), "") << "session " << id;
  }

 private:
  void step(const std::string& line) {
    if (line.empty() || line[0] == '#') return;
    if (line == "--") return push();
    if (line[0] == '@') return directive(line);
    ASSERT_TRUE(line[0] == 'C' || line[0] == 'S');
    size_t at = 1;
    while (at < line.size() && std::isdigit(static_cast<unsigned char>(line[at]))) at++;
    const int id = at == 1 ? 1 : std::stoi(line.substr(1, at - 1));
    ASSERT_TRUE(clients_.contains(id));
    const char mark = line.at(at);
    const std::string text = line.size() > at + 2 ? line.substr(at + 2) : "";
    if (line[0] == 'C') {
      if (outgoing_id_ != id) push();
      outgoing_id_ = id;
      outgoing_ += mark == '*' ? repeated(text) : octets(text);
      if (mark == ':') outgoing_ += "\r\n";
    } else {
      push();
      expect(*clients_.at(id), mark == '*' ? repeated(text) : octets(text));
    }
  }

  void push() {
    if (outgoing_.empty()) return;
    Client& client = *clients_.at(outgoing_id_);
    EXPECT_EQ(client.pending(), "") << "session " << outgoing_id_;
    client.send(std::exchange(outgoing_, ""));
  }

  void expect(Client& client, const std::string& pattern) {
    std::string line;
    ASSERT_TRUE(client.take_line(line)) << "nothing came for: " << pattern << "\nbut: " << client.pending();
    ASSERT_TRUE(matches(pattern, line)) << "came: " << line << "\nthen: " << client.pending().substr(0, 300);
  }

  void directive(const std::string& line) {
    push();
    std::istringstream words(line);
    std::string verb, first, second;
    words >> verb >> first >> second;
    if (verb == "@plain") {
      house_.options->allow_plain_login = first == "on";
    } else if (verb == "@tls") {
      tls_ = first == "on";
      auto made = net::make_self_signed({"mail.example.test"});
      ASSERT_TRUE(made.has_value());
      auto context = net::TlsContext::server({*made}, "pop3");
      ASSERT_TRUE(context.has_value());
      house_.options->tls = *context;
    } else if (verb == "@whole") {
      chunk_ = 0;
    } else if (verb == "@implicit") {
      house_.options->implicit_tls = first == "on";
    } else if (verb == "@bad") {
      house_.options->max_bad_commands = static_cast<uint32_t>(std::stoul(first));
    } else if (verb == "@directory") {
      house_.accounts.broken = first == "broken";
    } else if (verb == "@connect") {
      clients_[std::stoi(first)] = house_.connect(chunk_, tls_);
    } else if (verb == "@login") {
      clients_[std::stoi(first)] = house_.login(second, chunk_);
    } else if (verb == "@deliver") {
      delivering_ = true;
      account_ = account(first);
    } else if (verb == "@expunge") {
      house_.expunge(account(first), static_cast<uint32_t>(std::stoul(second)));
    } else if (verb == "@count") {
      EXPECT_EQ(house_.inbox(account(first)).size(), std::stoul(second));
    } else if (verb == "@disk") {
      if (first == "broken") house_.faults.transact_fault = Fault{FaultKind::io, "disk failed"};
      if (first == "mended") house_.faults.transact_fault.reset();
    } else if (verb == "@end") {
      end_session(*house_.maildrops, account(first));
    } else if (verb == "@advance") {
      house_.clock.advance(std::chrono::seconds(std::stoll(first)));
      house_.executor.run();
    } else if (verb == "@closed") {
      Client& client = *clients_.at(std::stoi(first));
      EXPECT_TRUE(client.closed());
      EXPECT_EQ(client.pending(), "");
    } else if (verb == "@shut") {
      const int before = house_.open_sessions;
      clients_.at(std::stoi(first))->stream().shut_write();
      ASSERT_TRUE(house_.wait_until([&] { return house_.open_sessions < before; }));
    } else {
      FAIL() << "unknown directive";
    }
  }

  static store::AccountId account(const std::string& name) { return name == "alice" ? 1 : 2; }

  void letter_line(const std::string& line) {
    if (line != ".") {
      const bool cut = line.ends_with("\\");
      letter_ += octets(cut ? line.substr(0, line.size() - 1) : line);
      if (!cut) letter_ += "\r\n";
      return;
    }
    house_.deliver(account_, std::exchange(letter_, ""));
    delivering_ = false;
  }

  std::string file_;
  size_t chunk_;
  int number_ = 0;
  House house_;
  bool tls_ = false;
  std::map<int, std::unique_ptr<Client>> clients_;
  std::string outgoing_;
  int outgoing_id_ = 0;
  bool delivering_ = false;
  store::AccountId account_ = 0;
  std::string letter_;
};

std::vector<std::string> scripts() {
  std::vector<std::string> out;
  const std::filesystem::path tests =
      std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();
  for (const auto& entry : std::filesystem::directory_iterator(tests / "scripts" / "pop3")) {
    if (entry.path().extension() == ".script") out.push_back(entry.path().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

class Pop3Script : public testing::TestWithParam<std::tuple<std::string, store::Format>> {
 protected:
  void play(size_t chunk) { Player(std::get<0>(GetParam()), std::get<1>(GetParam()), chunk).play(); }
};

TEST_P(Pop3Script, InOnePiece) {
  play(0);
}

// The session must not care how its input is cut.
TEST_P(Pop3Script, OctetByOctet) {
  play(1);
}

INSTANTIATE_TEST_SUITE_P(All, Pop3Script,
                         testing::Combine(testing::ValuesIn(scripts()),
                                          testing::Values(store::Format::database, store::Format::maildir,
                                                          store::Format::mbox)),
                         [](const auto& test) {
                           return std::filesystem::path(std::get<0>(test.param)).stem().string() + "_" +
                                  std::string(to_string(std::get<1>(test.param)));
                         });

}  // namespace
}  // namespace posthouse::access::pop3::test
