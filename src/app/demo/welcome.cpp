#include "app/demo/welcome.h"

#include "base/clock.h"
#include "base/random.h"
#include "message/date.h"
#include "net/socket.h"
#include "smtp/client.h"

namespace posthouse::app {
namespace {

constexpr seconds kConnectTimeout{10};

std::string compose(const WelcomeLetter& letter) {
  std::string to;
  for (const std::string& recipient : letter.recipients) to += (to.empty() ? "" : ", ") + recipient;
  return fmt::format(
      "From: Posthouse <postmaster@{0}>\r\n"
      "To: {1}\r\n"
      "Subject: Welcome to Posthouse\r\n"
      "Date: {2}\r\n"
      "Message-ID: <{3}@{0}>\r\n"
      "MIME-Version: 1.0\r\n"
      "Content-Type: text/plain; charset=utf-8\r\n"
      "\r\n"
      "Hello,\r\n"
      "\r\n"
      "this letter came the whole road: over SMTP into one durable commit, and from there into your "
      "inbox.\r\n"
      "Write to each other, and to yourself: alice@{0}, bob@{0}, carol@{0} and dave@{0} all have the "
      "password "
      "\"demo\".\r\n"
      "A letter to a name that does not exist is refused at once; one to another domain goes out over "
      "SMTP.\r\n"
      "\r\n"
      "Your post house\r\n",
      letter.domain, to, message::format_date(system_clock().now()), system_random().token(20));
}

// Gives the whole text at once, then the end.
smtp::BodySource source_of(std::string text) {
  auto rest = std::make_shared<std::string>(std::move(text));
  return [rest]() -> Task<Result<std::string>> {
    auto give = [](std::shared_ptr<std::string> from) -> Task<Result<std::string>> {
      co_return std::exchange(*from, {});
    };
    return give(rest);
  };
}

}  // namespace

Task<Result<void>> send_welcome(uint16_t port, WelcomeLetter letter) {
  Endpoint to{IpAddress::from_v4(0x7f000001), port};
  auto stream = co_await net::connect_tcp(to, system_clock().steady() + kConnectTimeout);
  if (!stream) co_return std::unexpected(stream.error());
  smtp::ClientOptions options;
  options.hostname = "localhost";
  options.use_tls = smtp::ClientOptions::Tls::never;
  smtp::Client client(std::move(*stream), std::move(options));
  auto opened = co_await client.open();
  if (!opened) co_return fail(FaultKind::permanent, opened.error().text);
  std::string text = compose(letter);
  smtp::Delivery delivery;
  delivery.reverse_path = "postmaster@" + letter.domain;
  delivery.recipients = letter.recipients;
  delivery.size = text.size();
  smtp::BodySource body = source_of(std::move(text));
  auto result = co_await client.send(std::move(delivery), std::move(body));
  co_await client.quit();
  for (const smtp::Reply& reply : result.replies) {
    if (reply.code == 0 || !reply.positive()) co_return fail(FaultKind::permanent, reply.text);
  }
  co_return Result<void>();
}

}  // namespace posthouse::app
