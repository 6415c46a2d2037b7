// Runs the dialogues of tests/scripts/imap. Beside what script_player.h tells their language has:
//
//   @limit N              APPENDLIMIT                           @quota N        octets an account may have
//   @sessions N           sessions that an account may have     @messages N     MESSAGELIMIT
//   @saves N              SAVELIMIT
//   @deliver bob INBOX N  a message follows, that came in N seconds after the start (0)
//   S1? pattern           as "S1:", after other lines that don't matter
#include "imap_house.h"
#include "script_player.h"

namespace posthouse::access::imap::test {
namespace {

class Player : public access::test::ScriptPlayer<House, Client> {
 public:
  Player(const std::string& file, size_t chunk) : ScriptPlayer(file, chunk, "imap") {}

 private:
  void begin_letter(const std::string& first, const std::string& second, std::istream& more) override {
    account_ = account(first);
    mailbox_ = second;
    int64_t later = 0;
    more >> later;
    date_ = FakeClock::kStart + std::chrono::seconds(later);
  }
  void end_letter(std::string letter) override {
    house_.deliver(account_, mailbox_, letter, {}, date_);
    house_.run();
  }

  bool own_directive(const std::string& verb, const std::string& first, const std::string&) override {
    if (verb == "@limit") {
      house_.options->append_limit = std::stoull(first);
    } else if (verb == "@quota") {
      house_.options->default_quota_bytes = std::stoull(first);
    } else if (verb == "@sessions") {
      house_.options->max_sessions_per_account = static_cast<uint32_t>(std::stoul(first));
    } else if (verb == "@messages") {
      house_.options->message_limit = static_cast<uint32_t>(std::stoul(first));
    } else if (verb == "@saves") {
      house_.options->save_limit = static_cast<uint32_t>(std::stoul(first));
    } else {
      return false;
    }
    return true;
  }

  store::AccountId account_ = 0;
  std::string mailbox_;
  SystemTime date_{};
};

class ImapScript : public testing::TestWithParam<std::string> {};

TEST_P(ImapScript, InOnePiece) {
  Player(GetParam(), 0).play();
}

// The session must not care how its input is cut.
TEST_P(ImapScript, OctetByOctet) {
  Player(GetParam(), 1).play();
}

INSTANTIATE_TEST_SUITE_P(All, ImapScript, testing::ValuesIn(access::test::scripts_of("imap")),
                         [](const auto& script) { return access::test::name_of_script(script.param); });

}  // namespace
}  // namespace posthouse::access::imap::test
