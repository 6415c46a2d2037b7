// What clients uploaded (RFC 8620 section 6.1).
#include "uploads/uploads.h"

#include <gtest/gtest.h>

#include "engine/memory_engine.h"
#include "support/fake_clock.h"
#include "support/manual_executor.h"
#include "support/seeded_random.h"
#include "uploads/limits.h"

namespace posthouse::uploads {
namespace {

class UploadsTest : public testing::Test {
 protected:
  template <class T>
  Result<T> run(Task<Result<T>> task) {
    return executor_.run(std::move(task));
  }
  Result<Upload> put(AccountId account, const std::string& octets, const std::string& type = "text/plain") {
    Uploads::Arriving arriving(uploads_);
    EXPECT_TRUE(run(arriving.writer().append(octets)));
    return run(uploads_.keep(account, arriving, type));
  }

  posthouse::test::FakeClock clock_;
  posthouse::test::SeededRandom random_;
  posthouse::test::ManualExecutor executor_;
  std::unique_ptr<engine::Engine> engine_ = engine::make_memory_engine();
  IdSource ids_{clock_, random_};
  Uploads uploads_{*engine_, ids_, clock_};
};

TEST_F(UploadsTest, IsTheAccountsOwn) {
  const Result<Upload> made = put(1, "hello", "image/png");
  ASSERT_TRUE(made);
  EXPECT_EQ(made->size, 5u);
  EXPECT_EQ(run(uploads_.find(1, made->id))->type, "image/png");
  EXPECT_EQ(*run(uploads_.read(1, made->id, 1, 3)), "ell");
  EXPECT_EQ(run(uploads_.find(2, made->id)).error().kind, FaultKind::not_found);
  EXPECT_EQ(run(uploads_.read(2, made->id, 0, 5)).error().kind, FaultKind::not_found);
  EXPECT_EQ(run(uploads_.find(1, made->id + 1)).error().kind, FaultKind::not_found);
}

TEST_F(UploadsTest, GoAfterADay) {
  const uint64_t first = put(1, std::string(300'000, 'x'))->id;
  clock_.advance(std::chrono::hours(23));
  const uint64_t second = put(1, "y")->id;
  clock_.advance(std::chrono::hours(2));
  ASSERT_TRUE(run(uploads_.tidy(false)));
  EXPECT_EQ(run(uploads_.find(1, first)).error().kind, FaultKind::not_found);
  EXPECT_TRUE(run(uploads_.find(1, second)));
  EXPECT_FALSE(executor_.run(engine::fetch_blob(*engine_, first, 0, 1)));  // its octets, too
}

TEST_F(UploadsTest, TheOldestMakeRoom) {
  std::vector<uint64_t> ids;
  for (size_t i = 0; i < kMaxUploads; ++i) {
    ASSERT_TRUE(run(uploads_.make_room(1, 1)));
    ids.push_back(put(1, "x")->id);
  }
  EXPECT_EQ(run(uploads_.make_room(1, 1)).error().kind, FaultKind::over_quota);
  EXPECT_EQ(put(1, "x").error().kind, FaultKind::over_quota);  // of several at once
  EXPECT_TRUE(run(uploads_.make_room(2, 1)));                  // another's are another matter
  clock_.advance(std::chrono::hours(2));
  EXPECT_TRUE(run(uploads_.make_room(1, 1)));
  EXPECT_FALSE(run(uploads_.find(1, ids[0])));
  EXPECT_TRUE(run(uploads_.find(1, ids[1])));
  EXPECT_EQ(run(uploads_.make_room(1, kMaxUploadBytes + 1)).error().kind, FaultKind::over_quota);
}

TEST_F(UploadsTest, WhatIsNotKeptIsGone) {
  uint64_t id = 0;
  {
    Uploads::Arriving arriving(uploads_);
    ASSERT_TRUE(run(arriving.writer().append(std::string(300'000, 'x'))));
    id = arriving.writer().id();
  }
  ASSERT_TRUE(run(uploads_.tidy(true)));
  EXPECT_FALSE(executor_.run(engine::fetch_blob(*engine_, id, 0, 1)));
  EXPECT_FALSE(run(uploads_.find(1, id)));
}

}  // namespace
}  // namespace posthouse::uploads
