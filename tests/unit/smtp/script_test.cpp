// Runs the dialogues of tests/scripts/smtp: see README there for the language.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/ascii.h"
#include "unit/smtp/session_harness.h"

namespace posthouse::smtp::test {
namespace {

std::filesystem::path script_folder() {
  return std::filesystem::path(__FILE__).parent_path().parent_path().parent_path() / "scripts" / "smtp";
}

std::string unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    out += c == 'r' ? '\r' : c == 'n' ? '\n' : c == 't' ? '\t' : c == '0' ? '\0' : c;
  }
  return out;
}

class Runner {
 public:
  explicit Runner(size_t chunk) : chunk_(chunk) {}

  // False: the script asked not to be run in pieces.
  bool run(const std::filesystem::path& file) {
    std::ifstream in(file);
    EXPECT_TRUE(in.good()) << file;
    std::string line;
    for (size_t number = 1; std::getline(in, line); ++number) {
      SCOPED_TRACE(file.filename().string() + ":" + std::to_string(number) + ": " + line);
      if (line.empty() || line[0] == '#') continue;
      const std::string verb = line.substr(0, 2);
      const std::string argument = line.size() > 3 ? line.substr(3) : "";
      if (verb == "O:") {
        if (!option(argument)) return false;
      } else {
        step(verb, argument);
      }
      if (testing::Test::HasFatalFailure() || testing::Test::HasNonfatalFailure()) return true;
    }
    listen();
    EXPECT_EQ(heard_, "") << "said beyond the script";
    return true;
  }

 private:
  bool option(const std::string& words) {
    for (std::string_view word : split(words, ' ')) {
      const std::string_view key = word.substr(0, word.find('='));
      const uint64_t number = parse_uint(word.substr(std::min(key.size() + 1, word.size()))).value_or(0);
      ServerOptions& o = *harness_.options;
      if (key == "whole" && chunk_ != 0) return false;
      if (key == "submission") o.submission = true;
      if (key == "tls") o.tls = pretended_tls();
      if (key == "implicit") o.implicit_tls = true;
      if (key == "plain") o.allow_plain_auth = true;
      if (key == "lmtp") o.lmtp = true;
      if (key == "max_size") o.max_size = number;
      if (key == "max_recipients") o.max_recipients = static_cast<uint32_t>(number);
      if (key == "max_errors") o.max_errors = static_cast<uint32_t>(number);
      if (key == "max_commands") o.max_commands = static_cast<uint32_t>(number);
      if (key == "connect") harness_.service.connect_reply = {static_cast<int>(number), "", "no service"};
    }
    return true;
  }

  void listen() {
    if (harness_.client) heard_ += harness_.heard();
  }

  void step(const std::string& verb, const std::string& argument) {
    if (!harness_.client) harness_.begin(chunk_);
    if (verb == "C:") harness_.client->push(unescape(argument) + "\r\n");
    if (verb == "C~") harness_.client->push(unescape(argument));
    if (verb == "C*") push_many(argument);
    if (verb == "S:") expect_line(argument, false);
    if (verb == "S=") expect_line(argument, true);
    if (verb == "S.") expect_silence();
    if (verb == "X:") expect_closed();
    if (verb == "E:") harness_.client->shut_write();
    if (verb == "K:") harness_.server->cancel();
    if (verb == "T:") pass_time(argument);
    if (verb == "L:") expect_letters(argument);
    if (verb == "B:") expect_body(argument);
    if (verb == "W:") expect_with(argument);
  }

  size_t letters() {
    listen();
    return harness_.service.letters.size();
  }
  void expect_letters(const std::string& wanted) { EXPECT_EQ(letters(), parse_uint(wanted)); }
  void push_many(const std::string& argument) {
    const size_t space = argument.find(' ');
    const uint64_t times = parse_uint(argument.substr(0, space)).value_or(0);
    std::string bytes;
    for (uint64_t i = 0; i < times; ++i) bytes += unescape(argument.substr(space + 1));
    harness_.client->push(bytes);
  }
  void expect_line(const std::string& wanted, bool exact) {
    listen();
    const size_t end = heard_.find("\r\n");
    ASSERT_NE(end, std::string::npos) << "heard: " << testing::PrintToString(heard_);
    const std::string line = heard_.substr(0, end);
    heard_.erase(0, end + 2);
    if (exact) {
      EXPECT_EQ(line, wanted);
    } else {
      EXPECT_THAT(line, testing::StartsWith(wanted));
    }
  }
  void expect_silence() {
    listen();
    EXPECT_EQ(heard_, "");
    EXPECT_FALSE(harness_.client->peer_closed());
  }
  void expect_closed() {
    EXPECT_TRUE(harness_.closed());
    listen();
    EXPECT_EQ(heard_, "");
  }
  void pass_time(const std::string& argument) {
    listen();
    harness_.clock.advance(seconds(parse_uint(argument).value_or(0)));
  }
  void expect_body(const std::string& wanted) {
    ASSERT_GT(letters(), 0u);
    EXPECT_EQ(harness_.service.letters.back().body, unescape(wanted));
  }
  void expect_with(const std::string& wanted) {
    ASSERT_GT(letters(), 0u);
    EXPECT_EQ(harness_.service.letters.back().with, wanted);
  }

  SessionHarness harness_;
  size_t chunk_;
  std::string heard_;
};

std::vector<std::string> scripts() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(script_folder())) {
    if (entry.path().extension() == ".script") names.push_back(entry.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

class SmtpScript : public testing::TestWithParam<std::string> {};

TEST_P(SmtpScript, Whole) {
  Runner(0).run(script_folder() / (GetParam() + ".script"));
}

TEST_P(SmtpScript, OneByteAtATime) {
  Runner(1).run(script_folder() / (GetParam() + ".script"));
}

INSTANTIATE_TEST_SUITE_P(Dialogues, SmtpScript, testing::ValuesIn(scripts()),
                         [](const auto& script) { return script.param; });

}  // namespace
}  // namespace posthouse::smtp::test
