// A connection to an IMAP server as its client: TLS, login, commands and what comes back.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "app/limits.h"
#include "app/moving/imap_url.h"
#include "app/moving/letter_spool.h"
#include "base/secret.h"
#include "net/buffered_reader.h"
#include "net/resolver.h"
#include "net/stream.h"
#include "wire/imap_client/response_reader.h"

namespace posthouse::app::moving {

struct ImapOptions {
  ImapUrl url;
  std::function<Result<Secret>()> secret;  // a password, or a token; asked at each login
  bool bearer = false;                     // it is a token (RFC 7628)
  bool plaintext = false;                  // imap:// may go without TLS
  std::shared_ptr<const net::TlsContext> tls;
  std::shared_ptr<const net::TlsContext> tls_to_self;  // for this host, where nobody is between
  net::Resolver* resolver = nullptr;
  std::string spool_directory;
  seconds patience = kImapPatience;
};

// One line for people, of what the other side wrote.
std::string words_of_server(std::string_view text);
// What a status that is not OK comes to. temporary: later it may go.
std::unexpected<Fault> fault_of(const wire::imap_client::Status& status);

class ImapConnection {
 public:
  // Logged in, nothing selected. policy: the login or the lack of TLS. temporary, timeout, closed: later it
  // may go.
  static Task<Result<std::unique_ptr<ImapConnection>>> open(const ImapOptions& options);

  // One command line without tag and line end; gives its tag.
  Task<Result<std::string>> send(std::string command);
  // The next response. The letter of a FETCH is in spool() until the next call. A BYE is a fault.
  Task<Result<wire::imap_client::Response>> receive();
  // What was awaited came: what nobody asked for is bounded, in number and in time.
  void was_wanted() {
    aside_ = 0;
    wanted_ = system_clock().steady();
  }

  // Sends, hands over all responses up to the command's own, and gives that one.
  using Each = std::function<Result<void>(wire::imap_client::Response&)>;
  Task<Result<wire::imap_client::Status>> run(std::string command, Each each = nullptr);

  bool has(std::string_view capability) const { return capabilities_.has(capability); }
  // Mailbox names are UTF-8 (RFC 6855 section 3, RFC 9051 section 5.1), not modified UTF-7.
  bool utf8() const { return utf8_; }
  LetterSpool& spool() { return spool_; }
  // Says good-bye, and waits for nothing.
  Task<void> end();

 private:
  explicit ImapConnection(const ImapOptions& options) : options_(options), spool_(options.spool_directory) {}
  Task<Result<void>> connect();
  SteadyTime patience_ends(std::optional<SteadyTime> begun) const;
  std::unexpected<Fault> gone(const Fault& fault, bool begun) const;
  Task<Result<void>> greet();
  Task<Result<void>> start_tls();
  Task<Result<void>> ask_capabilities();
  Task<Result<void>> log_in();
  Task<Result<void>> authenticate(std::string mechanism, Secret initial);
  Task<Result<void>> plain_login(Secret password);
  Task<Result<void>> enable();
  bool is_self() const;

  const ImapOptions& options_;
  std::unique_ptr<net::Stream> stream_;
  std::unique_ptr<net::BufferedReader> reader_;
  wire::imap_client::ResponseReader parser_;
  wire::imap_client::Capabilities capabilities_;
  LetterSpool spool_;
  uint64_t tags_ = 0;
  size_t aside_ = 0;
  SteadyTime wanted_{};  // when something was, last
  bool logged_in_ = false;
  bool utf8_ = false;
};

// For arguments: within quotes. A name with a line end or NUL can't be told this way: syntax.
Result<std::string> quoted(std::string_view text);

}  // namespace posthouse::app::moving
