// App passwords: made once, for some protocols, taken back; SCRAM keys that go with the account's own.
#include <rapidcheck/gtest.h>

#include "directory/app_password_record.h"
#include "directory/limits.h"
#include "directory/password.h"
#include "town.h"

namespace posthouse::directory {
namespace {

class AppPasswordTest : public Town {
 protected:
  void SetUp() override {
    domain("example.test");
    alice = account("alice@example.test", "secret");
  }
  Result<NewAppPassword> make(const std::string& name, std::vector<std::string> protocols = {},
                              std::optional<SystemTime> expires = std::nullopt) {
    AppPassword wanted;
    wanted.name = name;
    wanted.protocols = std::move(protocols);
    wanted.expires = expires;
    return run(directory.add_app_password(alice, wanted));
  }
  std::string password(const std::string& name, std::vector<std::string> protocols = {}) {
    Result<NewAppPassword> made = make(name, std::move(protocols));
    EXPECT_TRUE(made) << (made ? "" : made.error().what);
    return made ? std::string(made->password.reveal()) : "";
  }
  Result<Authenticated> login_by(const std::string& given, const std::string& protocol) {
    Login login{"alice", Secret(given), *IpAddress::parse("192.0.2.1"), protocol};
    return run(directory.authenticate(login));
  }
  // Whether a client with this password would fit the keys that SCRAM is given.
  bool scram_takes(const std::string& given, const std::string& protocol = "imap") {
    const ScramKeys keys = *run(directory.scram_keys("alice", protocol));
    Credential derived;
    derived.iterations = keys.iterations;
    derived.salt = keys.salt;
    EXPECT_TRUE(derive_scram_keys(derived, Secret(given)));
    if (derived.stored_key == keys.stored_key) return true;
    for (const auto& app : keys.app_passwords) {
      if (app.allowed && app.stored_key == derived.stored_key && app.server_key == derived.server_key)
        return true;
    }
    return false;
  }

  AccountId alice = 0;
};

TEST_F(AppPasswordTest, LogsInBesideTheAccountsOwn) {
  const std::string phone = password("phone");
  EXPECT_EQ(phone.size(), kAppPasswordLength);
  Result<Authenticated> by_phone = login_by(phone, "imap");
  ASSERT_TRUE(by_phone) << by_phone.error().what;
  EXPECT_EQ(by_phone->id, alice);
  EXPECT_EQ(by_phone->app_password, 1u);
  EXPECT_EQ(by_phone->app_password_name, "phone");
  Result<Authenticated> by_own = login_by("secret", "imap");
  ASSERT_TRUE(by_own);
  EXPECT_EQ(by_own->app_password, 0u);
  EXPECT_FALSE(login_by(phone.substr(1) + "x", "imap"));
  EXPECT_NE(password("tablet"), phone);
}

TEST_F(AppPasswordTest, HoldsForItsProtocolsOnly) {
  const std::string reader = password("reader", {"imap", "pop3"});
  const std::string printer = password("printer", {"SMTP"});
  EXPECT_TRUE(login_by(reader, "imap"));
  EXPECT_TRUE(login_by(reader, "pop3"));
  Result<Authenticated> refused = login_by(reader, "submission");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, FaultKind::policy);
  EXPECT_EQ(refused.error().what, "app password 'reader' is not for submission");
  EXPECT_TRUE(login_by(printer, "submission"));
  EXPECT_FALSE(login_by(printer, "imap"));
  EXPECT_TRUE(scram_takes(reader, "imap"));
  EXPECT_FALSE(scram_takes(reader, "submission"));
  EXPECT_EQ(make("x", {"gopher"}).error().kind, FaultKind::syntax);
}

TEST_F(AppPasswordTest, IsGoneAtOnceWhenTakenBack) {
  const std::string phone = password("phone");
  ASSERT_TRUE(login_by(phone, "imap"));
  EXPECT_TRUE(*run(directory.has_app_password(alice, 1)));
  Result<AppPassword> gone = run(directory.remove_app_password(alice, "phone"));
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->id, 1u);
  EXPECT_FALSE(login_by(phone, "imap"));
  EXPECT_FALSE(scram_takes(phone));
  EXPECT_FALSE(*run(directory.has_app_password(alice, 1)));
  EXPECT_EQ(run(directory.remove_app_password(alice, "phone")).error().kind, FaultKind::not_found);
  password("phone");
  EXPECT_EQ(run(directory.app_passwords(alice))->front().id, 2u) << "numbers are not used again";
}

TEST_F(AppPasswordTest, EndsWithItsTime) {
  Result<NewAppPassword> made = make("trip", {}, clock.now() + std::chrono::hours(24));
  ASSERT_TRUE(made);
  const std::string trip(made->password.reveal());
  EXPECT_TRUE(login_by(trip, "imap"));
  clock.advance(std::chrono::hours(24));
  Result<Authenticated> late = login_by(trip, "imap");
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().what, "app password 'trip' is over");
  EXPECT_FALSE(scram_takes(trip));
}

TEST_F(AppPasswordTest, IsListedWithTheDayOfItsLastUse) {
  const std::string phone = password("phone", {"imap", "smtp"});
  password("tablet");
  Result<std::vector<AppPassword>> all = run(directory.app_passwords(alice));
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 2u);
  EXPECT_THAT((*all)[0].protocols, testing::ElementsAre("imap", "submission"));
  EXPECT_FALSE((*all)[0].last_used_day);
  ASSERT_TRUE(login_by(phone, "imap"));
  const auto today = std::chrono::floor<std::chrono::days>(clock.now()).time_since_epoch().count();
  all = run(directory.app_passwords(alice));
  EXPECT_EQ((*all)[0].last_used_day, today);
  EXPECT_FALSE((*all)[1].last_used_day);
  clock.advance(std::chrono::hours(24));
  ASSERT_TRUE(login_by(phone, "imap"));
  EXPECT_EQ(run(directory.app_passwords(alice))->front().last_used_day, today + 1);
}

TEST_F(AppPasswordTest, ScramFitsWhateverBecomesOfTheAccountsOwnPassword) {
  const std::string phone = password("phone");
  EXPECT_TRUE(scram_takes("secret"));
  EXPECT_TRUE(scram_takes(phone));
  ASSERT_TRUE(run(directory.set_password(alice, Secret("other"))));
  EXPECT_TRUE(scram_takes("other"));
  EXPECT_FALSE(scram_takes("secret"));
  EXPECT_TRUE(scram_takes(phone));
  EXPECT_TRUE(login_by(phone, "imap"));
  // An imported hash has no keys, those of app passwords stay; at the first login it gets keys that fit.
  Secret imported("$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5");  // "Hello world!"
  ASSERT_TRUE(run(directory.set_password_hash(alice, imported)));
  EXPECT_TRUE(scram_takes(phone));
  EXPECT_FALSE(scram_takes("Hello world!"));
  ASSERT_TRUE(login_by("Hello world!", "imap"));
  EXPECT_TRUE(scram_takes("Hello world!"));
  EXPECT_TRUE(scram_takes(phone));
}

TEST_F(AppPasswordTest, ScramOfAnAccountWithAnImportedHashFromTheStart) {
  Secret imported("$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5");
  ASSERT_TRUE(run(directory.set_password_hash(alice, imported)));
  const std::string phone = password("phone");
  EXPECT_TRUE(scram_takes(phone));
  ASSERT_TRUE(login_by("Hello world!", "imap"));
  EXPECT_TRUE(scram_takes("Hello world!"));
  EXPECT_TRUE(scram_takes(phone));
}

TEST_F(AppPasswordTest, OfADisabledAccountIsNothing) {
  const std::string phone = password("phone");
  Account off = *run(directory.account(alice));
  off.enabled = false;
  ASSERT_TRUE(run(directory.update_account(off)));
  EXPECT_FALSE(login_by(phone, "imap"));
  EXPECT_FALSE(scram_takes(phone));
}

TEST_F(AppPasswordTest, HasANameOfItsOwnAndTheirNumberIsBounded) {
  password("phone");
  EXPECT_EQ(make("phone").error().kind, FaultKind::exists);
  for (const std::string& bad :
       {std::string(), std::string("a\nb"), std::string(kMaxAppPasswordName + 1, 'x'), std::string("\xff")}) {
    EXPECT_EQ(make(bad).error().kind, FaultKind::syntax);
  }
  for (size_t i = 1; i < kMaxAppPasswords; ++i) ASSERT_TRUE(make(fmt::format("n{}", i)));
  EXPECT_EQ(make("one more").error().kind, FaultKind::policy);
  EXPECT_EQ(run(directory.add_app_password(alice + 1, AppPassword{0, "x"})).error().kind,
            FaultKind::not_found);
}

TEST_F(AppPasswordTest, FailuresAreSlowedLikeOthers) {
  const std::string phone = password("phone", {"imap"});
  for (uint32_t i = 0; i < kFreeFailuresAccount; ++i) EXPECT_FALSE(login_by(phone, "submission"));
  Result<Authenticated> slowed = login_by(phone, "imap");
  ASSERT_FALSE(slowed);
  EXPECT_EQ(slowed.error().kind, FaultKind::temporary);
}

TEST_F(AppPasswordTest, GoesWithTheAccountAndComesBackFromItsRecord) {
  const std::string phone = password("phone");
  const std::string record = *run(directory.app_passwords_record(alice));
  ASSERT_TRUE(run(directory.remove_account(alice)));
  EXPECT_FALSE(*engine->get(kPartition, app_passwords_row(alice)));
  alice = account("alice@example.test", "another");
  EXPECT_EQ(run(directory.app_passwords_record(alice)), "");
  EXPECT_FALSE(login_by(phone, "imap"));
  ASSERT_TRUE(run(directory.set_app_passwords_record(alice, record)));
  EXPECT_TRUE(login_by(phone, "imap"));
  EXPECT_TRUE(scram_takes(phone));
  ASSERT_TRUE(login_by("another", "imap"));
  EXPECT_TRUE(scram_takes("another"));
  EXPECT_EQ(run(directory.set_app_passwords_record(alice, record)).error().kind, FaultKind::exists);
  EXPECT_EQ(run(directory.set_app_passwords_record(alice, "x")).error().kind, FaultKind::corrupt);
}

TEST_F(AppPasswordTest, TokensVouchForEnabledAccountsOnly) {
  EXPECT_EQ(run(directory.vouched("alice"))->id, alice);
  EXPECT_EQ(run(directory.vouched("nobody")).error().kind, FaultKind::policy);
}

RC_GTEST_PROP(AppPasswordRecords, AnyBytesAreAValueOrAFault, (const std::string& bytes)) {
  if (Result<AppPasswords> value = decode_app_passwords(bytes))
    RC_ASSERT(decode_app_passwords(encode(*value)));
  if (Result<LastUses> value = decode_last_uses(bytes)) RC_ASSERT(decode_last_uses(encode(*value)));
}

}  // namespace
}  // namespace posthouse::directory
