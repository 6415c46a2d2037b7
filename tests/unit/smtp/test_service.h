// A service whose answers are in the addresses, and an authenticator that knows one user.
#pragma once

#include <gsasl.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "base/base64.h"
#include "smtp/server.h"

namespace posthouse::smtp::test {

struct TakenLetter {
  Envelope envelope;
  std::string with;
  std::string body;
};

// MAIL: local parts "refused", "later" are; "boom" throws. RCPT: "unknown..." is refused for ever, "full" for
// now, domain elsewhere.test is not relayed to. DATA, by the sender: "nodata" is refused before, "nospace"
// while, "loop" after. LMTP recipients "slow..." are refused for now at the end.
class TestService : public SmtpService {
 public:
  Task<Reply> on_connect(const SessionFacts& facts) override {
    ++connects;
    tls_at_connect = facts.tls;
    co_return connect_reply;
  }
  void on_disconnect(const SessionFacts&) override { ++disconnects; }

  Task<Reply> on_mail(const SessionFacts&, const Envelope& envelope) override {
    const std::string& local = envelope.reverse_path.local;
    if (local == "boom") throw std::runtime_error("boom");
    if (local == "refused") co_return Reply{550, "5.7.1", "not from you"};
    if (local == "later") co_return Reply{451, "4.7.1", "not now"};
    co_return Reply{250, "2.1.0", "Ok"};
  }
  Task<Reply> on_recipient(const SessionFacts&, const Envelope&, const message::Address& recipient) override {
    if (recipient.domain == "elsewhere.test") co_return Reply{554, "5.7.1", "Relay access denied"};
    if (recipient.local.starts_with("unknown")) co_return Reply{550, "5.1.1", "User unknown"};
    if (recipient.local == "full") co_return Reply{452, "4.2.2", "Mailbox full"};
    co_return Reply{250, "2.1.5", "Ok"};
  }
  Task<std::expected<std::unique_ptr<LetterSink>, Reply>> on_data(const SessionFacts& facts,
                                                                  const Envelope& envelope) override {
    if (envelope.reverse_path.local == "nodata") co_return std::unexpected(Reply{451, "4.3.0", "no"});
    std::unique_ptr<LetterSink> sink = std::make_unique<Sink>(*this, envelope, facts);
    co_return std::expected<std::unique_ptr<LetterSink>, Reply>(std::move(sink));
  }
  Task<Reply> on_vrfy(const SessionFacts&, std::string argument) override {
    co_return Reply{252, "2.0.0", "Cannot verify " + argument};
  }
  Task<Reply> on_etrn(const SessionFacts&, std::string argument) override {
    co_return Reply{458, "4.0.0", "Unable to queue messages for " + argument};
  }

  Reply connect_reply{220, "", ""};
  int connects = 0;
  int disconnects = 0;
  bool tls_at_connect = false;
  size_t largest_piece = 0;
  size_t writes = 0;
  std::vector<TakenLetter> letters;

 private:
  class Sink : public LetterSink {
   public:
    Sink(TestService& service, const Envelope& envelope, const SessionFacts& facts)
        : service_(service), letter_{envelope, facts.with(envelope.utf8), ""}, lmtp_(facts.lmtp) {}

    Task<Result<void>> write(std::string_view bytes) override {
      ++service_.writes;
      service_.largest_piece = std::max(service_.largest_piece, bytes.size());
      if (letter_.envelope.reverse_path.local == "nospace") co_return fail(FaultKind::no_space, "disk full");
      letter_.body += bytes;
      co_return Result<void>();
    }
    Task<std::vector<Reply>> commit() override {
      std::vector<Reply> replies;
      if (letter_.envelope.reverse_path.local == "loop") {
        replies.push_back({554, "5.4.6", "mail loop"});
        co_return replies;
      }
      service_.letters.push_back(letter_);
      const size_t wanted = lmtp_ ? letter_.envelope.recipients.size() : 1;
      for (size_t i = 0; i < wanted; ++i) {
        const bool slow = lmtp_ && letter_.envelope.recipients[i].local.starts_with("slow");
        if (slow) {
          replies.push_back({451, "4.2.0", "later"});
        } else {
          replies.push_back({250, "2.0.0", "Ok: queued as " + std::to_string(service_.letters.size())});
        }
      }
      co_return replies;
    }

   private:
    TestService& service_;
    TakenLetter letter_;
    bool lmtp_;
  };
};

// Knows "user" with the password "pencil".
class TestAuthenticator : public wire::sasl::Authenticator {
 public:
  Task<Result<wire::sasl::Identity>> verify_password(std::string name, Secret password, IpAddress,
                                                     std::string) override {
    if (name == "broken") co_return fail(FaultKind::io, "disk");
    if (name != "user" || password.reveal() != "pencil") co_return fail(FaultKind::policy, "wrong password");
    co_return wire::sasl::Identity{7, "user@example.test"};
  }
  Task<Result<wire::sasl::ScramCredential>> scram_credential(std::string, IpAddress, std::string) override {
    wire::sasl::ScramCredential keys;
    keys.iterations = 4096;
    keys.salt = *base64_decode("W22ZaJ0SNY7soEsUEjb6gQ==");
    char salted[32], client[32], server[32], stored[32];
    gsasl_scram_secrets_from_password(GSASL_HASH_SHA256, "pencil", 4096, keys.salt.data(), keys.salt.size(),
                                      salted, client, server, stored);
    keys.server_key.assign(server, sizeof server);
    keys.stored_key.assign(stored, sizeof stored);
    keys.account = 7;
    keys.address = "user@example.test";
    co_return keys;
  }
  Task<bool> report(std::string, IpAddress, std::optional<wire::sasl::Identity> as) override {
    successes += as ? 1 : 0;
    co_return true;
  }
  int successes = 0;
};

}  // namespace posthouse::smtp::test
