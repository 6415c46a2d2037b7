// Plays the dialogues of tests/scripts. What their language has in common:
//
//   # a comment; the first lines name the RFC sections
//   @plain off            a login without TLS is refused        @tls on         sessions come over TLS
//   @connect 1            a session, greeting still to be read  @login 1 alice  the same, logged in
//   @deliver alice ...    a letter follows, up to a line "."    @advance N      N seconds go by
//   @closed 1             the server has closed the connection  @shut 1         the client closes
//   C1: text              the client sends a line (C: is session 1); lines in a row go out in one piece
//   C1+ text              the same without a line end
//   --                    ends a piece
//   S1: pattern           the server's next line; "..." stands for anything
//
// When a client speaks, or at the end, nothing unread may be left over from its session.
#pragma once

#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/tls.h"

namespace posthouse::access::test {

inline bool matches(std::string_view pattern, std::string_view text) {
  const size_t dots = pattern.find("...");
  if (dots == std::string_view::npos) return pattern == text;
  if (text.substr(0, dots) != pattern.substr(0, dots)) return false;
  pattern.remove_prefix(dots + 3);
  for (size_t at = dots; at <= text.size(); at++) {
    if (matches(pattern, text.substr(at))) return true;
  }
  return false;
}

inline std::vector<std::string> scripts_of(const std::string& protocol) {
  std::vector<std::string> out;
  const std::filesystem::path tests =
      std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();
  for (const auto& entry : std::filesystem::directory_iterator(tests / "scripts" / protocol)) {
    if (entry.path().extension() == ".script") out.push_back(entry.path().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

inline std::string name_of_script(const std::string& path) {
  std::string name = std::filesystem::path(path).stem().string();
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
}

// `House` has options, clock, executor, connect() and login(); what is the protocol's own comes by
// overriding.
template <class House, class Client>
class ScriptPlayer {
 public:
  template <class... Args>
  ScriptPlayer(std::string file, size_t chunk, std::string protocol, Args&&... args)
      : house_(std::forward<Args>(args)...),
        chunk_(chunk),
        file_(std::move(file)),
        protocol_(std::move(protocol)) {}
  virtual ~ScriptPlayer() = default;

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
    for (auto& [id, client] : clients_) {
      client->settle();
      EXPECT_EQ(client->pending(), "") << "session " << id;
    }
  }

 protected:
  // A directive of the protocol's own; false if it is none.
  virtual bool own_directive(const std::string& verb, const std::string& first,
                             const std::string& second) = 0;
  // Whether what stands behind "@on" is for this one.
  virtual bool is_for_us(const std::string& /*whom*/) const { return true; }
  // "@deliver" was followed by these; the letter comes later.
  virtual void begin_letter(const std::string& first, const std::string& second, std::istream& more) = 0;
  virtual void end_letter(std::string letter) = 0;
  // What stands behind the mark of a line, as octets.
  virtual std::string text_of(char /*mark*/, std::string text) const { return text; }
  virtual std::string letter_text(const std::string& line) const { return line + "\r\n"; }
  virtual void shut(Client& client) {
    client.stream().shut_write();
    house_.executor.run();
  }

  Client& client(const std::string& id) { return *clients_.at(std::stoi(id)); }
  static store::AccountId account(const std::string& name) {
    return name == "alice" ? 1 : name == "bob" ? 2 : name == "carol" ? 3 : 4;
  }

  House house_;
  size_t chunk_;
  std::map<int, std::unique_ptr<Client>> clients_;

 private:
  void step(const std::string& line) {
    if (line.empty() || line[0] == '#') return;
    if (line.starts_with("@on ")) {
      on_ = is_for_us(line.substr(4));
      return;
    }
    if (!on_) return;
    if (line == "--") return push();
    if (line[0] == '@') return directive(line);
    ASSERT_TRUE(line[0] == 'C' || line[0] == 'S');
    size_t at = 1;
    while (at < line.size() && std::isdigit(static_cast<unsigned char>(line[at]))) at++;
    const int id = at == 1 ? 1 : std::stoi(line.substr(1, at - 1));
    ASSERT_TRUE(clients_.contains(id));
    const char mark = line.at(at);
    const std::string text = text_of(mark, line.size() > at + 2 ? line.substr(at + 2) : "");
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
    client.settle();
    EXPECT_EQ(client.pending(), "") << "session " << outgoing_id_;
    client.send(std::exchange(outgoing_, ""));
  }

  // `skip`: after other lines that don't matter.
  void expect(Client& client, const std::string& pattern, bool skip) {
    std::string line;
    do {
      ASSERT_TRUE(client.take_line(line)) << "nothing came for: " << pattern << "\nbut: " << client.pending();
    } while (skip && !matches(pattern, line));
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
      use_tls(first == "on");
    } else if (verb == "@connect") {
      clients_[std::stoi(first)] = house_.connect(chunk_, tls_);
    } else if (verb == "@login") {
      clients_[std::stoi(first)] = house_.login(second, chunk_);
    } else if (verb == "@deliver") {
      delivering_ = true;
      begin_letter(first, second, words);
    } else if (verb == "@advance") {
      house_.clock.advance(std::chrono::seconds(std::stoll(first)));
      house_.executor.run();
    } else if (verb == "@closed") {
      client(first).settle();
      EXPECT_EQ(client(first).pending(), "");
      EXPECT_TRUE(client(first).closed());
      EXPECT_EQ(client(first).pending(), "");
    } else if (verb == "@shut") {
      shut(client(first));
    } else {
      ASSERT_TRUE(own_directive(verb, first, second)) << "unknown directive";
    }
  }

  void use_tls(bool on) {
    tls_ = on;
    auto made = net::make_self_signed({"mail.example.test"});
    ASSERT_TRUE(made.has_value());
    auto context = net::TlsContext::server({*made}, protocol_);
    ASSERT_TRUE(context.has_value());
    house_.options->tls = *context;
  }

  void letter_line(const std::string& line) {
    if (line != ".") {
      letter_ += letter_text(line);
      return;
    }
    delivering_ = false;
    end_letter(std::exchange(letter_, ""));
  }

  std::string file_, protocol_;
  int number_ = 0;
  bool tls_ = false, on_ = true;
  std::string outgoing_;
  int outgoing_id_ = 0;
  bool delivering_ = false;
  std::string letter_;
};

}  // namespace posthouse::access::test
