// Sessions that read the same message of an account in files at the same time share what is open of it.
#include <gtest/gtest.h>

#include "net/loop.h"
#include "passing_files.h"

namespace posthouse::store {
namespace {

class SharedReading : public WithFiles<PassingFiles> {};

TEST_P(SharedReading, EachGetsItsOwnPieces) {
  std::string body = "Subject: long\r\n\r\n";
  for (int line = 0; body.size() < 300'000; ++line) body += "line " + std::to_string(line) + "\r\n";
  ASSERT_TRUE(bed_.append(kAlice, "INBOX", body));
  const MailboxId inbox = bed_.id_of(kAlice, "INBOX");
  const Entry entry = bed_.all(kAlice, inbox).front();
  constexpr size_t kSessions = 8, kPieces = 40, kLength = 5'000;
  ASSERT_EQ(entry.blob, 0);
  size_t busy = kSessions, wrong = 0;
  const auto session = [&](size_t number) -> Task<void> {
    for (size_t i = 0; i < kPieces; ++i) {
      const uint64_t offset = (number * 104'729 + i * 7'919) % body.size();
      const Result<std::string> piece = co_await bed_.mirror->read(kAlice, inbox, entry.uid, offset, kLength);
      if (!piece || *piece != body.substr(offset, kLength)) ++wrong;
    }
    --busy;
  };
  const auto all = [&]() -> Task<Result<void>> {
    for (size_t number = 0; number < kSessions; ++number) spawn(session(number));
    while (busy > 0) {
      const Result<void> slept = co_await net::this_loop().sleep(milliseconds(1));
      if (!slept) co_return slept;
    }
    co_return Result<void>();
  };
  ASSERT_TRUE(net::run_blocking(all()));
  EXPECT_EQ(wrong, 0);
}

INSTANTIATE_TEST_SUITE_P(Formats, SharedReading, testing::Values(Format::maildir, Format::mbox),
                         [](const auto& test) { return std::string(to_string(test.param)); });

}  // namespace
}  // namespace posthouse::store
