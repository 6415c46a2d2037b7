#include "message/address.h"

#include <rapidcheck/gtest.h>

#include "message/limits.h"

namespace posthouse::message {
namespace {

struct MailboxCase {
  std::string text, local, domain;
};

TEST(ParseMailbox, Accepts) {
  const std::vector<MailboxCase> cases = {
      {"joe@example.org", "joe", "example.org"},
      {"a.b+c=d!#$%&'*/?^_`{|}~-@x", "a.b+c=d!#$%&'*/?^_`{|}~-", "x"},
      {"\"joe smith\"@example.org", "joe smith", "example.org"},
      {"\"a\\\"b\\\\c\"@example.org", "a\"b\\c", "example.org"},
      {"\"\"@example.org", "", "example.org"},
      {"\"a@b\"@example.org", "a@b", "example.org"},
      {"joe@[192.0.2.1]", "joe", "[192.0.2.1]"},
      {"joe@[IPv6:2001:db8::1]", "joe", "[IPv6:2001:db8::1]"},
      {"joe@[x400:c=de]", "joe", "[x400:c=de]"},
      {"postmaster", "postmaster", ""},
      {"PostMaster", "PostMaster", ""},
      {"@a.example,@b.example:joe@example.org", "joe", "example.org"},
      {"jøran@blåbær.example", "jøran", "blåbær.example"},
      {"用户@例子.广告", "用户", "例子.广告"},
      {"joe@under_score.example", "joe", "under_score.example"},
  };
  for (const auto& c : cases) {
    const auto address = parse_mailbox(c.text);
    ASSERT_TRUE(address.has_value()) << c.text << ": " << address.error().what;
    EXPECT_EQ(address->local, c.local) << c.text;
    EXPECT_EQ(address->domain, c.domain) << c.text;
  }
}

TEST(ParseMailbox, Refuses) {
  const std::vector<std::string> cases = {
      "",
      "joe",
      "@example.org",
      "joe@",
      "joe@@example.org",
      ".joe@example.org",
      "joe.@example.org",
      "j..oe@example.org",
      "joe smith@example.org",
      "joe@exam ple.org",
      "joe@-example.org",
      "joe@example-.org",
      "joe@example..org",
      "joe@example.org.",
      "joe@[192.0.2.256]",
      "joe@[IPv6:zz]",
      "joe@[IPv6:192.0.2.1]",
      "joe@[]",
      "joe@[192.0.2.1",
      "\"joe@example.org",
      "\"joe\"x@example.org",
      "joe\r\n@example.org",
      "joe@example.org\n",
      "<joe@example.org>",
      "joe@example.org>",
      "@a.example joe@example.org",
      "@a.example,b:joe@example.org",
      "\xff@example.org",
      "j\xc3@example.org",
      std::string("a\0b@example.org", 15),
      std::string("\"a\0b\"@example.org", 17),
      "\"a\tb\"@example.org",
      "postmaster@",
      "${run{sh}}@`id`",
  };
  for (const auto& text : cases) {
    const auto address = parse_mailbox(text);
    ASSERT_FALSE(address.has_value()) << text;
    EXPECT_EQ(address.error().kind, FaultKind::syntax);
  }
}

TEST(ParseMailbox, KeepsTheLengthLimits) {
  const std::string local(limits::kLocalPart, 'a');
  EXPECT_TRUE(parse_mailbox(local + "@b").has_value());
  EXPECT_FALSE(parse_mailbox(local + "a@b").has_value());
  std::string domain;
  while (domain.size() < limits::kDomain - 2) domain += "a.";
  domain += "b";
  domain.resize(limits::kDomain, 'c');
  EXPECT_TRUE(parse_mailbox("a@" + domain).has_value());
  EXPECT_FALSE(parse_mailbox("a@" + domain + "c").has_value());
}

TEST(Address, WritesQuotesWhereNeeded) {
  EXPECT_EQ((Address{"joe", "x"}.to_string()), "joe@x");
  EXPECT_EQ((Address{"joe smith", "x"}.to_string()), "\"joe smith\"@x");
  EXPECT_EQ((Address{"a\"\\", "x"}.to_string()), "\"a\\\"\\\\\"@x");
  EXPECT_EQ((Address{"", "x"}.to_string()), "\"\"@x");
  EXPECT_EQ((Address{"a..b", "x"}.to_string()), "\"a..b\"@x");
  EXPECT_EQ((Address{"postmaster", ""}.to_string()), "postmaster");
  EXPECT_EQ(Address{}.to_string(), "");
  EXPECT_FALSE((Address{"ø", "x"}.is_ascii()));
}

RC_GTEST_PROP(Address, ParsesWhatItWrites, ()) {
  const auto local = *rc::gen::container<std::string>(rc::gen::inRange<char>(' ', 127));
  RC_PRE(local.size() <= limits::kLocalPart);
  const Address address{local, "example.org"};
  const auto again = parse_mailbox(address.to_string());
  RC_ASSERT(again.has_value());
  RC_ASSERT(*again == address);
}

RC_GTEST_PROP(ParseMailbox, WhatItAcceptsComesBackTheSame, (const std::string& text)) {
  if (const auto address = parse_mailbox(text)) {
    const auto again = parse_mailbox(address->to_string());
    RC_ASSERT(again.has_value());
    RC_ASSERT(*again == *address);
  }
}

TEST(Domain, ToAscii) {
  EXPECT_EQ(domain_to_ascii("Example.ORG").value(), "example.org");
  EXPECT_EQ(domain_to_ascii("example.org.").value(), "example.org");
  EXPECT_EQ(domain_to_ascii("blåbærsyltetøy.example").value(), "xn--blbrsyltety-y8ao3x.example");
  EXPECT_EQ(domain_to_ascii("BÜCHER.example").value(), "xn--bcher-kva.example");
  EXPECT_EQ(domain_to_ascii("faß.example").value(), "xn--fa-hia.example");  // nontransitional
  EXPECT_EQ(domain_to_ascii("例子。广告").value(), "xn--fsqu00a.xn--4rr70v");
  EXPECT_EQ(domain_to_ascii("XN--BCHER-KVA.example").value(), "xn--bcher-kva.example");
  EXPECT_EQ(domain_to_ascii("[IPv6:2001:DB8::1]").value(), "[ipv6:2001:db8::1]");
  for (const char* bad : {"", ".", "a..b", "-a.b", "a b", "a/b", "a\nb", "\xff", "[a b]"}) {
    EXPECT_FALSE(domain_to_ascii(bad).has_value()) << bad;
  }
  EXPECT_FALSE(domain_to_ascii(std::string(64, 'a') + ".b").has_value());
  EXPECT_FALSE(domain_to_ascii(std::string("a\0b", 3)).has_value());
}

TEST(Domain, ToUnicode) {
  EXPECT_EQ(domain_to_unicode("xn--bcher-kva.example"), "bücher.example");
  EXPECT_EQ(domain_to_unicode("example.org"), "example.org");
  EXPECT_EQ(domain_to_unicode("xn--\xff"), "xn--\xff");
}

TEST(AddressKey, ComparesAsPeopleDo) {
  EXPECT_EQ(address_key("Joe.Smith@Example.ORG").value(), "joe.smith@example.org");
  EXPECT_EQ(address_key("JØRAN@Blåbær.example").value(), address_key("jøran@xn--blbr-roah.example").value());
  EXPECT_EQ(address_key("jose\xcc\x81@x").value(), address_key("jos\xc3\xa9@x").value());  // NFC
  EXPECT_EQ(address_key("Postmaster").value(), "postmaster");
  EXPECT_EQ(address_key("\"Joe Smith\"@x").value(), "\"joe smith\"@x");
  EXPECT_FALSE(address_key("joe").has_value());
  EXPECT_FALSE(address_key("joe@b\xc3\xbc/x").has_value());
}

RC_GTEST_PROP(AddressKey, IsItsOwnKey, ()) {
  const auto text =
      *rc::gen::element<std::string>("Straße@x", "İ@x", "ŉ@x", "ΣΑΣ@x", "A.b@Ü.example", "\"a b\"@x");
  const auto key = address_key(text);
  RC_ASSERT(key.has_value());
  RC_ASSERT(address_key(*key).value() == *key);
}

}  // namespace
}  // namespace posthouse::message
