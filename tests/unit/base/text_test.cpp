// ASCII helpers, base64, ids and addresses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "base/ascii.h"
#include "base/base64.h"
#include "base/id.h"
#include "base/ip.h"
#include "support/fake_clock.h"
#include "support/seeded_random.h"

namespace posthouse {
namespace {

using testing::ElementsAre;

TEST(Ascii, ComparesWithoutCaseButOnlyAscii) {
  EXPECT_TRUE(iequals("MAIL From", "mail fROM"));
  EXPECT_FALSE(iequals("\xc4", "\xe4"));  // Latin-1 umlauts are other bytes
  EXPECT_FALSE(iequals("a", "ab"));
  EXPECT_TRUE(istarts_with("EHLO host", "ehlo "));
  EXPECT_FALSE(istarts_with("EH", "ehlo"));
  EXPECT_EQ(to_lower("ÄbC@["), "Äbc@[");
  EXPECT_EQ(to_upper("abz{`"), "ABZ{`");
  EXPECT_TRUE(ILess()("alpha", "BETA"));
  EXPECT_FALSE(ILess()("ALPHA", "alpha"));
  EXPECT_TRUE(ILess()("z", "\xe9"));  // bytes are unsigned
}

// Eight characters are compared at once: in every place of texts of every length, each pair of bytes.
TEST(Ascii, ComparesEveryPairOfBytesInEveryPlace) {
  for (size_t size = 1; size <= 18; ++size) {
    for (size_t place = 0; place < size; ++place) {
      std::string a(size, 'x'), b(size, 'X');
      for (int x = 0; x < 256; ++x) {
        for (int y : {x, x ^ 0x20, x ^ 0x80, x ^ 0xA0, x ^ 1}) {
          a[place] = static_cast<char>(x);
          b[place] = static_cast<char>(y);
          ASSERT_EQ(iequals(a, b), ascii_lower(a[place]) == ascii_lower(b[place]))
              << size << ' ' << x << ' ' << y;
        }
      }
    }
  }
}

TEST(Ascii, SeesAByteAbove127InEveryPlace) {
  for (size_t size = 1; size <= 18; ++size) {
    for (size_t place = 0; place < size; ++place) {
      std::string text(size, '\x7f');
      EXPECT_FALSE(has_8bit(text));
      text[place] = '\x80';
      EXPECT_TRUE(has_8bit(text)) << size << ' ' << place;
    }
  }
}

TEST(Ascii, TrimsAndSplits) {
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(trim(" \r\n"), "");
  EXPECT_THAT(split("a,,b,", ','), ElementsAre("a", "", "b", ""));
  EXPECT_THAT(split("", ','), ElementsAre(""));
  EXPECT_TRUE(has_8bit("a\x80"));
  EXPECT_FALSE(has_8bit("a\x7f"));
}

TEST(Ascii, ParsesOnlyWholeNumbers) {
  EXPECT_EQ(parse_uint("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(parse_uint("007"), 7u);
  for (const char* bad : {"", "18446744073709551616", "-1", "+1", " 1", "1 ", "1a", "0x1"}) {
    EXPECT_FALSE(parse_uint(bad).has_value()) << bad;
  }
}

TEST(Base64, KnowsTheVectorsOfRfc4648) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : vectors) {
    EXPECT_EQ(base64_encode(plain), text);
    EXPECT_EQ(base64_decode(text), plain);
  }
}

TEST(Base64, RefusesEverythingElse) {
  for (const char* bad : {"Zg", "Zg=", "Zg===", "=", "====", "Z===", "Zm9v\n", " Zm9v", "Zm 9",
                          "Zm9v====", "Zg==Zg==", "Zm-_", "Z=g="}) {
    EXPECT_FALSE(base64_decode(bad).has_value()) << bad;
  }
  EXPECT_FALSE(base64_decode(std::string_view("Zm9\0", 4)).has_value());
}

RC_GTEST_PROP(Base64, RoundTrips, (const std::string& bytes)) {
  RC_ASSERT(base64_decode(base64_encode(bytes)) == bytes);
}

RC_GTEST_PROP(Ids, TextRoundTripsInOrder, (uint64_t a, uint64_t b)) {
  RC_ASSERT(format_id(a).size() == 13u);
  RC_ASSERT(parse_id(format_id(a)) == a);
  RC_ASSERT((a < b) == (format_id(a) < format_id(b)));
}

TEST(Ids, RefusesWhatIsNoId) {
  EXPECT_EQ(parse_id("fzzzzzzzzzzzz"), UINT64_MAX);
  for (const char* bad : {"", "fzzzzzzzzzzz", "gzzzzzzzzzzzz", "fzzzzzzzzzzzzz", "0000000000u00",
                          "0000000000A00", "-000000000000"}) {
    EXPECT_FALSE(parse_id(bad).has_value()) << bad;
  }
}

TEST(Ids, GrowAlsoWhenTheClockStepsBack) {
  test::FakeClock clock;
  test::SeededRandom random;
  IdSource ids(clock, random);
  uint64_t last = 0;
  for (int i = 0; i < 3000; ++i) {
    const uint64_t id = ids.next();
    ASSERT_GT(id, last);
    last = id;
    if (i % 1000 == 300) clock.step(milliseconds(-5000));
    if (i % 1000 == 600) clock.advance(milliseconds(1));
  }
  EXPECT_EQ(last >> 22, static_cast<uint64_t>(test::FakeClock::kStart.time_since_epoch().count()));
  clock.step(milliseconds(60'000));
  EXPECT_EQ(ids.next() >> 22, static_cast<uint64_t>(clock.now().time_since_epoch().count()));
}

TEST(Ids, AreUniqueAcrossThreads) {
  test::FakeClock clock;
  test::SeededRandom random;
  IdSource ids(clock, random);
  std::vector<std::vector<uint64_t>> got(4);
  std::vector<std::thread> threads;
  for (auto& mine : got) {
    threads.emplace_back([&ids, &mine] {
      for (int i = 0; i < 5000; ++i) mine.push_back(ids.next());
    });
  }
  for (auto& thread : threads) thread.join();
  std::set<uint64_t> all;
  for (const auto& mine : got) all.insert(mine.begin(), mine.end());
  EXPECT_EQ(all.size(), 20'000u);
}

TEST(Ip, ParsesAndPrints) {
  for (const char* text : {"192.0.2.1", "::", "2001:db8::1", "fe80::1", "0.0.0.0"}) {
    const auto ip = IpAddress::parse(text);
    ASSERT_TRUE(ip.has_value()) << text;
    EXPECT_EQ(ip->to_string(), text);
  }
  EXPECT_EQ(IpAddress::parse("::ffff:192.0.2.1"), IpAddress::parse("192.0.2.1"));
  EXPECT_EQ(IpAddress::from_v4(0xc0000201).to_string(), "192.0.2.1");
  for (const char* bad :
       {"", "192.0.2", "192.0.2.256", "01.2.3.4", "1.2.3.4 ", ":::", "fe80::1%eth0", "host"}) {
    EXPECT_FALSE(IpAddress::parse(bad).has_value()) << bad;
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0", 8)).has_value());
  EXPECT_FALSE(IpAddress::parse(std::string(1000, '1')).has_value());
}

TEST(Ip, KnowsItsKind) {
  EXPECT_TRUE(IpAddress::parse("127.8.0.1")->is_loopback());
  EXPECT_TRUE(IpAddress::parse("::1")->is_loopback());
  EXPECT_FALSE(IpAddress::parse("1::1")->is_loopback());
  EXPECT_TRUE(IpAddress::parse("::")->is_any());
  for (const char* local : {"10.1.1.1", "172.16.0.1", "172.31.255.255", "192.168.9.9", "100.64.0.1",
                            "169.254.1.1", "fd00::1", "fe80::1", "febf::1"}) {
    EXPECT_TRUE(IpAddress::parse(local)->is_private()) << local;
  }
  for (const char* global : {"172.32.0.1", "100.128.0.1", "11.0.0.1", "2001:db8::1", "fec0::1"}) {
    EXPECT_FALSE(IpAddress::parse(global)->is_private()) << global;
  }
  EXPECT_EQ(IpAddress::parse("192.0.2.77")->network().to_string(), "192.0.2.0");
  EXPECT_EQ(IpAddress::parse("2001:db8:1:2:3:4:5:6")->network().to_string(), "2001:db8:1:2::");
  EXPECT_EQ((Endpoint{*IpAddress::parse("2001:db8::1"), 25}.to_string()), "[2001:db8::1]:25");
  EXPECT_EQ((Endpoint{*IpAddress::parse("192.0.2.1"), 25}.to_string()), "192.0.2.1:25");
}

}  // namespace
}  // namespace posthouse
