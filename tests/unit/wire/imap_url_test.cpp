// URLs of CATENATE (RFC 4469 section 3, RFC 5092 section 11).
#include "wire/imap/url.h"

#include <gtest/gtest.h>

namespace posthouse::wire::imap {
namespace {

std::string mailbox_of(std::string_view url, std::string_view selected = "") {
  const auto parsed = parse_message_url(url, selected);
  return parsed ? parsed->mailbox + "#" + std::to_string(parsed->uid) : "-";
}

TEST(ImapUrl, Paths) {
  EXPECT_EQ(mailbox_of("/Drafts/;UID=20"), "Drafts#20");
  EXPECT_EQ(mailbox_of("/Drafts/;uid=20"), "Drafts#20");
  EXPECT_EQ(mailbox_of("/a/b;UIDVALIDITY=7/;UID=4294967295"), "a/b#4294967295");
  EXPECT_EQ(mailbox_of("/Gr%C3%BC%c3%9fe/;UID=1"), "Grüße#1");
  EXPECT_EQ(mailbox_of("/a%20b%3Bc/;UID=1"), "a b;c#1");
}

TEST(ImapUrl, RelativeToTheSelectedMailbox) {
  EXPECT_EQ(mailbox_of("Drafts/;UID=1"), "Drafts#1");
  EXPECT_EQ(mailbox_of("Drafts/;UID=1", "INBOX"), "Drafts#1");
  EXPECT_EQ(mailbox_of("b/;UID=1", "a/c"), "a/b#1");
  EXPECT_EQ(mailbox_of("/b/;UID=1", "a/c"), "b#1");
  EXPECT_EQ(mailbox_of(";UID=3", "a/c"), "a/c#3");
  EXPECT_EQ(mailbox_of(";UID=3"), "-");
}

TEST(ImapUrl, Parts) {
  const auto url = parse_message_url(
      "/INBOX;UIDVALIDITY=785799047/;UID=113330/;section=1.2.HEADER.FIELDS%20(From%20To)/;PARTIAL=5.10", "");
  ASSERT_TRUE(url.has_value());
  EXPECT_EQ(url->uid_validity, 785799047u);
  EXPECT_EQ(url->section.part, (std::vector<uint32_t>{1, 2}));
  EXPECT_EQ(url->section.kind, Section::header_fields);
  EXPECT_EQ(url->section.fields, (std::vector<std::string>{"From", "To"}));
  ASSERT_TRUE(url->partial.has_value());
  EXPECT_EQ(url->partial->offset, 5u);
  EXPECT_EQ(url->partial->length, 10u);
  const auto open = parse_message_url("/INBOX/;UID=1/;PARTIAL=0", "");
  ASSERT_TRUE(open && open->partial);
  EXPECT_EQ(open->partial->length, uint64_t{INT64_MAX});
}

TEST(ImapUrl, Refused) {
  for (const std::string_view url : {"",
                                     "/",
                                     "/Drafts",
                                     "/Drafts/",
                                     "/;UID=1",
                                     "//host/Drafts/;UID=1",
                                     "imap://host/Drafts/;UID=1",
                                     "/Drafts/;UID=0",
                                     "/Drafts/;UID=01",
                                     "/Drafts/;UID=4294967296",
                                     "/Drafts/;UID=1x",
                                     "/Drafts/;UID=",
                                     "/Drafts;UIDVALIDITY=0/;UID=1",
                                     "/Drafts;UIDVALIDITY=/;UID=1",
                                     "/Drafts;OTHER=1/;UID=1",
                                     "/Dr afts/;UID=1",
                                     "/Dr%/;UID=1",
                                     "/Dr%4/;UID=1",
                                     "/Dr%00/;UID=1",
                                     "/Dr%ff/;UID=1",
                                     "/Gr\xc3\xbc/;UID=1",
                                     "/Drafts/;UID=1/;SECTION=",
                                     "/Drafts/;UID=1/;SECTION=0",
                                     "/Drafts/;UID=1/;SECTION=1]",
                                     "/Drafts/;UID=1/;SECTION=HEADER%5D",
                                     "/Drafts/;UID=1/;PARTIAL=",
                                     "/Drafts/;UID=1/;PARTIAL=1.0",
                                     "/Drafts/;UID=1/;PARTIAL=01.1",
                                     "/Drafts/;UID=1/;PARTIAL=9223372036854775808",
                                     "/Drafts/;UID=1/;PARTIAL=1/;SECTION=1",
                                     "/Drafts/;UID=1;URLAUTH=anonymous",
                                     "/Drafts?SUBJECT%20x"}) {
    EXPECT_EQ(mailbox_of(url, "INBOX"), "-") << url;
  }
}

}  // namespace
}  // namespace posthouse::wire::imap
