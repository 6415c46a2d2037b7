#include "maildir/line_ends.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "maildir/limits.h"
#include "test_folder.h"

namespace posthouse::maildir {
namespace {

using test::TestFolder;

std::string to_file(const std::string& message, size_t piece, uint64_t* crlf_size = nullptr) {
  ToFile convert;
  std::string out;
  for (size_t at = 0; at < message.size(); at += piece)
    convert.convert(std::string_view(message).substr(at, piece), out);
  convert.finish(out);
  EXPECT_EQ(convert.size(), out.size());
  if (crlf_size != nullptr) *crlf_size = convert.crlf_size();
  return out;
}

std::string from_file(const std::string& file, size_t limit) {
  FromFile convert;
  std::string out;
  for (std::string_view rest = file; !rest.empty();) rest.remove_prefix(convert.convert(rest, limit, out));
  return out;
}

TEST(LineEnds, InFilesAreLf) {
  for (const size_t piece : {1, 2, 3, 100}) {
    EXPECT_EQ(to_file("a\r\nb\r\n\r\n", piece), "a\nb\n\n");
    EXPECT_EQ(to_file("a\rb\r\r\nc\r", piece), "a\rb\r\r\nc\r");  // would lose a CR otherwise
    EXPECT_EQ(to_file("\r\r\r\n", piece), "\r\r\r\n");
    EXPECT_EQ(to_file("a\nb", piece), "a\nb");
    EXPECT_EQ(from_file("a\nb\r\n\n", piece), "a\r\nb\r\n\r\n");
  }
}

// CR and LF much more often than by chance.
rc::Gen<std::string> lines() {
  return rc::gen::container<std::string>(
      rc::gen::weightedElement<char>({{3, '\r'}, {3, '\n'}, {2, 'x'}, {1, '\0'}}));
}

RC_GTEST_PROP(LineEndsProperty, MessagesComeBackByteForByte, ()) {
  std::string message;
  for (const char c : *lines()) {
    if (c == '\n' && !message.ends_with('\r')) message += '\r';  // no bare LF: the only thing that is mended
    message += c;
  }
  const auto piece = *rc::gen::inRange<size_t>(1, 5);
  uint64_t crlf_size = 0;
  const std::string file = to_file(message, piece, &crlf_size);
  RC_ASSERT(from_file(file, piece) == message);
  RC_ASSERT(crlf_size == message.size());
  RC_ASSERT(to_file(message, message.size() + 1) == file);
}

RC_GTEST_PROP(LineEndsProperty, WhatDoesNotComeBackIsTold, ()) {
  const std::string message = *lines();
  const auto piece = *rc::gen::inRange<size_t>(1, 5);
  ToFile convert;
  std::string file;
  for (size_t at = 0; at < message.size(); at += piece)
    convert.convert(std::string_view(message).substr(at, piece), file);
  convert.finish(file);
  RC_ASSERT(convert.exact() == (from_file(file, 100) == message));
}

RC_GTEST_PROP(LineEndsProperty, AnyFileReadsTheSameInAnyPieces, ()) {
  const std::string file = *lines();
  const auto piece = *rc::gen::inRange<size_t>(1, 5);
  const std::string message = from_file(file, file.size() * 2 + 1);
  RC_ASSERT(from_file(file, piece) == message);
  uint64_t crlf_size = 0;
  (void)to_file(file, 1, &crlf_size);
  RC_ASSERT(crlf_size == from_file(to_file(file, 1), 100).size());
}

RC_GTEST_PROP(ReaderProperty, ReadsAnyRange, ()) {
  const TestFolder folder;
  std::string file;
  const std::string seed = *lines() + "\n";
  const auto size = *rc::gen::inRange<size_t>(1, 3 * kCheckpointEvery);
  while (file.size() < size) file += seed + "some more of it\n";
  test::put_file(folder.path("m"), file);
  const std::string message = from_file(file, file.size() * 2 + 1);
  Result<Reader> reader = Reader::open(folder.path("m"));
  RC_ASSERT(reader.has_value());
  for (int i = 0; i < 10; ++i) {
    const auto offset = *rc::gen::inRange<size_t>(0, message.size() + 10);
    const auto length = *rc::gen::inRange<size_t>(0, message.size());
    const std::string expected = offset < message.size() ? message.substr(offset, length) : "";
    RC_ASSERT(reader->read(offset, length).value() == expected);
    if (i == 5) RC_ASSERT(reader->size_with_crlf().value() == message.size());
  }
}

TEST(Reader, ReadsInStepsWithoutBeginningAgain) {
  const TestFolder folder;
  std::string file;
  while (file.size() < 8'000'000) file += "another line of the message\n";
  test::put_file(folder.path("m"), file);
  Result<Reader> reader = Reader::open(folder.path("m"));
  ASSERT_TRUE(reader);
  // Quadratic work would be 10^12 bytes here and not end within the test's time.
  const std::string message = from_file(file, file.size() * 2);
  std::string got;
  while (true) {
    const std::string some = reader->read(got.size(), 50).value();
    if (some.empty()) break;
    got += some;
  }
  EXPECT_EQ(got, message);
  // From the end to the start: each costs one stretch between checkpoints at most.
  for (size_t at = message.size() - 1; at > 100'000; at -= 99'991) {
    ASSERT_EQ(reader->read(at, 1).value(), message.substr(at, 1));
  }
}

TEST(Reader, RefusesWhatIsNoFile) {
  const TestFolder folder;
  test::put_file(folder.path("m"), "x");
  test::fs::create_symlink(folder.path("m"), folder.path("link"));
  ASSERT_EQ(::mkfifo(folder.path("fifo").c_str(), 0600), 0);
  EXPECT_EQ(Reader::open(folder.path("link")).error().kind, FaultKind::policy);
  EXPECT_EQ(Reader::open(folder.path("fifo")).error().kind, FaultKind::syntax);
  EXPECT_FALSE(Reader::open(folder.path()));
  EXPECT_EQ(Reader::open(folder.path("none")).error().kind, FaultKind::not_found);
}

}  // namespace
}  // namespace posthouse::maildir
