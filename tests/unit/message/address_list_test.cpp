#include "message/address_list.h"

#include <rapidcheck/gtest.h>

#include "message/encoded_word.h"
#include "message/limits.h"

namespace posthouse::message {
namespace {

// "name|route|mailbox|host" of every entry, "-" for what is absent.
std::string shown(std::string_view value) {
  std::string out;
  for (const auto& a : parse_address_list(value, limits::kAddresses)) {
    if (!out.empty()) out += " ; ";
    out += (a.has_name ? a.name : "-") + "|" + (a.has_route ? a.route : "-") + "|" +
           (a.has_mailbox ? a.mailbox : "-") + "|" + (a.has_host ? a.host : "-");
  }
  return out;
}

TEST(AddressList, Reads) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", ""},
      {" \r\n ", ""},
      {"joe@example.org", "-|-|joe|example.org"},
      {"<joe@example.org>", "-|-|joe|example.org"},
      {"Joe Smith <joe@example.org>", "Joe Smith|-|joe|example.org"},
      {"Joe  Q.  Public <john.q.public@example.com>", "Joe Q. Public|-|john.q.public|example.com"},
      {"\"Joe Q. Public\" <joe@example.org>", "Joe Q. Public|-|joe|example.org"},
      {"\"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
       "Giant; \"Big\" Box|-|sysservices|example.net"},
      {"Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
       "Mary Smith|-|mary|x.test ; -|-|jdoe|example.org ; Who?|-|one|y.test"},
      // RFC 5322 appendix A.1.3: groups
      {"A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
       "-|-|A Group|- ; Ed Jones|-|c|a.test ; -|-|joe|where.test ; John|-|jdoe|one.test ; -|-|-|-"},
      {"Undisclosed recipients:;", "-|-|Undisclosed recipients|- ; -|-|-|-"},
      {"a@b, Group: c@d;, e@f", "-|-|a|b ; -|-|Group|- ; -|-|c|d ; -|-|-|- ; -|-|e|f"},
      {"Group: a@b", "-|-|Group|- ; -|-|a|b ; -|-|-|-"},
      // Appendix A.5: blanks and comments everywhere
      {"Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", "Pete|-|pete|silly.test"},
      {"A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n"
       "     joe@example.org,\r\n     John <jdoe@one.test> (my dear friend); (the end of the group)",
       "-|-|A Group|- ; Chris Jones|-|c|public.example ; -|-|joe|example.org ; John|-|jdoe|one.test ; "
       "-|-|-|-"},
      {"(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;",
       "-|-|Hidden recipients|- ; -|-|-|-"},
      // Appendix A.6: obsolete
      {"Joe Q. Public <john.q.public@example.com>", "Joe Q. Public|-|john.q.public|example.com"},
      {"Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
       "Mary Smith|@node.test|mary|example.net ; -|-|jdoe|test.example"},
      {"<@a.test,@b.test:joe@c.test>", "-|@a.test,@b.test|joe|c.test"},
      {"joe . smith @ example . org", "-|-|joe.smith|example.org"},
      {"\"joe . smith\"@example.org", "-|-|joe . smith|example.org"},
      {"<joe . smith@example.org>", "-|-|joe.smith|example.org"},
      {"joe@[192.0.2.1]", "-|-|joe|[192.0.2.1]"},
      {"joe@[IPv6:2001:db8::1], x@y", "-|-|joe|[IPv6:2001:db8::1] ; -|-|x|y"},
      // The name in a comment
      {"joe@example.org (Joe Smith)", "Joe Smith|-|joe|example.org"},
      {"joe@example.org (Joe (the) Smith)", "Joe (the) Smith|-|joe|example.org"},
      // Encoded words and UTF-8 stay
      {"=?utf-8?Q?J=C3=B6rg?= <j@x>", "=?utf-8?Q?J=C3=B6rg?=|-|j|x"},
      {"Jörg <jörg@exämple.org>", "Jörg|-|jörg|exämple.org"},
      // Damage, RFC 7103 section 7.1
      {"<<<user2@example.org>>>", "-|-|user2|example.org"},
      {"<another@example.net", "-|-|another|example.net"},
      {"second@example.org>", "-|-|second|example.org"},
      {"(Testing <fran@example.com>", "Testing|-|fran|example.com"},
      {"Testing) <sam@example.com>", "Testing)|-|sam|example.com"},
      {"Sam <sam@exam)ple.com>, joe@example.com)", "Sam|-|sam|exam ; -|-|joe|example.com"},
      {"<third@example.net, fourth@example.net>", "-|-|third|example.net ; -|-|fourth|example.net"},
      {"\"Joe <joe@example.com>", "Joe|-|joe|example.com"},
      {"Joe \"Smith <joe@example.com>", "Joe Smith|-|joe|example.com"},
      {"Joe", "-|-|Joe|"},
      {"Joe Smith", "Joe Smith|-||"},
      {"joe@example.org <joe@example.org>", "joe@example.org|-|joe|example.org"},
      {"a@b; c@d", "-|-|a|b ; -|-|c|d"},
      // A comma is missing
      {"a@b c@d", "-|-|a|b ; -|-|c|d"},
      {"Bob Dunite <bob@x> Bobby Dunite <bobby@x>", "Bob Dunite|-|bob|x ; Bobby Dunite|-|bobby|x"},
      {"<a@b><c@d>", "-|-|a|b ; -|-|c|d"},
      {"a@b Joe <c@d>, e@f", "-|-|a|b ; Joe|-|c|d ; -|-|e|f"},
      {"Team: a@b Joe <c@d>;", "-|-|Team|- ; -|-|a|b ; Joe|-|c|d ; -|-|-|-"},
      {"a@b junk words, c@d", "-|-|a|b ; -|-|c|d"},
      {"a@b@c", "-|-|a|b"},
      {"<Postmaster\\@a.test@b.test>", "-|-|Postmaster@a.test|b.test"},
      {"a\\@b, a\\", "-|-|a@b| ; -|-|a\\|"},
      {"\"a\" \"b\" <c@d>", "a b|-|c|d"},
      {"\"\" <c@d>", "-|-|c|d"},
      {"<>", ""},
      {",,,;;", ""},
      {"Name <>", "Name|-||"},
      {"joe@", "-|-|joe|"},
      {std::string("a\0b@c", 5), "-|-|a b|c"},
  };
  for (const auto& [value, expected] : cases) EXPECT_EQ(shown(value), expected) << value;
}

TEST(AddressList, StopsAtTheLimit) {
  std::string value;
  for (int i = 0; i < 100; ++i) value += "a@b,";
  bool truncated = false;
  EXPECT_EQ(parse_address_list(value, 10, &truncated).size(), 10u);
  EXPECT_TRUE(truncated);
  truncated = false;
  EXPECT_EQ(parse_address_list(value, 100, &truncated).size(), 100u);
  EXPECT_FALSE(truncated);
}

TEST(AddressList, MailboxesOpensGroups) {
  const auto list = mailboxes("Friends: a@b, Joe <c@d>;, joe");
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list[0], (Address{"a", "b"}));
  EXPECT_EQ(list[1], (Address{"c", "d"}));
  EXPECT_EQ(list[2], (Address{"joe", ""}));
}

TEST(AddressList, CompletesAddresses) {
  EXPECT_EQ(complete_addresses("joe", "x.test").value(), "joe@x.test");
  EXPECT_EQ(complete_addresses("Joe <joe>, a@b, mary (Mary)", "x.test").value(),
            "Joe <joe@x.test>, a@b, mary@x.test (Mary)");
  EXPECT_EQ(complete_addresses("\"joe smith\", <bob>", "x").value(), "\"joe smith\", <bob@x>");
  EXPECT_FALSE(complete_addresses("a@b, Group: c@d;", "x").has_value());
  EXPECT_FALSE(complete_addresses("joe @ b", "x").has_value());
  EXPECT_FALSE(complete_addresses("", "x").has_value());
  EXPECT_EQ(complete_addresses("Team: joe, mary@b;", "x").value(), "Team: joe@x, mary@b;");
}

TEST(AddressList, Formats) {
  const Address joe{"joe", "x.test"};
  EXPECT_EQ(format_address("", joe, false), "joe@x.test");
  EXPECT_EQ(format_address("Joe Smith", joe, false), "Joe Smith <joe@x.test>");
  EXPECT_EQ(format_address("Joe Q. \"S\"", joe, false), "\"Joe Q. \\\"S\\\"\" <joe@x.test>");
  EXPECT_EQ(format_address("Jörg", joe, false), "=?utf-8?B?SsO2cmc=?= <joe@x.test>");
  EXPECT_EQ(format_address("Jörg", joe, true), "Jörg <joe@x.test>");
  EXPECT_EQ(format_address("a\r\nBcc: evil@x", joe, false), "\"aBcc: evil@x\" <joe@x.test>");
}

RC_GTEST_PROP(AddressList, ReadsWhatItFormats, ()) {
  const auto name = *rc::gen::container<std::string>(rc::gen::inRange<char>('!', 127));
  const auto local = *rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::inRange<char>('!', 127)));
  const auto list = parse_address_list(format_address(name, {local, "x.test"}, true), 10);
  RC_ASSERT(list.size() == 1u);
  RC_ASSERT(list[0].name == name || decode_words(list[0].name) == name);
  RC_ASSERT(list[0].mailbox == local);
  RC_ASSERT(list[0].host == "x.test");
}

// Hostile values must cost no more than their length.
TEST(AddressList, IsLinear) {
  for (const std::string piece :
       {"(", "\"", "<", "@", ",", ":", "[", "\\\"", "<@a,", "a@[", "(\\", "a:;", "\"(", "a b "}) {
    std::string value;
    while (value.size() < (1 << 17)) value += piece;
    AddressListReader reader(value);
    EnvelopeAddress entry;
    size_t entries = 0;
    while (reader.next(entry)) ++entries;
    EXPECT_LE(entries, value.size());
  }
}

}  // namespace
}  // namespace posthouse::message
