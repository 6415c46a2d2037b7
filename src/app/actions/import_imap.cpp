#include "app/actions/import_imap.h"

#include <fcntl.h>
#include <sysexits.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>

#include "app/config/units.h"
#include "app/core/core.h"
#include "app/core/folders.h"
#include "app/limits.h"
#include "app/moving/imap_source.h"
#include "maildir/file.h"
#include "net/tls.h"
#include "net/unbound_resolver.h"

namespace posthouse::app::actions {
namespace {

constexpr const char* kPasswordVariable = "POSTHOUSE_IMPORT_PASSWORD";

// What is typed is not shown.
Result<Secret> ask_terminal(const std::string& user) {
  const maildir::File terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!terminal)
    return fail(FaultKind::syntax,
                fmt::format("the password of {} there: --password-file, {}, or a terminal to ask", user,
                            kPasswordVariable));
  // First quiet, then the question: who answers at once is not shown, and not lost.
  termios before{};
  const bool known = ::tcgetattr(terminal.fd(), &before) == 0;
  termios quiet = before;
  // Ctrl-C ends the line instead of us: the echo must come back.
  quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);
  quiet.c_cc[VEOL] = before.c_cc[VINTR];
  if (known) ::tcsetattr(terminal.fd(), TCSAFLUSH, &quiet);
  auto asked = maildir::write_all(terminal.fd(), fmt::format("Password of {}: ", user), "/dev/tty");
  std::string line;
  char c = 0;
  while (asked && line.size() < kImapSecret && ::read(terminal.fd(), &c, 1) == 1 &&
         static_cast<unsigned char>(c) >= 0x20)
    line += c;
  if (known) ::tcsetattr(terminal.fd(), TCSAFLUSH, &before);
  if (asked) asked = maildir::write_all(terminal.fd(), "\n", "/dev/tty");
  if (!asked) return std::unexpected(asked.error());
  if (line.empty() || c != '\n') return fail(FaultKind::syntax, "no password was typed");
  return Secret(std::move(line));
}

Result<Secret> secret_of_file(const std::string& path) {
  auto line = read_first_line(path);
  if (!line) return std::unexpected(line.error());
  return Secret(std::move(*line));
}

Result<Secret> find_secret(const Invocation& in, const moving::ImapUrl& url) {
  if (!in.token_file.empty()) return secret_of_file(in.token_file);
  if (!in.password_file.empty()) return secret_of_file(in.password_file);
  const char* const given = std::getenv(kPasswordVariable);
  if (given != nullptr && *given != '\0') return Secret(given);
  return ask_terminal(url.user);
}

Result<moving::ImapOptions> options_of(const Invocation& in, moving::ImapUrl url) {
  moving::ImapOptions out;
  if (!in.timeout.empty()) {
    const auto patience = parse_duration(in.timeout);
    if (!patience || *patience < kImapShortest || *patience > kImapLongest)
      return fail(FaultKind::syntax,
                  fmt::format("--timeout {}: expected a duration such as 30s or 3m, {} to {}", in.timeout,
                              format_duration(kImapShortest), format_duration(kImapLongest)));
    out.patience = *patience;
  }
  auto secret = find_secret(in, url);
  if (!secret) return std::unexpected(secret.error());
  // A token may be renewed meanwhile; one that can't be read any more is used as it was.
  out.secret = [kept = std::move(*secret), file = in.token_file]() mutable -> Result<Secret> {
    if (file.empty()) return kept;
    if (auto fresh = secret_of_file(file)) kept = std::move(*fresh);
    return kept;
  };
  auto tls = net::TlsContext::client(!in.insecure, in.ca_file);
  if (!tls) return std::unexpected(tls.error());
  auto unchecked = net::TlsContext::client(false, "");
  if (!unchecked) return std::unexpected(unchecked.error());
  out.tls = std::move(*tls);
  out.tls_to_self = std::move(*unchecked);
  out.bearer = !in.token_file.empty();
  out.plaintext = in.plaintext;
  out.url = std::move(url);
  return out;
}

Result<std::unique_ptr<net::Resolver>> make_resolver(const Config& config) {
  net::UnboundOptions options;
  options.servers = config.resolver.servers;
  options.recursive = config.resolver.recursive;
  options.timeout = config.resolver.timeout;
  return net::make_unbound_resolver(options);
}

}  // namespace

Result<void> check_no_imap_options(const Invocation& in) {
  const bool any = !in.password_file.empty() || !in.token_file.empty() || !in.ca_file.empty() ||
                   !in.timeout.empty() || in.insecure || in.plaintext || in.all_mail || in.only_new;
  if (!any) return {};
  return fail(FaultKind::syntax,
              "--password-file, --token-file, --ca-file, --timeout, --insecure, --plaintext, --all-mail and "
              "--only-new "
              "are for imaps://USER@HOST");
}

int import_imap(const Invocation& in, const Loaded& loaded, const Bring& bring) {
  auto url = moving::parse_imap_url(in.file);
  if (!url) return complain(url.error());
  auto options = options_of(in, std::move(*url));
  if (!options) return complain(options.error());
  // Nothing more is read that is root's, and what a stranger sends need not be read as root.
  auto owner = owner_of_data(loaded.config);
  if (!owner) return complain(loaded, owner.error());
  if (*owner) {
    if (auto became = become(**owner); !became) return complain(became.error());
  }
  auto admin = control::connect_admin(loaded.config);
  if (!admin) return complain(loaded, admin.error());
  auto resolver = make_resolver(loaded.config);
  if (!resolver) return complain(loaded, resolver.error());
  options->resolver = resolver->get();
  options->spool_directory = loaded.config.server.data_directory;
  const moving::ImapChoice choice{in.all_mail, in.only_new, loaded.config.server.data_directory + "/import",
                                  in.name};
  auto source = moving::open_imap(std::move(*options), choice);
  if (!source) return complain(source.error());
  return bring(in, **admin, **source);
}

}  // namespace posthouse::app::actions
