// Runs the dialogues of tests/scripts/imap. Their language:
//
//   # a comment; the first lines name the RFC sections
//   @plain off            LOGIN without TLS is refused          @tls on         sessions come over TLS
//   @limit N              APPENDLIMIT                           @quota N        octets an account may have
//   @connect 1            a session, greeting still to be read  @login 1 alice  the same, logged in
//   @deliver alice INBOX  a message follows, up to a line "."   @advance N      N seconds go by
//   @deliver bob INBOX N  the same, that came in N seconds after the start
//   @closed 1             the server has closed the connection  @shut 1         the client closes
//   C1: text              the client sends a line (C: is session 1); lines in a row go out in one piece
//   C1+ text              the same without a line end
//   --                    ends a piece
//   S1: pattern           the server's next line; "..." stands for anything
//   S1? pattern           the same, after other lines that don't matter
//
// When a client speaks, or at the end, nothing unread may be left over from its session.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "imap_house.h"

namespace posthouse::access::imap::test {
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

class Player {
 public:
  Player(const std::string& file, size_t chunk) : file_(file), chunk_(chunk) {}

  void play() {
    std::ifstream in(file_);
    ASSERT_TRUE(in.good()) << file_;
    std::string line;
    while (std::getline(in, line)) {
      number_++;
      SCOPED_TRACE(file_ + ":" + std::to_string(number_) + ": " + line);
      if (!message_.empty() || delivering_) {
        message_line(line);
      } else {
        step(line);
      }
      if (testing::Test::HasFatalFailure()) return;
    }
    push();
    for (auto& [id, client] : clients_) expect_silence(id, *client);
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
      outgoing_ += text;
      if (mark == ':') outgoing_ += "\r\n";
    } else {
      push();
      expect(*clients_.at(id), text, mark == '?');
    }
  }

  void push() {
    if (outgoing_.empty()) return;
    Client& client = *clients_.at(outgoing_id_);
    expect_silence(outgoing_id_, client);
    client.send(std::exchange(outgoing_, ""));
  }

  void expect(Client& client, const std::string& pattern, bool skip) {
    std::string line;
    do {
      ASSERT_TRUE(client.take_line(line)) << "nothing came for: " << pattern << "\nbut: " << client.pending();
    } while (skip && !matches(pattern, line));
    ASSERT_TRUE(matches(pattern, line)) << "came: " << line << "\nthen: " << client.pending().substr(0, 300);
  }

  void expect_silence(int id, Client& client) { EXPECT_EQ(client.pending(), "") << "session " << id; }

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
      auto context = net::TlsContext::server({*made}, "imap");
      ASSERT_TRUE(context.has_value());
      house_.options->tls = *context;
    } else if (verb == "@limit") {
      house_.options->append_limit = std::stoull(first);
    } else if (verb == "@quota") {
      house_.options->default_quota_bytes = std::stoull(first);
    } else if (verb == "@sessions") {
      house_.options->max_sessions_per_account = static_cast<uint32_t>(std::stoul(first));
    } else if (verb == "@connect") {
      clients_[std::stoi(first)] = house_.connect(chunk_, tls_);
    } else if (verb == "@login") {
      clients_[std::stoi(first)] = house_.login(second, chunk_);
    } else if (verb == "@deliver") {
      delivering_ = true;
      account_ = first == "alice" ? 1 : 2;
      mailbox_ = second;
      int64_t later = 0;
      words >> later;
      date_ = FakeClock::kStart + std::chrono::seconds(later);
    } else if (verb == "@advance") {
      house_.clock.advance(std::chrono::seconds(std::stoll(first)));
      house_.run();
    } else if (verb == "@closed") {
      Client& client = *clients_.at(std::stoi(first));
      EXPECT_EQ(client.pending(), "");
      EXPECT_TRUE(client.closed());
    } else if (verb == "@shut") {
      clients_.at(std::stoi(first))->stream().shut_write();
      house_.run();
    } else {
      FAIL() << "unknown directive";
    }
  }

  void message_line(const std::string& line) {
    if (line != ".") {
      message_ += line + "\r\n";
      return;
    }
    house_.deliver(account_, mailbox_, std::exchange(message_, ""), {}, date_);
    house_.run();
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
  std::string mailbox_, message_;
  SystemTime date_{};
};

std::vector<std::string> scripts() {
  std::vector<std::string> out;
  const std::filesystem::path tests =
      std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();
  for (const auto& entry : std::filesystem::directory_iterator(tests / "scripts" / "imap")) {
    if (entry.path().extension() == ".script") out.push_back(entry.path().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

class ImapScript : public testing::TestWithParam<std::string> {};

TEST_P(ImapScript, InOnePiece) {
  Player(GetParam(), 0).play();
}

// The session must not care how its input is cut.
TEST_P(ImapScript, OctetByOctet) {
  Player(GetParam(), 1).play();
}

INSTANTIATE_TEST_SUITE_P(All, ImapScript, testing::ValuesIn(scripts()), [](const auto& script) {
  std::string name = std::filesystem::path(script.param).stem().string();
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
});

}  // namespace
}  // namespace posthouse::access::imap::test
