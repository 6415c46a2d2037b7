// A session from inside: what the commands work on.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "access/pop3/limits.h"
#include "access/pop3/maildrop.h"
#include "access/pop3/maildrops.h"
#include "access/pop3/session.h"
#include "access/session_end.h"
#include "net/buffered_reader.h"
#include "wire/pop3/command.h"

namespace posthouse::access::pop3 {

struct Session {
  Session(std::unique_ptr<net::Stream> s, std::shared_ptr<const ServerOptions> o, Services v,
          std::shared_ptr<Maildrops> m, std::string i)
      : stream(std::move(s)),
        input(*stream),
        options(std::move(o)),
        services(v),
        maildrops(std::move(m)),
        id(std::move(i)) {}

  std::unique_ptr<net::Stream> stream;
  net::BufferedReader input;
  std::string out;  // answers not yet written
  std::shared_ptr<const ServerOptions> options;
  Services services;
  std::shared_ptr<Maildrops> maildrops;
  std::string id;
  std::string user;     // of USER, until PASS
  std::string address;  // of the account, for logs
  Maildrops::Lease lease;
  Maildrop drop;
  // Letters read before they were asked for; empty while it waits, but where one is asked for after the
  // other.
  std::map<store::Uid, std::string> ahead;
  // Those behind them, which are being read. Empty when `ahead` has to be.
  struct Coming {
    std::vector<store::Entry> letters;  // not none
    store::MailStore::Reading reading;
  };
  std::optional<Coming> coming;
  uint32_t last_retrieved = 0, in_a_row = 0;  // number of the last letter, and how many came before it so
  bool logged_in = false;
  bool utf8 = false;
  bool over = false;  // QUIT was answered
  bool pending_tls = false;
  uint32_t bad_commands = 0, failed_logins = 0;
  uint64_t retrieved = 0, removed = 0;  // letters, for the log

  // It asks for letter after letter, or has said more already.
  bool goes_on() const { return input.buffered() > 0 || in_a_row >= kInARow; }
  void ok(std::string_view text);
  void error(std::string_view text);
  // An answer to what is no command, or none now. Throws SessionEnd when there are too many.
  void bad(std::string_view text);
  // What a fault of the store means to the client (RFC 3206); its own words stay in the log.
  void refuse(const Fault& fault);
  // Writes what waits. Throws SessionEnd when the connection is broken.
  Task<void> flush();
  Task<void> flush_if_much();
  // The next line with its line end; writes what waits before it waits for more.
  Task<Result<std::string_view>> read_line(size_t limit);
};

// ---- the commands, one file a group
Task<void> cmd_pass(Session& s, wire::pop3::Command& c);
Task<void> cmd_auth(Session& s, wire::pop3::Command& c);
Task<void> cmd_stat(Session& s);
Task<void> cmd_list(Session& s, const wire::pop3::Command& c);  // and UIDL
Task<void> cmd_retr(Session& s, const wire::pop3::Command& c);  // and TOP
Task<void> cmd_dele(Session& s, const wire::pop3::Command& c);
Task<void> cmd_quit(Session& s);
void cmd_capa(Session& s);
void cmd_lang(Session& s, const wire::pop3::Command& c);
// "-ERR" for a number without a letter; else true.
bool is_there(Session& s, uint32_t number);

}  // namespace posthouse::access::pop3
