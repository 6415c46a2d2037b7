// Logins: PLAIN, LOGIN, and SCRAM against GNU SASL's own client.
#include "wire/sasl/server.h"

#include <gmock/gmock.h>
#include <gsasl.h>
#include <gtest/gtest.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "base/base64.h"
#include "support/manual_executor.h"
#include "wire/sasl/limits.h"
#include "wire/sasl/scram_message.h"

namespace posthouse::wire::sasl {
namespace {

using Step = Exchange::Step;

// The user of RFC 7677 section 3: "user", "pencil", this salt, 4096 rounds.
ScramCredential rfc7677_keys() {
  ScramCredential keys;
  keys.iterations = 4096;
  keys.salt = *base64_decode("W22ZaJ0SNY7soEsUEjb6gQ==");
  char salted[GSASL_HASH_SHA256_SIZE], client[GSASL_HASH_SHA256_SIZE], server[GSASL_HASH_SHA256_SIZE],
      stored[GSASL_HASH_SHA256_SIZE];
  EXPECT_EQ(gsasl_scram_secrets_from_password(GSASL_HASH_SHA256, "pencil", 4096, keys.salt.data(),
                                              keys.salt.size(), salted, client, server, stored),
            GSASL_OK);
  keys.server_key.assign(server, sizeof server);
  keys.stored_key.assign(stored, sizeof stored);
  return keys;
}

class MapAuthenticator : public Authenticator {
 public:
  Task<Result<Identity>> verify_password(std::string name, Secret password, IpAddress,
                                         std::string protocol) override {
    ++asked;
    last_protocol = std::move(protocol);
    if (broken) co_return fail(FaultKind::io, "disk");
    if (name != "user" || password.reveal() != "pencil") co_return fail(FaultKind::policy, "wrong");
    co_return Identity{7, "user@example.test"};
  }
  Task<Result<ScramCredential>> scram_credential(std::string name, IpAddress, std::string) override {
    ++asked;
    if (broken) co_return fail(FaultKind::io, "disk");
    ScramCredential keys = rfc7677_keys();
    if (name == "user") {
      keys.account = 7;
      keys.address = "user@example.test";
      keys.app_passwords = app_passwords;
    }
    co_return keys;
  }
  Task<bool> report(std::string name, IpAddress, std::optional<Identity> as) override {
    reports.push_back(name + (as ? "+" : "-") + (as ? as->app_password_name : ""));
    co_return stands;
  }

  const TokenOffer* tokens() const override { return &offer; }
  Task<Result<Identity>> verify_token(std::string name, Secret token, IpAddress,
                                      std::string protocol) override {
    last_protocol = std::move(protocol);
    if (token.reveal() == "later") co_return fail(FaultKind::timeout, "no answer");
    if (token.reveal() == "narrow") co_return fail(FaultKind::permanent, "scope");
    if (token.reveal() != "good" || (!name.empty() && name != "user"))
      co_return fail(FaultKind::policy, "bad");
    co_return Identity{7, "user@example.test"};
  }

  TokenOffer offer{"mail", "https://id.example.test/.well-known/openid-configuration"};
  std::vector<ScramCredential::AppKeys> app_passwords;
  bool stands = true;
  int asked = 0;
  bool broken = false;
  std::string last_protocol;
  std::vector<std::string> reports;
};

Channel tls_channel() {
  Channel channel;
  channel.tls = true;
  channel.binding_type = "tls-exporter";
  channel.binding = std::string(32, 'b');
  channel.protocol = "submission";
  return channel;
}

class Sasl : public testing::Test {
 protected:
  std::unique_ptr<Exchange> begin(std::string_view mechanism) {
    auto exchange = start(mechanism, channel_, authenticator_);
    EXPECT_TRUE(exchange.has_value());
    return std::move(*exchange);
  }
  Step step(Exchange& exchange, std::optional<std::string> message) {
    return executor_.run(exchange.step(std::move(message)));
  }
  Step once(std::string_view mechanism, std::string message) {
    const std::unique_ptr<Exchange> exchange = begin(mechanism);
    return step(*exchange, std::move(message));
  }

  test::ManualExecutor executor_;
  MapAuthenticator authenticator_;
  Channel channel_ = tls_channel();
};

std::string plain(std::string_view authzid, std::string_view name, std::string_view password) {
  std::string out(authzid);
  out += '\0';
  out += name;
  out += '\0';
  out += password;
  return out;
}

TEST_F(Sasl, AnnouncesWhatTheChannelAllows) {
  using testing::ElementsAre;
  EXPECT_THAT(mechanisms(channel_), ElementsAre("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"));
  channel_.binding.clear();
  EXPECT_THAT(mechanisms(channel_), ElementsAre("SCRAM-SHA-256", "PLAIN", "LOGIN"));
  channel_.tls = false;
  EXPECT_TRUE(mechanisms(channel_).empty());
  channel_.allow_plain_without_tls = true;
  EXPECT_THAT(mechanisms(channel_), ElementsAre("SCRAM-SHA-256", "PLAIN", "LOGIN"));
}

// ---- tokens

constexpr std::string_view kGoodBearer =
    "n,a=user,\x01host=imap.test\x01port=993\x01"
    "auth=Bearer good\x01\x01";

TEST_F(Sasl, TokensOnlyWhereTheyAreTakenAndUnderTls) {
  EXPECT_EQ(start("OAUTHBEARER", channel_, authenticator_).error().kind, FaultKind::syntax);
  channel_.tokens = authenticator_.tokens();
  EXPECT_THAT(mechanisms(channel_), testing::ElementsAre("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN",
                                                         "LOGIN", "OAUTHBEARER", "XOAUTH2"));
  channel_.tls = false;
  channel_.allow_plain_without_tls = true;
  EXPECT_THAT(mechanisms(channel_), testing::ElementsAre("SCRAM-SHA-256", "PLAIN", "LOGIN"));
  EXPECT_EQ(start("XOAUTH2", channel_, authenticator_).error().kind, FaultKind::policy);
}

TEST_F(Sasl, OauthBearer) {
  channel_.tokens = authenticator_.tokens();
  EXPECT_EQ(once("OAUTHBEARER", std::string(kGoodBearer)).kind, Step::success);
  EXPECT_EQ(authenticator_.last_protocol, "submission");
  EXPECT_EQ(once("OAUTHBEARER",
                 "n,,\x01"
                 "auth=bearer good\x01\x01")
                .identity.account,
            7u);
  EXPECT_EQ(once("OAUTHBEARER",
                 "n,,\x01"
                 "auth=Bearer later\x01\x01")
                .fault.kind,
            FaultKind::timeout);
  const auto exchange = begin("OAUTHBEARER");
  const Step why = step(*exchange,
                        "n,a=user,\x01"
                        "auth=Bearer stolen\x01\x01");
  EXPECT_EQ(why.kind, Step::challenge);
  EXPECT_EQ(why.data,
            R"({"status":"invalid_token","scope":"mail",)"
            R"("openid-configuration":"https://id.example.test/.well-known/openid-configuration"})");
  EXPECT_EQ(exchange->name(), "user");
  const Step last = step(*exchange, "\x01");
  EXPECT_EQ(last.kind, Step::failure);
  EXPECT_EQ(last.fault.kind, FaultKind::policy);
  EXPECT_THAT(once("OAUTHBEARER",
                   "n,,\x01"
                   "auth=Bearer narrow\x01\x01")
                  .data,
              testing::HasSubstr("insufficient_scope"));
}

TEST_F(Sasl, Xoauth2) {
  channel_.tokens = authenticator_.tokens();
  EXPECT_EQ(once("XOAUTH2",
                 "user=user\x01"
                 "auth=Bearer good\x01\x01")
                .kind,
            Step::success);
  const auto exchange = begin("XOAUTH2");
  const Step why = step(*exchange,
                        "user=other\x01"
                        "auth=Bearer good\x01\x01");
  EXPECT_EQ(why.kind, Step::challenge);
  EXPECT_THAT(why.data, testing::StartsWith(R"({"status":"401","schemes":"bearer","scope":"mail")"));
  EXPECT_EQ(step(*exchange, "").kind, Step::failure);
}

TEST_F(Sasl, BadTokenMessages) {
  channel_.tokens = authenticator_.tokens();
  for (const std::string message : {"", "n,,", "n,,\x01", "n,,\x01\x01",
                                    "n,,\x01"
                                    "auth=Bearer good\x01",
                                    "n,,\x01"
                                    "auth=Bearer \x01\x01",
                                    "n,,\x01"
                                    "auth=Basic good\x01\x01",
                                    "n,,\x01"
                                    "auth=Bearer a b\x01\x01",
                                    "n,,\x01"
                                    "auth=Bearer ==\x01\x01",
                                    "p=tls-exporter,,\x01"
                                    "auth=Bearer good\x01\x01",
                                    "n,a=,\x01"
                                    "auth=Bearer good\x01\x01",
                                    "n,,x\x01"
                                    "auth=Bearer good\x01\x01",
                                    "n,,\x01"
                                    "auth=Bearer good\x01\x01x",
                                    "n,,\x01"
                                    "auth=Bearer good\x01"
                                    "auth=Bearer good\x01\x01",
                                    "n,,\x01"
                                    "=x\x01"
                                    "auth=Bearer good\x01\x01",
                                    "n,,\x01"
                                    "auth=Bearer g\xc3\xa4\x01\x01"}) {
    EXPECT_EQ(once("OAUTHBEARER", message).fault.kind, FaultKind::syntax) << testing::PrintToString(message);
    if (message.starts_with("p=") || message.starts_with("n,a="))
      continue;  // no more than an unknown key there
    EXPECT_EQ(once("XOAUTH2", message).fault.kind, FaultKind::syntax) << testing::PrintToString(message);
  }
  const std::string huge =
      "n,,\x01"
      "auth=Bearer " +
      std::string(kMaxToken + 1, 'x') + "\x01\x01";
  EXPECT_EQ(once("OAUTHBEARER", huge).fault.kind, FaultKind::syntax);
}

TEST_F(Sasl, RefusesOtherMechanisms) {
  for (const char* name : {"", "CRAM-MD5", "DIGEST-MD5", "NTLM", "ANONYMOUS", "EXTERNAL", "SCRAM-SHA-1"}) {
    EXPECT_EQ(start(name, channel_, authenticator_).error().kind, FaultKind::syntax) << name;
  }
  channel_.tls = false;
  EXPECT_EQ(start("PLAIN", channel_, authenticator_).error().kind, FaultKind::policy);
  EXPECT_EQ(start("SCRAM-SHA-256-PLUS", channel_, authenticator_).error().kind, FaultKind::policy);
}

TEST_F(Sasl, Plain) {
  const Step done = once("plain", plain("", "user", "pencil"));
  EXPECT_EQ(done.kind, Step::success);
  EXPECT_EQ(done.identity.account, 7u);
  EXPECT_EQ(done.identity.address, "user@example.test");
  EXPECT_EQ(authenticator_.last_protocol, "submission");
  EXPECT_EQ(once("PLAIN", plain("user", "user", "pencil")).kind, Step::success);
  const auto exchange = begin("PLAIN");
  EXPECT_EQ(step(*exchange, std::nullopt).kind, Step::challenge);
  EXPECT_EQ(step(*exchange, plain("", "user", "pencil")).kind, Step::success);
}

TEST_F(Sasl, PlainFailures) {
  EXPECT_EQ(once("PLAIN", plain("", "user", "wrong")).fault.kind, FaultKind::policy);
  EXPECT_EQ(authenticator_.asked, 1);
  EXPECT_EQ(once("PLAIN", plain("admin", "user", "pencil")).fault.kind, FaultKind::policy);
  EXPECT_EQ(once("PLAIN", plain("", "", "pencil")).fault.kind, FaultKind::policy);
  EXPECT_EQ(once("PLAIN", plain("", "user", "")).fault.kind, FaultKind::policy);
  EXPECT_EQ(once("PLAIN", plain("", "us\ner", "pencil")).fault.kind, FaultKind::policy);
  EXPECT_EQ(once("PLAIN", plain("", std::string(kMaxName + 1, 'u'), "p")).fault.kind, FaultKind::policy);
  EXPECT_EQ(once("PLAIN", plain("", "u", std::string(kMaxPassword + 1, 'p'))).fault.kind, FaultKind::policy);
  EXPECT_EQ(once("PLAIN", plain("", "user", "pencil") + '\0').fault.kind, FaultKind::syntax);
  EXPECT_EQ(once("PLAIN", "nothing").fault.kind, FaultKind::syntax);
  EXPECT_EQ(once("PLAIN", "").fault.kind, FaultKind::syntax);
  EXPECT_EQ(once("PLAIN", std::string(kMaxMessage + 1, 'x')).fault.kind, FaultKind::syntax);
  EXPECT_EQ(authenticator_.asked, 1);  // none of these was worth a question
  authenticator_.broken = true;
  EXPECT_EQ(once("PLAIN", plain("", "user", "pencil")).fault.kind, FaultKind::io);
}

TEST_F(Sasl, LoginWithAndWithoutTheFirstName) {
  const auto asks = begin("LOGIN");
  EXPECT_EQ(step(*asks, std::nullopt).data, "Username:");
  EXPECT_EQ(step(*asks, "user").data, "Password:");
  EXPECT_EQ(step(*asks, "pencil").kind, Step::success);
  const auto outlook = begin("LOGIN");
  EXPECT_EQ(step(*outlook, "user").data, "Password:");
  EXPECT_EQ(step(*outlook, "pencil").kind, Step::success);
  const auto wrong = begin("LOGIN");
  step(*wrong, "user");
  EXPECT_EQ(step(*wrong, "pen").kind, Step::failure);
}

// ---- SCRAM

// GNU SASL's client, driven by hand.
class ScramClient {
 public:
  ScramClient(const char* mechanism, const char* name, const char* password) {
    EXPECT_EQ(gsasl_init(&context_), GSASL_OK);
    EXPECT_EQ(gsasl_client_start(context_, mechanism, &session_), GSASL_OK);
    gsasl_property_set(session_, GSASL_AUTHID, name);
    gsasl_property_set(session_, GSASL_PASSWORD, password);
  }
  ~ScramClient() {
    gsasl_finish(session_);
    gsasl_done(context_);
  }
  void bind(const std::string& binding) {
    gsasl_property_set(session_, GSASL_CB_TLS_EXPORTER, base64_encode(binding).c_str());
  }
  std::string step(const std::string& input) {
    char* out = nullptr;
    size_t size = 0;
    rc = gsasl_step(session_, input.data(), input.size(), &out, &size);
    std::string bytes(out != nullptr ? out : "", out != nullptr ? size : 0);
    gsasl_free(out);
    return bytes;
  }
  int rc = 0;

 private:
  Gsasl* context_ = nullptr;
  Gsasl_session* session_ = nullptr;
};

TEST_F(Sasl, ScramAgainstARealClient) {
  ScramClient client("SCRAM-SHA-256", "user", "pencil");
  channel_.binding_type.clear();  // or the client's "y" would be a downgrade
  channel_.binding.clear();
  const auto server = begin("SCRAM-SHA-256");
  const Step first = step(*server, client.step(""));
  ASSERT_EQ(first.kind, Step::challenge);
  EXPECT_THAT(first.data, testing::HasSubstr(",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"));
  const Step last = step(*server, client.step(first.data));
  ASSERT_EQ(last.kind, Step::success) << last.fault.what;
  EXPECT_EQ(last.identity.account, 7u);
  client.step(last.data);
  EXPECT_EQ(client.rc, GSASL_OK);  // the client believes the server too
  EXPECT_THAT(authenticator_.reports, testing::ElementsAre("user+"));
  EXPECT_EQ(step(*server, "c=biws").kind, Step::failure);  // it is over
}

TEST_F(Sasl, ScramPlusBindsToTheChannel) {
  ScramClient client("SCRAM-SHA-256-PLUS", "user", "pencil");
  client.bind(channel_.binding);
  const auto server = begin("SCRAM-SHA-256-PLUS");
  const Step first = step(*server, client.step(""));
  EXPECT_EQ(step(*server, client.step(first.data)).kind, Step::success);

  ScramClient relayed("SCRAM-SHA-256-PLUS", "user", "pencil");
  relayed.bind("another connection");
  const auto other = begin("SCRAM-SHA-256-PLUS");
  const Step challenge = step(*other, relayed.step(""));
  EXPECT_EQ(step(*other, relayed.step(challenge.data)).kind, Step::failure);
  EXPECT_THAT(authenticator_.reports, testing::ElementsAre("user+", "user-"));
}

ScramCredential::AppKeys app_keys(uint32_t id, const char* name, const char* password, bool allowed) {
  const std::string salt = rfc7677_keys().salt;
  char salted[32], client[32], server[32], stored[32];
  EXPECT_EQ(gsasl_scram_secrets_from_password(GSASL_HASH_SHA256, password, 4096, salt.data(), salt.size(),
                                              salted, client, server, stored),
            GSASL_OK);
  return {id, name, std::string(stored, 32), std::string(server, 32), allowed};
}

// The client's last message by hand: GNU SASL has no tls-server-end-point. `extension`: between nonce and
// proof.
std::string last_message(const std::string& header, const std::string& binding, const std::string& bare,
                         const std::string& challenge, const char* password, std::string& server_signature,
                         const std::string& extension = "") {
  const std::string salt = rfc7677_keys().salt;
  char salted[32], client[32], server[32], stored[32];
  EXPECT_EQ(gsasl_scram_secrets_from_password(GSASL_HASH_SHA256, password, 4096, salt.data(), salt.size(),
                                              salted, client, server, stored),
            GSASL_OK);
  const std::string without =
      "c=" + base64_encode(header + binding) + "," + challenge.substr(0, challenge.find(',')) + extension;
  const std::string signed_text = bare + "," + challenge + "," + without;
  const auto hmac = [&](const char* key) {
    unsigned char out[32];
    unsigned size = 0;
    HMAC(EVP_sha256(), key, 32, reinterpret_cast<const unsigned char*>(signed_text.data()),
         signed_text.size(), out, &size);
    return std::string(reinterpret_cast<const char*>(out), 32);
  };
  std::string proof = hmac(stored);
  for (size_t i = 0; i < 32; i++) proof[i] = static_cast<char>(proof[i] ^ client[i]);
  server_signature = hmac(server);
  return without + ",p=" + base64_encode(proof);
}

TEST_F(Sasl, ScramPlusBindsToTheServersCertificate) {
  channel_.end_point = std::string(32, 'e');
  authenticator_.app_passwords = {app_keys(1, "phone", "aaaa", true), app_keys(3, "printer", "cccc", false)};
  const std::string header = "p=tls-server-end-point,,", bare = "n=user,r=abcdef";
  const auto result = [&](const std::string& binding, const char* password,
                          const std::string& extension = "") {
    const auto server = begin("SCRAM-SHA-256-PLUS");
    const Step first = step(*server, header + bare);
    EXPECT_EQ(first.kind, Step::challenge);
    EXPECT_TRUE(first.data.starts_with("r=abcdef"));
    std::string signature;
    const Step last =
        step(*server, last_message(header, binding, bare, first.data, password, signature, extension));
    if (last.kind == Step::success) {
      EXPECT_EQ(last.data, "v=" + base64_encode(signature));
    }
    EXPECT_EQ(step(*server, "c=biws").kind, Step::failure);  // it is over
    return last;
  };
  EXPECT_EQ(result(channel_.end_point, "pencil").kind, Step::success);
  EXPECT_EQ(result(channel_.end_point, "pencil", ",x=ignored").kind, Step::success);
  EXPECT_EQ(result(channel_.end_point, "aaaa").identity.app_password, 1u);
  EXPECT_EQ(result(channel_.end_point, "cccc").kind, Step::failure);
  EXPECT_EQ(result(channel_.end_point, "pen").fault.kind, FaultKind::policy);
  EXPECT_EQ(result(channel_.binding, "pencil").fault.kind, FaultKind::policy);
  EXPECT_EQ(result("", "pencil").fault.kind, FaultKind::policy);
  EXPECT_THAT(authenticator_.reports,
              testing::ElementsAre("user+", "user+", "user+phone", "user-", "user-", "user-", "user-"));
  for (const char* message : {"", "junk", "c=,r=,p=", "c=biws,r=abcdef,p=AAAA", ",p=", "c=,p="}) {
    const auto server = begin("SCRAM-SHA-256-PLUS");
    step(*server, header + bare);
    EXPECT_EQ(step(*server, message).kind, Step::failure) << message;
  }
}

TEST_F(Sasl, ScramSaysWhichBindingsThereAreNot) {
  for (const std::string type : {"tls-unique", "tls-server-end-point", "sun-spots"}) {
    const auto server = begin("SCRAM-SHA-256-PLUS");
    const Step first = step(*server, "p=" + type + ",,n=user,r=abcdef");
    EXPECT_EQ(first.kind, Step::challenge);
    EXPECT_EQ(first.data, "e=unsupported-channel-binding-type");
    EXPECT_EQ(first.fault.kind, kNoSuchBinding);
    EXPECT_EQ(server->name(), "user");
    const Step last = step(*server, "");
    EXPECT_EQ(last.kind, Step::failure);
    EXPECT_EQ(last.fault.kind, kNoSuchBinding);
    EXPECT_EQ(last.fault.what, "no channel binding by " + type);
  }
  EXPECT_EQ(authenticator_.asked, 0);
  EXPECT_TRUE(authenticator_.reports.empty());
}

TEST_F(Sasl, ScramWrongPasswordAndUnknownUserLookAlike) {
  for (const auto& [name, password] : {std::pair{"user", "pen"}, std::pair{"nobody", "pencil"}}) {
    ScramClient client("SCRAM-SHA-256-PLUS", name, password);
    client.bind(channel_.binding);
    const auto server = begin("SCRAM-SHA-256-PLUS");
    const Step first = step(*server, client.step(""));
    ASSERT_EQ(first.kind, Step::challenge);
    const Step last = step(*server, client.step(first.data));
    EXPECT_EQ(last.kind, Step::failure);
    EXPECT_EQ(last.fault.kind, FaultKind::policy);
    EXPECT_EQ(last.data, "");
  }
  EXPECT_THAT(authenticator_.reports, testing::ElementsAre("user-", "nobody-"));
}

TEST_F(Sasl, ScramFindsTheAppPasswordByItsProof) {
  authenticator_.app_passwords = {app_keys(1, "phone", "aaaa", true), app_keys(2, "tablet", "bbbb", true),
                                  app_keys(3, "printer", "cccc", false)};
  for (const auto& [password, id, good] : {std::tuple{"pencil", 0u, true},
                                           {"aaaa", 1u, true},
                                           {"bbbb", 2u, true},
                                           {"cccc", 3u, false},
                                           {"dddd", 0u, false}}) {
    ScramClient client("SCRAM-SHA-256-PLUS", "user", password);
    client.bind(channel_.binding);
    const auto server = begin("SCRAM-SHA-256-PLUS");
    const Step first = step(*server, client.step(""));
    const Step last = step(*server, client.step(first.data));
    ASSERT_EQ(last.kind, good ? Step::success : Step::failure) << password << last.fault.what;
    if (!good) continue;
    EXPECT_EQ(last.identity.app_password, id);
    client.step(last.data);
    EXPECT_EQ(client.rc, GSASL_OK) << "the client believes the server too";
  }
  EXPECT_THAT(authenticator_.reports,
              testing::ElementsAre("user+", "user+phone", "user+tablet", "user-", "user-"));
}

// Many exchanges can be begun before the first of them fails.
TEST_F(Sasl, ScramSuccessAmongTooManyGuessesDoesNotStand) {
  authenticator_.stands = false;
  ScramClient client("SCRAM-SHA-256", "user", "pencil");
  const auto server = begin("SCRAM-SHA-256");
  const Step first = step(*server, client.step(""));
  ASSERT_EQ(first.kind, Step::challenge);
  const Step last = step(*server, client.step(first.data));
  EXPECT_EQ(last.kind, Step::failure);
  EXPECT_EQ(last.fault.kind, FaultKind::temporary);
  EXPECT_THAT(last.fault.what, testing::StartsWith("throttled"));
  EXPECT_EQ(last.data, "");
}

// RFC 7677 section 3, its own messages: StoredKey and ServerKey must give its proof and its signature. The
// nonces are random in a real exchange, so the numbers are checked with the primitives.
TEST(SaslScram, Rfc7677TestVector) {
  const ScramCredential keys = rfc7677_keys();
  const std::string auth_message =
      "n=user,r=rOprNGfwEbeRWgbNEkqO,"
      "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
  const auto hmac = [&](const std::string& key) {
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(auth_message.data()), auth_message.size(), out, &size);
    return std::string(reinterpret_cast<const char*>(out), size);
  };
  EXPECT_EQ(base64_encode(hmac(keys.server_key)), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  std::string client_key = *base64_decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  const std::string signature = hmac(keys.stored_key);
  for (size_t i = 0; i < client_key.size(); ++i)
    client_key[i] = static_cast<char>(client_key[i] ^ signature[i]);
  unsigned char hash[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(client_key.data()), client_key.size(), hash);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(hash), sizeof hash), keys.stored_key);
}

TEST_F(Sasl, ScramDowngradesAreRefused) {
  EXPECT_EQ(once("SCRAM-SHA-256", "y,,n=user,r=abcdef").fault.kind, FaultKind::policy);
  EXPECT_EQ(once("SCRAM-SHA-256", "p=tls-exporter,,n=user,r=abcdef").kind, Step::failure);
  EXPECT_EQ(once("SCRAM-SHA-256-PLUS", "n,,n=user,r=abcdef").kind, Step::failure);
  EXPECT_EQ(once("SCRAM-SHA-256-PLUS", "y,,n=user,r=abcdef").kind, Step::failure);
  EXPECT_EQ(authenticator_.asked, 0);
  EXPECT_EQ(once("SCRAM-SHA-256", "n,,n=user,r=abcdef").kind, Step::challenge);
  channel_.binding.clear();  // nothing to bind to was announced: "y" is honest
  EXPECT_EQ(once("SCRAM-SHA-256", "y,,n=user,r=abcdef").kind, Step::challenge);
}

TEST_F(Sasl, ScramBadMessages) {
  for (const char* message : {"", "n", "n,,", "n,,n=user", "n,,n=user,", "x,,n=user,r=a", "n,b=x,n=user,r=a",
                              "n,,m=ext,n=user,r=a", "n,,n=us=er,r=a", "n,,n=us=2,r=a", "p=,,n=user,r=a",
                              "n,a=,n=user,r=a", "n,,n=,r=abcdef", "n,a=admin,n=user,r=abcdef"}) {
    EXPECT_EQ(once("SCRAM-SHA-256", message).kind, Step::failure) << message;
  }
  EXPECT_EQ(once("SCRAM-SHA-256", std::string("n,,n=user,r=a\0b", 15)).kind, Step::failure);
  EXPECT_EQ(authenticator_.asked, 0);
  const auto server = begin("SCRAM-SHA-256");
  EXPECT_EQ(step(*server, std::nullopt).kind, Step::challenge);
  EXPECT_EQ(step(*server, std::nullopt).kind, Step::failure);
  for (const char* message : {"", "junk", "c=biws,r=x,p=", "c=biws,r=x,p=!!!!"}) {
    const auto exchange = begin("SCRAM-SHA-256");
    ASSERT_EQ(step(*exchange, "n,,n=user,r=abcdef").kind, Step::challenge);
    EXPECT_EQ(step(*exchange, message).kind, Step::failure);
  }
  authenticator_.broken = true;
  EXPECT_EQ(once("SCRAM-SHA-256", "n,,n=user,r=abcdef").fault.kind, FaultKind::io);
}

TEST(SaslScram, NamesAreDecoded) {
  const auto first = parse_client_first("p=tls-exporter,a=x=2Cy,n=x=2Cy,r=abc");
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->binding_flag, 'p');
  EXPECT_EQ(first->binding_name, "tls-exporter");
  EXPECT_EQ(first->authzid, "x,y");
  EXPECT_EQ(first->name, "x,y");
  EXPECT_EQ(parse_client_first("n,,n=a=3Db,r=abc")->name, "a=b");
}

}  // namespace
}  // namespace posthouse::wire::sasl
