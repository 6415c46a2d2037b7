#include "submission/groom.h"

#include "base/ascii.h"
#include "message/address_list.h"
#include "message/headers.h"
#include "submission/limits.h"

namespace posthouse::submission {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class GroomTest : public ::testing::Test {
 protected:
  GroomTest() {
    groomer.default_domain = "example.test";
    groomer.login = "alice@example.test";
    groomer.message_id_domain = "example.test";
    groomer.message_id_token = "token";
    groomer.now = SystemTime(milliseconds(1767225600000));
  }

  Groomed groom(const std::string& block) {
    Result<Groomed> groomed = submission::groom(block, groomer, body_begin);
    EXPECT_TRUE(groomed) << (groomed ? "" : groomed.error().what);
    return groomed.value_or(Groomed{});
  }
  std::string refusal(const std::string& block) {
    Result<Groomed> groomed = submission::groom(block, groomer, body_begin);
    EXPECT_FALSE(groomed);
    return groomed ? "" : groomed.error().what;
  }

  Groomer groomer;
  size_t body_begin = 0;
};

const std::string kComplete =
    "From: Alice <alice@example.test>\r\n"
    "To: bob@example.test\r\n"
    "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n"
    "Message-ID: <1@example.test>\r\n";

TEST_F(GroomTest, LeavesACompleteHeaderByteForByte) {
  std::string odd =
      kComplete +
      "Subject:no blank,\ttabs\r\n \tand folding \r\nX-Odd :  \xc3\xa4\r\nDKIM-Signature: v=1;\r\n b=x\r\n";
  EXPECT_EQ(groom(odd + "\r\nbody").header, odd + "\r\n");
  EXPECT_EQ(body_begin, odd.size() + 2);
}

TEST_F(GroomTest, AddsWhatIsMissing) {
  Groomed groomed = groom("Subject: x\r\n\r\n");
  EXPECT_EQ(groomed.header,
            "Subject: x\r\n"
            "From: alice@example.test\r\n"
            "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n"
            "Message-ID: <token@example.test>\r\n"
            "To: undisclosed-recipients:;\r\n"
            "\r\n");
  EXPECT_THAT(groomed.authors, ElementsAre(message::Address{"alice", "example.test"}));
}

TEST_F(GroomTest, NamesTheAddedAuthor) {
  groomer.display_name = "Alice \"A\" <x@y>, Bob";
  Groomed groomed = groom("\r\n");
  EXPECT_THAT(groomed.header, HasSubstr("From: \"Alice \\\"A\\\" <x@y>, Bob\" <alice@example.test>\r\n"));
  EXPECT_EQ(body_begin, 2u);
}

TEST_F(GroomTest, CcIsEnoughOfARecipient) {
  EXPECT_THAT(groom("Cc: bob@example.test\r\n\r\n").header, Not(HasSubstr("undisclosed")));
  EXPECT_THAT(groom("Bcc: bob@example.test\r\n\r\n").header, HasSubstr("undisclosed"));
}

TEST_F(GroomTest, RemovesBlindCopiesAndReturnPath) {
  Groomed groomed =
      groom("bcc: a@b.test,\r\n c@d.test\r\n" + kComplete +
            "Resent-Bcc: e@f.test\r\nReturn-Path: <x@y.test>\r\nBCC :g@h.test\r\nX-Bcc: kept\r\n\r\n");
  EXPECT_EQ(groomed.header, kComplete + "X-Bcc: kept\r\n\r\n");
}

TEST_F(GroomTest, CompletesUnqualifiedAddresses) {
  Groomed groomed = groom(
      "From: Alice <alice>\r\nTo: bob, \"Carol, C\" <carol@elsewhere.test>,\r\n dave (Dave)\r\n"
      "Cc: Team: erin, frank@x.test;\r\nReply-To: alice\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\n"
      "Message-ID: <1@example.test>\r\n\r\n");
  EXPECT_THAT(groomed.header, HasSubstr("From: Alice <alice@example.test>\r\n"));
  EXPECT_THAT(groomed.header, HasSubstr("To: bob@example.test, \"Carol, C\" <carol@elsewhere.test>,\r\n "
                                        "dave@example.test (Dave)\r\n"));
  EXPECT_THAT(groomed.header, HasSubstr("Cc: Team: erin@example.test, frank@x.test;\r\n"));
  EXPECT_THAT(groomed.header, HasSubstr("Reply-To: alice@example.test\r\n"));
  EXPECT_THAT(groomed.authors, ElementsAre(message::Address{"alice", "example.test"}));
}

// RFC 5322 section 2.1.1: what we put in must not make a line longer than 998 octets.
TEST_F(GroomTest, FoldsAListThatGrewTooLong) {
  std::string list = "\"a,b\", c (d, e), \"x,\\\"y\"@x.test";
  for (int i = 0; i < 120; ++i) list += fmt::format(",u{}", i);
  Groomed groomed = groom("From: alice\r\nTo: " + list + "\r\n\r\n");
  size_t longest = 0;
  for (std::string_view line : split(groomed.header, '\n')) longest = std::max(longest, line.size());
  EXPECT_LE(longest, 100u);
  message::HeaderReader reader(groomed.header);
  message::HeaderField field;
  while (reader.next(field) && field.name != "To") {
  }
  std::vector<message::Address> all = message::mailboxes(field.value);
  ASSERT_EQ(all.size(), 123u);
  EXPECT_EQ(all[0], (message::Address{"a,b", "example.test"}));
  EXPECT_EQ(all[2], (message::Address{"x,\"y", "x.test"}));
  EXPECT_EQ(all[122], (message::Address{"u119", "example.test"}));
}

TEST_F(GroomTest, FindsAllAuthorsAndSenders) {
  Groomed groomed = groom(
      "FROM: alice@example.test,\r\n \"alice@example.test\" <boss@example.test>, =?utf-8?q?x?= <c@d.test>\r\n"
      "sender: (hidden <x@y.test>) real@example.test\r\n\r\n");
  EXPECT_THAT(groomed.authors,
              ElementsAre(message::Address{"alice", "example.test"}, message::Address{"boss", "example.test"},
                          message::Address{"c", "d.test"}));
  EXPECT_THAT(groomed.senders, ElementsAre(message::Address{"real", "example.test"}));
}

TEST_F(GroomTest, RefusesWhatHidesTheAuthor) {
  EXPECT_THAT(refusal("From: alice@example.test\r\nfrom : boss@example.test\r\n\r\n"),
              HasSubstr("more than one From"));
  EXPECT_THAT(refusal("From: \r\n\r\n"), HasSubstr("without an address"));
  EXPECT_THAT(refusal("From: alice@example.test\r\nSender: a@b.test\r\nSender: c@d.test\r\n\r\n"),
              HasSubstr("more than one Sender"));
  std::string many = "From: a0@example.test";
  for (size_t i = 1; i <= kMaxAuthors; ++i) many += fmt::format(",\r\n a{}@example.test", i);
  EXPECT_THAT(refusal(many + "\r\n\r\n"), HasSubstr("too many"));
}

// One reader takes the first, another the last.
TEST_F(GroomTest, RefusesAuthorsThatCanBeReadInTwoWays) {
  for (const char* from :
       {"alice@example.test\r\n boss@example.test", "x@y.test, alice@example.test b@c.test",
        "g: a@b.test c@d.test;", "alice@example.test (comment) boss@example.test"}) {
    EXPECT_THAT(refusal(fmt::format("From: {}\r\n\r\n", from)), HasSubstr("without a comma")) << from;
    EXPECT_THAT(refusal(fmt::format("Sender: {}\r\n\r\n", from)), HasSubstr("without a comma")) << from;
  }
  for (const char* from : {"boss@example.test <alice@example.test>", "\"a@b c@d\" <alice@example.test>",
                           "alice@example.test (boss@example.test)", "<@a.test,@b.test:alice@example.test>",
                           "a@b.test, c@d.test", "g: a@b.test, c@d.test;", "\"a@b\"@example.test", "alice"}) {
    EXPECT_FALSE(groom(fmt::format("From: {}\r\n\r\n", from)).authors.empty()) << from;
  }
}

TEST_F(GroomTest, DropsAnMboxLine) {
  EXPECT_EQ(groom("From alice Thu Jan  1 00:00:00 2026\r\n" + kComplete + "\r\n").header, kComplete + "\r\n");
}

TEST_F(GroomTest, ABodyWithoutHeaderStaysABody) {
  Groomed groomed = groom("just some words, no header at all\r\n");
  EXPECT_EQ(body_begin, 0u);
  EXPECT_THAT(groomed.header, ::testing::StartsWith("From: alice@example.test\r\n"));
  EXPECT_THAT(groomed.header, ::testing::EndsWith("\r\n\r\n"));
}

TEST_F(GroomTest, AHeaderThatJustStops) {
  EXPECT_EQ(groom(kComplete).header, kComplete + "\r\n");
  EXPECT_EQ(groom(kComplete.substr(0, kComplete.size() - 2)).header, kComplete + "\r\n");
}

}  // namespace
}  // namespace posthouse::submission
