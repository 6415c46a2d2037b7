#include "base/metrics.h"
#include "directory/limits.h"
#include "directory/password.h"
#include "town.h"

namespace posthouse::directory {
namespace {

class LoginTest : public Town {
 protected:
  void SetUp() override {
    domain("example.test");
    alice = account("alice@example.test", "secret");
  }
  // The work that a login made, in place of the time it took. The counters are the program's, for all tests.
  double verifications() const { return counter.value() - verified_before; }

  // Starts a login; `done` is called with how it ended.
  void start_login(const std::string& name, const std::string& password, const std::string& peer,
                   std::function<void(const Result<Authenticated>&)> done) {
    auto drive = [](Directory& town, Login login,
                    std::function<void(const Result<Authenticated>&)> tell) -> Task<void> {
      Result<Authenticated> result = co_await town.authenticate(std::move(login));
      tell(result);
    };
    executor.start(
        drive(directory, {name, Secret(password), *IpAddress::parse(peer), "test"}, std::move(done)));
  }

  metrics::Counter counter{"posthouse_password_verifications_total", ""};
  double verified_before = counter.value();

  std::string credential_hash(AccountId id) {
    return decode_credential(**engine->get(kPartition, credential_row(id)))->hash;
  }
  AccountId alice = 0;
};

TEST_F(LoginTest, GoodAndBadPasswords) {
  Result<Authenticated> good = login("alice@example.test", "secret");
  ASSERT_TRUE(good);
  EXPECT_EQ(good->id, alice);
  EXPECT_EQ(good->address, "alice@example.test");
  Result<Authenticated> bad = login("alice@example.test", "Secret");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().kind, FaultKind::policy);
}

TEST_F(LoginTest, LocalPartIsEnoughWithOneDomain) {
  EXPECT_TRUE(login("ALICE", "secret"));
  domain("second.test");
  EXPECT_FALSE(login("alice", "secret"));
  Options options{"Example.test"};
  Directory with_default(*engine, clock, random, pool, options);
  Login name{"alice", Secret("secret"), *IpAddress::parse("192.0.2.1"), "test"};
  EXPECT_TRUE(run(with_default.authenticate(name)));
}

TEST_F(LoginTest, HostileNamesAreNobody) {
  std::string peer_prefix = "10.0.";
  int i = 0;
  for (std::string name :
       {std::string("*)(uid=*"), std::string("' OR 1--"), std::string("\0", 1), std::string("alice\0", 6),
        std::string("alice@example.test\0", 19), std::string("*"), std::string("alice@*"),
        std::string("${run{id}}"), std::string("$(id)"), std::string("alice@example.test\r\n"),
        std::string("\xc3\x28"), std::string(), std::string(1'000'000, 'a'), std::string("../alice"),
        std::string("a:alice@example.test")}) {
    Result<Authenticated> result = login(name, "secret", fmt::format("10.0.{}.1", i++));
    ASSERT_FALSE(result) << name.substr(0, 40);
    EXPECT_EQ(result.error().kind, FaultKind::policy) << name.substr(0, 40);
    EXPECT_EQ(result.error().what, "wrong name or password");
  }
}

TEST_F(LoginTest, SameAnswerForUnknownUserAndWrongPassword) {
  for (const std::string name : {"nobody@example.test", "alice@example.test"}) {
    EXPECT_EQ(login(name, "x").error().what, "wrong name or password");
  }
}

// Whoever does not exist, is disabled, or has another password costs the same one evaluation, so the time of
// the answer tells nothing.
TEST_F(LoginTest, EveryFailureCostsOneVerification) {
  Account off = *run(directory.account(account("off@example.test", "secret")));
  off.enabled = false;
  ASSERT_TRUE(run(directory.update_account(off)));
  alias("list@example.test", {"alice@example.test"});
  double before = 0;
  int i = 0;
  for (std::string name : {"alice", "nobody", "off", "off@example.test", "list", "alice+tag",
                           "x@elsewhere.test", "*)(uid=*", "' OR 1--", "no address", ""}) {
    for (const char* password : {"wrong", "", "secret "}) {
      clock.advance(kLongestDelayAccount);  // none of them is throttled
      EXPECT_FALSE(login(name, password, fmt::format("10.3.{}.1", i++)));
      EXPECT_EQ(verifications(), ++before) << name << ' ' << password;
    }
  }
  clock.advance(kLongestDelayAccount);
  EXPECT_FALSE(login("off", "secret", "10.4.0.1"));
  EXPECT_EQ(verifications(), ++before);
}

TEST_F(LoginTest, ARememberedPasswordCostsNothingAndAWrongOneAsMuchAsEver) {
  ASSERT_TRUE(login("alice", "secret"));
  EXPECT_EQ(verifications(), 1);
  ASSERT_TRUE(login("alice", "secret"));
  EXPECT_EQ(verifications(), 1);
  EXPECT_FALSE(login("alice", "Secret"));
  EXPECT_EQ(verifications(), 2);
}

TEST_F(LoginTest, TriesAtTheSameMomentAreCountedLikeTriesInARow) {
  int ended = 0, throttled = 0;
  for (int i = 0; i < 40; ++i) {
    start_login("alice", fmt::format("guess {}", i), "198.51.100.1", [&](const auto& result) {
      ++ended;
      throttled += result.error().what.starts_with("throttled") ? 1 : 0;
    });
  }
  ASSERT_TRUE(executor.run_until([&] { return ended == 40; }));
  EXPECT_LE(verifications(), kFreeFailuresAccount + kLoginsOfANetwork - 1);
  EXPECT_EQ(throttled + verifications(), 40);
}

TEST_F(LoginTest, ManyClientsOfOneOwnerAllComeIn) {
  int ended = 0, good = 0;
  for (int i = 0; i < 30; ++i) {
    start_login("alice", "secret", fmt::format("198.51.100.{}", i), [&](const auto& result) {
      ++ended;
      good += result.has_value() ? 1 : 0;
    });
  }
  ASSERT_TRUE(executor.run_until([&] { return ended == 30; }));
  EXPECT_EQ(good, 30);
  EXPECT_LE(verifications(), kLoginsOfANetwork);  // the others find it remembered
}

// CVE-2025-59028 and its like: those who fail must not hold up those who don't.
TEST_F(LoginTest, ACrowdFromOneNetworkDoesNotHoldUpAnother) {
  int failed = 0;
  for (int i = 0; i < 60; ++i) {
    start_login(fmt::format("nobody{}", i), "x", "203.0.113.9", [&](const auto&) { ++failed; });
  }
  std::optional<double> work_before_her;
  start_login("alice", "secret", "192.0.2.1", [&](const auto& result) {
    EXPECT_TRUE(result);
    work_before_her = verifications();
  });
  ASSERT_TRUE(executor.run_until([&] { return work_before_her.has_value(); }));
  // Those who were there before her, herself, and those who came in while she was being looked at.
  EXPECT_LE(*work_before_her, 3 * kLoginsOfANetwork + 1);
  ASSERT_TRUE(executor.run_until([&] { return failed == 60; }));
}

TEST_F(LoginTest, ACrowdHasAnEnd) {
  int ended = 0, told_to_come_back = 0;
  const int crowd = static_cast<int>(kLoginsOfANetwork + kMaxWaitingOfANetwork + 10);
  for (int i = 0; i < crowd; ++i) {
    start_login(fmt::format("nobody{}", i), "x", "203.0.113.9", [&](const auto& result) {
      ++ended;
      told_to_come_back += result.error().what.starts_with("too many logins at once") ? 1 : 0;
    });
  }
  ASSERT_TRUE(executor.run_until([&] { return ended == crowd; }));
  EXPECT_EQ(told_to_come_back, 10);
}

TEST_F(LoginTest, DisabledAccountsStayOutThoughRemembered) {
  ASSERT_TRUE(login("alice", "secret"));
  Account account = *run(directory.account(alice));
  account.enabled = false;
  ASSERT_TRUE(run(directory.update_account(account)));
  EXPECT_FALSE(login("alice", "secret"));
}

TEST_F(LoginTest, AChangedPasswordCountsAtOnce) {
  ASSERT_TRUE(login("alice", "secret"));
  ASSERT_TRUE(run(directory.set_password(alice, Secret("other"))));
  EXPECT_FALSE(login("alice", "secret"));
  EXPECT_TRUE(login("alice", "other"));
}

TEST_F(LoginTest, ARememberedPasswordDoesNotHelpAWrongOne) {
  ASSERT_TRUE(login("alice", "secret"));
  EXPECT_FALSE(login("alice", "secreT"));
  EXPECT_TRUE(login("alice", "secret"));
  clock.advance(kVerifiedFor + seconds(1));
  EXPECT_TRUE(login("alice", "secret"));
}

TEST_F(LoginTest, FailuresSlowDownTheNextTries) {
  for (uint32_t i = 0; i < kFreeFailuresAccount; ++i) EXPECT_FALSE(login("alice", "wrong", "198.51.100.1"));
  Result<Authenticated> slowed = login("alice@EXAMPLE.test", "secret", "198.51.100.1");
  ASSERT_FALSE(slowed);
  EXPECT_THAT(slowed.error().what, ::testing::HasSubstr("throttled"));
  clock.advance(seconds(1));
  EXPECT_TRUE(login("alice", "secret", "198.51.100.1"));
}

TEST_F(LoginTest, StrangersDoNotLockTheOwnerOut) {
  ASSERT_TRUE(login("alice", "secret", "192.0.2.1"));
  for (int i = 0; i < 30; ++i) login("alice", "wrong", fmt::format("10.1.{}.1", i));
  EXPECT_TRUE(login("alice", "secret", "192.0.2.99"));  // the same /24
}

TEST_F(LoginTest, ImportedHashBecomesOursAtTheFirstLogin) {
  Secret imported("{CRYPT}$5$saltsalt$JHkvehlP/.NJu30HDXCRu6TLyiiArvvT2.QRVUMINNB");
  ASSERT_TRUE(run(directory.set_password_hash(alice, imported)));
  EXPECT_FALSE(run(directory.scram_keys("alice", "imap"))->account);  // no keys yet
  EXPECT_FALSE(login("alice", "secret"));
  ASSERT_TRUE(login("alice", "demo"));
  EXPECT_TRUE(is_current(credential_hash(alice)));
  EXPECT_EQ(run(directory.scram_keys("alice", "imap"))->account, alice);
  EXPECT_TRUE(login("alice", "demo"));
  EXPECT_EQ(run(directory.set_password_hash(alice, Secret("{PLAIN}demo"))).error().kind, FaultKind::syntax);
}

TEST_F(LoginTest, ScramKeysOfAUser) {
  Result<ScramKeys> keys = run(directory.scram_keys("Alice@example.test", "imap"));
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->account, alice);
  Credential expected;
  expected.iterations = keys->iterations;
  expected.salt = keys->salt;
  ASSERT_TRUE(derive_scram_keys(expected, Secret("secret")));
  EXPECT_EQ(keys->stored_key, expected.stored_key);
  EXPECT_EQ(keys->server_key, expected.server_key);
}

TEST_F(LoginTest, MadeUpScramKeysStayTheSame) {
  ScramKeys first = *run(directory.scram_keys("nobody", "imap"));
  EXPECT_FALSE(first.account);
  ScramKeys real = *run(directory.scram_keys("alice", "imap"));
  EXPECT_EQ(first.iterations, real.iterations);
  EXPECT_EQ(first.salt.size(), real.salt.size());
  EXPECT_EQ(first.stored_key.size(), real.stored_key.size());
  EXPECT_EQ(first.server_key.size(), real.server_key.size());

  Directory restarted(*engine, clock, random, pool);
  for (const char* name : {"nobody", "NOBODY", "nobody@example.test"}) {
    ScramKeys again = *run(restarted.scram_keys(name, "imap"));
    EXPECT_EQ(again.salt, first.salt) << name;
    EXPECT_EQ(again.stored_key, first.stored_key) << name;
    EXPECT_EQ(again.server_key, first.server_key) << name;
  }
  EXPECT_NE(run(directory.scram_keys("nobody2", "imap"))->salt, first.salt);
}

TEST_F(LoginTest, MadeUpScramKeysForHostileNames) {
  for (std::string name :
       {std::string("*)(uid=*"), std::string("' OR 1--"), std::string("\0", 1), std::string(100'000, 'a')}) {
    Result<ScramKeys> keys = run(directory.scram_keys(name, "imap"));
    ASSERT_TRUE(keys);
    EXPECT_FALSE(keys->account);
    EXPECT_EQ(keys->salt, run(directory.scram_keys(name, "imap"))->salt);
  }
}

TEST_F(LoginTest, ReportedFailuresCount) {
  IpAddress peer = *IpAddress::parse("203.0.113.5");
  for (uint32_t i = 0; i < kFreeFailuresAccount; ++i) {
    ASSERT_TRUE(directory.check_throttle("alice", peer));
    directory.report_login("alice", peer, false);
  }
  EXPECT_EQ(directory.check_throttle("alice@example.test", peer).error().kind, FaultKind::temporary);
}

}  // namespace
}  // namespace posthouse::directory
