// Sets, names, patterns, dates, flags and strings of the IMAP grammar.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

#include <rapidcheck/gtest.h>

#include "wire/imap/date.h"
#include "wire/imap/encode.h"
#include "wire/imap/flags.h"
#include "wire/imap/limits.h"
#include "wire/imap/list_pattern.h"
#include "wire/imap/mailbox_name.h"
#include "wire/imap/sequence_set.h"

namespace posthouse::wire::imap {
namespace {

TEST(ImapSequenceSet, Parses) {
  SequenceSet set;
  ASSERT_TRUE(parse_sequence_set("1,5:3,10:*", set));
  EXPECT_THAT(resolve(set, 12),
              testing::ElementsAre(NumberRange{1, 1}, NumberRange{3, 5}, NumberRange{10, 12}));
  // "n:*" always names the last message (RFC 3501 section 6.4.8)
  EXPECT_THAT(resolve(set, 7),
              testing::ElementsAre(NumberRange{1, 1}, NumberRange{3, 5}, NumberRange{7, 10}));
  EXPECT_TRUE(names_missing(set, 4));
  EXPECT_FALSE(names_missing(set, 5));
  for (const char* bad : {"", "0", "1,", ",1", "1:", "01", "4294967296", "1-2", "a", "1:2:3"}) {
    EXPECT_FALSE(parse_sequence_set(bad, set)) << bad;
  }
  ASSERT_TRUE(parse_sequence_set("1:4294967295", set));
  EXPECT_THAT(resolve(set, 1), testing::ElementsAre(NumberRange{1, 4294967295u}));
}

TEST(ImapSequenceSet, RangesAreLimited) {
  std::string text = "1";
  for (size_t i = 1; i < kMaxRanges; i++) text += ",1";
  SequenceSet set;
  EXPECT_TRUE(parse_sequence_set(text, set));
  EXPECT_FALSE(parse_sequence_set(text + ",1", set));
}

RC_GTEST_PROP(ImapSequenceSet, WritesWhatItReads, (std::set<uint16_t> numbers)) {
  numbers.erase(0);
  RC_PRE(!numbers.empty());
  const std::vector<uint32_t> list(numbers.begin(), numbers.end());
  std::string text;
  append_sequence_set(text, list);
  SequenceSet set;
  RC_ASSERT(parse_sequence_set(text, set));
  std::vector<uint32_t> back;
  for (const NumberRange& range : resolve(set, 1)) {
    for (uint32_t n = range.first; n <= range.last; n++) back.push_back(n);
  }
  RC_ASSERT(back == list);
  for (uint32_t n = 1; n < 100; n++)
    RC_ASSERT(contains(resolve(set, 1), n) == (numbers.count(static_cast<uint16_t>(n)) > 0));
}

TEST(ImapMailboxName, KnownSpellings) {
  // RFC 3501 section 5.1.3
  EXPECT_EQ(decode_mailbox_name("~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            "~peter/mail/\u53f0\u5317/\u65e5\u672c\u8a9e");
  EXPECT_EQ(encode_mailbox_name("R&D"), "R&-D");
  EXPECT_EQ(encode_mailbox_name("Entw\u00fcrfe"), "Entw&APw-rfe");
  EXPECT_EQ(encode_mailbox_name("\U0001f4e8"), "&2D3c6A-");
  EXPECT_EQ(decode_mailbox_name("&2D3c6A-"), "\U0001f4e8");
}

TEST(ImapMailboxName, OneSpellingEach) {
  // RFC 3501 section 5.1.3: "&U,BTFw-&ZeVnLIqe-" is not permitted, because it has a superfluous shift.
  for (const char* bad : {"&U,BTFw-&ZeVnLIqe-", "&Jjo!", "a&", "&AGE-", "&2D0-", "&3O-", "\xc3\xa4", "a\tb",
                          "&U,BT Fw-", "&AAAAAA-x&", "&U,BTF-"}) {
    EXPECT_FALSE(decode_mailbox_name(bad)) << bad;
  }
}

RC_GTEST_PROP(ImapMailboxName, RoundTrip, (std::vector<uint32_t> points)) {
  std::string name;
  for (uint32_t point : points) {
    point %= 0x110000;
    if (point >= 0xd800 && point <= 0xdfff) point = '&';
    if (point < 0x80) {
      name += static_cast<char>(point);
    } else if (point < 0x800) {
      name += {static_cast<char>(0xc0 | point >> 6), static_cast<char>(0x80 | (point & 0x3f))};
    } else if (point < 0x10000) {
      name += {static_cast<char>(0xe0 | point >> 12), static_cast<char>(0x80 | (point >> 6 & 0x3f)),
               static_cast<char>(0x80 | (point & 0x3f))};
    } else {
      name += {static_cast<char>(0xf0 | point >> 18), static_cast<char>(0x80 | (point >> 12 & 0x3f)),
               static_cast<char>(0x80 | (point >> 6 & 0x3f)), static_cast<char>(0x80 | (point & 0x3f))};
    }
  }
  const std::string sent = encode_mailbox_name(name);
  RC_ASSERT(std::all_of(sent.begin(), sent.end(), [](char c) { return c >= 0x20 && c <= 0x7e; }));
  RC_ASSERT(decode_mailbox_name(sent) == std::optional<std::string>(name));
}

RC_GTEST_PROP(ImapMailboxName, AnyBytesAreSafe, (std::string bytes)) {
  const std::string sent = encode_mailbox_name(bytes);
  RC_ASSERT(decode_mailbox_name(sent).has_value());
  if (auto name = decode_mailbox_name(bytes)) RC_ASSERT(encode_mailbox_name(*name) == bytes);
}

TEST(ImapListPattern, Wildcards) {
  auto matches = [](const char* pattern, const char* name) { return ListPattern(pattern).matches(name); };
  EXPECT_TRUE(matches("*", "a/b/c"));
  EXPECT_TRUE(matches("%", "a"));
  EXPECT_FALSE(matches("%", "a/b"));
  EXPECT_TRUE(matches("a/%", "a/b"));
  EXPECT_FALSE(matches("a/%", "a/b/c"));
  EXPECT_TRUE(matches("a*c", "a/b/c"));
  EXPECT_TRUE(matches("*%", "a/b"));
  EXPECT_TRUE(matches("%*", "a/b"));
  EXPECT_TRUE(matches("inbox", "INBOX"));
  EXPECT_TRUE(matches("inb*", "INBOX"));
  EXPECT_TRUE(matches("inbox/x", "INBOX/x"));
  EXPECT_FALSE(matches("inbox/X", "INBOX/x"));
  EXPECT_FALSE(matches("Sent", "sent"));
  EXPECT_FALSE(matches("", "a"));
  EXPECT_TRUE(matches("%/%", "a/b"));
  EXPECT_TRUE(matches("a%", "a"));
}

TEST(ImapListPattern, HardPatternsAreQuick) {
  std::string pattern;
  for (int i = 0; i < 250; i++) pattern += "*a%a";
  const ListPattern hard(pattern);
  for (int i = 0; i < 200; i++) EXPECT_FALSE(hard.matches(std::string(254, 'a') + "b"));
}

// The obvious way, slow and short.
bool slow_match(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  if (pattern[0] == '*' || pattern[0] == '%') {
    if (slow_match(pattern.substr(1), name)) return true;
    return !name.empty() && (pattern[0] == '*' || name[0] != '/') && slow_match(pattern, name.substr(1));
  }
  return !name.empty() && name[0] == pattern[0] && slow_match(pattern.substr(1), name.substr(1));
}

RC_GTEST_PROP(ImapListPattern, AgreesWithTheObvious, ()) {
  const auto letters = rc::gen::container<std::string>(rc::gen::element('a', 'b', '/', '*', '%'));
  const auto names = rc::gen::container<std::string>(rc::gen::element('a', 'b', '/'));
  const std::string pattern = (*letters).substr(0, 8);
  const std::string name = (*names).substr(0, 10);
  RC_ASSERT(ListPattern(pattern).matches(name) == slow_match(pattern, name));
}

TEST(ImapDate, Dates) {
  int32_t days = 0;
  EXPECT_TRUE(parse_date("1-Jan-1970", days));
  EXPECT_EQ(days, 0);
  EXPECT_TRUE(parse_date("29-feb-2024", days));
  for (const char* bad : {"29-Feb-2023", "0-Jan-2020", "1-Foo-2020", "1-Jan-20", "1-Jan-20200", "",
                          "-Jan-2020", "111-Jan-2020"}) {
    EXPECT_FALSE(parse_date(bad, days)) << bad;
  }
}

TEST(ImapDate, DateTimes) {
  int64_t seconds = 0;
  ASSERT_TRUE(parse_date_time("17-Jul-1996 02:44:25 -0700", seconds));
  std::string out;
  append_date_time(out, seconds);
  EXPECT_EQ(out, "\"17-Jul-1996 09:44:25 +0000\"");
  ASSERT_TRUE(parse_date_time(" 1-Jan-1970 00:00:01 +0000", seconds));
  EXPECT_EQ(seconds, 1);
  ASSERT_TRUE(parse_date_time("2-Jan-1970 00:00:01 +0000", seconds));  // not the grammar, but sent
  EXPECT_EQ(seconds, 86'401);
  for (const char* bad :
       {"01-Jan-197 00:00:01 +0000", "1 Jan-1970 00:00:01 +0000", " 1-Jan-1970 24:00:01 +0000",
        " 1-Jan-1970 00:00:01 0000", " 1-Jan-1970 00:00:01 +00:0", "32-Jan-1970 00:00:01 +0000", ""}) {
    EXPECT_FALSE(parse_date_time(bad, seconds)) << bad;
  }
}

RC_GTEST_PROP(ImapDate, RoundTrip, (int32_t seconds)) {
  std::string out;
  append_date_time(out, seconds);
  int64_t back = 0;
  RC_ASSERT(parse_date_time(std::string_view(out).substr(1, out.size() - 2), back));
  RC_ASSERT(back == seconds);
}

TEST(ImapEncode, Strings) {
  auto text = [](std::string_view value) {
    std::string out;
    append_string(out, value);
    return out;
  };
  EXPECT_EQ(text("a\"b\\c"), "\"a\\\"b\\\\c\"");
  EXPECT_EQ(text("a\r\nb"), "{4}\r\na\r\nb");
  EXPECT_EQ(text("\xc3\xa4"), "{2}\r\n\xc3\xa4");
  EXPECT_EQ(text(""), "\"\"");
  std::string out;
  append_astring(out, "NIL");
  append_astring(out, "x]");
  append_astring(out, "");
  EXPECT_EQ(out, "\"NIL\"x]\"\"");
  out.clear();
  append_text(out, "a\r\n* BYE\xff");
  EXPECT_EQ(out, "a??* BYE?");
}

TEST(ImapFlags, InAndOut) {
  Flags flags;
  EXPECT_TRUE(add_flag(flags, "\\sEEN"));
  EXPECT_TRUE(add_flag(flags, "Junk"));
  EXPECT_TRUE(add_flag(flags, "jUNK"));
  EXPECT_FALSE(add_flag(flags, "\\Recent"));
  EXPECT_FALSE(add_flag(flags, "\\*"));
  std::string out;
  append_flags(out, flags.system, flags.keywords, true, true);
  EXPECT_EQ(out, "(\\Seen \\Recent Junk \\*)");
}

}  // namespace
}  // namespace posthouse::wire::imap
