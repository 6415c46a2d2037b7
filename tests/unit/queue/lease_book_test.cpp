#include "queue/lease_book.h"

namespace posthouse::queue {
namespace {

constexpr Place kLast{UINT64_MAX, UINT64_MAX};

struct LeaseBookTest : ::testing::Test {
  std::shared_ptr<LeaseBook> book = std::make_shared<LeaseBook>();
  Place walk_to(Place next) {
    EXPECT_TRUE(book->begin_walk(next.first, 0));
    book->end_walk(next);
    return book->position().first;
  }
};

TEST_F(LeaseBookTest, WalksForward) {
  EXPECT_EQ(walk_to({100, 5}), (Place{100, 5}));
}

TEST_F(LeaseBookTest, OneWalkAtATime) {
  EXPECT_TRUE(book->begin_walk(10, 0));
  EXPECT_FALSE(book->begin_walk(10, 0));
  book->end_walk({10, 0});
  EXPECT_TRUE(book->begin_walk(10, 0));
}

TEST_F(LeaseBookTest, AnEarlierRowBringsItBack) {
  walk_to({100, 0});
  const auto token = book->expect(50);
  EXPECT_EQ(book->position().first, (Place{50, 0}));
}

TEST_F(LeaseBookTest, ARowNotYetReadableHoldsItBack) {
  auto token = book->expect(50);
  EXPECT_EQ(walk_to({100, 0}), (Place{50, 0}));
  EXPECT_EQ(walk_to({100, 0}), (Place{50, 0}));
  token.reset();
  EXPECT_EQ(walk_to({100, 0}), (Place{100, 0}));
}

TEST_F(LeaseBookTest, ARowThatCameAndWentDuringAWalkHoldsItBackOnce) {
  ASSERT_TRUE(book->begin_walk(100, 0));
  book->expect(50).reset();
  book->end_walk({100, 0});
  EXPECT_EQ(book->position().first, (Place{50, 0}));
  EXPECT_EQ(walk_to({100, 0}), (Place{100, 0}));
}

TEST_F(LeaseBookTest, GivenBackBehindThePositionIsReturned) {
  ASSERT_TRUE(book->lease(7, 40));
  EXPECT_FALSE(book->lease(7, 40));
  walk_to({100, 0});
  book->give_back(7);
  EXPECT_EQ(book->position().second, (Place{40, 7}));
  EXPECT_TRUE(book->begin_walk(39, 10)->returned.empty());
  book->end_walk({100, 0});
  const auto walk = book->begin_walk(40, 10);
  EXPECT_EQ(walk->returned, (std::vector<Place>{{40, 7}}));
  book->abandon_walk(*walk);
  EXPECT_EQ(book->position().second, (Place{40, 7}));
}

TEST_F(LeaseBookTest, GivenBackAheadOfThePositionIsFoundByWalking) {
  ASSERT_TRUE(book->lease(7, 40));
  walk_to({100, 0});
  book->moved(7, 500);
  book->give_back(7);
  EXPECT_FALSE(book->position().second);
  EXPECT_TRUE(book->is_free(7));
}

TEST_F(LeaseBookTest, FinishedLettersDoNotComeBack) {
  ASSERT_TRUE(book->lease(7, 40));
  walk_to({100, 0});
  book->moved(7, std::nullopt);
  book->give_back(7);
  EXPECT_FALSE(book->position().second);
}

// What a walk reads may be older than what happened to a letter given back meanwhile.
TEST_F(LeaseBookTest, GivenBackDuringAWalkIsNotFreeForThatWalk) {
  ASSERT_TRUE(book->lease(7, 40));
  ASSERT_TRUE(book->begin_walk(100, 10));
  book->moved(7, 90);
  book->give_back(7);
  EXPECT_FALSE(book->is_free(7));
  EXPECT_FALSE(book->lease(7, 40));
  book->end_walk({101, 0});
  EXPECT_TRUE(book->is_free(7));
  EXPECT_EQ(book->begin_walk(100, 10)->returned, (std::vector<Place>{{90, 7}}));
}

TEST_F(LeaseBookTest, RewindStartsOver) {
  walk_to(kLast);
  book->rewind();
  EXPECT_EQ(book->position().first, (Place{0, 0}));
}

}  // namespace
}  // namespace posthouse::queue
