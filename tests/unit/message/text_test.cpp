// Encoded words, charsets, case folding, parameters for people.
#include <rapidcheck/gtest.h>

#include "message/charset.h"
#include "message/content_field.h"
#include "message/encoded_word.h"
#include "message/limits.h"
#include "message/unicode_text.h"

namespace posthouse::message {
namespace {

TEST(DecodeWords, RfcExamples) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      // RFC 2047 section 8
      {"=?US-ASCII?Q?Keith_Moore?=", "Keith Moore"},
      {"=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?=", "Keld Jørn Simonsen"},
      {"=?ISO-8859-1?Q?Andr=E9?= Pirard", "André Pirard"},
      {"=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n "
       "=?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
       "If you can read this you understand the example."},
      {"=?ISO-8859-1?Q?a?=", "a"},
      {"=?ISO-8859-1?Q?a?= b", "a b"},
      {"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"},
      {"=?ISO-8859-1?Q?a?=  \r\n  =?ISO-8859-1?Q?b?=", "ab"},
      {"=?ISO-8859-1?Q?a_b?=", "a b"},
      {"=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"},
      // RFC 2231 section 5
      {"=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore"},
      // As mailers write them
      {"pre=?utf-8?Q?=C3=A9?=post", "preépost"},
      {"=?utf-8?B?w6k?=", "é"},
      {"=?utf-8?B?4oI=?= =?utf-8?B?rA==?=", "€"},
      {"=?utf-8?Q?=E2=82?= =?utf-8?Q?=AC?=", "€"},
      {"=?utf-8?q?a b?=", "a b"},
      {"=?gb2312?B?1tA=?=", "中"},
      {"=?iso-8859-1?Q?=80?=", "€"},
      {"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"},
      {"=?x-unknown?Q?=C3=A9?=", "é"},
      {"=?utf-8?Q?Really?"
       "?= =?utf-8?Q?_so=3F?=",
       "Really? so?"},
      {"=?utf-8?Q?a?b?c?=", "a?b?c"},
      // None
      {"=?utf-8?Q?a?b =?utf-8?Q?c?=", "=?utf-8?Q?a?b c"},
      {"=?utf-8?B?YQ?a?=", "=?utf-8?B?YQ?a?="},
      {"=?utf-8?X?a?=", "=?utf-8?X?a?="},
      {"=?utf-8?Q?a", "=?utf-8?Q?a"},
      {"=?=?=?", "=?=?=?"},
      {"a =? b ?= c", "a =? b ?= c"},
      {"plain", "plain"},
      {"raw \xc3\xa9 and \xe9", "raw é and é"},
      {"=?utf-8?Q?a=0D=0Ab=00?=", "a  b"},
  };
  for (const auto& [value, expected] : cases) EXPECT_EQ(decode_words(value), expected) << value;
}

RC_GTEST_PROP(EncodeWords, ComeBackAndAreAscii, ()) {
  std::string text;
  for (char32_t c : *rc::gen::container<std::vector<uint32_t>>(rc::gen::inRange<uint32_t>(0x21, 0x3000)))
    append_utf8(text, c);
  const std::string encoded = force_encoded_words(text);
  RC_ASSERT(decode_words(encoded) == text);
  size_t width = 0;
  for (char c : encoded) {
    RC_ASSERT((c & 0x80) == 0);
    width = c == ' ' ? 0 : width + 1;
    RC_ASSERT(width <= limits::kEncodedWord);
  }
}

RC_GTEST_PROP(DecodeWords, GivesOneLineOfUtf8, (const std::string& value)) {
  const std::string text = decode_words(value);
  RC_ASSERT(is_utf8(text));
  RC_ASSERT(text.find_first_of(std::string("\r\n\0", 3)) == std::string::npos);
}

TEST(Charset, ReadsMislabelledText) {
  EXPECT_EQ(to_utf8("\x93hi\x94", "iso-8859-1"), "“hi”");
  EXPECT_EQ(to_utf8("\xe9", "us-ascii"), "é");
  EXPECT_EQ(to_utf8("\xc3\xa9", "us-ascii"), "é");
  EXPECT_EQ(to_utf8("\xc3\xa9", ""), "é");
  EXPECT_EQ(to_utf8("\xe9", "no-such-charset"), "é");
  EXPECT_EQ(to_utf8("\xe9", "unknown-8bit"), "é");
  EXPECT_EQ(to_utf8("\xd0\xcf", "koi8-r"), "по");
  EXPECT_EQ(to_utf8("\xd0\xcf", "'koi8-r'"), "по");
  EXPECT_EQ(to_utf8("\xe9\x46", "gb2312"), "镕");  // not in it, but in GBK
  EXPECT_EQ(to_utf8("\x82\xa0", "Shift_JIS"), "あ");
  EXPECT_EQ(to_utf8("\x87\x40", "Shift_JIS"), "①");
  EXPECT_EQ(to_utf8("\x1b$B-!\x1b(B", "iso-2022-jp"), "①");
  EXPECT_EQ(to_utf8("\xa4\xa4", "cn-big5"), "中");
  EXPECT_EQ(to_utf8("\x8a", "win-1250"), "Š");
  EXPECT_EQ(to_utf8("\xb0\xa1", "euc-kr"), "가");
  EXPECT_EQ(to_utf8(std::string_view("\xFE\xFF\x00\x61", 4), "utf-16"), "a");
  EXPECT_EQ(to_utf8("a\xff", "windows-1257").substr(0, 1), "a");
  EXPECT_EQ(to_utf8("abc", "utf-8,swaplfnl=1"), "abc");
  EXPECT_TRUE(is_known_charset("UTF-8"));
  EXPECT_TRUE(is_known_charset("iso-8859-15"));
  EXPECT_FALSE(is_known_charset("no-such-charset"));
  EXPECT_FALSE(is_known_charset(std::string(1000, 'x')));
}

RC_GTEST_PROP(Charset, PiecesMakeNoDifference, ()) {
  const auto charset = *rc::gen::element<std::string>("utf-8", "gb2312", "iso-2022-jp", "shift_jis",
                                                      "iso-8859-1", "utf-7", "utf-16", "big5", "");
  const auto bytes = *rc::gen::container<std::string>(rc::gen::element(
      '\xe2', '\x82', '\xac', 'a', '\xf0', '\x9f', '\x98', '\x80', '\x1b', '$', 'B', '+', '-', '\xff'));
  const std::string whole = to_utf8(bytes, charset);
  RC_ASSERT(is_utf8(whole));
  CharsetDecoder decoder(charset);
  std::string out;
  for (char c : bytes) decoder.feed(std::string_view(&c, 1), out);
  decoder.finish(out);
  RC_ASSERT(out == whole);
}

TEST(FoldCase, FollowsUnicode) {
  EXPECT_EQ(fold_case("HeLLo"), "hello");
  EXPECT_EQ(fold_case("STRASSE"), fold_case("straße"));
  EXPECT_EQ(fold_case("ΣΊΣΥΦΟΣ"), fold_case("σίσυφος"));
  EXPECT_EQ(fold_case("e\xcc\x81"), fold_case("\xc3\x89"));
  EXPECT_EQ(fold_case("\xff"), "\xEF\xBF\xBD");
}

// RFC 5051 section 2.
TEST(Casemap, IsTitlecaseAndDecomposed) {
  EXPECT_EQ(casemap("HeLLo"), "HELLO");
  EXPECT_EQ(casemap("é"), "E\xcc\x81");
  EXPECT_EQ(casemap("e\xcc\x81"), "E\xcc\x81");
  EXPECT_EQ(casemap("straße"), "STRAßE");
  EXPECT_EQ(casemap("σίσυφος"), casemap("ΣΊΣΥΦΟΣ"));
  EXPECT_EQ(casemap("привет"), "ПРИВЕТ");
  EXPECT_EQ(casemap("ǆ"), "DZ\xcc\x8c");  // what the titlecase letter comes apart to is titlecased again
  EXPECT_EQ(casemap("ﬁ"), "FI");
  EXPECT_EQ(casemap("ｆｕｌｌ"), "FULL");
  EXPECT_EQ(casemap("日本語 한"), "日本語 한");
  EXPECT_EQ(casemap("𐐨"), "𐐀");
  EXPECT_EQ(casemap("a\xff\xc3"), "A\xEF\xBF\xBD\xEF\xBF\xBD");
  // marks stay in the order in which they stand
  EXPECT_EQ(casemap("a\xcc\x81\xcc\xa3"), "A\xcc\x81\xcc\xa3");
}

TEST(Utf8, KnowsGoodFromBad) {
  for (const char* good :
       {"", "a", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(is_utf8(good));
  }
  for (const char* bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc2", "\xe2\x82", "\xf0\x9f\x98"}) {
    EXPECT_FALSE(is_utf8(bad));
  }
}

TEST(ContentField, ReadsWhatMailersWrite) {
  struct Case {
    std::string text, value;
    Parameters parameters;
  };
  const std::vector<Case> cases = {
      {"text/plain; charset=us-ascii (Plain text)", "text/plain", {{"charset", "us-ascii"}}},
      {"text/plain; charset=\"us-ascii\"", "text/plain", {{"charset", "us-ascii"}}},
      {"text/plain;charset=utf-8;;format=flowed;",
       "text/plain",
       {{"charset", "utf-8"}, {"format", "flowed"}}},
      {"a/b; name=my file.txt; x=y", "a/b", {{"name", "my file.txt"}, {"x", "y"}}},
      {"a/b; name=\"q\\\"\\\\;\" ; x", "a/b", {{"name", "q\"\\;"}}},
      {"a/b; name=\"open; x=y", "a/b", {{"name", "open"}, {"x", "y"}}},
      {"a/b; name = \"a\r\n b\"", "a/b", {{"name", "a b"}}},
      {"a/b; =x; y=", "a/b", {{"y", ""}}},
      {"a/b; (comment; with) x=y", "a/b", {{"x", "y"}}},
      {"a/b; (never closed; x=y", "a/b", {{"x", "y"}}},
      {"text / html (comment) ; x=y", "text/html", {{"x", "y"}}},
      {"text/html Junk html; x=y", "text/html", {{"x", "y"}}},
      {"application/pdf name=\"x\"", "application/pdf", {}},
      {"", "", {}},
  };
  for (const auto& c : cases) {
    const auto field = parse_content_field(c.text);
    EXPECT_EQ(field.value, c.value) << c.text;
    EXPECT_EQ(field.parameters, c.parameters) << c.text;
  }
}

TEST(MediaType, IsTheFirstOfAList) {
  std::string type, subtype;
  ASSERT_TRUE(split_media_type(parse_content_field("text/html, text/plain").value, type, subtype));
  EXPECT_EQ(type + "|" + subtype, "text|html");
  for (const char* none : {"text", "text/", "/plain", "text/pl=ain", ""}) {
    EXPECT_FALSE(split_media_type(none, type, subtype)) << none;
  }
}

TEST(ParameterText, DecodesForPeople) {
  const auto text = [](std::string_view field) {
    return parameter_text(parse_content_field(field).parameters, "name");
  };
  EXPECT_EQ(text("a/b; name=x.txt"), "x.txt");
  EXPECT_EQ(text("a/b; NAME=\"=?utf-8?Q?=C3=A9?=\""), "é");
  EXPECT_EQ(text("a/b; name*=utf-8'de'%C3%A9"), "é");
  EXPECT_EQ(text("a/b; name*=iso-8859-1''%E9; name=other"), "é");
  EXPECT_EQ(text("a/b; name*0*=utf-8''%C3; name*1*=%A9; name*2=\" %\""), "é %");
  EXPECT_EQ(text("a/b; name*=%E9"), "é");
  EXPECT_EQ(text("a/b"), "");
}

}  // namespace
}  // namespace posthouse::message
