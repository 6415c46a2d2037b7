// A whole session fed with any bytes, in pieces of any size: no crash, and never a letter whose text holds a
// bare CR or LF or whose end mark was not CRLF.CRLF.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "session_bed.h"
#include "smtp/server.h"

namespace {

using namespace posthouse;
using namespace posthouse::smtp;

// What it writes are whole lines.
class LinesStream : public fuzz::FuzzStream {
 public:
  using FuzzStream::FuzzStream;
  Task<Result<void>> write_all(std::string_view bytes) override {
    fuzz::check(bytes.ends_with("\r\n"));
    co_return Result<void>();
  }
};

class Sink : public LetterSink {
 public:
  Task<Result<void>> write(std::string_view bytes) override {
    if (bytes.empty() || bytes.size() > 64 * 1024) abort();
    body_ += bytes;
    co_return Result<void>();
  }
  Task<std::vector<Reply>> commit() override {
    for (size_t i = 0; i < body_.size(); ++i) {
      if (body_[i] == '\n' && (i == 0 || body_[i - 1] != '\r')) abort();
      if (body_[i] == '\r' && (i + 1 == body_.size() || body_[i + 1] != '\n')) abort();
    }
    if (!body_.empty() && !body_.ends_with("\r\n")) abort();
    std::vector<Reply> replies;
    replies.push_back({250, "2.0.0", "Ok"});
    co_return replies;
  }

 private:
  std::string body_;
};

class Service : public SmtpService {
 public:
  Task<Reply> on_connect(const SessionFacts&) override { co_return Reply{220, "", ""}; }
  Task<Reply> on_mail(const SessionFacts&, const Envelope&) override { co_return Reply{250, "2.1.0", "Ok"}; }
  Task<Reply> on_recipient(const SessionFacts&, const Envelope& envelope,
                           const message::Address& to) override {
    if (envelope.recipients.size() > 1000) abort();
    const bool unknown = to.local == "u";
    co_return Reply{unknown ? 550 : 250, "", "?"};
  }
  Task<std::expected<std::unique_ptr<LetterSink>, Reply>> on_data(const SessionFacts&,
                                                                  const Envelope& envelope) override {
    if (envelope.recipients.empty()) abort();
    std::unique_ptr<LetterSink> sink = std::make_unique<Sink>();
    co_return std::expected<std::unique_ptr<LetterSink>, Reply>(std::move(sink));
  }
  Task<Reply> on_vrfy(const SessionFacts&, std::string argument) override {
    co_return Reply{252, "", argument};
  }
  Task<Reply> on_etrn(const SessionFacts&, std::string argument) override {
    co_return Reply{250, "", argument};
  }
};

class Nobody : public wire::sasl::Authenticator {
 public:
  Task<Result<wire::sasl::Identity>> verify_password(std::string name, Secret, IpAddress,
                                                     std::string) override {
    if (name != "u") co_return fail(FaultKind::policy, "no");
    co_return wire::sasl::Identity{1, "u@example.test"};
  }
  Task<Result<wire::sasl::ScramCredential>> scram_credential(std::string, IpAddress, std::string) override {
    co_return wire::sasl::ScramCredential{
        4096, std::string(16, 's'), std::string(32, 'k'), std::string(32, 'k'), {}, {}};
  }
  Task<bool> report(std::string, IpAddress, std::optional<wire::sasl::Identity> as) override {
    if (as) abort();
    co_return true;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::log_nothing();
  if (size < 2) return 0;
  auto options = std::make_shared<ServerOptions>();
  options->hostname = "mx.example.test";
  options->submission = (data[0] & 1) != 0;
  options->allow_plain_auth = (data[0] & 2) != 0;
  options->lmtp = (data[0] & 4) != 0;
  options->max_size = 4096;
  options->max_recipients = 3;
  static const char somewhere = 0;
  if ((data[0] & 8) != 0) {
    options->tls = {std::shared_ptr<void>(), reinterpret_cast<const net::TlsContext*>(&somewhere)};
  }
  const size_t chunk = data[1] == 0 ? size : data[1];
  const std::string_view input(reinterpret_cast<const char*>(data) + 2, size - 2);
  Service service;
  Nobody nobody;
  std::string unused;
  spawn(serve(std::make_unique<LinesStream>(input, chunk, unused), options, service, &nobody, "fuzz"));
  return 0;
}
