// A session from inside: what the commands work on.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "access/imap/language.h"
#include "access/imap/observer.h"
#include "access/imap/registry.h"
#include "access/imap/session.h"
#include "access/imap/view.h"
#include "access/session_end.h"
#include "net/buffered_reader.h"
#include "net/deflate_stream.h"
#include "wire/imap/command_reader.h"

namespace posthouse::access::imap {

// States of RFC 3501 section 3, as bits so that a command can name several.
enum State : uint8_t { kNotAuthenticated = 1, kAuthenticated = 2, kSelected = 4, kLogout = 8 };

// The status response that ends a command (RFC 3501 section 7.1).
struct Reply {
  enum Kind : uint8_t { ok, no, bad, none } kind = ok;  // none: the command has answered already
  std::string code;                                     // without brackets (RFC 5530), may be empty
  std::string text;
};
Reply ok(std::string text, std::string code = "");
Reply no(std::string text, std::string code = "");
Reply bad(std::string text, std::string code = "");
// What a fault of the store means to the client; its own words stay in the log.
Reply refuse(const Fault& fault);

struct Session {
  Session(std::unique_ptr<net::Stream> s, std::shared_ptr<const ServerOptions> o, Services v,
          std::shared_ptr<SessionRegistry> r, std::string i)
      : stream(std::make_unique<net::DeflateStream>(std::move(s))),
        input(*stream),
        options(std::move(o)),
        services(v),
        registry(std::move(r)),
        id(std::move(i)) {}

  std::unique_ptr<net::DeflateStream> stream;
  net::BufferedReader input;
  wire::imap::CommandReader commands;
  std::string out;       // responses not yet written
  uint64_t flushes = 0;  // of them, so far
  std::shared_ptr<const ServerOptions> options;
  Services services;
  std::shared_ptr<SessionRegistry> registry;
  std::string id;
  State state = kNotAuthenticated;
  bool between = true;           // no command is under way
  std::string tag;               // of the command under way
  bool pending_tls = false;      // TLS starts once the answer to STARTTLS is out
  bool pending_deflate = false;  // so does compression with that to COMPRESS
  bool pending_plain = false;    // and ends with that to UNAUTHENTICATE
  bool condstore = false;        // the client wants MODSEQs (RFC 7162 section 3.1)
  bool qresync = false;          // and VANISHED in place of EXPUNGE (section 3.2.3)
  bool rev2 = false;             // and IMAP4rev2 (RFC 9051)
  bool uid_only = false;         // and no message numbers at all (RFC 9586)
  bool utf8_accept = false;      // and UTF-8 in an IMAP4rev1 session (RFC 6855)
  Language language = Language::i_default;
  uint32_t bad_commands = 0;
  uint32_t failed_logins = 0;
  uint64_t account = 0;
  std::string address;  // of the account, for logs
  Waker ender;          // signalled when the account may not stay
  SessionRegistry::Lease lease;
  bool guarded = false;                // guard() waits for that
  bool over = false;                   // the session ends by itself
  bool expelled = false;               // it was signalled
  std::coroutine_handle<> leaver;      // waits for the guard to be through
  std::unique_ptr<Observer> observer;  // once the client wants to know more
  std::unique_ptr<View> view;          // in state selected; goes before the observer, which it may wake

  store::MailStore& store() { return services.store; }
  // What an account may keep now: that of the session, or one that shares a mailbox with it.
  Task<Result<store::Quota>> quota(store::AccountId of);

  // The client takes UTF-8 where IMAP4rev1 has but ASCII: in quoted strings, names of mailboxes, envelopes.
  bool utf8() const { return rev2 || utf8_accept; }
  // Adds one untagged line.
  void untagged(std::string_view line);
  // The same: "* OK [CODE] text".
  void untagged_ok(std::string code, std::string text);
  // Writes what waits. Throws SessionEnd when the connection is broken.
  Task<void> flush();
  // The same once kOutputChunk waits.
  bool wants_flush() const;
  // The deadline for reading and writing from now on.
  void arm();
};

// The next thing to do from the client's input; writes what waits before it waits for more.
Task<wire::imap::Event> next_event(Session& s);
// Waits until input is buffered, holding no buffer meanwhile.
Task<void> await_input(Session& s);
// From login on, beside the commands: ends the session when the registry says so. leave_guard() before its
// end.
Task<void> guard(Session& s);
Task<void> leave_guard(Session& s);
// How a session ends when reading failed so.
SessionEnd lost_input(const Session& s, const Fault& fault);

// The line of a tagged or untagged status response: "tag OK [CODE] text", in the session's language.
void append_status(Session& s, std::string_view tag, const Reply& reply);
// The text alone: "BYE" and the like come before it.
void append_human(Session& s, std::string_view text);

// CAPABILITY's list for the session's state.
std::string capabilities(const Session& s);
// What SASL may know of the connection.
wire::sasl::Channel channel(const Session& s);

}  // namespace posthouse::access::imap
