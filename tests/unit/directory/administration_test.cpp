#include "directory/limits.h"
#include "directory/records.h"
#include "town.h"

namespace posthouse::directory {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using AdministrationTest = Town;

FaultKind kind_of(const auto& result) {
  return result ? FaultKind::io : result.error().kind;
}

TEST_F(AdministrationTest, Domains) {
  Domain first{"Example.TEST", "", 5000};
  ASSERT_TRUE(run(directory.add_domain(first)));
  EXPECT_EQ(kind_of(run(directory.add_domain(first))), FaultKind::exists);
  for (const char* bad : {"", "a b", "[192.0.2.1]", "a..b", "-", "x@y"}) {
    Domain domain{bad, "", {}};
    EXPECT_EQ(kind_of(run(directory.add_domain(domain))), FaultKind::syntax) << bad;
  }
  Domain catches{"b.test", "not an address", {}};
  EXPECT_EQ(kind_of(run(directory.add_domain(catches))), FaultKind::syntax);
  Domain idn{
      "b\xc3\xbc"
      "cher.test",
      "",
      {}};
  ASSERT_TRUE(run(directory.add_domain(idn)));
  std::vector<Domain> all = *run(directory.domains());
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].name, "example.test");
  EXPECT_EQ(all[0].quota_bytes, 5000u);
  EXPECT_EQ(all[1].name, "xn--bcher-kva.test");
  EXPECT_TRUE(
      *run(directory.is_local_domain("B\xc3\x9c"
                                     "CHER.test")));
  EXPECT_FALSE(*run(directory.is_local_domain("elsewhere.test")));
}

TEST_F(AdministrationTest, ADomainGoesOnlyWhenEmpty) {
  domain("example.test");
  domain("example.test.org");
  AccountId id = account("alice@example.test");
  alias("list@example.test", {"alice@example.test"});
  EXPECT_EQ(kind_of(run(directory.remove_domain("example.test"))), FaultKind::policy);
  ASSERT_TRUE(run(directory.remove_account(id)));
  EXPECT_EQ(kind_of(run(directory.remove_domain("example.test"))), FaultKind::policy);
  ASSERT_TRUE(run(directory.remove_alias("list@example.test")));
  EXPECT_TRUE(run(directory.remove_domain("example.test")));
  EXPECT_EQ(kind_of(run(directory.remove_domain("example.test"))), FaultKind::not_found);
  EXPECT_FALSE(*run(directory.is_local_domain("example.test")));
}

TEST_F(AdministrationTest, AccountIdsAreNeverUsedAgain) {
  domain("example.test");
  AccountId first = account("alice@example.test");
  ASSERT_TRUE(run(directory.remove_account(first)));
  AccountId second = account("alice@example.test");
  EXPECT_NE(second, first);
  EXPECT_EQ(kind_of(run(directory.account(first))), FaultKind::not_found);
  EXPECT_EQ(kind_of(run(directory.remove_account(first))), FaultKind::not_found);
  EXPECT_EQ(kind_of(run(directory.set_password(first, Secret("x")))), FaultKind::not_found);
}

// After damage: the row that counts is gone, and so are accounts whose mail is not.
TEST_F(AdministrationTest, ANumberThatStillHasMailIsNotGiven) {
  domain("example.test");
  const AccountId first = account("first@example.test");
  std::vector<engine::Step> steps;
  for (const uint64_t id : {first, first + 1, first + 3}) {
    steps.push_back({{engine::PartitionKind::account, id}, [](engine::Transaction& rows) -> Result<void> {
                       rows.put("x", "mail");
                       return {};
                     }});
  }
  steps.push_back({kPartition, [](engine::Transaction& rows) -> Result<void> {
                     rows.erase(kNextIdRow);
                     return {};
                   }});
  ASSERT_TRUE(run(engine->transact(std::move(steps))));
  EXPECT_EQ(account("second@example.test"), first + 2);
  EXPECT_EQ(account("third@example.test"), first + 4);
  EXPECT_EQ(account("fourth@example.test"), first + 5);
}

TEST_F(AdministrationTest, AccountsNeedADomainAFreeNameAndAPassword) {
  domain("example.test");
  account("alice@example.test");
  alias("list@example.test", {"alice@example.test"});
  Account account;
  account.address = "Alice@example.test";
  EXPECT_EQ(kind_of(run(directory.add_account(account, Secret("x")))), FaultKind::exists);
  account.address = "list@example.test";
  EXPECT_EQ(kind_of(run(directory.add_account(account, Secret("x")))), FaultKind::exists);
  account.address = "carol@elsewhere.test";
  EXPECT_EQ(kind_of(run(directory.add_account(account, Secret("x")))), FaultKind::not_found);
  account.address = "carol@example.test";
  EXPECT_EQ(kind_of(run(directory.add_account(account, Secret("")))), FaultKind::syntax);
  account.address = "carol";
  EXPECT_EQ(kind_of(run(directory.add_account(account, Secret("x")))), FaultKind::syntax);
  account.address = "carol@example.test";
  account.display_name = "Carol\r\nBcc: x";
  EXPECT_EQ(kind_of(run(directory.add_account(account, Secret("x")))), FaultKind::syntax);
  EXPECT_EQ(run(directory.accounts(""))->size(), 1u);
}

TEST_F(AdministrationTest, UpdateRenamesAndKeepsTheRest) {
  domain("example.test");
  AccountId id = account("alice@example.test", "secret");
  account("bob@example.test");
  Account changed = *run(directory.account(id));
  SystemTime created = changed.created;
  changed.address = "Alicia@example.test";
  changed.display_name = "Alicia";
  changed.created = {};
  ASSERT_TRUE(run(directory.update_account(changed)));
  EXPECT_EQ(kind_of(run(directory.account("alice@example.test"))), FaultKind::not_found);
  Account now = *run(directory.account("alicia@example.test"));
  EXPECT_EQ(now.id, id);
  EXPECT_EQ(now.created, created);
  EXPECT_TRUE(login("alicia", "secret"));
  changed.address = "bob@example.test";
  EXPECT_EQ(kind_of(run(directory.update_account(changed))), FaultKind::exists);
  changed.id = 999;
  EXPECT_EQ(kind_of(run(directory.update_account(changed))), FaultKind::not_found);
}

TEST_F(AdministrationTest, ListsByDomain) {
  domain("example.test");
  domain("other.test");
  account("zoe@example.test");
  account("alice@example.test");
  account("x@other.test");
  alias("l@example.test", {"zoe@example.test"});
  alias("m@other.test", {"zoe@example.test", "out@elsewhere.test", "zoe@example.test"});
  std::vector<Account> accounts = *run(directory.accounts("Example.test"));
  ASSERT_EQ(accounts.size(), 2u);
  EXPECT_EQ(accounts[0].address, "alice@example.test");
  EXPECT_EQ(run(directory.accounts(""))->size(), 3u);
  std::vector<Alias> aliases = *run(directory.aliases("other.test"));
  ASSERT_EQ(aliases.size(), 1u);
  EXPECT_EQ(aliases[0].address, "m@other.test");
  EXPECT_THAT(aliases[0].targets, ElementsAre("zoe@example.test", "out@elsewhere.test"));
  EXPECT_EQ(run(directory.aliases(""))->size(), 2u);
}

TEST_F(AdministrationTest, AliasesAreChecked) {
  domain("example.test");
  account("alice@example.test");
  auto set = [&](std::string address, std::vector<std::string> targets) {
    Alias alias{std::move(address), std::move(targets)};
    return run(directory.set_alias(alias));
  };
  EXPECT_EQ(kind_of(set("alice@example.test", {"x@example.test"})), FaultKind::exists);
  EXPECT_EQ(kind_of(set("l@elsewhere.test", {"x@example.test"})), FaultKind::not_found);
  EXPECT_EQ(kind_of(set("l@example.test", {})), FaultKind::syntax);
  EXPECT_EQ(kind_of(set("l@example.test", {"no address"})), FaultKind::syntax);
  EXPECT_EQ(kind_of(set("l@example.test", {"| /bin/sh"})), FaultKind::syntax);
  EXPECT_EQ(kind_of(set("l@example.test", {"a@b.test\nx"})), FaultKind::syntax);
  EXPECT_EQ(kind_of(set("l@example.test", std::vector<std::string>(kMaxTargets + 1, "a@b.test"))),
            FaultKind::syntax);
  EXPECT_EQ(kind_of(run(directory.remove_alias("alice@example.test"))), FaultKind::not_found);
  EXPECT_EQ(kind_of(run(directory.remove_alias("l@example.test"))), FaultKind::not_found);
}

TEST_F(AdministrationTest, AliasesThatLeadInACircleAreRefused) {
  domain("example.test");
  account("alice@example.test");
  auto why = [this](std::string address, std::vector<std::string> targets) {
    Alias alias{std::move(address), std::move(targets)};
    Result<void> set = run(directory.set_alias(alias));
    return set ? std::string() : set.error().what;
  };
  const std::string circle = "the alias leads in a circle to nobody: ";
  EXPECT_EQ(why("a3@example.test", {"A3@Example.test"}), circle + "a3@example.test -> a3@example.test");
  EXPECT_EQ(why("a3@example.test", {"a3+tag@example.test"}), circle + "a3@example.test -> a3@example.test");
  EXPECT_EQ(why("a@example.test", {"b@example.test"}), "");  // b may come yet
  EXPECT_EQ(why("b@example.test", {"a@example.test", "b@example.test"}),
            circle + "b@example.test -> a@example.test -> b@example.test");
  EXPECT_EQ(why("b@example.test", {"b@example.test", "alice@example.test"}), "");
  EXPECT_EQ(why("c@example.test", {"c@example.test", "out@elsewhere.test"}), "");
}

TEST_F(AdministrationTest, CatchAllThatLeadsNowhere) {
  domain("a.test");
  account("alice@a.test");
  auto add = [this](const std::string& name, const std::string& target) {
    Domain domain{name, target};
    Result<void> added = run(directory.add_domain(domain));
    return added ? std::string() : added.error().what;
  };
  auto change = [this](const std::string& name, const std::string& target) {
    Domain domain{name, target};
    Result<void> changed = run(directory.update_domain(domain));
    return changed ? std::string() : changed.error().what;
  };
  auto set = [this](const std::string& address, const std::string& target) {
    Alias alias{address, {target}};
    Result<void> done = run(directory.set_alias(alias));
    return done ? std::string() : done.error().what;
  };
  const std::string circle = "the catch-all leads in a circle to nobody: ";
  // To a name that is nobody's, which it catches itself.
  EXPECT_EQ(add("b.test", "zz@b.test"), circle + "*@b.test -> zz@b.test -> zz@b.test");
  EXPECT_EQ(change("a.test", "zz@a.test"), circle + "*@a.test -> zz@a.test -> zz@a.test");
  EXPECT_EQ(change("a.test", "postmaster@a.test"), "");
  EXPECT_EQ(change("a.test", "alice+caught@a.test"), "");
  EXPECT_EQ(change("a.test", ""), "");
  EXPECT_EQ(set("ca@a.test", "nothere@a.test"), "");
  EXPECT_EQ(change("a.test", "ca@a.test"), circle + "*@a.test -> ca@a.test -> nothere@a.test -> ca@a.test");
  // The alias that closes the circle comes later.
  EXPECT_EQ(add("b.test", "all@a.test"), "");
  EXPECT_EQ(set("all@a.test", "q@b.test"),
            "the alias leads in a circle to nobody: all@a.test -> q@b.test -> all@a.test");
  EXPECT_EQ(set("all@a.test", "postmaster@b.test"), "");
  EXPECT_EQ(set("all@a.test", "alice@a.test"), "");
  EXPECT_EQ(accounts_of("anyone@b.test").size(), 1u);
  // Two domains that catch for each other.
  EXPECT_EQ(add("c.test", "x@d.test"), "");
  EXPECT_EQ(add("d.test", "x@c.test"), circle + "*@d.test -> x@c.test -> x@d.test -> x@c.test");
}

// Of older times: the rest of such a domain can still be changed.
TEST_F(AdministrationTest, CatchAllThatLedNowhereBefore) {
  unchecked_domain("old.test", "zz@old.test");
  Domain changed{"old.test", "zz@old.test"};
  changed.quota_bytes = 1000;
  EXPECT_TRUE(run(directory.update_domain(changed)));
  changed.catch_all = "yy@old.test";
  EXPECT_FALSE(run(directory.update_domain(changed)));
}

TEST_F(AdministrationTest, CatchAllCountsInChainsOfAliases) {
  domain("a.test");
  domain("b.test");
  account("alice@a.test");
  for (int i = 10; i > 1; --i)
    alias(fmt::format("n{}@a.test", i), {i == 10 ? "alice@a.test" : fmt::format("n{}@a.test", i + 1)});
  auto change = [this](const std::string& target) {
    Domain domain{"b.test", target};
    return run(directory.update_domain(domain));
  };
  EXPECT_TRUE(change("n2@a.test"));
  EXPECT_EQ(accounts_of("anyone@b.test").size(), 1u);
  Alias one{"n1@a.test", {"n2@a.test"}};
  EXPECT_TRUE(run(directory.set_alias(one)));
  Result<void> too_long = change("n1@a.test");
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().what, "*@b.test would make more than 10 aliases one after another");
  // The other way round: the chain grows below the catch-all, and above it.
  Alias below{"alias@a.test", {"n1@a.test"}};
  EXPECT_FALSE(run(directory.set_alias(below)));
  Alias above{"above@a.test", {"nobody@b.test"}};
  EXPECT_FALSE(run(directory.set_alias(above)));
  account("somebody@b.test");
  Alias beside{"beside@a.test", {"somebody@b.test"}};
  EXPECT_TRUE(run(directory.set_alias(beside)));
  Alias last{"n10@a.test", {"longer@a.test"}};
  EXPECT_TRUE(run(directory.set_alias(last)));
  Alias longer{"longer@a.test", {"alice@a.test"}};
  EXPECT_FALSE(run(directory.set_alias(longer)));
}

TEST_F(AdministrationTest, ChainsOfAliasesAreLimited) {
  domain("example.test");
  account("alice@example.test");
  auto set = [this](int from, const std::string& to) {
    Alias alias{fmt::format("n{}@example.test", from), {to + "@example.test"}};
    return run(directory.set_alias(alias));
  };
  // From the first to the last, from the last to the first, and the link between two halves.
  for (int i = 1; i < 10; ++i) EXPECT_TRUE(set(i, fmt::format("n{}", i + 1)));
  EXPECT_TRUE(set(10, "alice"));
  EXPECT_EQ(accounts_of("n1@example.test").size(), 1u);
  Result<void> above = set(0, "n1");
  ASSERT_FALSE(above);
  EXPECT_EQ(above.error().what, "n0@example.test would make more than 10 aliases one after another");
  EXPECT_TRUE(set(11, "alice"));
  EXPECT_FALSE(set(10, "n11"));
  EXPECT_TRUE(set(5, "alice"));
  EXPECT_TRUE(set(0, "n1"));
  EXPECT_TRUE(set(10, "n11"));
  EXPECT_FALSE(set(5, "n6"));
}

TEST_F(AdministrationTest, AChainThatIsTooLongCanBeShortened) {
  domain("example.test");
  account("alice@example.test");
  for (int i = 0; i < 31; ++i)
    unchecked_alias(fmt::format("n{}@example.test", i), {fmt::format("n{}@example.test", i + 1)});
  Alias shorter{"n20@example.test", {"alice@example.test"}};
  EXPECT_TRUE(run(directory.set_alias(shorter)));
  EXPECT_EQ(accounts_of("n15@example.test").size(), 1u);
}

TEST_F(AdministrationTest, DomainsThatNobodyCanWriteToAreRefused) {
  for (const char* name : {"bad_domain.test", "_dmarc.example.test", "[192.0.2.1]", "a b.test"}) {
    Result<void> added = run(directory.add_domain(Domain{name, "", {}}));
    ASSERT_FALSE(added) << name;
    EXPECT_EQ(added.error().what,
              fmt::format("not a domain name: '{}' (expected letters, digits and hyphens, as in example.org)",
                          name));
  }
}

TEST_F(AdministrationTest, ADamagedRecordStopsNobodyElse) {
  domain("example.test");
  AccountId alice = account("alice@example.test");
  AccountId bob = account("bob@example.test");
  auto damage = [alice](engine::Transaction& rows) -> Result<void> {
    rows.put(account_row(alice), "rubbish");
    return {};
  };
  std::vector<engine::Step> steps;
  steps.push_back(engine::Step{kPartition, damage});
  ASSERT_TRUE(run(engine->transact(std::move(steps))));
  EXPECT_EQ(kind_of(run(directory.account(alice))), FaultKind::corrupt);
  std::vector<Account> listed = *run(directory.accounts(""));
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0].id, bob);
  EXPECT_TRUE(login("bob", "demo"));
}

}  // namespace
}  // namespace posthouse::directory
