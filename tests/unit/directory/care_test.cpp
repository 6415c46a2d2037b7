// What is left of the directory after damage, put in order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "town.h"

namespace posthouse::directory {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CareTest : public Town {
 protected:
  void SetUp() override {
    domain("example.test");
    domain("other.test");
    alice_ = account("alice@example.test", "secret", true);
    bob_ = account("bob@other.test", "secret");
    alias("all@example.test", {"alice@example.test", "bob@other.test"});
  }
  void change(std::function<void(engine::Transaction&)> how) {
    std::vector<engine::Step> steps{{kPartition, [how](engine::Transaction& rows) -> Result<void> {
                                       how(rows);
                                       return {};
                                     }}};
    ASSERT_TRUE(run(engine->transact(std::move(steps))));
  }
  void lose(std::vector<std::string> rows) {
    change([rows](engine::Transaction& there) {
      for (const std::string& row : rows) there.erase(row);
    });
  }
  std::vector<std::string> problems() { return *run(directory.check()); }
  std::vector<std::string> repair() { return *run(directory.repair()); }

  AccountId alice_ = 0, bob_ = 0;
};

TEST_F(CareTest, WhatIsInOrderStaysAsItIs) {
  EXPECT_THAT(problems(), IsEmpty());
  EXPECT_THAT(repair(), IsEmpty());
}

TEST_F(CareTest, AddressesAndDomainsComeBackFromAccounts) {
  lose({name_row("alice@example.test"), domain_row("example.test"), std::string(kNextIdRow)});
  EXPECT_EQ(problems().size(), 3u);
  EXPECT_EQ(resolve("alice@example.test").kind, Resolution::remote);
  EXPECT_EQ(repair().size(), 3u);
  EXPECT_THAT(problems(), IsEmpty());
  EXPECT_THAT(accounts_of("alice@example.test"), ElementsAre(alice_));
  EXPECT_TRUE(login("alice@example.test", "secret"));
  EXPECT_GT(account("new@example.test"), bob_);
  EXPECT_THAT(repair(), IsEmpty());
}

TEST_F(CareTest, AccountsComeBackFromAddressesWithoutAPassword) {
  lose({account_row(alice_), credential_row(alice_), account_row(bob_), credential_row(bob_)});
  EXPECT_EQ(repair().size(), 2u);
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("alice@example.test has no password"),
                                      HasSubstr("bob@other.test has no password")));
  EXPECT_FALSE(login("alice@example.test", "secret"));
  const Account alice = *run(directory.account("alice@example.test"));
  EXPECT_EQ(alice.id, alice_);
  EXPECT_TRUE(alice.admin);
  EXPECT_FALSE(run(directory.account("bob@other.test"))->admin);
  for (const AccountId id : {alice_, bob_}) ASSERT_TRUE(run(directory.set_password(id, Secret("new"))));
  EXPECT_TRUE(login("alice@example.test", "new"));
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(CareTest, TheDomainOfAnAliasComesBack) {
  domain("third.test");
  alias("x@third.test", {"alice@example.test"});
  lose({domain_row("third.test")});
  EXPECT_EQ(repair().size(), 1u);
  EXPECT_THAT(accounts_of("x@third.test"), ElementsAre(alice_));
}

TEST_F(CareTest, WhatIsDamagedIsToldAndLeft) {
  change([this](engine::Transaction& rows) {
    rows.put(account_row(alice_), "damaged");
    rows.put(credential_row(bob_), "damaged");
    rows.put(domain_row("other.test"), "damaged");
    rows.put(name_row("all@example.test"), "damaged");
  });
  const std::vector<std::string> before = problems();
  EXPECT_THAT(before, testing::Contains(HasSubstr("account 0000000000001 is damaged")));
  EXPECT_THAT(before, testing::Contains(HasSubstr("bob@other.test has no password")));
  EXPECT_THAT(before, testing::Contains(HasSubstr("domain other.test")));
  EXPECT_THAT(before, testing::Contains(HasSubstr("row of all@example.test")));
  EXPECT_THAT(repair(), IsEmpty());
  EXPECT_EQ(problems(), before);
}

TEST_F(CareTest, TwoAccountsOfOneAddressAreTold) {
  change([this](engine::Transaction& rows) {
    rows.put(name_row("alice@example.test"), encode(NameRecord{bob_, {}}));
  });
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("alice@example.test leads to somebody else")));
  EXPECT_THAT(repair(), IsEmpty());
}

}  // namespace
}  // namespace posthouse::directory
