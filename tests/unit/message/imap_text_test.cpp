// ENVELOPE, BODY and BODYSTRUCTURE as IMAP clients get them.
#include <rapidcheck/gtest.h>

#include "unit/message/support.h"

namespace posthouse::message {
namespace {

TEST(Envelope, RfcExample) {
  // RFC 9051 section 8
  const std::string m = crlf(
      "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\n"
      "From: Terry Gray <gray@cac.washington.edu>\n"
      "Subject: IMAP4rev2 WG mtg summary and minutes\n"
      "To: imap@cac.washington.edu\n"
      "cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\n"
      "Message-Id: <B27397-0100000@cac.washington.ed>\n"
      "MIME-Version: 1.0\n"
      "Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\n"
      "\n"
      "text\n");
  EXPECT_EQ(envelope_of(m),
            "(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \"IMAP4rev2 WG mtg summary and minutes\" "
            "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
            "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
            "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
            "((NIL NIL \"imap\" \"cac.washington.edu\")) "
            "((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) "
            "NIL NIL \"<B27397-0100000@cac.washington.ed>\")");
  EXPECT_EQ(structure_of(m), "(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 6 1)");
}

TEST(Envelope, TellsAbsentFromEmpty) {
  EXPECT_EQ(envelope_of("\r\n"), "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
  EXPECT_EQ(envelope_of("Date:\r\nSubject: \r\nFrom:\r\nTo:\r\nIn-Reply-To:\r\nMessage-ID:\r\n\r\n"),
            "(\"\" \"\" NIL NIL NIL NIL NIL NIL \"\" \"\")");
}

TEST(Envelope, SenderAndReplyToDefaultToFrom) {
  EXPECT_EQ(envelope_of("From: a@b\r\nSender: s@t\r\nReply-To: \r\n\r\n"),
            "(NIL NIL ((NIL NIL \"a\" \"b\")) ((NIL NIL \"s\" \"t\")) ((NIL NIL \"a\" \"b\")) NIL NIL NIL "
            "NIL NIL)");
}

TEST(Envelope, Groups) {
  EXPECT_EQ(envelope_of("To: Friends: a@b, Joe <@x:c@d>;\r\nBcc: joe\r\n\r\n"),
            "(NIL NIL NIL NIL NIL ((NIL NIL \"Friends\" NIL)(NIL NIL \"a\" \"b\")(\"Joe\" \"@x\" \"c\" \"d\")"
            "(NIL NIL NIL NIL)) NIL ((NIL NIL \"joe\" \"\")) NIL NIL)");
}

TEST(Envelope, QuotesAndEscapes) {
  EXPECT_EQ(envelope_of("Subject: say \"a\\b\"\r\n folded\r\n\r\n"),
            "(NIL \"say \\\"a\\\\b\\\" folded\" NIL NIL NIL NIL NIL NIL NIL NIL)");
  const std::string nul("Subject: a\0b\rc\r\n\r\n", 18);
  EXPECT_EQ(envelope_of(nul), "(NIL \"ab c\" NIL NIL NIL NIL NIL NIL NIL NIL)");
}

TEST(Envelope, RawUtf8IsSentOnlyToThoseWhoAskedForIt) {
  const std::string m =
      "Subject: h\xc3\xa9llo\r\nFrom: J\xc3\xb6rg <j@b\xc3\xbc.test>\r\nTo: \xc3\xb8@x\r\n\r\n";
  EXPECT_EQ(
      envelope_of(m, true),
      "(NIL \"h\xc3\xa9llo\" ((\"J\xc3\xb6rg\" NIL \"j\" \"b\xc3\xbc.test\")) ((\"J\xc3\xb6rg\" NIL \"j\" "
      "\"b\xc3\xbc.test\")) ((\"J\xc3\xb6rg\" NIL \"j\" \"b\xc3\xbc.test\")) ((NIL NIL \"\xc3\xb8\" \"x\")) "
      "NIL "
      "NIL NIL NIL)");
  const std::string joerg = "((\"=?utf-8?B?SsO2cmc=?=\" NIL \"j\" \"xn--b-eha.test\"))";
  EXPECT_EQ(envelope_of(m, false), "(NIL \"=?utf-8?B?aMOpbGxv?=\" " + joerg + " " + joerg + " " + joerg +
                                       " ((NIL NIL \"=?utf-8?B?w7g=?=\" \"x\")) NIL NIL NIL NIL)");
  // Bytes that are no UTF-8 are read as windows-1252, in both cases.
  EXPECT_EQ(envelope_of("Subject: h\xe9\r\n\r\n", true),
            "(NIL \"h\xc3\xa9\" NIL NIL NIL NIL NIL NIL NIL NIL)");
  EXPECT_EQ(envelope_of("Subject: h\xe9\r\n\r\n"),
            "(NIL \"=?utf-8?B?aMOp?=\" NIL NIL NIL NIL NIL NIL NIL NIL)");
}

TEST(BodyStructure, TwoParts) {
  // RFC 9051 section 7.5.2
  const std::string m = crlf(
      "Content-Type: multipart/mixed; boundary=b\n\n"
      "--b\nContent-Type: text/plain; charset=us-ascii\n\nhi\n\n"
      "--b\nContent-Type: text/plain; charset=us-ascii; name=\"cc.diff\"\nContent-ID: "
      "<960723163407.20117h@cac>\n"
      "Content-Description: Compiler diff\nContent-Transfer-Encoding: base64\nContent-MD5: Q2hlY2s=\n"
      "Content-Disposition: attachment; filename=\"cc.diff\"; size=5\nContent-Language: en, de\n"
      "Content-Location: http://x/\n\nAAAA\n"
      "--b--\n");
  EXPECT_EQ(
      structure_of(m),
      "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7BIT\" 4 1)"
      "(\"text\" \"plain\" (\"charset\" \"us-ascii\" \"name\" \"cc.diff\") \"<960723163407.20117h@cac>\" "
      "\"Compiler diff\" \"base64\" 4 0) \"mixed\")");
  EXPECT_EQ(
      structure_of(m, true),
      "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7BIT\" 4 1 NIL NIL NIL NIL)"
      "(\"text\" \"plain\" (\"charset\" \"us-ascii\" \"name\" \"cc.diff\") \"<960723163407.20117h@cac>\" "
      "\"Compiler diff\" \"base64\" 4 0 \"Q2hlY2s=\" (\"attachment\" (\"filename\" \"cc.diff\" \"size\" "
      "\"5\")) "
      "(\"en\" \"de\") \"http://x/\") \"mixed\" (\"boundary\" \"b\") NIL NIL NIL)");
}

TEST(BodyStructure, EmbeddedMessage) {
  const std::string m = crlf("Content-Type: message/rfc822\n\nSubject: in\nContent-Type: image/png\n\nabc\n");
  EXPECT_EQ(structure_of(m),
            "(\"message\" \"rfc822\" NIL NIL NIL \"7BIT\" 45 "
            "(NIL \"in\" NIL NIL NIL NIL NIL NIL NIL NIL) (\"image\" \"png\" NIL NIL NIL \"7BIT\" 5) 4)");
}

TEST(BodyStructure, AlwaysHasWhatTheGrammarWants) {
  EXPECT_EQ(structure_of("Content-Type: multipart/mixed\r\n\r\nx"),
            "((\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 0 0) \"mixed\")");
  EXPECT_EQ(structure_of("Content-Type: multipart/mixed\r\n\r\nx", true),
            "((\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 0 0 NIL NIL NIL NIL) \"mixed\" NIL NIL NIL NIL)");
  EXPECT_EQ(structure_of("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA"),
            "(\"message\" \"rfc822\" NIL NIL NIL \"base64\" 4 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) "
            "(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 0 0) 0)");
  EXPECT_EQ(structure_of(
                "Content-Disposition: ; a=b\r\nContent-Language: (x)\r\nContent-Type: a/b; c\r\n\r\n", true),
            "(\"a\" \"b\" NIL NIL NIL \"7BIT\" 0 NIL NIL NIL NIL)");
}

TEST(BodyStructure, FileNamesOfAllKinds) {
  EXPECT_EQ(structure_of("Content-Type: a/b; name=\"\xc3\xa9.txt\"\r\n\r\n"),
            "(\"a\" \"b\" (\"name\" \"=?utf-8?B?w6kudHh0?=\") NIL NIL \"7BIT\" 0)");
  EXPECT_EQ(structure_of("Content-Type: a/b; name*=utf-8''%C3%A9.txt\r\n\r\n"),
            "(\"a\" \"b\" (\"name*\" \"utf-8''%C3%A9.txt\") NIL NIL \"7BIT\" 0)");
  EXPECT_EQ(structure_of("Content-Type: a/b; name*1=b; name*0=a; x=y\r\n\r\n"),
            "(\"a\" \"b\" (\"name\" \"ab\" \"x\" \"y\") NIL NIL \"7BIT\" 0)");
  // RFC 2231 section 4.1
  EXPECT_EQ(structure_of(
                "Content-Type: application/x-stuff;\r\n title*0*=us-ascii'en'This%20is%20even%20more%20;\r\n"
                " title*1*=%2A%2A%2Afun%2A%2A%2A%20;\r\n title*2=\"isn't it!\"\r\n\r\n"),
            "(\"application\" \"x-stuff\" (\"title*\" "
            "\"us-ascii'en'This%20is%20even%20more%20%2A%2A%2Afun%2A%2A%2A%20isn%27t%20it%21\") NIL NIL "
            "\"7BIT\" 0)");
}

TEST(Record, DamageGivesTheEmptyForms) {
  for (const std::string& record : {std::string(), std::string("\x02"), std::string("\x01"),
                                    std::string(40, '\xff'), std::string(40, '\x01')}) {
    std::string envelope, structure;
    append_imap_envelope(envelope, record, false);
    append_imap_bodystructure(structure, record, true, false);
    EXPECT_TRUE(is_imap_list(envelope, false)) << envelope;
    EXPECT_TRUE(is_imap_list(structure, false)) << structure;
    EXPECT_FALSE(decode(record).has_value());
  }
}

const std::string kRich = crlf(
    "Date: Wed, 17 Jul 1996 02:23:25 -0700\nFrom: J\xc3\xb6rg <a@b>\nTo: G: c@d;\nReceived: x\n"
    "Content-Type: multipart/mixed; boundary=b; x*0*=utf-8''a; x*1=b\nContent-Language: en, de\n\n"
    "--b\nContent-Type: message/rfc822\nContent-ID: <i>\nContent-Location: l\n\nSubject: in\nSender: "
    "s@t\n\nx\n"
    "--b\nContent-MD5: m\nContent-Disposition: inline; filename=f\nContent-Description: d\n\n\xff\n--b--\n");

TEST(Record, ComesBackWhole) {
  const std::string record = encode(summarize(kRich));
  const auto again = decode(record);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(encode(*again), record);
  EXPECT_EQ(again->root.children[0].envelope->subject, "in");
  EXPECT_EQ(again->received_count, 1u);
  EXPECT_TRUE(again->has_8bit_header && again->has_8bit_body);
}

TEST(Record, EveryTruncationIsNoticed) {
  const std::string record = encode(summarize(kRich));
  for (size_t n = 0; n < record.size(); ++n) {
    const auto cut = decode(std::string_view(record).substr(0, n));
    ASSERT_FALSE(cut.has_value()) << n;
    EXPECT_EQ(cut.error().kind, FaultKind::corrupt);
  }
  EXPECT_FALSE(decode(record + "x").has_value());
}

RC_GTEST_PROP(Record, AnyDamageIsSurvived, ()) {
  std::string record = encode(summarize(kRich));
  const auto at = *rc::gen::inRange<size_t>(0, record.size());
  record[at] = *rc::gen::arbitrary<char>();
  std::string out;
  append_imap_envelope(out, record, false);
  RC_ASSERT(is_imap_list(out, false));
  out.clear();
  append_imap_bodystructure(out, record, true, false);
  RC_ASSERT(is_imap_list(out, false));
  if (const auto again = decode(record)) RC_ASSERT(decode(encode(*again)).has_value());
}

}  // namespace
}  // namespace posthouse::message
