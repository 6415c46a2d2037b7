#include "delivery/delivery.h"
#include "delivery/limits.h"

#include "support/post_office.h"

namespace posthouse::delivery {
namespace {

using directory::Resolution;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class DeliveryTest : public test::PostOffice {
 protected:
  // A sealed blob's worth of message, planned and committed.
  Result<Plan> deliver(std::vector<Resolution::LocalTarget> targets, uint64_t size, bool enforce_quota) {
    engine::BlobWriter blob(engine, ids.next());
    std::string bytes(size, 'x');
    EXPECT_TRUE(run(blob.append(bytes)));
    store::NewMessage message;
    message.blob = blob.id();
    message.size = size;
    message.summary = message::encode(message::summarize(bytes));
    message.internal_date = clock.now();
    std::vector<uint64_t> delivery_ids;
    for (size_t i = 0; i < targets.size(); ++i) delivery_ids.push_back(ids.next());
    Result<Plan> plan =
        run(delivery->plan(std::move(targets), message, std::move(delivery_ids), enforce_quota));
    if (!plan) return plan;
    std::vector<engine::Step> steps;
    steps.push_back(blob.seal(plan->blob_references));
    for (auto& step : plan->steps) steps.push_back(std::move(step));
    plan->steps.clear();
    Result<void> done = run(engine.transact(std::move(steps)));
    if (!done) return std::unexpected(done.error());
    return plan;
  }

  FaultKind check(directory::AccountId id, uint64_t size) {
    Result<void> taken = run(delivery->check({id, "", false}, size));
    return taken ? FaultKind::closed : taken.error().kind;
  }
};

TEST_F(DeliveryTest, ChecksTheAccount) {
  EXPECT_EQ(check(alice, 1ull << 40), FaultKind::closed);  // no quota: takes anything
  EXPECT_EQ(check(4711, 1), FaultKind::not_found);
  disable(bob);
  EXPECT_EQ(check(bob, 1), FaultKind::policy);
}

TEST_F(DeliveryTest, QuotaCountsWhatIsThere) {
  directory::AccountId small = account("small@example.test", 1000);
  EXPECT_EQ(check(small, 1000), FaultKind::closed);
  EXPECT_EQ(check(small, 1001), FaultKind::over_quota);
  ASSERT_TRUE(deliver({{small, "", false}}, 600, true));
  EXPECT_EQ(check(small, 400), FaultKind::closed);
  EXPECT_EQ(check(small, 401), FaultKind::over_quota);
  EXPECT_EQ(check(small, 0), FaultKind::closed);
  ASSERT_TRUE(deliver({{small, "", false}}, 400, true));
  EXPECT_EQ(check(small, 0), FaultKind::over_quota);
  EXPECT_EQ(check(small, UINT64_MAX), FaultKind::over_quota);
}

TEST_F(DeliveryTest, EnforcesTheQuotaWhenToldTo) {
  directory::AccountId small = account("small@example.test", 100);
  Result<Plan> over = deliver({{small, "", false}}, 200, true);
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().kind, FaultKind::over_quota);
  EXPECT_THAT(mailbox(small), IsEmpty());
  EXPECT_TRUE(deliver({{small, "", false}, {alice, "", false}}, 200, false));
  EXPECT_THAT(mailbox(small), SizeIs(1));
}

TEST_F(DeliveryTest, MessagesAreCountedToo) {
  directory::AccountId few = account("few@example.test");
  directory::Account changed = *run(directory.account(few));
  changed.quota_messages = 1;
  ASSERT_TRUE(run(directory.update_account(changed)));
  EXPECT_EQ(check(few, 10), FaultKind::closed);
  ASSERT_TRUE(deliver({{few, "", false}}, 10, true));
  EXPECT_EQ(check(few, 0), FaultKind::over_quota);
  const Result<Plan> over = deliver({{few, "", false}}, 10, true);
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().kind, FaultKind::over_quota);
  EXPECT_TRUE(deliver({{few, "", true}}, 10, true));  // as postmaster
}

TEST_F(DeliveryTest, ADomainHasAQuotaForAllItsAccounts) {
  directory::Domain ours;
  ours.name = "example.test";
  ours.total_bytes = 1000;
  ASSERT_TRUE(run(directory.update_domain(ours)));
  ASSERT_TRUE(deliver({{alice, "", false}}, 600, true));
  EXPECT_EQ(check(bob, 400), FaultKind::closed);
  EXPECT_EQ(check(bob, 401), FaultKind::over_quota);
  const Result<Plan> over = deliver({{bob, "", false}}, 401, true);
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().kind, FaultKind::over_quota);
  EXPECT_THAT(mailbox(bob), IsEmpty());
  ASSERT_TRUE(deliver({{bob, "", false}}, 400, true));
  EXPECT_EQ(check(alice, 0), FaultKind::over_quota);
  EXPECT_EQ(run(store.group_usage("example.test"))->bytes, 1000u);
  ours.total_bytes.reset();
  ours.total_messages = 3;
  ASSERT_TRUE(run(directory.update_domain(ours)));
  ASSERT_TRUE(deliver({{bob, "", false}}, 1, true));
  EXPECT_EQ(check(alice, 1), FaultKind::over_quota);
  EXPECT_FALSE(deliver({{bob, "", false}}, 1, true));
}

TEST_F(DeliveryTest, ThePostmasterTakesMorePastHisQuota) {
  directory::AccountId small = account("small@example.test", 100);
  EXPECT_TRUE(run(delivery->check({small, "", true}, 200)));
  ASSERT_TRUE(deliver({{small, "", true}}, 200, true));
  ASSERT_TRUE(deliver({{small, "", true}}, 200, true));
  EXPECT_THAT(mailbox(small), SizeIs(2));
  EXPECT_FALSE(deliver({{small, "", false}}, 200, true));
}

// Nobody fills a disk by writing to the postmaster (RFC 5321 section 4.5.1: "extreme cases").
TEST_F(DeliveryTest, ThePostmasterTakesSoMuchMore) {
  directory::AccountId small = account("small@example.test", 100);
  EXPECT_TRUE(run(delivery->check({small, "", true}, 100 + kPostmasterBytes)));
  EXPECT_EQ(run(delivery->check({small, "", true}, 101 + kPostmasterBytes)).error().kind,
            FaultKind::over_quota);
  ASSERT_TRUE(deliver({{small, "", true}}, 99 + kPostmasterBytes, true));
  EXPECT_TRUE(run(delivery->check({small, "", true}, 1)));
  const Result<Plan> over = deliver({{small, "", true}}, 2, true);
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().kind, FaultKind::over_quota);
  directory::AccountId few = account("few@example.test");
  directory::Account changed = *run(directory.account(few));
  changed.quota_messages = 1;
  ASSERT_TRUE(run(directory.update_account(changed)));
  for (uint64_t i = 0; i < 1 + kPostmasterMessages; ++i)
    ASSERT_TRUE(deliver({{few, "", true}}, 1, true)) << i;
  EXPECT_FALSE(deliver({{few, "", true}}, 1, true));
}

TEST_F(DeliveryTest, SaysWhereEachCopyWent) {
  Result<Plan> plan = deliver({{alice, "", false}, {bob, "", false}}, 10, false);
  ASSERT_TRUE(plan);
  ASSERT_THAT(*plan->placed, SizeIs(2));
  EXPECT_EQ((*plan->placed)[0].uid, 1u);
  EXPECT_NE((*plan->placed)[1].uid_validity, 0u);
  EXPECT_THAT(plan->blob_references, SizeIs(2));
}

TEST_F(DeliveryTest, LeavesOutWhoIsDisabledOrGoneWhileOthersRemain) {
  disable(bob);
  Result<Plan> plan = deliver({{bob, "", false}, {4711, "", false}, {alice, "", false}}, 10, false);
  ASSERT_TRUE(plan);
  EXPECT_THAT(plan->blob_references, SizeIs(1));
  EXPECT_THAT(mailbox(bob), IsEmpty());
  EXPECT_THAT(mailbox(alice), SizeIs(1));
  // The last one takes it: its recipient was accepted before the account was disabled.
  ASSERT_TRUE(deliver({{bob, "", false}}, 10, false));
  EXPECT_THAT(mailbox(bob), SizeIs(1));
  Result<Plan> nobody = deliver({{4711, "", false}}, 10, false);
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().kind, FaultKind::not_found);
}

}  // namespace
}  // namespace posthouse::delivery
