#include "directory/password.h"

#include <crypt.h>
#include <openssl/evp.h>

#include "base/base64.h"
#include "directory/limits.h"
#include "support/seeded_random.h"

namespace posthouse::directory {
namespace {

TEST(Password, HashesWithArgon2id) {
  test::SeededRandom random;
  Result<Credential> made = make_credential(random, Secret("correct horse"));
  ASSERT_TRUE(made);
  EXPECT_THAT(made->hash, ::testing::StartsWith("$argon2id$v=19$m=19456,t=2,p=1$"));
  EXPECT_TRUE(is_current(made->hash));
  EXPECT_TRUE(verify_password(made->hash, Secret("correct horse")));
  EXPECT_FALSE(verify_password(made->hash, Secret("correct horsf")));
  EXPECT_FALSE(verify_password(made->hash, Secret("")));
  EXPECT_GE(made->iterations, 4096u);
  EXPECT_EQ(made->stored_key.size(), 32u);
  EXPECT_EQ(made->server_key.size(), 32u);
}

TEST(Password, TellsPasswordsApartBehindANul) {
  test::SeededRandom random;
  Result<Credential> made = make_credential(random, Secret(std::string("a\0b", 3)));
  ASSERT_TRUE(made);
  EXPECT_TRUE(verify_password(made->hash, Secret(std::string("a\0b", 3))));
  EXPECT_FALSE(verify_password(made->hash, Secret(std::string("a\0c", 3))));
}

TEST(Password, RefusesEmptyAndHugeOnes) {
  test::SeededRandom random;
  EXPECT_EQ(make_credential(random, Secret("")).error().kind, FaultKind::syntax);
  EXPECT_EQ(make_credential(random, Secret(std::string(kMaxPassword + 1, 'x'))).error().kind,
            FaultKind::syntax);
}

// The password "demo" as crypt(3) of other systems has it.
TEST(Password, VerifiesImportedCryptHashes) {
  for (const char* text : {
           "$6$saltsalt$..2OS7YQ9H8nOZV3zrRCC2W6gKqvDdWTzallpPfaVczvmUWzyIYqU0TarsE5PYaJ7eNXes2cIPl//"
           "BAZe0z3F1",
           "$5$saltsalt$JHkvehlP/.NJu30HDXCRu6TLyiiArvvT2.QRVUMINNB",
           "$1$saltsalt$SKlXNLTI8uve4ydsY8EPd0",
           "$2b$05$abcdefghijklmnopqrstuupHpIXcOJo1NoZgX.hjwSF2SVi6yU1wa",
           "$y$j9T$saltsalt$G5I4ay09tq9nnDnbATLeEEyPE3Ah3b30CLIMmZGoRT.",
           "{CRYPT}$5$saltsalt$JHkvehlP/.NJu30HDXCRu6TLyiiArvvT2.QRVUMINNB",
           "{blf-crypt}$2b$05$abcdefghijklmnopqrstuupHpIXcOJo1NoZgX.hjwSF2SVi6yU1wa",
           "{CRYPT}abSQqR3lgjqok",
       }) {
    Result<std::string> hash = importable_hash(text);
    ASSERT_TRUE(hash) << text;
    EXPECT_TRUE(verify_password(*hash, Secret("demo"))) << text;
    EXPECT_FALSE(verify_password(*hash, Secret("Demo"))) << text;
    EXPECT_FALSE(verify_password(*hash, Secret(std::string("demo\0x", 6)))) << text;
    EXPECT_FALSE(is_current(*hash));
  }
}

TEST(Password, RefusesHashesThatCostTooMuchOrMeanNothing) {
  for (const char* text : {"", "plain", "{PLAIN}demo", "{CRYPT}", "{CRYPT", "$6$rounds=999999999$salt$hash",
                           "$2b$31$abcdefghijklmnopqrstuv", "$y$jET$salt$hash", "$y$j9T",
                           "$argon2id$v=19$m=99999999,t=2,p=1$c2FsdHNhbHQ$aGFzaA",
                           "$argon2id$v=19$m=19456,t=2000,p=1$c2FsdHNhbHQ$aGFzaA",
                           "$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA",
                           "$argon2id$v=19$m=19456,t=2,p=0$c2FsdHNhbHQ$aGFzaA", "$6$a b$c", "$sha1$x$y"}) {
    EXPECT_FALSE(importable_hash(text) && verify_password(*importable_hash(text), Secret("demo"))) << text;
    EXPECT_FALSE(verify_password(text, Secret("demo"))) << text;
  }
  EXPECT_FALSE(importable_hash("$6$rounds=999999999$salt$hash"));
  EXPECT_FALSE(importable_hash("$2b$31$abcdefghijklmnopqrstuv"));
  EXPECT_FALSE(importable_hash("{PLAIN}demo"));
}

std::string crypt_of(const char* password) {
  auto data = std::make_unique<crypt_data>();
  return crypt_r(password, "$6$salt$", data.get());
}

// RFC 4616 section 2: the same password, however it was typed, for PLAIN as for SCRAM.
TEST(Password, TheHashIsThatOfTheNormalisedPassword) {
  test::SeededRandom random;
  const auto credential = make_credential(random, Secret("pa\u0308ss\u00a0w\u2168rd"));
  ASSERT_TRUE(credential);
  for (const char* typed : {"pa\u0308ss\u00a0w\u2168rd", "p\u00e4ss wIXrd", "p\u00e4ss\u00a0w\u2168rd"}) {
    EXPECT_TRUE(verify_password(credential->hash, Secret(typed))) << typed;
  }
  EXPECT_FALSE(verify_password(credential->hash, Secret("pass wIXrd")));
  // Hashes that were made of what was typed: of earlier versions, and of other programs.
  const std::string old = *importable_hash("{CRYPT}" + crypt_of("pa\u0308ss"));
  EXPECT_TRUE(verify_password(old, Secret("pa\u0308ss")));
  const std::string composed = *importable_hash("{CRYPT}" + crypt_of("p\u00e4ss"));
  EXPECT_TRUE(verify_password(composed, Secret("pa\u0308ss")));
}

// The example of RFC 7677 section 3: with these keys the server signature must be the one printed there.
// RFC 5802 section 2.2: the client normalises what was typed with SASLprep (RFC 4013), so the keys must be
// those of the normalised password.
TEST(Password, ScramKeysAreThoseOfTheNormalisedPassword) {
  auto keys = [](const char* password) {
    Credential credential;
    credential.iterations = 4096;
    credential.salt = "salt";
    EXPECT_TRUE(derive_scram_keys(credential, Secret(password)));
    return credential.stored_key;
  };
  EXPECT_EQ(keys("I\u00adX"), keys("IX"));                   // a soft hyphen is nothing
  EXPECT_EQ(keys("\u00aa"), keys("a"));                      // NFKC
  EXPECT_EQ(keys("e\u0301t\u0301"), keys("\u00e9t\u0301"));  // composed or not
  EXPECT_EQ(keys("a\u00a0b"), keys("a b"));                  // another blank
  EXPECT_NE(keys("IX"), keys("ix"));
  EXPECT_NE(keys("\x07"), keys(""));  // what SASLprep forbids counts as it is
}

TEST(Password, DerivesTheScramKeysOfRfc7677) {
  Credential credential;
  credential.iterations = 4096;
  credential.salt = *base64_decode("W22ZaJ0SNY7soEsUEjb6gQ==");
  ASSERT_TRUE(derive_scram_keys(credential, Secret("pencil")));
  std::string auth_message =
      "n=user,r=rOprNGfwEbeRWgbNEkqO,"
      "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
  EXPECT_EQ(base64_encode(hmac_sha256(credential.server_key, auth_message)),
            "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  // The client's proof undone with its signature is the client key, whose hash is the stored key.
  std::string proof = *base64_decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  std::string signature = hmac_sha256(credential.stored_key, auth_message);
  std::string client_key(32, '\0');
  for (size_t i = 0; i < 32; ++i) client_key[i] = static_cast<char>(proof[i] ^ signature[i]);
  std::string stored_key(32, '\0');
  EVP_Digest(client_key.data(), client_key.size(), reinterpret_cast<unsigned char*>(stored_key.data()),
             nullptr, EVP_sha256(), nullptr);
  EXPECT_EQ(stored_key, credential.stored_key);
}

}  // namespace
}  // namespace posthouse::directory
