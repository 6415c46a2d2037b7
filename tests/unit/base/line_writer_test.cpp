#include "base/line_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <utility>

namespace posthouse {
namespace {

using namespace std::chrono_literals;

class LineWriterTest : public testing::TestWithParam<bool> {
 protected:
  LineWriterTest() {
    EXPECT_EQ(GetParam() ? pipe(ends_.data()) : socketpair(AF_UNIX, SOCK_STREAM, 0, ends_.data()), 0);
    fcntl(ends_[0], F_SETFL, O_NONBLOCK);
  }
  ~LineWriterTest() override {
    for (const int fd : ends_) {
      if (fd >= 0) close(fd);
    }
  }
  int to() const { return ends_[1]; }
  // All that has come, read to the last byte.
  std::string read_all() {
    std::string out;
    std::array<char, 4096> bytes{};
    for (ssize_t n = 0; (n = read(ends_[0], bytes.data(), bytes.size())) > 0;) {
      out.append(bytes.data(), static_cast<size_t>(n));
    }
    return out;
  }

  std::array<int, 2> ends_{-1, -1};
};

TEST_P(LineWriterTest, WritesLines) {
  LineWriter writer(to());
  EXPECT_TRUE(writer.add("one"));
  EXPECT_TRUE(writer.add("two"));
  EXPECT_EQ(read_all(), "");
  writer.flush(0ms);
  EXPECT_EQ(read_all(), "one\ntwo\n");
  EXPECT_EQ(writer.waiting(), 0u);
}

TEST_P(LineWriterTest, NeitherWaitsForAReaderWhoStoppedNorForgetsWhatItKept) {
  LineWriter writer(to());
  std::string all, line;
  int taken = 0;
  for (; writer.add(line = std::to_string(taken) + std::string(100, 'x')); ++taken) {
    all += line + "\n";
    writer.flush(0ms);
  }
  EXPECT_LE(writer.waiting(), LineWriter::kBacklog);
  EXPECT_GT(writer.waiting(), LineWriter::kBacklog - 200);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 50; ++i) writer.flush(100ms);  // waits once
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 3s);
  std::string got;
  while (writer.waiting() != 0) {
    const std::string piece = read_all();
    ASSERT_FALSE(piece.empty());
    EXPECT_EQ(piece.back(), '\n');  // lines whole, for others write there too
    got += piece;
    writer.flush(0ms);
  }
  got += read_all();
  EXPECT_EQ(got, all);
}

TEST_P(LineWriterTest, DropsAllWhenNobodyReads) {
  LineWriter writer(to());
  std::signal(SIGPIPE, SIG_IGN);
  close(std::exchange(ends_[0], -1));
  writer.add("lost");
  writer.flush(100ms);
  EXPECT_EQ(writer.waiting(), 0u);
  std::signal(SIGPIPE, SIG_DFL);
}

TEST_P(LineWriterTest, TakesLinesLongerThanAPiece) {
  LineWriter writer(to());
  const std::string line(10'000, 'x');
  writer.add(line);
  writer.add("short");
  writer.flush(0ms);
  EXPECT_EQ(read_all(), line + "\nshort\n");
}

INSTANTIATE_TEST_SUITE_P(PipeAndSocket, LineWriterTest, testing::Bool());

}  // namespace
}  // namespace posthouse
