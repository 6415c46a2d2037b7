#include "app/moving/imap_connection.h"

#include <algorithm>

#include "app/limits.h"
#include "base/base64.h"
#include "net/socket.h"
#include "net/tls.h"
#include "wire/imap/encode.h"

namespace posthouse::app::moving {

using namespace wire::imap_client;

namespace {

constexpr size_t kWords = 200;  // of the server, in messages
// Response codes that say: later (RFC 5530 section 3), and Gmail's.
constexpr std::string_view kLater[] = {"UNAVAILABLE", "INUSE",     "LIMIT",
                                       "THROTTLED",   "OVERQUOTA", "SERVERBUG"};

}  // namespace

std::string words_of_server(std::string_view text) {
  std::string out;
  wire::imap::append_text(out, text.substr(0, kWords));
  return out;
}

std::unexpected<Fault> fault_of(const Status& status) {
  const bool later = std::ranges::find(kLater, status.code) != std::end(kLater);
  std::string said = status.code.empty() ? "" : "[" + status.code + "] ";
  said += status.text;
  return fail(later ? FaultKind::temporary : FaultKind::permanent,
              fmt::format("the other server says {} {}", status.kind == Status::bad ? "BAD" : "NO",
                          words_of_server(said)));
}

Result<std::string> quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '\r' || c == '\n' || c == '\0') return fail(FaultKind::syntax, "a name with a line end in it");
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

Task<Result<std::string>> ImapConnection::send(std::string command) {
  std::string tag = fmt::format("p{}", ++tags_);
  const std::string line = fmt::format("{} {}\r\n", tag, command);
  wanted_ = system_clock().steady();
  stream_->set_deadline(wanted_ + options_.patience);
  auto sent = co_await stream_->write_all(line);
  if (!sent) co_return gone(sent.error(), false);
  co_return tag;
}

// `begun`: when the first octet of a response came. One that comes octet by octet must end all the same, and
// a letter must come faster than nothing.
SteadyTime ImapConnection::patience_ends(std::optional<SteadyTime> begun) const {
  const seconds patience = options_.patience;
  const seconds for_letter(spool_.size() / kImapSlowest);
  SteadyTime out =
      std::min(system_clock().steady() + patience, wanted_ + kImapUseless * patience + for_letter);
  if (begun) out = std::min(out, *begun + patience + for_letter);
  return out;
}

std::unexpected<Fault> ImapConnection::gone(const Fault& fault, bool begun) const {
  if (fault.kind != FaultKind::timeout) return fail(fault.kind, "the other server went away: " + fault.what);
  const int64_t patience = options_.patience.count();
  return fail(FaultKind::timeout,
              begun
                  ? fmt::format("the other server is too slow: an answer did not end within {} s (--timeout)",
                                patience)
                  : fmt::format("the other server said nothing of use for {} s (--timeout)", patience));
}

Task<Result<Response>> ImapConnection::receive() {
  if (++aside_ > kImapAside)
    co_return fail(FaultKind::permanent, "the other server talks without end, and says nothing");
  std::optional<SteadyTime> begun;
  while (true) {
    stream_->set_deadline(patience_ends(begun));
    auto got = co_await reader_->read_available(net::BufferedReader::kBufferSize);
    if (!got) co_return gone(got.error(), begun.has_value());
    if (!begun) begun = system_clock().steady();
    if (got->empty()) co_return fail(FaultKind::closed, "the other server closed the connection");
    std::string_view input = *got;
    Result<void> stored = spool_.append(parser_.take_body(input));
    Event event = NeedMore{};
    if (stored && parser_.body_left() == 0) event = parser_.next(input);
    reader_->consume(got->size() - input.size());
    if (!stored) co_return std::unexpected(stored.error());
    if (const auto* broken = std::get_if<Broken>(&event))
      co_return fail(FaultKind::syntax, "the other server does not speak IMAP as it should: " + broken->why);
    if (const auto* body = std::get_if<BodyBegins>(&event)) {
      spool_.clear();
      if (body->size > kImapLetter)
        co_return fail(FaultKind::syntax, fmt::format("a letter of {} bytes", body->size));
    }
    auto* response = std::get_if<Response>(&event);
    if (response == nullptr) continue;
    const auto* status = std::get_if<Status>(response);
    if (status != nullptr && status->kind == Status::bye)
      co_return fail(FaultKind::temporary,
                     "the other server says good-bye: " + words_of_server(status->text));
    co_return std::move(*response);
  }
}

Task<Result<Status>> ImapConnection::run(std::string command, Each each) {
  auto tag = co_await send(std::move(command));
  if (!tag) co_return std::unexpected(tag.error());
  while (true) {
    auto response = co_await receive();
    if (!response) co_return std::unexpected(response.error());
    auto* status = std::get_if<Status>(&*response);
    if (status != nullptr && status->tag == *tag) {
      was_wanted();
      co_return std::move(*status);
    }
    if (auto* told = std::get_if<Capabilities>(&*response)) capabilities_ = *told;
    Result<void> taken;
    if (each) taken = each(*response);
    if (!taken) co_return std::unexpected(taken.error());
  }
}

bool ImapConnection::is_self() const {
  const auto ip = IpAddress::parse(options_.url.host);
  return options_.url.host == "localhost" || (ip && ip->is_loopback());
}

Task<Result<void>> ImapConnection::connect() {
  const ImapUrl& url = options_.url;
  std::vector<IpAddress> addresses;
  if (const auto ip = IpAddress::parse(url.host)) {
    addresses.push_back(*ip);
  } else if (is_self()) {
    addresses = {IpAddress::from_v4(0x7f000001), *IpAddress::parse("::1")};
  } else {
    auto answer = co_await options_.resolver->addresses(url.host);
    if (answer.status == net::DnsStatus::servfail)
      co_return fail(FaultKind::temporary, "no name server answers for " + url.host);
    addresses = std::move(answer.records);
  }
  Result<void> state = fail(FaultKind::not_found, "there is no host " + url.host);
  for (const IpAddress& address : addresses) {
    const Endpoint to{address, url.port};
    auto stream = co_await net::connect_tcp(to, system_clock().steady() + kImapConnectTime);
    if (stream) {
      stream_ = std::move(*stream);
      reader_ = std::make_unique<net::BufferedReader>(*stream_);
      co_return Result<void>();
    }
    state = std::unexpected(stream.error());
  }
  co_return state;
}

Task<Result<void>> ImapConnection::start_tls() {
  if (reader_->buffered() != 0)  // RFC 3501 section 6.2.1, CVE-2011-0411
    co_return fail(FaultKind::policy, "the other server talks before TLS stands");
  const bool trusted = !options_.url.tls && is_self();
  auto context = trusted ? options_.tls_to_self : options_.tls;
  stream_->set_deadline(system_clock().steady() + kImapConnectTime);
  auto stands = co_await stream_->start_tls_client(std::move(context), options_.url.host);
  if (!stands) {
    const bool passing = stands.error().what.find("certificate") == std::string::npos;
    co_return fail(
        passing ? stands.error().kind : FaultKind::policy,
        fmt::format("TLS with {}: {} (--ca-file, --insecure)", options_.url.host, stands.error().what));
  }
  co_return Result<void>();
}

Task<Result<void>> ImapConnection::greet() {
  auto hello = co_await receive();
  if (!hello) co_return std::unexpected(hello.error());
  const auto* status = std::get_if<Status>(&*hello);
  if (status == nullptr || !status->tag.empty() ||
      (status->kind != Status::ok && status->kind != Status::preauth))
    co_return fail(FaultKind::policy, "the other server does not greet as an IMAP server does");
  logged_in_ = status->kind == Status::preauth;
  co_return Result<void>();
}

Task<Result<void>> ImapConnection::ask_capabilities() {
  auto done = co_await run("CAPABILITY");
  if (!done) co_return std::unexpected(done.error());
  if (done->kind != Status::ok) co_return fault_of(*done);
  co_return Result<void>();
}

// With LOGIN, whose arguments are quoted strings: 7-bit.
Task<Result<void>> ImapConnection::plain_login(Secret password) {
  if (has("LOGINDISABLED"))
    co_return fail(FaultKind::policy, "the other server takes no password on this connection");
  if (!wire::imap::is_quotable(options_.url.user) || !wire::imap::is_quotable(password.reveal()))
    co_return fail(FaultKind::policy,
                   "the other server has no way for names and passwords that are not ASCII");
  auto user = quoted(options_.url.user), secret = quoted(password.reveal());
  if (!user || !secret) co_return fail(FaultKind::syntax, "a password with a line end");
  std::string command = "LOGIN " + *user + " " + *secret;
  auto done = co_await run(std::move(command));
  if (!done) co_return std::unexpected(done.error());
  if (done->kind != Status::ok) {
    auto fault = fault_of(*done);
    if (fault.error().kind == FaultKind::permanent) fault.error().kind = FaultKind::policy;
    co_return fault;
  }
  co_return Result<void>();
}

Task<Result<void>> ImapConnection::authenticate(std::string mechanism, Secret initial) {
  const bool at_once = has("SASL-IR");  // RFC 4959
  std::string command = "AUTHENTICATE " + mechanism;
  if (at_once) command += " " + std::string(initial.reveal());
  auto tag = co_await send(std::move(command));
  if (!tag) co_return std::unexpected(tag.error());
  bool told = at_once;
  while (true) {
    auto response = co_await receive();
    if (!response) co_return std::unexpected(response.error());
    if (std::holds_alternative<Continuation>(*response)) {
      // A second one tells what is wrong with a token, and wants an empty answer (RFC 7628 section 3.2.3).
      const std::string line = (told ? std::string() : std::string(initial.reveal())) + "\r\n";
      told = true;
      auto sent = co_await stream_->write_all(line);
      if (!sent) co_return sent;
    }
    const auto* status = std::get_if<Status>(&*response);
    if (status == nullptr || status->tag != *tag) continue;
    if (status->kind == Status::ok) co_return Result<void>();
    auto fault = fault_of(*status);
    if (fault.error().kind == FaultKind::permanent) fault.error().kind = FaultKind::policy;
    co_return fault;
  }
}

Task<Result<void>> ImapConnection::log_in() {
  auto secret = options_.secret();
  if (!secret) co_return std::unexpected(secret.error());
  const std::string& user = options_.url.user;
  const std::string key(secret->reveal());
  if (!options_.bearer) {
    if (!has("AUTH=PLAIN")) co_return co_await plain_login(std::move(*secret));
    Secret plain(base64_encode(std::string(1, '\0') + user + std::string(1, '\0') + key));
    co_return co_await authenticate("PLAIN", std::move(plain));
  }
  if (has("AUTH=OAUTHBEARER")) {  // RFC 7628 section 3.1
    Secret bearer(base64_encode(fmt::format("n,a={},\1host={}\1port={}\1auth=Bearer {}\1\1", user,
                                            options_.url.host, options_.url.port, key)));
    co_return co_await authenticate("OAUTHBEARER", std::move(bearer));
  }
  if (!has("AUTH=XOAUTH2")) co_return fail(FaultKind::policy, "the other server takes no tokens");
  Secret bearer(base64_encode(fmt::format("user={}\1auth=Bearer {}\1\1", user, key)));
  co_return co_await authenticate("XOAUTH2", std::move(bearer));
}

// RFC 6855: letters with UTF-8 in their header come as they are only to who says that he takes them.
Task<Result<void>> ImapConnection::enable() {
  utf8_ = has("IMAP4REV2") && !has("IMAP4REV1");
  const bool rev2 = has("IMAP4REV2");
  if (!has("ENABLE") && !rev2) co_return Result<void>();
  if (!has("UTF8=ACCEPT") && !has("UTF8=ONLY") && !rev2) co_return Result<void>();
  const bool utf8 = has("UTF8=ACCEPT") || has("UTF8=ONLY");
  std::string command = utf8 ? "ENABLE UTF8=ACCEPT" : "ENABLE IMAP4rev2";
  Each note = [this](Response& response) {
    const auto* enabled = std::get_if<Enabled>(&response);
    const auto is_it = [](const std::string& name) { return name == "UTF8=ACCEPT" || name == "IMAP4REV2"; };
    if (enabled != nullptr && std::ranges::any_of(enabled->names, is_it)) utf8_ = true;
    return Result<void>();
  };
  auto done = co_await run(std::move(command), std::move(note));
  if (!done) co_return std::unexpected(done.error());
  co_return Result<void>();
}

Task<Result<std::unique_ptr<ImapConnection>>> ImapConnection::open(const ImapOptions& options) {
  std::unique_ptr<ImapConnection> out(new ImapConnection(options));
  Result<void> state = co_await out->connect();
  if (state && options.url.tls) state = co_await out->start_tls();
  if (state) state = co_await out->greet();
  if (state) state = co_await out->ask_capabilities();
  const bool in_clear = !options.url.tls;
  const bool may_stay = options.plaintext || out->is_self();
  if (state && in_clear && out->logged_in_ && !may_stay)
    state = fail(FaultKind::policy, "the other server wants no TLS: it takes us for logged in");
  const bool upgrade = in_clear && !options.plaintext && !out->logged_in_;
  if (state && upgrade && !out->has("STARTTLS") && !may_stay)
    state = fail(FaultKind::policy, "the other server offers no TLS here: imaps://, or --plaintext");
  if (state && upgrade && out->has("STARTTLS")) {
    auto begun = co_await out->run("STARTTLS");
    if (!begun) state = std::unexpected(begun.error());
    if (state && begun->kind != Status::ok) state = fault_of(*begun);
    if (state) state = co_await out->start_tls();
    if (state) state = co_await out->ask_capabilities();
  }
  if (state && !out->logged_in_) {
    state = co_await out->log_in();
    if (state) state = co_await out->ask_capabilities();
  }
  if (state) state = co_await out->enable();
  if (!state) co_return std::unexpected(state.error());
  co_return out;
}

Task<void> ImapConnection::end() {
  stream_->set_deadline(system_clock().steady() + kImapLastWord);
  const auto said = co_await stream_->write_all("bye LOGOUT\r\n");
  static_cast<void>(said);
  stream_->close();
}

}  // namespace posthouse::app::moving
