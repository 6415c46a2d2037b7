#include "submission/submission.h"

#include "submission/limits.h"
#include "support/post_office.h"
#include "support/smtp_visit.h"

namespace posthouse::submission {
namespace {

using test::codes;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

const std::string kHeader =
    "From: Alice <alice@example.test>\r\n"
    "To: bob@example.test\r\n"
    "Subject: hi\r\n"
    "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n"
    "Message-ID: <1@example.test>\r\n";

// Puts the header it saw and the size of the body in front.
class CountingSigner : public Signer {
 public:
  std::unique_ptr<Signature> begin(std::string_view domain) override {
    last_domain = domain;
    class Counting : public Signature {
      void header(std::string_view groomed) override {
        fields = std::count(groomed.begin(), groomed.end(), ':');
      }
      void body(std::string_view piece) override { size += piece.size(); }
      Result<std::string> finish() override { return fmt::format("X-Signed: {} octets\r\n", size); }
      int64_t fields = 0;
      size_t size = 0;
    };
    return std::make_unique<Counting>();
  }
  std::string last_domain;
};

class SubmissionTest : public test::PostOffice {
 protected:
  SubmissionTest() { open_door(nullptr); }

  void open_door(Signer* signer, uint64_t max_size = 50ull << 20) {
    Options options;
    options.hostname = "mail.example.test";
    options.default_domain = "example.test";
    options.max_size = max_size;
    door = make_submission(*acceptance, directory, clock, random, options, signer);
    visit = std::make_unique<test::SmtpVisit>(*door, executor);
    visit->facts.tls = true;
    visit->facts.helo = "laptop.private.lan";
  }

  void login(directory::AccountId id, const std::string& address) {
    visit->facts.account = id;
    visit->facts.login = address;
  }
  void login_alice() { login(alice, "alice@example.test"); }

  std::unique_ptr<smtp::SmtpService> door;
  std::unique_ptr<test::SmtpVisit> visit;
};

TEST_F(SubmissionTest, NothingWithoutLogin) {
  EXPECT_EQ(codes(visit->mail("alice@example.test")), "530 5.7.0");
  EXPECT_EQ(codes(visit->rcpt("bob@example.test")), "530 5.7.0");
  EXPECT_EQ(codes(visit->data(kHeader + "\r\n")[0]), "530 5.7.0");
}

TEST_F(SubmissionTest, SendsLocallyAndOut) {
  login_alice();
  smtp::Reply reply =
      visit->send("alice@example.test", {"bob@example.test", "x@elsewhere.test"}, kHeader + "\r\nHi.\r\n");
  EXPECT_EQ(codes(reply), "250 2.0.0");
  std::string id = reply.text.substr(14);
  ASSERT_THAT(mailbox(bob), SizeIs(1));
  EXPECT_EQ(mailbox(bob)[0],
            "Return-Path: <alice@example.test>\r\n"
            "Received: by mail.example.test with ESMTPSA id " +
                id +
                ";\r\n"
                "\tThu, 01 Jan 2026 00:00:00 +0000\r\n" +
                kHeader + "\r\nHi.\r\n");
  ASSERT_THAT(queued(), SizeIs(1));
  EXPECT_EQ(queued()[0].submitter, "alice@example.test");
  EXPECT_THAT(bytes_of(queued()[0]), StartsWith("Received: by mail.example.test"));
}

TEST_F(SubmissionTest, DoesNotTellWhereTheClientSits) {
  login_alice();
  ASSERT_TRUE(visit->send("alice@example.test", {"x@elsewhere.test"}, kHeader + "\r\n").positive());
  std::string bytes = bytes_of(queued()[0]);
  EXPECT_THAT(bytes, Not(HasSubstr("192.0.2.10")));
  EXPECT_THAT(bytes, Not(HasSubstr("laptop")));
}

TEST_F(SubmissionTest, EnvelopeSenderMustBeOnesOwn) {
  login_alice();
  smtp::Reply reply = visit->mail("bob@example.test");
  EXPECT_EQ(codes(reply), "553 5.7.1");
  EXPECT_EQ(codes(visit->mail("x@elsewhere.test")), "553 5.7.1");
  EXPECT_EQ(codes(visit->mail("Alice+lists@example.test")), "250 2.1.0");
  EXPECT_EQ(codes(visit->mail("")), "250 2.1.0");
  alias("sales@example.test", {"alice@example.test"});
  EXPECT_EQ(codes(visit->mail("sales@example.test")), "250 2.1.0");
}

TEST_F(SubmissionTest, HeaderAuthorMustBeOnesOwn) {
  login_alice();
  for (const char* from :
       {"From: bob@example.test\r\n", "From: alice@example.test, bob@example.test\r\n",
        "From: \"alice@example.test\" <ceo@elsewhere.test>\r\n",
        "From: alice@example.test\r\nSender: bob@example.test\r\n", "From: bob\r\n",
        "From: Group: bob@example.test;\r\n", "From: <@example.test:bob@example.test>\r\n"}) {
    smtp::Reply reply =
        visit->send("alice@example.test", {"bob@example.test"}, from + std::string("\r\nHi.\r\n"));
    EXPECT_EQ(codes(reply), "550 5.7.1") << from;
  }
  for (const char* from : {"From: a@b.test\r\nFrom: alice@example.test\r\n", "From:\r\n"}) {
    smtp::Reply reply =
        visit->send("alice@example.test", {"bob@example.test"}, from + std::string("\r\nHi.\r\n"));
    EXPECT_EQ(codes(reply), "550 5.6.0") << from;
  }
  EXPECT_THAT(mailbox(bob), IsEmpty());
  EXPECT_THAT(queued(), IsEmpty());
}

TEST_F(SubmissionTest, RefusalSaysWhichAddress) {
  login_alice();
  smtp::Reply reply =
      visit->send("alice@example.test", {"bob@example.test"}, "From: bob@example.test\r\n\r\n");
  EXPECT_THAT(reply.text, HasSubstr("bob@example.test is not allowed in From"));
}

TEST_F(SubmissionTest, BlindCopiesStayBlind) {
  login_alice();
  std::string letter = "Bcc: secret@elsewhere.test\r\n" + kHeader + "\r\nBcc: in the body stays\r\n";
  ASSERT_TRUE(
      visit->send("alice@example.test", {"bob@example.test", "secret@elsewhere.test"}, letter).positive());
  EXPECT_THAT(mailbox(bob)[0], Not(HasSubstr("secret")));
  EXPECT_THAT(bytes_of(queued()[0]), Not(HasSubstr("secret")));
  EXPECT_THAT(mailbox(bob)[0], EndsWith("\r\n\r\nBcc: in the body stays\r\n"));
}

TEST_F(SubmissionTest, GroomsAnyWayTheBytesAreCut) {
  login_alice();
  std::string letter = "From: alice\r\nTo: bob\r\nBcc: x@y.test\r\n\r\nbody\r\n\r\nmore\r\n";
  std::string first;
  for (size_t piece : {1, 2, 3, 5, 64, 4096}) {
    ASSERT_EQ(codes(visit->send("alice@example.test", {"bob@example.test"}, letter, piece)), "250 2.0.0");
    std::string stored = mailbox(bob).back();
    EXPECT_THAT(stored, HasSubstr("From: alice@example.test\r\nTo: bob@example.test\r\nDate: "));
    EXPECT_THAT(stored, HasSubstr("@example.test>\r\n\r\nbody\r\n\r\nmore\r\n"));
    EXPECT_THAT(stored, Not(HasSubstr("Bcc")));
  }
}

TEST_F(SubmissionTest, LettersWithoutHeaderOrBody) {
  login_alice();
  for (std::string letter :
       {std::string(), std::string("\r\nonly a body\r\n"), std::string("no header, no empty line\r\n"),
        kHeader, std::string("Subject: x\r\n\r\n")}) {
    ASSERT_EQ(codes(visit->send("alice@example.test", {"bob@example.test"}, letter)), "250 2.0.0") << letter;
    EXPECT_THAT(mailbox(bob).back(), HasSubstr("alice@example.test")) << letter;
    EXPECT_THAT(mailbox(bob).back(), HasSubstr("Message-ID: <")) << letter;
  }
  EXPECT_THAT(mailbox(bob)[1], EndsWith("\r\n\r\nonly a body\r\n"));
  EXPECT_THAT(mailbox(bob)[2], EndsWith("\r\n\r\nno header, no empty line\r\n"));
}

TEST_F(SubmissionTest, MessageIdsDiffer) {
  login_alice();
  for (int i = 0; i < 2; ++i)
    ASSERT_TRUE(visit->send("alice@example.test", {"bob@example.test"}, "\r\n").positive());
  EXPECT_NE(mailbox(bob)[0].substr(mailbox(bob)[0].find("Message-ID")),
            mailbox(bob)[1].substr(mailbox(bob)[1].find("Message-ID")));
}

TEST_F(SubmissionTest, UnknownLocalRecipientsAreRefused) {
  login_alice();
  ASSERT_TRUE(visit->mail("alice@example.test").positive());
  EXPECT_EQ(codes(visit->rcpt("nobody@example.test")), "550 5.1.1");
  EXPECT_EQ(codes(visit->rcpt("anyone@elsewhere.test")), "250 2.1.5");
  EXPECT_EQ(codes(visit->rcpt("anyone@[192.0.2.5]")), "250 2.1.5");
  EXPECT_EQ(codes(visit->rcpt(message::Address{"bob", ""})), "250 2.1.5");
  EXPECT_EQ(codes(visit->data(kHeader + "\r\n")[0]), "250 2.0.0");
  EXPECT_THAT(mailbox(bob), SizeIs(1));
  EXPECT_THAT(queued()[0].recipients, SizeIs(2));
}

TEST_F(SubmissionTest, LimitsOfHeaderAndLetter) {
  login_alice();
  std::string huge = "Subject: " + std::string(kMaxHeader, 'x') + "\r\n\r\nbody\r\n";
  EXPECT_EQ(codes(visit->send("alice@example.test", {"bob@example.test"}, huge)), "552 5.3.4");
  EXPECT_EQ(codes(visit->send("alice@example.test", {"bob@example.test"}, huge, huge.size())), "552 5.3.4");
  open_door(nullptr, 1000);
  login_alice();
  EXPECT_EQ(codes(visit->mail("alice@example.test", 1001)), "552 5.3.4");
  std::string large = kHeader + "\r\n" + std::string(1000, 'x');
  EXPECT_EQ(codes(visit->send("alice@example.test", {"bob@example.test"}, large, 100)), "552 5.3.4");
  EXPECT_THAT(mailbox(bob), SizeIs(0));
}

TEST_F(SubmissionTest, AnOpenSessionEndsWithItsAccount) {
  login_alice();
  ASSERT_TRUE(visit->mail("alice@example.test").positive());
  disable(alice);
  EXPECT_EQ(codes(visit->data(kHeader + "\r\n")[0]), "550 5.7.1");
  EXPECT_EQ(codes(visit->mail("alice@example.test")), "550 5.7.1");
}

TEST_F(SubmissionTest, ALetterUnderWayEndsWithItsAccount) {
  login_alice();
  ASSERT_TRUE(visit->mail("alice@example.test").positive());
  ASSERT_TRUE(visit->rcpt("bob@example.test").positive());
  auto sink = run(door->on_data(visit->facts, visit->envelope));
  ASSERT_TRUE(sink);
  disable(alice);
  std::string letter = kHeader + "\r\nbody\r\n";
  ASSERT_TRUE(run((*sink)->write(letter)));
  EXPECT_EQ(codes(run((*sink)->commit())[0]), "550 5.7.1");
  EXPECT_THAT(mailbox(bob), IsEmpty());
}

TEST_F(SubmissionTest, UnqualifiedAddressesAreCompletedInTheTraceToo) {
  login_alice();
  ASSERT_TRUE(visit->mail("alice@example.test").positive());
  ASSERT_EQ(codes(visit->rcpt(message::Address{"bob", ""})), "250 2.1.5");
  EXPECT_EQ(codes(visit->data(kHeader + "\r\n")[0]), "250 2.0.0");
  ASSERT_THAT(mailbox(bob), SizeIs(1));
  EXPECT_THAT(mailbox(bob)[0], HasSubstr("for <bob@example.test>;"));
}

TEST_F(SubmissionTest, PostmasterOfThisHostIsHere) {
  login_alice();
  ASSERT_TRUE(visit->mail("alice@example.test").positive());
  EXPECT_EQ(codes(visit->rcpt("Postmaster@MAIL.example.test")), "250 2.1.5");
  EXPECT_EQ(codes(visit->data(kHeader + "\r\n")[0]), "250 2.0.0");
  EXPECT_THAT(mailbox(alice), SizeIs(1));
  EXPECT_THAT(queued(), IsEmpty());
}

TEST_F(SubmissionTest, FullDisk) {
  login_alice();
  engine.free = 1000;
  EXPECT_EQ(codes(visit->mail("alice@example.test")), "452 4.3.1");
  engine.free.reset();
  engine.transact_fault = Fault{FaultKind::no_space, "disk full"};
  EXPECT_EQ(codes(visit->send("alice@example.test", {"bob@example.test"}, kHeader + "\r\n")), "452 4.3.1");
}

TEST_F(SubmissionTest, ASignerPutsItsFieldsInFront) {
  CountingSigner signer;
  open_door(&signer);
  login_alice();
  ASSERT_TRUE(
      visit->send("alice@example.test", {"bob@example.test"}, kHeader + "\r\n12345678\r\n", 3).positive());
  EXPECT_EQ(signer.last_domain, "example.test");
  EXPECT_THAT(mailbox(bob)[0],
              StartsWith("Return-Path: <alice@example.test>\r\nX-Signed: 10 octets\r\nReceived: by "));
  EXPECT_THAT(mailbox(bob)[0], EndsWith(kHeader + "\r\n12345678\r\n"));
}

TEST_F(SubmissionTest, ALetterTooLongToHoldGoesUnsigned) {
  CountingSigner signer;
  open_door(&signer);
  login_alice();
  std::string letter = kHeader + "\r\n" + std::string(kMaxHeldForSigning + 1, 'x') + "\r\n";
  ASSERT_TRUE(visit->send("alice@example.test", {"bob@example.test"}, letter).positive());
  EXPECT_THAT(mailbox(bob)[0], Not(HasSubstr("X-Signed")));
  EXPECT_THAT(mailbox(bob)[0], EndsWith(letter));
}

}  // namespace
}  // namespace posthouse::submission
