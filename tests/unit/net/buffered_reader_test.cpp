#include "net/buffered_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/manual_executor.h"
#include "support/memory_stream.h"

namespace posthouse::net {
namespace {

using test::ManualExecutor;
using test::MemoryStream;

// A reader at one end, bytes pushed in at the other.
class BufferedReaderTest : public testing::Test {
 protected:
  BufferedReaderTest() : pair_(MemoryStream::make_pair()), reader_(*pair_.server) {}

  Result<std::string> line(size_t limit = 100) {
    auto read = [](BufferedReader& reader, size_t most) -> Task<Result<std::string>> {
      const Result<std::string_view> got = co_await reader.read_line(most);
      if (!got) co_return std::unexpected(got.error());
      co_return std::string(*got);
    };
    return executor_.run(read(reader_, limit));
  }
  Result<void> skip(size_t limit) { return executor_.run(reader_.skip_line(limit)); }
  std::string available(size_t limit) {
    auto read = [](BufferedReader& reader, size_t most) -> Task<std::string> {
      const Result<std::string_view> got = co_await reader.read_available(most);
      co_return got ? std::string(*got) : "fault";
    };
    return executor_.run(read(reader_, limit));
  }

  ManualExecutor executor_;
  MemoryStream::Pair pair_;
  BufferedReader reader_;
};

TEST_F(BufferedReaderTest, GivesLinesWithTheirEnds) {
  pair_.client->push("EHLO a\r\nbare\nc\rr\r\n\r\nrest");
  EXPECT_EQ(line(), "EHLO a\r\n");
  EXPECT_EQ(line(), "bare\n");
  EXPECT_EQ(line(), "c\rr\r\n");
  EXPECT_EQ(line(), "\r\n");
  EXPECT_EQ(reader_.buffered(), 4u);
  EXPECT_EQ(reader_.peek(), "rest");
  pair_.client->close();
  const auto end = line();
  ASSERT_FALSE(end.has_value());
  EXPECT_EQ(end.error().kind, FaultKind::closed);
}

TEST_F(BufferedReaderTest, TakesOneByteAtATime) {
  pair_.server->set_chunk(1);
  std::string all;
  for (int i = 0; i < 300; ++i) all += "line " + std::to_string(i) + "\r\n";
  pair_.client->push(all);
  std::string got;
  for (int i = 0; i < 300; ++i) got += *line();
  EXPECT_EQ(got, all);
}

TEST_F(BufferedReaderTest, KeepsItsLimitToTheByte) {
  pair_.server->set_chunk(1);
  pair_.client->push("12345678\r\n123456789\r\nnext\r\n");
  EXPECT_EQ(line(10), "12345678\r\n");
  const auto too_long = line(10);
  ASSERT_FALSE(too_long.has_value());
  EXPECT_EQ(too_long.error().kind, FaultKind::syntax);
  EXPECT_TRUE(skip(1000).has_value());
  EXPECT_EQ(line(10), "next\r\n");
}

TEST_F(BufferedReaderTest, LimitHoldsAlsoForWhatIsBufferedAlready) {
  pair_.client->push("short\n" + std::string(50, 'x') + "\nend\n");
  EXPECT_EQ(line(20), "short\n");
  EXPECT_FALSE(line(20).has_value());
  EXPECT_FALSE(line(20).has_value());  // the bytes stay
  EXPECT_EQ(line(60), std::string(50, 'x') + "\n");
  EXPECT_EQ(line(4), "end\n");
}

TEST_F(BufferedReaderTest, SkipsAnEndlessLineInConstantMemory) {
  pair_.client->push(std::string(1'000'000, 'x') + "\r\nok\r\n");
  EXPECT_FALSE(line(512).has_value());
  EXPECT_TRUE(skip(2'000'000).has_value());
  EXPECT_LE(reader_.buffered(), BufferedReader::kBufferSize);
  EXPECT_EQ(line(512), "ok\r\n");

  pair_.client->push(std::string(5000, 'y') + "\n");
  const auto endless = skip(4000);
  ASSERT_FALSE(endless.has_value());
  EXPECT_EQ(endless.error().kind, FaultKind::syntax);
}

TEST_F(BufferedReaderTest, GrowsForALineLongerThanItsBuffer) {
  const std::string big(50'000, 'b');
  pair_.client->push("first\n" + big + "\nlast\n");
  EXPECT_EQ(line(), "first\n");
  EXPECT_EQ(line(65'536), big + "\n");
  EXPECT_EQ(line(), "last\n");
}

TEST_F(BufferedReaderTest, GivesBlocksAndLinesFromTheSameBuffer) {
  pair_.client->push("{5}\r\nhelloA1 NOOP\r\n");
  EXPECT_EQ(line(), "{5}\r\n");
  EXPECT_EQ(available(5), "hello");
  EXPECT_EQ(available(3), "hel");  // not taken yet
  reader_.consume(5);
  EXPECT_EQ(line(), "A1 NOOP\r\n");
  EXPECT_EQ(reader_.buffered(), 0u);
  pair_.client->push("more");
  EXPECT_EQ(available(100), "more");
  reader_.consume(100);  // more than there is takes all
  EXPECT_EQ(reader_.buffered(), 0u);
  pair_.client->close();
  EXPECT_EQ(available(100), "");
}

TEST_F(BufferedReaderTest, HoldsNoBufferWhileItWaits) {
  pair_.client->push("NOOP\r\n");
  EXPECT_EQ(line(), "NOOP\r\n");
  auto wait = [](BufferedReader& reader) -> Task<void> {
    const Result<std::string_view> got = co_await reader.read_line(100);
    EXPECT_FALSE(got.has_value());
  };
  executor_.start(wait(reader_));
  EXPECT_EQ(reader_.capacity(), 0u);
  pair_.client->close();
  executor_.run();
}

TEST_F(BufferedReaderTest, PassesOnWhatTheStreamReports) {
  pair_.client->push("half a line");
  auto read = [](BufferedReader& reader, FaultKind& kind) -> Task<void> {
    const Result<std::string_view> got = co_await reader.read_line(100);
    kind = got ? FaultKind::io : got.error().kind;
  };
  FaultKind kind = FaultKind::io;
  executor_.start(read(reader_, kind));
  executor_.run();
  pair_.server->cancel();
  executor_.run();
  EXPECT_EQ(kind, FaultKind::closed);
  EXPECT_EQ(reader_.peek(), "half a line");
}

}  // namespace
}  // namespace posthouse::net
