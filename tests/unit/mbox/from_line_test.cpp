#include "mbox/from_line.h"

#include <gtest/gtest.h>

namespace posthouse::mbox {
namespace {

constexpr int64_t kNoon = 1606564800;  // 2020-11-28 12:00:00 UTC, a Saturday

TEST(FromLine, ReadsTheFormsOfTheWorld) {
  for (const char* line : {
           "From a@b.example Sat Nov 28 12:00:00 2020",
           "From a@b.example  Sat Nov 28 12:00:00 2020\r",
           "From a@b.example Sat Nov 28 12:00 2020",
           "From a@b.example Sat Nov 28 12:00:00 UTC 2020",
           "From a@b.example Sat Nov 28 07:00:00 EST 2020",
           "From a@b.example Sat Nov 28 12:00:00 2020 GMT",
           "From a@b.example Sat Nov 28 13:00:00 2020 +0100",
           "From a@b.example Sat Nov 28 08:30:00 -0330 2020",
           "From a@b.example Sat, 28 Nov 2020 12:00:00 +0000",
           "From a@b.example Sat 28 Nov 12:00:00 2020",
           "From \"a b\"@b.example Sat Nov 28 12:00:00 2020",
           "From a at b.example Sat Nov 28 12:00:00 2020",
           "From  Sat Nov 28 12:00:00 2020",
           "From Sat Nov 28 12:00:00 2020",
           "From a!b Sat Nov 28 12:00:00 2020 remote from host",
           "From a@b.example sat nov 28 12:00:00 2020",
           "From a@b.example Sat Nov 28 12:00:00 XYZ 2020",
           "From a@b.example Sat Nov 28 12:00:00 20",
       }) {
    const auto from = parse_from_line(line);
    ASSERT_TRUE(from.has_value()) << line;
    EXPECT_EQ(from->time, kNoon) << line;
  }
  EXPECT_EQ(parse_from_line("From \"a b\"@c Sat Nov 28 12:00:00 2020")->sender, "\"a b\"@c");
  EXPECT_EQ(parse_from_line("From a at b Sat Nov 28 12:00:00 2020")->sender, "a@b");
}

TEST(FromLine, ProseIsNone) {
  for (const char* line : {"From here on Mon we go", "From me", "From ", "from a Sat Nov 28 12:00:00 2020",
                           "From a@b Sat Nov 28 12:00:00", "From a@b Sat Nov 32 12:00:00 2020",
                           "From a@b Sat Nov 28 25:00:00 2020", "From a@b Nov 28 12:00:00 2020",
                           "From a b c Sat Nov 28 12:00:00 2020", ">From a Sat Nov 28 12:00:00 2020",
                           "From a@b Sat Nov 28 12:00:00 2020 and so on"}) {
    EXPECT_FALSE(parse_from_line(line).has_value()) << line;
  }
  EXPECT_FALSE(parse_from_line("From " + std::string(2000, 'a') + " Sat Nov 28 12:00:00 2020").has_value());
}

TEST(FromLine, WritesWhatItReads) {
  EXPECT_EQ(format_from_line("a@b", kNoon), "From a@b Sat Nov 28 12:00:00 2020\n");
  EXPECT_EQ(format_from_line("", 0), "From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n");
  EXPECT_EQ(format_from_line("\"a b\"@c\nFrom x", 1), "From _a_b_@c_From_x Thu Jan  1 00:00:01 1970\n");
  for (int64_t time : {int64_t{0}, int64_t{951782400}, kNoon, int64_t{4102444800}, int64_t{253402300799}}) {
    const std::string line = format_from_line("a@b", time);
    EXPECT_EQ(parse_from_line(line.substr(0, line.size() - 1))->time, time);
  }
}

}  // namespace
}  // namespace posthouse::mbox
