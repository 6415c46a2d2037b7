// RFC 9585: when a long command tells how far it has come.
#include <gtest/gtest.h>

#include "access/imap/progress.h"
#include "imap_house.h"

namespace posthouse::access::imap::test {
namespace {

class ImapProgress : public testing::Test {
 protected:
  ImapProgress()
      : pair_(access::test::make_connection(house_.clock, 0, false)),
        session_(std::move(pair_.server), house_.options,
                 Services{house_.faults, house_.store, house_.ids, house_.clock, house_.accounts},
                 house_.registry, "test"),
        client_(house_.executor, std::move(pair_)) {
    session_.tag = "a1";
  }

  // What the client is told.
  std::string at(Progress& progress, uint64_t done) {
    house_.executor.run(progress.at(done));
    house_.run();
    return client_.take();
  }

  House house_;
  MemoryStream::Pair pair_;
  Session session_;
  Client client_;
};

TEST_F(ImapProgress, OnceInTenSeconds) {
  Progress progress(session_, "Searched", 1000);
  EXPECT_EQ(at(progress, 1), "");
  house_.clock.advance(std::chrono::milliseconds(9'999));
  EXPECT_EQ(at(progress, 99), "");
  house_.clock.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(at(progress, 100), "* OK [INPROGRESS (\"a1\" 100 1000)] Searched 100 messages so far\r\n");
  EXPECT_EQ(at(progress, 101), "");
  house_.clock.advance(std::chrono::seconds(10));
  EXPECT_EQ(at(progress, 999), "* OK [INPROGRESS (\"a1\" 999 1000)] Searched 999 messages so far\r\n");
}

// ESEARCH (RFC 7377): each mailbox counts from 0, the client is told the sum.
TEST_F(ImapProgress, PartsAddUp) {
  Progress progress(session_, "Searched", 0);
  progress.expect(30);
  progress.expect(99);
  progress.next_part(10);
  house_.clock.advance(std::chrono::seconds(10));
  EXPECT_EQ(at(progress, 5), "* OK [INPROGRESS (\"a1\" 15 30)] Searched 15 messages so far\r\n");
}

// "]" in a tag would end the code.
TEST_F(ImapProgress, OddTagsAndNoGoal) {
  session_.tag = "a]";
  Progress progress(session_, "Moved", 0);
  house_.clock.advance(std::chrono::seconds(10));
  EXPECT_EQ(at(progress, 7), "* OK [INPROGRESS (NIL 7 NIL)] Moved 7 messages so far\r\n");
}

// COPY comes to its end without its client.
TEST_F(ImapProgress, QuietlyWithoutAClient) {
  Progress progress(session_, "Copied", 10);
  house_.clock.advance(std::chrono::seconds(10));
  session_.stream->close();
  house_.executor.run(progress.quietly_at(5));
  EXPECT_EQ(client_.take(), "");
}

}  // namespace
}  // namespace posthouse::access::imap::test
