#include "directory/limits.h"
#include "support/log_file.h"
#include "town.h"

namespace posthouse::directory {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class ResolveTest : public Town {
 protected:
  void SetUp() override {
    domain("example.test");
    alice = account("alice@example.test");
    bob = account("bob@example.test");
  }
  AccountId alice = 0, bob = 0;
};

TEST_F(ResolveTest, TellsRemoteUnknownAndKnown) {
  EXPECT_EQ(resolve("someone@elsewhere.test").kind, Resolution::remote);
  EXPECT_EQ(resolve("nobody@example.test").kind, Resolution::unknown);
  Resolution found = resolve("alice@example.test");
  EXPECT_EQ(found.kind, Resolution::known);
  ASSERT_EQ(found.local.size(), 1u);
  EXPECT_EQ(found.local[0].account, alice);
  EXPECT_THAT(found.remote_targets, IsEmpty());
}

TEST_F(ResolveTest, IgnoresCaseOfBothParts) {
  EXPECT_THAT(accounts_of("Alice@EXAMPLE.Test"), ElementsAre(alice));
}

TEST_F(ResolveTest, StripsTheSubaddress) {
  Resolution found = resolve("alice+lists+more@example.test");
  ASSERT_EQ(found.local.size(), 1u);
  EXPECT_EQ(found.local[0].account, alice);
  EXPECT_EQ(found.local[0].detail, "lists+more");
  EXPECT_EQ(resolve("+alice@example.test").kind, Resolution::unknown);
  EXPECT_EQ(resolve("carol+x@example.test").kind, Resolution::unknown);
}

TEST_F(ResolveTest, AnExactNameComesBeforeASubaddress) {
  AccountId exact = account("alice+work@example.test");
  EXPECT_THAT(accounts_of("alice+work@example.test"), ElementsAre(exact));
  EXPECT_THAT(accounts_of("alice+home@example.test"), ElementsAre(alice));
}

TEST_F(ResolveTest, FollowsAliasesLocalAndRemote) {
  alias("team@example.test", {"alice@example.test", "all@example.test", "Out@Elsewhere.test"});
  alias("all@example.test", {"alice@example.test", "bob@example.test", "Out@elsewhere.TEST"});
  Resolution found = resolve("team@example.test");
  EXPECT_EQ(found.kind, Resolution::known);
  EXPECT_THAT(accounts_of("team@example.test"), UnorderedElementsAre(alice, bob));
  EXPECT_THAT(found.remote_targets, ElementsAre("Out@elsewhere.test"));  // once, spelt as written
}

TEST_F(ResolveTest, AliasesKeepTheSubaddress) {
  alias("info@example.test", {"alice@example.test", "bob+own@example.test"});
  Resolution found = resolve("info+sales@example.test");
  ASSERT_EQ(found.local.size(), 2u);
  EXPECT_EQ(found.local[0].detail, "sales");
  EXPECT_EQ(found.local[1].detail, "own");
}

TEST_F(ResolveTest, SurvivesAliasLoops) {
  alias("a@example.test", {"b@example.test", "a@example.test"});
  alias("b@example.test", {"a@example.test", "bob@example.test"});
  EXPECT_THAT(accounts_of("a@example.test"), ElementsAre(bob));
  unchecked_alias("x@example.test", {"y@example.test"});
  unchecked_alias("y@example.test", {"x@example.test"});
  EXPECT_EQ(resolve("x@example.test").kind, Resolution::unknown);
}

TEST_F(ResolveTest, StopsAtTheDeepestLevel) {
  for (int i = 0; i < 20; ++i) {
    unchecked_alias(fmt::format("n{}@example.test", i), {fmt::format("n{}@example.test", i + 1)});
  }
  unchecked_alias("n20@example.test", {"alice@example.test"});
  EXPECT_EQ(run(directory.resolve("n0@example.test")).error().kind, FaultKind::permanent);
  EXPECT_THAT(accounts_of("n15@example.test"), ElementsAre(alice));
  Result<bool> own = run(directory.may_send_as(alice, "n0@example.test"));
  ASSERT_TRUE(own);
  EXPECT_FALSE(*own);
}

TEST_F(ResolveTest, AnAliasThatIsTooDeepIsToldOnce) {
  const test::LogFile log;
  for (int i = 0; i < 11; ++i)
    unchecked_alias(fmt::format("n{}@example.test", i), {fmt::format("n{}@example.test", i + 1)});
  for (int i = 0; i < 3; ++i) {
    Result<Resolution> found = run(directory.resolve("n0@example.test"));
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().kind, FaultKind::permanent);
    EXPECT_EQ(found.error().what, "n0@example.test leads through more than 10 aliases one after another");
  }
  EXPECT_EQ(log.count("n0@example.test"), 1u);
  alias("n5@example.test", {"alice@example.test"});  // mended in the middle
  EXPECT_THAT(accounts_of("n0@example.test"), ElementsAre(alice));
}

TEST_F(ResolveTest, TargetsAreLimited) {
  // Lists of lists: 50 times 50 remote addresses.
  std::vector<std::string> lists;
  for (int i = 0; i < 50; ++i) {
    std::vector<std::string> targets;
    for (int j = 0; j < 50; ++j) targets.push_back(fmt::format("u{}-{}@elsewhere.test", i, j));
    lists.push_back(fmt::format("l{}@example.test", i));
    alias(lists.back(), targets);
  }
  alias("bomb@example.test", lists);
  EXPECT_EQ(run(directory.resolve("bomb@example.test")).error().kind, FaultKind::permanent);
  EXPECT_THAT(resolve("l7@example.test").remote_targets, SizeIs(50));
}

TEST_F(ResolveTest, CatchAllTakesWhatNobodyHas) {
  domain("wild.test", "bob@example.test");
  EXPECT_THAT(accounts_of("anything@wild.test"), ElementsAre(bob));
  AccountId dave = account("dave@wild.test");
  EXPECT_THAT(accounts_of("dave@wild.test"), ElementsAre(dave));
  domain("out.test", "collect@elsewhere.test");
  EXPECT_THAT(resolve("x@out.test").remote_targets, ElementsAre("collect@elsewhere.test"));
}

TEST_F(ResolveTest, CatchAllToNowhereIsUnknown) {
  unchecked_domain("loop.test", "x@loop.test");
  EXPECT_EQ(resolve("y@loop.test").kind, Resolution::unknown);
}

TEST_F(ResolveTest, PostmasterAlwaysHasAReader) {
  EXPECT_THAT(accounts_of("postmaster@example.test"), ElementsAre(alice));  // no admin: the first account
  AccountId root = account("root@example.test", "demo", true);
  EXPECT_THAT(accounts_of("postmaster@example.test"), ElementsAre(root));
  EXPECT_THAT(accounts_of("PostMaster"), ElementsAre(root));
  domain("second.test");
  EXPECT_THAT(accounts_of("Postmaster@second.test"), ElementsAre(root));
  AccountId second = account("hostmaster@second.test", "demo", true);
  EXPECT_THAT(accounts_of("postmaster@second.test"), ElementsAre(second));
  alias("postmaster@second.test", {"bob@example.test"});
  EXPECT_THAT(accounts_of("postmaster@second.test"), ElementsAre(bob));
  EXPECT_EQ(resolve("postmaster@elsewhere.test").kind, Resolution::remote);
}

TEST_F(ResolveTest, PostmasterHasAReaderThoughItsAliasLeadsNowhere) {
  AccountId root = account("root@example.test", "demo", true);
  alias("postmaster@example.test", {"gone@example.test"});
  EXPECT_THAT(accounts_of("postmaster@example.test"), ElementsAre(root));
  alias("postmaster@example.test", {"postmaster@example.test"});
  EXPECT_THAT(accounts_of("postmaster@example.test"), ElementsAre(root));
  EXPECT_THAT(accounts_of("postmaster+tag@example.test"), ElementsAre(root));
  alias("list@example.test", {"postmaster@example.test"});
  EXPECT_THAT(accounts_of("list@example.test"), ElementsAre(root));
  alias("postmaster@example.test", {"x@elsewhere.test"});
  EXPECT_THAT(resolve("postmaster@example.test").remote_targets, ElementsAre("x@elsewhere.test"));
}

TEST_F(ResolveTest, PostmasterIsNoDisabledAccountWhileThereIsAnother) {
  Account first = *run(directory.account(alice));
  first.enabled = false;
  ASSERT_TRUE(run(directory.update_account(first)));
  EXPECT_THAT(accounts_of("postmaster@example.test"), ElementsAre(bob));
}

TEST_F(ResolveTest, PostmasterComesBeforeCatchAll) {
  domain("wild.test", "bob@example.test");
  EXPECT_THAT(accounts_of("postmaster@wild.test"), ElementsAre(alice));
}

TEST_F(ResolveTest, ChangesShowAtOnce) {
  EXPECT_EQ(resolve("news@example.test").kind, Resolution::unknown);
  alias("news@example.test", {"bob@example.test"});
  EXPECT_THAT(accounts_of("news@example.test"), ElementsAre(bob));
  ASSERT_TRUE(run(directory.remove_alias("news@example.test")));
  EXPECT_EQ(resolve("news@example.test").kind, Resolution::unknown);
  ASSERT_TRUE(run(directory.remove_account(bob)));
  EXPECT_EQ(resolve("bob@example.test").kind, Resolution::unknown);
}

TEST_F(ResolveTest, HostileAddressesAreJustUnknown) {
  for (std::string address :
       {std::string(), std::string("@"), std::string("alice"), std::string("@example.test"),
        std::string("alice\0@example.test", 19), std::string("*)(uid=*@example.test"),
        std::string("' OR 1--@example.test"), std::string("alice@example.test\r\nRCPT"),
        std::string("\xff\xfe@example.test"), std::string(10'000, 'a') + "@example.test",
        std::string("alice@") + std::string(10'000, 'a')}) {
    EXPECT_NE(resolve(address).kind, Resolution::known) << address;
  }
}

TEST_F(ResolveTest, AnotherDirectoryOnTheSameRowsIsHeard) {
  EXPECT_EQ(resolve("late@example.test").kind, Resolution::unknown);
  Directory other(*engine, clock, random, pool);
  Alias alias{"late@example.test", {"alice@example.test"}};
  ASSERT_TRUE(run(other.set_alias(alias)));
  EXPECT_THAT(accounts_of("late@example.test"), ElementsAre(alice));
}

TEST_F(ResolveTest, MaySendAsOwnAddressesOnly) {
  alias("sales@example.test", {"alice@example.test", "bob@example.test"});
  alias("nested@example.test", {"sales@example.test"});
  domain("wild.test", "alice@example.test");
  auto may = [&](AccountId id, std::string address) {
    return run(directory.may_send_as(id, address)).value();
  };
  EXPECT_TRUE(may(alice, "alice@example.test"));
  EXPECT_TRUE(may(alice, "Alice+tag@Example.test"));
  EXPECT_TRUE(may(alice, "sales@example.test"));
  EXPECT_TRUE(may(bob, "nested@example.test"));
  EXPECT_FALSE(may(alice, "bob@example.test"));
  EXPECT_FALSE(may(alice, ""));
  EXPECT_FALSE(may(alice, "alice@elsewhere.test"));
  EXPECT_FALSE(may(alice, "anyone@wild.test"));         // catch-all is for reading
  EXPECT_FALSE(may(alice, "postmaster@example.test"));  // so is standing in for postmaster
  EXPECT_FALSE(may(alice, "not an address"));
}

TEST_F(ResolveTest, StandingTakesTheDomainsQuota) {
  Domain limited{"limited.test", "", 1000};
  ASSERT_TRUE(run(directory.add_domain(limited)));
  AccountId carol = account("carol@limited.test");
  EXPECT_EQ(run(directory.standing(carol))->quota_bytes, 1000u);
  Account own = *run(directory.account(carol));
  own.quota_bytes = 5;
  own.enabled = false;
  ASSERT_TRUE(run(directory.update_account(own)));
  EXPECT_EQ(run(directory.standing(carol))->quota_bytes, 5u);
  EXPECT_FALSE(run(directory.standing(carol))->enabled);
  EXPECT_FALSE(run(directory.standing(alice))->quota_bytes);
  EXPECT_EQ(run(directory.standing(4711)).error().kind, FaultKind::not_found);
}

}  // namespace
}  // namespace posthouse::directory
