// The server side of SMTP as a session over a Stream, and the interface it asks for decisions. Reception
// (port 25) and submission (587, 465) implement SmtpService; the session knows the dialogue, they know the
// mail system.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ip.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/task.h"
#include "message/address.h"
#include "net/stream.h"
#include "net/tls.h"
#include "wire/sasl/server.h"

namespace posthouse::smtp {

// A reply: code, enhanced code (RFC 3463; "" leaves it out), text (several lines with \n).
struct Reply {
  int code = 250;
  std::string status;
  std::string text;
  bool positive() const { return code < 400; }
};

// What is known of the connection; grows as the session goes on.
struct SessionFacts {
  std::string id;  // the session id that is in every log line
  Endpoint peer, local;
  std::string peer_name;  // verified reverse name, or ""
  std::string helo;       // as said
  bool extended = false;  // EHLO, LHLO
  bool lmtp = false;      // RFC 2033
  bool tls = false;
  std::string tls_protocol, tls_cipher;
  std::optional<uint64_t> account;  // after AUTH
  std::string login;                // its address
  // The "with" word of the Received line (RFC 3848, RFC 6531 section 4.3): SMTP, ESMTP, ESMTPS, ESMTPA,
  // ESMTPSA, LMTP..., UTF8SMTP..., UTF8LMTP...
  std::string with(bool smtputf8) const;
};

// The envelope so far. One object per transaction, destroyed with it (hazards: transaction state must not
// leak).
struct Envelope {
  message::Address reverse_path;  // empty() is the null reverse-path
  bool null_reverse_path = false;
  bool eight_bit = false;  // BODY=8BITMIME
  bool utf8 = false;       // SMTPUTF8
  std::optional<uint64_t> declared_size;
  std::vector<message::Address> recipients;  // accepted ones
};

// Takes the bytes of a letter (after dot-unstuffing, CRLF line ends) and answers for it. Destroying it
// without commit() abandons the letter.
class LetterSink {
 public:
  virtual ~LetterSink() = default;
  // At most 64 KiB at once; `bytes` valid until done. After a fault the sink is destroyed, the session reads
  // the rest and throws it away, and the client is told what smtp/fault_reply.h makes of the fault.
  virtual Task<Result<void>> write(std::string_view bytes) = 0;
  // Makes it durable; the reply goes to the client as it is. One for all recipients, or (LMTP) one for each.
  virtual Task<std::vector<Reply>> commit() = 0;
};

// Decisions. Called on the session's loop; one service serves many sessions at once.
class SmtpService {
 public:
  virtual ~SmtpService() = default;
  // Before the banner, and before TLS where it comes first: a reply that is not positive is sent instead of
  // the banner and the connection closed.
  virtual Task<Reply> on_connect(const SessionFacts& facts) = 0;
  // Once for each session that on_connect() let in, when it ends, however it ends. Must not throw or wait.
  virtual void on_disconnect(const SessionFacts& facts) { static_cast<void>(facts); }
  virtual Task<Reply> on_mail(const SessionFacts& facts, const Envelope& envelope) = 0;
  // `recipient` is not yet in `envelope`. An accepted one is added by the session.
  virtual Task<Reply> on_recipient(const SessionFacts& facts, const Envelope& envelope,
                                   const message::Address& recipient) = 0;
  // Before 354. The sink, or the refusal.
  virtual Task<std::expected<std::unique_ptr<LetterSink>, Reply>> on_data(const SessionFacts& facts,
                                                                          const Envelope& envelope) = 0;
  virtual Task<Reply> on_vrfy(const SessionFacts& facts, std::string argument) = 0;
  virtual Task<Reply> on_etrn(const SessionFacts& facts, std::string argument) = 0;
};

struct ServerOptions {
  std::string hostname;     // in the banner and in replies
  bool lmtp = false;        // LHLO, a reply per recipient (RFC 2033)
  bool submission = false;  // AUTH offered and required before MAIL
  bool implicit_tls = false;
  bool allow_plain_auth = false;               // AUTH without TLS: demo on loopback only
  std::shared_ptr<const net::TlsContext> tls;  // none: STARTTLS is not offered
  uint64_t max_size = 50ull << 20;             // SIZE
  uint32_t max_recipients = 1000;              // RFC 5321 section 4.5.3.1.8 asks for 100 at least
  uint32_t max_errors = 10;                    // then 421 and close
  uint32_t max_commands = 10000;               // without a letter accepted
  uint32_t max_sessions_per_account = 64;      // logged in at a time
  seconds command_timeout{300};                // for a line or a piece of data (RFC 5321 section 4.5.3.2.7)
  seconds data_timeout{600};                   // for a letter; large ones have a second more for each KiB
  const Clock* clock = &system_clock();        // deadlines count on it
};

class Logins;  // smtp/logins.h

// Serves one connection from banner to close. `logins` knows who is logged in; null: nobody counts or ends
// sessions. `service`, `authenticator` (may be null without submission) and
// `options` outlive it. Cancel the stream to end it: it says 421 first where the protocol allows. It tells
// the stream when it is busy.
Task<void> serve(std::unique_ptr<net::Stream> stream, std::shared_ptr<const ServerOptions> options,
                 SmtpService& service, wire::sasl::Authenticator* authenticator, std::string session_id,
                 std::shared_ptr<Logins> logins = nullptr);

}  // namespace posthouse::smtp
