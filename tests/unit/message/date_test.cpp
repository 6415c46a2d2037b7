#include "message/date.h"

#include <rapidcheck/gtest.h>

namespace posthouse::message {
namespace {

struct DateCase {
  std::string text, expected;
};

TEST(ParseDate, ReadsAllForms) {
  const std::vector<DateCase> cases = {
      {"Mon, 23 Nov 2026 21:14:13 +0000", "Mon, 23 Nov 2026 21:14:13 +0000"},
      {" Wed, 17 Jul 1996 02:23:25 -0700 (PDT)", "Wed, 17 Jul 1996 02:23:25 -0700"},
      {"21 Nov 1997 09:55:06 -0600", "Fri, 21 Nov 1997 09:55:06 -0600"},
      {"Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n               -0330 "
       "(Newfoundland Time)",
       "Thu, 13 Feb 1969 23:32:00 -0330"},
      {"21 Nov 97 09:55:06 GMT", "Fri, 21 Nov 1997 09:55:06 +0000"},
      {"Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", "Fri, 21 Nov 1997 09:55:06 -0600"},
      {"1 Jan 00 00:00 EST", "Sat, 01 Jan 2000 00:00:00 -0500"},
      {"1 Jan 50 00:00 PDT", "Sun, 01 Jan 1950 00:00:00 -0700"},
      {"1 Jan 100 00:00 Z", "Sat, 01 Jan 2000 00:00:00 +0000"},
      {"1 Jan 2020 00:00 A", "Wed, 01 Jan 2020 00:00:00 +0000"},
      {"1 Jan 2020 00:00:00", "Wed, 01 Jan 2020 00:00:00 +0000"},
      {"Tue, 1 Jan 2020 00:00:00 GMT+02:00", "Wed, 01 Jan 2020 00:00:00 +0200"},
      {"1 January 2020 1:02:03 +0100", "Wed, 01 Jan 2020 01:02:03 +0100"},
      {"1-Jan-2020 1:02:03 +0100", "Wed, 01 Jan 2020 01:02:03 +0100"},
      {"Mon Jan  6 04:05:06 2020", "Mon, 06 Jan 2020 04:05:06 +0000"},
      {"Mon Jan  6 04:05:06 PST 2020", "Mon, 06 Jan 2020 04:05:06 -0800"},
      {"Mon Jan  6 04:05:06 2020 +0100", "Mon, 06 Jan 2020 04:05:06 +0100"},
      {"January 6, 2020 4:05 PM", "Mon, 06 Jan 2020 16:05:00 +0000"},
      {"2020-01-06T04:05:06Z", "Mon, 06 Jan 2020 04:05:06 +0000"},
      {"2020-01-06 04:05:06.789 +01:30", "Mon, 06 Jan 2020 04:05:06 +0130"},
      {"Sat, 31 Dec 2016 23:59:60 +0000", "Sun, 01 Jan 2017 00:00:00 +0000"},
      {"Mon, 6 Jan 2020 04.05.06 +0100", "Mon, 06 Jan 2020 04:05:06 +0100"},
      {"lundi 6 janvier 2020 04:05:06 +0100", "Mon, 06 Jan 2020 04:05:06 +0100"},
      {"Пн, 6 Jan 2020 04:05:06 +0100", "Mon, 06 Jan 2020 04:05:06 +0100"},
      {"Mo\"n, n, 6 Jan 2020 04:05:06 +0100", "Mon, 06 Jan 2020 04:05:06 +0100"},
  };
  for (const auto& c : cases) {
    const auto date = parse_date(c.text);
    ASSERT_TRUE(date.has_value()) << c.text;
    EXPECT_EQ(format_date(date->time, date->offset_minutes), c.expected) << c.text;
  }
}

TEST(ParseDate, RefusesWhatIsNone) {
  for (const char* text : {"", "yesterday", "Mon,", "32 Jan 2020 00:00:00 +0000",
                           "30 Feb 2020 00:00:00 +0000", "1 Foo 2020 00:00:00 +0000", "1 Jan 0 00:00",
                           "99999999999999999999 Jan 2020 00:00", "1 Jan 1899 00:00", "1 Jan 20200 00:00"}) {
    EXPECT_FALSE(parse_date(text).has_value()) << text;
  }
}

TEST(ParseDate, TakesMidnightForATimeThatIsNone) {
  const auto midnight = parse_date("1 Jan 2020 00:00:00 +0000");
  ASSERT_TRUE(midnight.has_value());
  for (const char* text :
       {"1 Jan 2020", "Wed, 1 Jan 2020", "1 Jan 2020 24:00:00 +0000", "1 Jan 2020 00:60:00 -0500",
        "1 Jan 2020 noon", "1 Jan 2020 12", "1-Jan-20 +0100"}) {
    EXPECT_EQ(parse_date(text), midnight) << text;
  }
}

RC_GTEST_PROP(Date, ComesBackFromItsText, ()) {
  const auto seconds_ = *rc::gen::inRange<int64_t>(-2'000'000'000, 200'000'000'000);
  const auto offset = *rc::gen::inRange(-1439, 1440);
  const SystemTime time{seconds(seconds_)};
  const auto date = parse_date(format_date(time, offset));
  RC_ASSERT(date.has_value());
  RC_ASSERT(date->time == time);
  RC_ASSERT(date->offset_minutes == offset);
  const auto internal = parse_internal_date(format_internal_date(time, offset));
  RC_ASSERT(internal.has_value());
  RC_ASSERT(*internal == *date);
}

TEST(FormatDate, IsBoundedAtBothEnds) {
  EXPECT_EQ(format_date(SystemTime::max()).size(), 31u);
  EXPECT_EQ(format_date(SystemTime::min()).size(), 31u);
}

TEST(InternalDate, IsStrict) {
  EXPECT_EQ(format_internal_date(SystemTime{seconds(837596665)}, -420), "17-Jul-1996 02:44:25 -0700");
  EXPECT_EQ(format_internal_date(SystemTime{}), " 1-Jan-1970 00:00:00 +0000");
  EXPECT_TRUE(parse_internal_date(" 1-Jan-1970 00:00:00 +0000").has_value());
  EXPECT_TRUE(parse_internal_date("1-Jan-1970 00:00:00 +0000").has_value());
  for (const char* text :
       {"", "1-Jan-70 00:00:00 +0000", "01-Jan-1970 00:00:00", "01-Jan-1970 00:00:00 0000",
        "01 Jan 1970 00:00:00 +0000", "01-Foo-1970 00:00:00 +0000", "32-Jan-1970 00:00:00 +0000",
        "01-Jan-1970 00:00:00 +0060", "01-Jan-1970 25:00:00 +0000", "01-Jan-1970 00:00:00 +0000x"}) {
    EXPECT_FALSE(parse_internal_date(text).has_value()) << text;
  }
}

TEST(SearchDate, CountsDays) {
  EXPECT_EQ(parse_search_date("1-Jan-1970"), 0);
  EXPECT_EQ(parse_search_date("1-Feb-1994"), 8797);
  EXPECT_EQ(parse_search_date("01-feb-1994"), 8797);
  EXPECT_FALSE(parse_search_date("30-Feb-1994").has_value());
  EXPECT_FALSE(parse_search_date("1-Feb-94").has_value());
  // RFC 9051 section 6.4.4: the zone counts for nothing, the day is the one written.
  EXPECT_EQ(day_of(*parse_date("31 Dec 1969 23:30:00 -0500")), -1);
  EXPECT_EQ(day_of(*parse_date("1 Jan 1970 00:30:00 +0500")), 0);
}

}  // namespace
}  // namespace posthouse::message
