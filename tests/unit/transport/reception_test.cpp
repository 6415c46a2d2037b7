#include "transport/reception.h"

#include "directory/records.h"
#include "support/post_office.h"
#include "support/smtp_visit.h"

namespace posthouse::transport {
namespace {

using test::codes;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

const std::string kLetter = "From: s@elsewhere.test\r\nSubject: hello\r\n\r\nHi.\r\n";

class ReceptionTest : public test::PostOffice {
 protected:
  ReceptionTest() { open_door({}); }

  void open_door(ReceptionOptions options) {
    options.hostname = "mx.example.test";
    door = make_reception(*acceptance, directory, clock, options);
    visit = std::make_unique<test::SmtpVisit>(*door, executor);
  }

  std::unique_ptr<smtp::SmtpService> door;
  std::unique_ptr<test::SmtpVisit> visit;
};

TEST_F(ReceptionTest, TakesALetterWithItsTrace) {
  smtp::Reply reply = visit->send("s@elsewhere.test", {"alice@example.test"}, kLetter);
  EXPECT_EQ(codes(reply), "250 2.0.0");
  EXPECT_THAT(reply.text, StartsWith("Ok: queued as "));
  std::string id = reply.text.substr(14);
  EXPECT_TRUE(parse_id(id));
  std::vector<std::string> messages = mailbox(alice);
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_EQ(messages[0],
            "Return-Path: <s@elsewhere.test>\r\n"
            "Received: from client.elsewhere.test ([192.0.2.10])\r\n"
            "\tby mx.example.test with ESMTP id " +
                id +
                "\r\n"
                "\tfor <alice@example.test>;\r\n"
                "\tThu, 01 Jan 2026 00:00:00 +0000\r\n" +
                kLetter);
}

TEST_F(ReceptionTest, TraceSaysHowItCame) {
  visit->facts.tls = true;
  visit->facts.tls_protocol = "TLSv1.3";
  visit->facts.tls_cipher = "TLS_AES_256_GCM_SHA384";
  visit->facts.peer.ip = *IpAddress::parse("2001:db8::7");
  visit->facts.peer_name = "out.elsewhere.test";
  visit->facts.helo = "[2001:db8::7] (evil)\r\nX: y";
  EXPECT_EQ(codes(visit->send("", {"alice@example.test", "bob@example.test"}, kLetter)), "250 2.0.0");
  std::string message = mailbox(bob)[0];
  EXPECT_THAT(message,
              StartsWith("Return-Path: <>\r\nReceived: from [2001:db8::7]??evil???X:?y "
                         "(out.elsewhere.test [IPv6:2001:db8::7])\r\n\tby mx.example.test with ESMTPS "
                         "(TLSv1.3 TLS_AES_256_GCM_SHA384) id "));
  EXPECT_THAT(message, Not(HasSubstr("for <")));  // two recipients: neither is told of the other
}

TEST_F(ReceptionTest, RelaysForNobody) {
  EXPECT_EQ(codes(visit->mail("alice@example.test")), "250 2.1.0");
  for (const char* to : {"x@elsewhere.test", "x@[192.0.2.1]", "\"x@elsewhere.test\"@other.test",
                         "x%elsewhere.test@other.test", "x@sub.example.test", "postmaster@elsewhere.test"}) {
    smtp::Reply reply = visit->rcpt(to);
    EXPECT_EQ(codes(reply), "550 5.7.1") << to;
    EXPECT_THAT(reply.text, HasSubstr("Relaying denied"));
  }
  visit->facts.peer.ip = *IpAddress::parse("127.0.0.1");  // nobody is trusted for where he is
  EXPECT_EQ(codes(visit->rcpt("x@elsewhere.test")), "550 5.7.1");
  EXPECT_THAT(queued(), IsEmpty());
}

// The domain was ours at RCPT. When it is no longer at the end of the letter, that makes nobody a relay.
TEST_F(ReceptionTest, ADomainThatLeftMeanwhileIsNotRelayedTo) {
  domain("leaving.test", "bob@example.test");
  ASSERT_TRUE(visit->mail("s@elsewhere.test").positive());
  ASSERT_EQ(codes(visit->rcpt("anyone@leaving.test")), "250 2.1.5");
  ASSERT_TRUE(run(directory.remove_domain("leaving.test")));
  EXPECT_EQ(codes(visit->data(kLetter)[0]), "550 5.1.1");
  EXPECT_THAT(queued(), IsEmpty());
}

TEST_F(ReceptionTest, UnknownUserIsRefusedOthersGoOn) {
  ASSERT_TRUE(visit->mail("s@elsewhere.test").positive());
  EXPECT_EQ(codes(visit->rcpt("nobody@example.test")), "550 5.1.1");
  EXPECT_EQ(codes(visit->rcpt("x%elsewhere.test@example.test")), "550 5.1.1");
  EXPECT_EQ(codes(visit->rcpt("\"x@elsewhere.test\"@example.test")), "550 5.1.1");
  EXPECT_EQ(codes(visit->rcpt("bob+tag@EXAMPLE.test")), "250 2.1.5");
  EXPECT_EQ(codes(visit->data(kLetter)[0]), "250 2.0.0");
  EXPECT_THAT(mailbox(bob), SizeIs(1));
  EXPECT_THAT(mailbox(alice), IsEmpty());
}

// An older store may have it: since then such aliases are refused.
TEST_F(ReceptionTest, AnAliasThatIsTooDeepIsRefusedForGood) {
  for (int i = 0; i < 11; ++i) {
    const std::string next = fmt::format("n{}@example.test", i + 1);
    auto put = [i, next](engine::Transaction& rows) -> Result<void> {
      rows.put(directory::name_row(fmt::format("n{}@example.test", i)),
               directory::encode(directory::NameRecord{0, {next}}));
      return {};
    };
    std::vector<engine::Step> steps{{directory::kPartition, put}};
    ASSERT_TRUE(run(engine.transact(std::move(steps))));
  }
  ASSERT_TRUE(visit->mail("s@elsewhere.test").positive());
  const smtp::Reply reply = visit->rcpt("n0@example.test");
  EXPECT_EQ(codes(reply), "550 5.4.6");
  EXPECT_THAT(reply.text, HasSubstr("n0@example.test leads through more than 10 aliases"));
}

TEST_F(ReceptionTest, PostmasterAlways) {
  ASSERT_TRUE(visit->mail("").positive());
  for (const char* to :
       {"postmaster", "PostMaster@example.test", "postmaster@mx.example.test", "postmaster@[192.0.2.1]"}) {
    EXPECT_EQ(codes(visit->rcpt(to)), "250 2.1.5") << to;
  }
  EXPECT_EQ(codes(visit->data(kLetter)[0]), "250 2.0.0");
  EXPECT_THAT(mailbox(alice), SizeIs(1));  // the admin, once
  EXPECT_THAT(queued(), IsEmpty());
}

TEST_F(ReceptionTest, PostmasterEvenThroughABrokenAliasAndPastADisabledAccount) {
  alias("postmaster@example.test", {"gone@example.test"});
  ASSERT_TRUE(visit->mail("s@elsewhere.test").positive());
  EXPECT_EQ(codes(visit->rcpt("postmaster@example.test")), "250 2.1.5");
  disable(alice);  // the only admin
  EXPECT_EQ(codes(visit->rcpt("postmaster@example.test")), "250 2.1.5");
  EXPECT_EQ(codes(visit->data(kLetter)[0]), "250 2.0.0");
  EXPECT_THAT(mailbox(bob), SizeIs(1));
}

TEST_F(ReceptionTest, AliasToTheOutsideIsSentOnWithOurTrace) {
  alias("out@example.test", {"x@elsewhere.test"});
  EXPECT_EQ(codes(visit->send("s@elsewhere.test", {"out@example.test"}, kLetter)), "250 2.0.0");
  ASSERT_THAT(queued(), SizeIs(1));
  std::string bytes = bytes_of(queued()[0]);
  EXPECT_THAT(bytes, StartsWith("Received: from client.elsewhere.test"));
  EXPECT_THAT(bytes, EndsWith(kLetter));
}

TEST_F(ReceptionTest, DisabledAccount) {
  disable(bob);
  ASSERT_TRUE(visit->mail("s@elsewhere.test").positive());
  EXPECT_EQ(codes(visit->rcpt("bob@example.test")), "550 5.2.1");
}

TEST_F(ReceptionTest, FullMailboxByPolicy) {
  account("small@example.test", 10);
  ASSERT_TRUE(visit->mail("s@elsewhere.test", 100).positive());
  EXPECT_EQ(codes(visit->rcpt("small@example.test")), "452 4.2.2");
  // Without a declared size it shows only at the end.
  EXPECT_EQ(codes(visit->send("s@elsewhere.test", {"small@example.test"}, kLetter)), "452 4.2.2");
  delivery::Options options;
  options.over_quota_is_permanent = true;
  open(options, {});
  open_door({});
  ASSERT_TRUE(visit->mail("s@elsewhere.test", 100).positive());
  EXPECT_EQ(codes(visit->rcpt("small@example.test")), "552 5.2.2");
  EXPECT_EQ(codes(visit->send("s@elsewhere.test", {"small@example.test"}, kLetter)), "552 5.2.2");
}

TEST_F(ReceptionTest, TooLargeADeclaredSizeOrLetter) {
  ReceptionOptions options;
  options.max_size = 1000;
  open_door(options);
  EXPECT_EQ(codes(visit->mail("s@elsewhere.test", 1001)), "552 5.3.4");
  EXPECT_EQ(codes(visit->mail("s@elsewhere.test", 1000)), "250 2.1.0");
  ASSERT_TRUE(visit->rcpt("alice@example.test").positive());
  EXPECT_EQ(codes(visit->data(std::string(1001, 'x'), 100)[0]), "552 5.3.4");
  EXPECT_THAT(mailbox(alice), IsEmpty());
  EXPECT_EQ(codes(visit->data(kLetter + std::string(1000 - kLetter.size(), 'x'), 100)[0]), "250 2.0.0");
}

TEST_F(ReceptionTest, FullDisk) {
  engine.free = 1000;
  EXPECT_EQ(codes(visit->mail("s@elsewhere.test")), "452 4.3.1");
  engine.free = 100 << 20;
  EXPECT_EQ(codes(visit->mail("s@elsewhere.test", 40 << 20)), "250 2.1.0");
  ASSERT_TRUE(visit->rcpt("alice@example.test").positive());
  engine.transact_fault = Fault{FaultKind::no_space, "disk full"};
  EXPECT_EQ(codes(visit->data(kLetter)[0]), "452 4.3.1");
  engine.transact_fault = Fault{FaultKind::io, "broken"};
  EXPECT_EQ(codes(visit->data(kLetter)[0]), "451 4.3.0");
  engine.transact_fault.reset();
  engine.free = 1000;
  EXPECT_EQ(codes(visit->data(kLetter)[0]), "452 4.3.1");
  EXPECT_THAT(mailbox(alice), IsEmpty());
}

TEST_F(ReceptionTest, MailLoop) {
  std::string hops;
  for (int i = 0; i < 100; ++i) hops += "Received: from a by b; Thu, 1 Jan 2026 00:00:00 +0000\r\n";
  EXPECT_EQ(codes(visit->send("s@elsewhere.test", {"alice@example.test"}, hops + kLetter)), "554 5.4.6");
  EXPECT_THAT(mailbox(alice), IsEmpty());
}

TEST_F(ReceptionTest, OneReplyForEachRecipientInLmtp) {
  visit->facts.lmtp = true;
  ASSERT_TRUE(visit->mail("s@elsewhere.test").positive());
  ASSERT_TRUE(visit->rcpt("alice@example.test").positive());
  ASSERT_TRUE(visit->rcpt("bob@example.test").positive());
  EXPECT_THAT(visit->data(kLetter), SizeIs(2));
}

TEST_F(ReceptionTest, LimitsConnections) {
  ReceptionOptions options;
  options.max_connections = 3;
  options.max_connections_per_network = 2;
  open_door(options);
  EXPECT_TRUE(visit->connect().positive());
  EXPECT_TRUE(visit->connect().positive());
  EXPECT_EQ(codes(visit->connect()), "421 4.7.0");
  test::SmtpVisit other(*door, executor);
  other.facts.peer.ip = *IpAddress::parse("198.51.100.1");
  EXPECT_TRUE(other.connect().positive());
  other.facts.peer.ip = *IpAddress::parse("203.0.113.1");
  EXPECT_EQ(codes(other.connect()), "421 4.3.2");
  visit->leave();
  EXPECT_TRUE(other.connect().positive());
  other.leave();
  EXPECT_TRUE(visit->connect().positive());
}

TEST_F(ReceptionTest, VrfyAndEtrnTellNothing) {
  EXPECT_EQ(codes(run(door->on_vrfy(visit->facts, "alice"))), "252 2.0.0");
  EXPECT_EQ(run(door->on_vrfy(visit->facts, "alice")).text, run(door->on_vrfy(visit->facts, "nobody")).text);
  EXPECT_EQ(codes(run(door->on_etrn(visit->facts, "elsewhere.test"))), "459 4.7.1");
  EXPECT_EQ(codes(run(door->on_etrn(visit->facts, "#queue"))), "459 4.7.1");
  EXPECT_EQ(codes(run(door->on_etrn(visit->facts, "Example.test"))), "251 2.0.0");
  EXPECT_EQ(codes(run(door->on_etrn(visit->facts, "@example.test"))), "251 2.0.0");
}

TEST_F(ReceptionTest, BytesComeThroughUnchangedInAnyPieces) {
  std::string letter =
      kLetter + "8-bit \xc3\xa4 \xff, NUL-free, long " + std::string(3000, 'y') + "\r\n.\r\n..x\r\n";
  for (size_t piece : {1, 7, 4096}) {
    EXPECT_EQ(codes(visit->send("s@elsewhere.test", {"bob@example.test"}, letter, piece)), "250 2.0.0");
    EXPECT_THAT(mailbox(bob).back(), EndsWith("+0000\r\n" + letter));
  }
}

}  // namespace
}  // namespace posthouse::transport
