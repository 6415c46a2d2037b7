// Runs the dialogues of tests/scripts/pop3 (see README.md there) on each of the three stores.
#include <tuple>

#include "pop3_house.h"
#include "script_player.h"

namespace posthouse::access::pop3::test {
namespace {

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

class Player : public access::test::ScriptPlayer<House, Client> {
 public:
  Player(const std::string& file, store::Format format, size_t chunk)
      : ScriptPlayer(file, chunk, "pop3", format) {}
  ~Player() override {
    for (auto& [id, client] : clients_) client->stream().close();
  }

 private:
  std::string text_of(char mark, std::string text) const override {
    return mark == '*' ? repeated(text) : octets(text);
  }
  // A backslash at the end takes the line's end away.
  std::string letter_text(const std::string& line) const override {
    return line.ends_with("\\") ? octets(line.substr(0, line.size() - 1)) : octets(line) + "\r\n";
  }
  void begin_letter(const std::string& first, const std::string&, std::istream&) override {
    account_ = account(first);
  }
  void end_letter(std::string letter) override { house_.deliver(account_, letter); }
  void shut(Client& client) override {
    const int before = house_.open_sessions;
    client.stream().shut_write();
    ASSERT_TRUE(house_.wait_until([&] { return house_.open_sessions < before; }));
  }

  bool own_directive(const std::string& verb, const std::string& first, const std::string& second) override {
    if (verb == "@whole") {
      chunk_ = 0;
    } else if (verb == "@implicit") {
      house_.options->implicit_tls = first == "on";
    } else if (verb == "@bad") {
      house_.options->max_bad_commands = static_cast<uint32_t>(std::stoul(first));
    } else if (verb == "@directory") {
      house_.accounts.broken = first == "broken";
    } else if (verb == "@expunge") {
      house_.expunge(account(first), static_cast<uint32_t>(std::stoul(second)));
    } else if (verb == "@count") {
      EXPECT_EQ(house_.inbox(account(first)).size(), std::stoul(second));
    } else if (verb == "@disk") {
      if (first == "broken") house_.faults.transact_fault = Fault{FaultKind::io, "disk failed"};
      if (first == "mended") house_.faults.transact_fault.reset();
    } else if (verb == "@end") {
      end_session(*house_.maildrops, account(first));
    } else {
      return false;
    }
    return true;
  }

  store::AccountId account_ = 0;
};

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
                         testing::Combine(testing::ValuesIn(access::test::scripts_of("pop3")),
                                          testing::Values(store::Format::database, store::Format::maildir,
                                                          store::Format::mbox)),
                         [](const auto& test) {
                           return access::test::name_of_script(std::get<0>(test.param)) + "_" +
                                  std::string(to_string(std::get<1>(test.param)));
                         });

}  // namespace
}  // namespace posthouse::access::pop3::test
