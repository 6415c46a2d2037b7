#include "acceptance/acceptance.h"

#include "support/post_office.h"

namespace posthouse::acceptance {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

const std::string kBody = "Subject: hello\r\n\r\nHi.\r\n";

class AcceptanceTest : public test::PostOffice {
 protected:
  Envelope envelope(std::vector<std::string> recipients, std::string from = "sender@elsewhere.test") {
    Envelope out;
    out.reverse_path = std::move(from);
    for (const auto& text : recipients) out.recipients.push_back(address(text));
    return out;
  }

  Result<void> send(Envelope what, const std::string& bytes = kBody) {
    std::unique_ptr<Letter> letter = acceptance->begin(std::move(what));
    Result<void> written = run(letter->write(bytes));
    if (!written) return written;
    return run(letter->commit());
  }

  Verdict check(const std::string& recipient, uint64_t size = 0) {
    return run(acceptance->check(address(recipient), size)).value();
  }
};

TEST_F(AcceptanceTest, VerdictsOfRecipients) {
  EXPECT_EQ(check("alice@example.test"), Verdict::accepted);
  EXPECT_EQ(check("alice+tag@Example.TEST"), Verdict::accepted);
  EXPECT_EQ(check("nobody@example.test"), Verdict::unknown_user);
  EXPECT_EQ(check("x@elsewhere.test"), Verdict::relay);
  EXPECT_EQ(check("postmaster"), Verdict::accepted);
  disable(bob);
  EXPECT_EQ(check("bob@example.test"), Verdict::disabled);
  alias("both@example.test", {"alice@example.test", "bob@example.test"});
  EXPECT_EQ(check("both@example.test"), Verdict::accepted);
}

TEST_F(AcceptanceTest, LocalCopyBeginsWithReturnPath) {
  ASSERT_TRUE(send(envelope({"alice@example.test"})));
  EXPECT_THAT(mailbox(alice), ElementsAre("Return-Path: <sender@elsewhere.test>\r\n" + kBody));
  EXPECT_THAT(queued(), IsEmpty());
}

TEST_F(AcceptanceTest, NullReversePath) {
  ASSERT_TRUE(send(envelope({"alice@example.test"}, "")));
  EXPECT_THAT(mailbox(alice), ElementsAre("Return-Path: <>\r\n" + kBody));
}

TEST_F(AcceptanceTest, AliasFansOutLocallyAndRemotelyInOneTransaction) {
  alias("team@example.test", {"alice@example.test", "bob@example.test", "Out@elsewhere.test"});
  int before = engine.transactions;
  ASSERT_TRUE(send(envelope({"team@example.test"})));
  EXPECT_EQ(engine.transactions, before + 1);
  EXPECT_EQ(engine.steps, 6u);  // the blob, two mailboxes, the queue
  EXPECT_THAT(mailbox(alice), SizeIs(1));
  EXPECT_THAT(mailbox(bob), SizeIs(1));
  std::vector<queue::Letter> letters = queued();
  ASSERT_THAT(letters, SizeIs(1));
  ASSERT_THAT(letters[0].recipients, SizeIs(1));
  EXPECT_EQ(letters[0].recipients[0].address, "Out@elsewhere.test");
  EXPECT_EQ(letters[0].recipients[0].domain, "elsewhere.test");
  EXPECT_EQ(letters[0].recipients[0].original, "team@example.test");
  EXPECT_EQ(letters[0].reverse_path, "sender@elsewhere.test");
  EXPECT_EQ(bytes_of(letters[0]), kBody);  // without our Return-Path
}

TEST_F(AcceptanceTest, EachMailboxAndEachRemoteAddressOnce) {
  alias("a@example.test", {"alice@example.test", "out@elsewhere.test"});
  alias("b@example.test", {"alice@example.test", "bob@example.test"});
  ASSERT_TRUE(send(envelope({"a@example.test", "b@example.test", "alice@example.test", "ALICE+x@example.test",
                             "Out@Elsewhere.test", "other@elsewhere.test"})));
  EXPECT_THAT(mailbox(alice), SizeIs(1));
  EXPECT_THAT(mailbox(bob), SizeIs(1));
  std::vector<queue::Letter> letters = queued();
  ASSERT_THAT(letters, SizeIs(1));
  std::vector<std::string> remote;
  for (const auto& recipient : letters[0].recipients) remote.push_back(recipient.address);
  EXPECT_THAT(remote, UnorderedElementsAre("out@elsewhere.test", "other@elsewhere.test"));
}

TEST_F(AcceptanceTest, ManyRecipientsOfOneLetterShareItsBytes) {
  std::vector<std::string> recipients;
  std::vector<directory::AccountId> accounts;
  for (int i = 0; i < 20; ++i) {
    recipients.push_back(fmt::format("user{}@example.test", i));
    accounts.push_back(account(recipients.back()));
  }
  for (int i = 0; i < 20; ++i) recipients.push_back(recipients[static_cast<size_t>(i)]);  // each named twice
  ASSERT_TRUE(send(envelope(recipients)));
  for (directory::AccountId id : accounts) EXPECT_THAT(mailbox(id), SizeIs(1));
  // A sweep right after takes nothing away.
  ASSERT_TRUE(run(engine::sweep_blobs(engine, true)));
  EXPECT_THAT(mailbox(accounts.back()), ElementsAre("Return-Path: <sender@elsewhere.test>\r\n" + kBody));
}

TEST_F(AcceptanceTest, CatchAllAndPostmaster) {
  domain("wild.test", "bob@example.test");
  ASSERT_TRUE(send(envelope({"whoever@wild.test"})));
  EXPECT_THAT(mailbox(bob), SizeIs(1));
  ASSERT_TRUE(send(envelope({"postmaster", "postmaster@wild.test"})));
  EXPECT_THAT(mailbox(alice), SizeIs(1));
}

TEST_F(AcceptanceTest, LoopsEnd) {
  std::string looping;
  for (int i = 0; i < 101; ++i) looping += "Received: from a by b; Thu, 1 Jan 2026 00:00:00 +0000\r\n";
  Result<void> done = send(envelope({"alice@example.test"}), looping + kBody);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, FaultKind::policy);
  EXPECT_THAT(mailbox(alice), IsEmpty());
  looping.erase(0, looping.find('\n') + 1);
  EXPECT_TRUE(send(envelope({"alice@example.test"}), looping + kBody));
}

TEST_F(AcceptanceTest, FullMailboxAloneRefusesTheLetter) {
  directory::AccountId small = account("small@example.test", 200);
  EXPECT_EQ(check("small@example.test"), Verdict::accepted);
  EXPECT_EQ(check("small@example.test", 500), Verdict::over_quota);
  Result<void> done = send(envelope({"small@example.test"}), kBody + std::string(500, 'x') + "\r\n");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, FaultKind::over_quota);
  EXPECT_THAT(mailbox(small), IsEmpty());
  EXPECT_TRUE(send(envelope({"small@example.test"})));
}

TEST_F(AcceptanceTest, FullMailboxAmongOthersCostsNobodyTheLetter) {
  directory::AccountId small = account("small@example.test", 200);
  std::string large = kBody + std::string(500, 'x') + "\r\n";
  ASSERT_TRUE(send(envelope({"small@example.test", "alice@example.test"}), large));
  EXPECT_THAT(mailbox(alice), SizeIs(1));
  EXPECT_THAT(mailbox(small), SizeIs(1));                       // overshoots once,
  EXPECT_EQ(check("small@example.test"), Verdict::over_quota);  // then takes no more
}

// RFC 5321 section 4.5.1.
TEST_F(AcceptanceTest, PostmasterIsReadPastAQuota) {
  domain("small.test");
  directory::AccountId boss = account("boss@small.test", 10, true);
  directory::AccountId full = account("full@small.test", 10);
  EXPECT_EQ(check("boss@small.test", 100), Verdict::over_quota);
  EXPECT_EQ(check("postmaster@small.test", 100), Verdict::accepted);
  EXPECT_EQ(check("PostMaster@Small.test"), Verdict::accepted);
  ASSERT_TRUE(send(envelope({"postmaster@small.test"})));
  ASSERT_TRUE(send(envelope({"postmaster@small.test"})));
  EXPECT_EQ(check("postmaster@small.test"), Verdict::accepted);
  EXPECT_EQ(check("boss@small.test"), Verdict::over_quota);
  // One copy, though he is named under two names; also in the other order.
  ASSERT_TRUE(send(envelope({"boss@small.test", "postmaster@small.test"})));
  ASSERT_TRUE(send(envelope({"Postmaster@small.test", "boss@small.test"})));
  EXPECT_THAT(mailbox(boss), SizeIs(4));
  EXPECT_EQ(send(envelope({"boss@small.test"})).error().kind, FaultKind::over_quota);
  // Others keep theirs.
  EXPECT_EQ(check("full@small.test", 100), Verdict::over_quota);
  EXPECT_EQ(send(envelope({"full@small.test"})).error().kind, FaultKind::over_quota);
  EXPECT_THAT(mailbox(full), IsEmpty());
}

TEST_F(AcceptanceTest, PostmasterByAliasIsReadPastAQuota) {
  directory::AccountId small = account("small@example.test", 10);
  alias("postmaster@example.test", {"small@example.test"});
  alias("help@example.test", {"small@example.test"});
  EXPECT_EQ(check("help@example.test", 100), Verdict::over_quota);
  EXPECT_EQ(check("postmaster", 100), Verdict::accepted);
  ASSERT_TRUE(send(envelope({"postmaster"})));
  EXPECT_THAT(mailbox(small), SizeIs(1));
  EXPECT_EQ(send(envelope({"help@example.test"})).error().kind, FaultKind::over_quota);
}

TEST_F(AcceptanceTest, PostmasterIsNotReadPastAFullDisk) {
  engine.transact_fault = Fault{FaultKind::no_space, "disk full"};
  EXPECT_EQ(send(envelope({"postmaster"})).error().kind, FaultKind::no_space);
}

TEST_F(AcceptanceTest, DomainAndDefaultQuota) {
  directory::Domain limited{"limited.test", "", 100};
  ASSERT_TRUE(run(directory.add_domain(limited)));
  account("a@limited.test");
  EXPECT_EQ(check("a@limited.test", 101), Verdict::over_quota);
  delivery::Options options;
  options.default_quota_bytes = 50;
  open(options, {});
  EXPECT_EQ(check("bob@example.test", 51), Verdict::over_quota);
  EXPECT_EQ(check("bob@example.test", 50), Verdict::accepted);
  EXPECT_EQ(check("a@limited.test", 99), Verdict::accepted);
}

TEST_F(AcceptanceTest, NoSpaceLeavesNothingBehind) {
  engine.transact_fault = Fault{FaultKind::no_space, "disk full"};
  Result<void> done = send(envelope({"alice@example.test", "out@elsewhere.test"}));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, FaultKind::no_space);
  engine.transact_fault.reset();
  EXPECT_THAT(mailbox(alice), IsEmpty());
  EXPECT_THAT(queued(), IsEmpty());
  EXPECT_TRUE(send(envelope({"alice@example.test"})));
}

TEST_F(AcceptanceTest, NoSpaceWhileTheBytesCome) {
  engine.put_ahead_fault = Fault{FaultKind::no_space, "disk full"};
  std::unique_ptr<Letter> letter = acceptance->begin(envelope({"alice@example.test"}));
  Result<void> written = run(letter->write(kBody));
  std::string piece(64 * 1024, 'x');
  for (int i = 0; i < 40 && written; ++i) written = run(letter->write(piece));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, FaultKind::no_space);
}

TEST_F(AcceptanceTest, RoomOnTheDisk) {
  engine.free = 1ull << 30;
  EXPECT_TRUE(acceptance->has_room(0));
  EXPECT_TRUE(acceptance->has_room(50 << 20));
  EXPECT_FALSE(acceptance->has_room(1ull << 30));
  EXPECT_FALSE(acceptance->has_room(UINT64_MAX));
  engine.free = 1000;
  EXPECT_FALSE(acceptance->has_room(0));
}

TEST_F(AcceptanceTest, AnAbandonedLetterLeavesNothing) {
  {
    std::unique_ptr<Letter> letter = acceptance->begin(envelope({"alice@example.test"}));
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(run(letter->write(std::string(64 * 1024, 'x'))));
  }
  EXPECT_THAT(mailbox(alice), IsEmpty());
  EXPECT_TRUE(run(engine::sweep_blobs(engine, true)));
}

TEST_F(AcceptanceTest, LargeLettersComeBackWhole) {
  std::string big = kBody;
  for (int i = 0; i < 100'000; ++i) big += fmt::format("line {}\r\n", i);
  std::unique_ptr<Letter> letter = acceptance->begin(envelope({"alice@example.test", "out@elsewhere.test"}));
  for (size_t at = 0; at < big.size(); at += 7777) {
    ASSERT_TRUE(run(letter->write(std::string_view(big).substr(at, 7777))));
  }
  EXPECT_EQ(letter->size(), big.size());
  ASSERT_TRUE(run(letter->commit()));
  EXPECT_EQ(mailbox(alice)[0], "Return-Path: <sender@elsewhere.test>\r\n" + big);
  EXPECT_EQ(bytes_of(queued()[0]), big);
}

TEST_F(AcceptanceTest, AnEmptyLetterIsALetter) {
  std::unique_ptr<Letter> letter = acceptance->begin(envelope({"alice@example.test", "out@elsewhere.test"}));
  ASSERT_TRUE(run(letter->commit()));
  EXPECT_THAT(mailbox(alice), ElementsAre("Return-Path: <sender@elsewhere.test>\r\n"));
  EXPECT_EQ(queued()[0].size, 0u);
}

TEST_F(AcceptanceTest, LineBreaksInTheEnvelopeAreRefused) {
  Envelope evil = envelope({"alice@example.test"}, "a@b.test>\r\nBcc: <x");
  EXPECT_EQ(send(evil).error().kind, FaultKind::syntax);
  evil = envelope({"alice@example.test"});
  evil.recipients.push_back(message::Address{"x\ny", "elsewhere.test"});
  EXPECT_EQ(send(evil).error().kind, FaultKind::syntax);
  EXPECT_THAT(mailbox(alice), IsEmpty());
}

TEST_F(AcceptanceTest, RecipientsGoneMeanwhile) {
  std::unique_ptr<Letter> letter = acceptance->begin(envelope({"bob@example.test"}));
  ASSERT_TRUE(run(letter->write(kBody)));
  ASSERT_TRUE(run(directory.remove_account(bob)));
  EXPECT_EQ(run(letter->commit()).error().kind, FaultKind::not_found);
  ASSERT_TRUE(send(envelope({"bob@example.test", "alice@example.test"})));
  EXPECT_THAT(mailbox(alice), SizeIs(1));
}

TEST_F(AcceptanceTest, DisabledMembersOfAListAreLeftOut) {
  alias("both@example.test", {"alice@example.test", "bob@example.test"});
  disable(bob);
  ASSERT_TRUE(send(envelope({"both@example.test"})));
  EXPECT_THAT(mailbox(alice), SizeIs(1));
  EXPECT_THAT(mailbox(bob), IsEmpty());
}

TEST_F(AcceptanceTest, SubaddressChoosesAMailboxWhereAllowed) {
  ASSERT_TRUE(run(store.create_mailbox(alice, "Lists")));
  ASSERT_TRUE(send(envelope({"alice+lists@example.test"})));
  EXPECT_THAT(mailbox(alice), SizeIs(1));
  delivery::Options options;
  options.subaddress_to_mailbox = true;
  open(options, {});
  ASSERT_TRUE(send(envelope({"alice+lists@example.test"})));
  ASSERT_TRUE(send(envelope({"alice+none@example.test"})));
  EXPECT_THAT(mailbox(alice, "Lists"), SizeIs(1));
  EXPECT_THAT(mailbox(alice), SizeIs(2));
}

TEST_F(AcceptanceTest, QueueIsToldWhatTheBodyNeeds) {
  Envelope plain = envelope({"out@elsewhere.test"});
  plain.utf8 = true;  // asked for, not needed
  ASSERT_TRUE(send(plain));
  EXPECT_FALSE(queued()[0].eight_bit);
  EXPECT_FALSE(queued()[0].utf8);
  ASSERT_TRUE(send(plain,
                   "Subject: gr\xc3\xbc\xc3\x9f"
                   "e\r\n\r\nSch\xc3\xb6n.\r\n"));
  std::vector<queue::Letter> letters = queued();
  ASSERT_THAT(letters, SizeIs(2));
  EXPECT_TRUE(letters[1].eight_bit);
  EXPECT_TRUE(letters[1].utf8);
  EXPECT_EQ(letters[1].accepted, clock.now());
  EXPECT_EQ(letters[1].expires, clock.now() + seconds(5 * 24 * 3600));
}

TEST_F(AcceptanceTest, WhatWasDeclaredDoesNotMakeALetter8Bit) {
  Envelope declared = envelope({"out@elsewhere.test"});
  declared.eight_bit = true;
  declared.utf8 = true;
  ASSERT_TRUE(send(declared));
  ASSERT_TRUE(send(declared, "Subject: plain\r\n\r\nSch\xc3\xb6n.\r\n"));
  std::vector<queue::Letter> letters = queued();
  ASSERT_THAT(letters, SizeIs(2));
  EXPECT_FALSE(letters[0].eight_bit);
  EXPECT_FALSE(letters[0].utf8);
  EXPECT_TRUE(letters[1].eight_bit);
  EXPECT_FALSE(letters[1].utf8);  // an 8-bit body alone is no internationalized message
}

TEST_F(AcceptanceTest, BytesThatAreNotDeclaredCountToo) {
  ASSERT_TRUE(send(envelope({"out@elsewhere.test"}), "Subject: gr\xc3\xbcn\r\n\r\nHi.\r\n"));
  ASSERT_TRUE(send(envelope({"out@elsewhere.test"}),
                   "Subject: long\r\nX: " + std::string(1'000'000, 'x') + "\xc3\xbc\r\n\r\nHi.\r\n"));
  for (const queue::Letter& letter : queued()) {
    EXPECT_TRUE(letter.eight_bit);
    EXPECT_FALSE(letter.utf8);
  }
}

TEST_F(AcceptanceTest, OnlyRecipientsThatLeaveNeedUtf8) {
  Envelope wide = envelope({"out@elsewhere.test"});
  wide.utf8 = true;
  wide.recipients.push_back(message::Address{"\xc3\xbc", "elsewhere.test"});
  ASSERT_TRUE(send(wide));
  EXPECT_TRUE(queued()[0].utf8);
  EXPECT_FALSE(queued()[0].eight_bit);
}

TEST_F(AcceptanceTest, IdsAreKnownAtOnceAndDiffer) {
  std::unique_ptr<Letter> one = acceptance->begin(envelope({"alice@example.test"}));
  std::unique_ptr<Letter> two = acceptance->begin(envelope({"alice@example.test"}));
  EXPECT_LT(one->id(), two->id());
  EXPECT_EQ(one->queue_id(), format_id(one->id()));
}

TEST_F(AcceptanceTest, PreparedStepsGoIntoAnothersTransaction) {
  std::unique_ptr<Letter> letter = acceptance->begin(envelope({"alice@example.test"}, ""));
  ASSERT_TRUE(run(letter->write(kBody)));
  std::vector<engine::Step> steps = *run(letter->prepare());
  EXPECT_THAT(mailbox(alice), IsEmpty());
  ASSERT_TRUE(run(engine.transact(std::move(steps))));
  letter->committed();
  EXPECT_THAT(mailbox(alice), SizeIs(1));
}

}  // namespace
}  // namespace posthouse::acceptance
