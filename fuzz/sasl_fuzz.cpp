// Logins of any bytes: never a success without the right password, no crash in the library behind.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "wire/sasl/bearer_message.h"
#include "wire/sasl/scram_message.h"
#include "wire/sasl/server.h"

namespace {

using namespace posthouse;
using namespace posthouse::wire::sasl;

class Nobody : public Authenticator {
 public:
  Task<Result<Identity>> verify_password(std::string name, Secret password, IpAddress, std::string) override {
    if (name.empty() || name.size() > 320 || password.reveal().size() > 1024) abort();
    co_return fail(FaultKind::policy, "no");
  }
  Task<Result<ScramCredential>> scram_credential(std::string name, IpAddress, std::string) override {
    if (name.empty() || name.size() > 320) abort();
    co_return ScramCredential{4096,
                              std::string(16, 's'),
                              std::string(32, 'k'),
                              std::string(32, 'k'),
                              1,
                              "u@x",
                              {{1, "phone", std::string(32, 'a'), std::string(32, 'b'), true}}};
  }
  const TokenOffer* tokens() const override { return &offer; }
  Task<Result<Identity>> verify_token(std::string name, Secret token, IpAddress, std::string) override {
    if (name.size() > 320 || token.empty() || token.reveal().size() > 6144) abort();
    co_return fail(FaultKind::policy, "no");
  }
  TokenOffer offer{"mail \"x\"", "https://id.example.test/"};
  Task<bool> report(std::string, IpAddress, std::optional<Identity> as) override {
    if (as) abort();
    co_return true;
  }
};

// The client says the nonce that the server has made up; in the input it is "%".
std::string with_nonce(std::string_view message, std::string_view challenge) {
  std::string out(message);
  const size_t at = out.find("r=%");
  if (at != std::string::npos && challenge.starts_with("r="))
    out.replace(at, 3, challenge.substr(0, challenge.find(',')));
  return out;
}

Task<void> exchange_all(std::string_view name, Channel channel, std::string_view input) {
  Nobody nobody;
  channel.tokens = nobody.tokens();
  auto started = start(name, channel, nobody);
  if (!started) co_return;
  std::string challenge;
  for (int i = 0; i < 6; ++i) {
    const size_t end = std::min(input.find('\n'), input.size());
    std::optional<std::string> message(with_nonce(input.substr(0, end), challenge));
    if (i == 0 && end == 0) message.reset();
    input.remove_prefix(std::min(end + 1, input.size()));
    const Exchange::Step step = co_await (*started)->step(std::move(message));
    if (step.kind == Exchange::Step::success) abort();
    challenge = step.data;
    if (step.kind == Exchange::Step::failure) co_return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  static const char* const kNames[] = {"PLAIN",       "LOGIN",  "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS",
                                       "OAUTHBEARER", "XOAUTH2"};
  Channel channel;
  channel.tls = true;
  if ((data[0] & 4) != 0) channel.binding_type = (data[0] & 8) != 0 ? "tls-unique" : "tls-exporter";
  if ((data[0] & 4) != 0) channel.binding = channel.end_point = "0123456789abcdef";
  spawn(exchange_all(kNames[(data[0] & 3) + ((data[0] & 16) != 0 ? 2 : 0)], channel, input));
  static_cast<void>(parse_client_first(input));
  for (const auto& parsed : {parse_oauthbearer(input), parse_xoauth2(input)}) {
    if (parsed && parsed->token.empty()) abort();
  }
  return 0;
}
