// Runs the dialogues of tests/scripts/imap on each of the three stores. Beside what script_player.h tells
// their language has:
//
//   @limit N              APPENDLIMIT                           @quota N        octets an account may have
//   @sessions N           sessions that an account may have     @messages N     MESSAGELIMIT
//   @saves N              SAVELIMIT
//   @domain_quota N       octets that a domain may have; "hidden": it is not told
//   @deliver bob INBOX N  a message follows, that came in N seconds after the start (0)
//   S1? pattern           as "S1:", after other lines that don't matter
//   @on database          the lines up to the next @on are for accounts in that store, or (files) in files;
//   @on all               for all again
#include <tuple>

#include "imap_house.h"
#include "script_player.h"

namespace posthouse::access::imap::test {
namespace {

class Player : public access::test::ScriptPlayer<House, Client> {
 public:
  Player(const std::string& file, store::Format format, size_t chunk)
      : ScriptPlayer(file, chunk, "imap", store::kKeptExpunges, format), format_(format) {}

 private:
  bool is_for_us(const std::string& whom) const override {
    const bool in_files = format_ != store::Format::database;
    return whom == "all" || whom == to_string(format_) || (whom == "files" && in_files);
  }
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
    } else if (verb == "@domain_quota" && first == "hidden") {
      house_.options->tell_domain_quota = false;
    } else if (verb == "@domain_quota") {
      house_.options->default_domain_bytes = std::stoull(first);
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

  store::Format format_;
  store::AccountId account_ = 0;
  std::string mailbox_;
  SystemTime date_{};
};

class ImapScript : public testing::TestWithParam<std::tuple<std::string, store::Format>> {};

TEST_P(ImapScript, InOnePiece) {
  Player(std::get<0>(GetParam()), std::get<1>(GetParam()), 0).play();
}

INSTANTIATE_TEST_SUITE_P(All, ImapScript,
                         testing::Combine(testing::ValuesIn(access::test::scripts_of("imap")),
                                          testing::Values(store::Format::database, store::Format::maildir,
                                                          store::Format::mbox)),
                         [](const auto& test) {
                           return access::test::name_of_script(std::get<0>(test.param)) + "_" +
                                  std::string(to_string(std::get<1>(test.param)));
                         });

// The session must not care how its input is cut, whatever the store.
class ImapScriptInPieces : public testing::TestWithParam<std::string> {};

TEST_P(ImapScriptInPieces, OctetByOctet) {
  Player(GetParam(), store::Format::database, 1).play();
}

INSTANTIATE_TEST_SUITE_P(All, ImapScriptInPieces, testing::ValuesIn(access::test::scripts_of("imap")),
                         [](const auto& script) { return access::test::name_of_script(script.param); });

}  // namespace
}  // namespace posthouse::access::imap::test
