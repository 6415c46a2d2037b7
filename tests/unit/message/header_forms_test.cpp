#include "message/header_forms.h"

#include <gmock/gmock.h>

namespace posthouse::message {
namespace {

using testing::ElementsAre;
using testing::Optional;

TEST(HeaderForm, Raw) {
  EXPECT_EQ(raw_form(" a\r\n b\r\n"), " a\r\n b");
  EXPECT_EQ(raw_form(std::string_view("a\0\xe9", 3)), "a\uFFFD");
}

TEST(HeaderForm, Text) {
  EXPECT_EQ(text_form("  folded\r\n\tvalue"), "folded\tvalue");
  EXPECT_EQ(text_form(" =?utf-8?q?J=C3=BCrgen?= =?utf-8?q?_Klein?="), "Jürgen Klein");
  EXPECT_EQ(text_form("=?utf-8?q?Ju=CC=88rgen?="), "J\u00FCrgen") << "NFC";
  EXPECT_EQ(text_form("=?utf-8?q?a=00=0D=0Ab?="), "ab");
}

TEST(HeaderForm, TextLeavesWhatOnlyLooksLikeAnEncodedWord) {
  for (const char* text : {"a=?utf-8?q?b?=", "=?utf-8?q?b?=c", "(=?utf-8?q?b?=)",
                           "=?nobody-knows?q?b?=", "=?utf-8?x?b?=", "=?=?utf-8?q?b?="}) {
    EXPECT_EQ(text_form(text), text);
  }
  EXPECT_EQ(text_form("=?utf-8?q?a?==?utf-8?q?b?="), "=?utf-8?q?a?==?utf-8?q?b?=");
}

// The example of RFC 8621 sections 4.1.2.3 and 4.1.2.4.
constexpr const char* kAddresses =
    " \"  James Smythe\" <james@example.com>, Friends:\r\n  jane@example.com, =?UTF-8?Q?John_Sm=C3=AEth?=\r\n"
    "  <john@example.com>;\r\n";
const FormAddress kJames{"James Smythe", "james@example.com"}, kJane{std::nullopt, "jane@example.com"},
    kJohn{"John Smîth", "john@example.com"};

TEST(HeaderForm, Addresses) {
  EXPECT_THAT(addresses_form(kAddresses), ElementsAre(kJames, kJane, kJohn));
  EXPECT_THAT(addresses_form("joe@x (Joe Public)"), ElementsAre(FormAddress{"Joe Public", "joe@x"}));
  EXPECT_THAT(addresses_form("\"joe public\"@x, joe"),
              ElementsAre(FormAddress{std::nullopt, "\"joe public\"@x"}, FormAddress{std::nullopt, "joe"}));
  EXPECT_THAT(addresses_form(""), ElementsAre());
}

TEST(HeaderForm, GroupedAddresses) {
  EXPECT_THAT(grouped_addresses_form(kAddresses),
              ElementsAre(FormGroup{std::nullopt, {kJames}}, FormGroup{"Friends", {kJane, kJohn}}));
  EXPECT_THAT(grouped_addresses_form("empty:;, jane@example.com, Friends:;, jane@example.com"),
              ElementsAre(FormGroup{"empty", {}}, FormGroup{std::nullopt, {kJane}}, FormGroup{"Friends", {}},
                          FormGroup{std::nullopt, {kJane}}));
}

TEST(HeaderForm, MessageIds) {
  EXPECT_THAT(message_ids_form(" <a@b>\r\n <\"c d\"@e> (comment)"),
              Optional(ElementsAre("a@b", "\"c d\"@e")));
  EXPECT_EQ(message_ids_form(" none"), std::nullopt);
}

TEST(HeaderForm, Dates) {
  EXPECT_THAT(date_form("Thu, 30 Oct 2014 14:12:00 +0800"),
              Optional(std::string("2014-10-30T14:12:00+08:00")));
  EXPECT_THAT(date_form("1 Jan 2020 00:00:00 -0330"), Optional(std::string("2020-01-01T00:00:00-03:30")));
  EXPECT_THAT(date_form("1 Jan 2020 00:00:00 GMT"), Optional(std::string("2020-01-01T00:00:00Z")));
  EXPECT_EQ(date_form("soon"), std::nullopt);
}

TEST(HeaderForm, Urls) {
  EXPECT_THAT(urls_form(" <https://x.test/a\r\n b>,\r\n <mailto:l@x.test?subject=help> (Help, <not>)"),
              Optional(ElementsAre("https://x.test/ab", "mailto:l@x.test?subject=help")));
  EXPECT_EQ(urls_form(" NO (posting not allowed)"), std::nullopt);
  EXPECT_EQ(urls_form("<"), std::nullopt);
}

TEST(HeaderForm, IsAllowedWhereItMakesSense) {
  EXPECT_EQ(parse_header_form("URLs"), HeaderForm::urls);
  EXPECT_EQ(parse_header_form("urls"), std::nullopt);
  EXPECT_TRUE(allows_form("subject", HeaderForm::text));
  EXPECT_FALSE(allows_form("Subject", HeaderForm::date));
  EXPECT_FALSE(allows_form("From", HeaderForm::text));
  EXPECT_TRUE(allows_form("RESENT-TO", HeaderForm::grouped_addresses));
  EXPECT_TRUE(allows_form("X-Other", HeaderForm::urls));
  EXPECT_FALSE(allows_form("Received", HeaderForm::text));
  EXPECT_TRUE(allows_form("Received", HeaderForm::raw));
  EXPECT_FALSE(allows_form("List-Post", HeaderForm::text));
}

}  // namespace
}  // namespace posthouse::message
