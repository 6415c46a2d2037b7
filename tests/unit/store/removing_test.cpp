// MailStore::remove(): all or none, though many messages go in several transactions.
#include <gtest/gtest.h>

#include "engine/blob.h"
#include "engine/memory_engine.h"
#include "mirror/mirror.h"
#include "store/removal_row.h"
#include "store_bed.h"
#include "support/engine_with_faults.h"

namespace posthouse::store {
namespace {

constexpr AccountId kAlice = 1;

struct Kind {
  Format format;
  bool keep;
};

class Removing : public testing::TestWithParam<Kind> {
 protected:
  Removing() {
    open();
    FilePlace place;
    place.format = GetParam().format;
    place.inbox = dir_.path() + "/inbox";
    place.folders = dir_.path() + "/folders";
    if (place.format == Format::database) place = FilePlace();
    must(store_->create_account(kAlice, "", place));
    inbox_ = must(store_->mailbox(kAlice, std::string("INBOX"))).id;
  }

  // As after a restart of the program.
  void open() {
    mirror_.reset();
    store_.emplace(faults_, clock_, random_, kKeptExpunges, GetParam().keep);
    store_->on_hidden([](AccountId) {}, SIZE_MAX);  // none is hidden: that takes one transaction
    mirror_.emplace(faults_, clock_, random_, ids_);
    must(mirror_->start());
    store_->use_files(&*mirror_);
  }

  template <class T>
  T must(Task<Result<T>> task) {
    Result<T> done = loop_.run(std::move(task));
    if (!done) throw std::runtime_error(done.error().what);
    if constexpr (!std::is_void_v<T>) return std::move(*done);
  }

  // So large that a few hundred are too much for one transaction, if they are kept.
  void fill(int count) {
    for (int i = 0; i < count; ++i) {
      engine::BlobWriter writer(faults_, ids_.next());
      must(writer.append("Subject: " + std::to_string(i) + "\r\n\r\ntext\r\n"));
      NewMessage message;
      message.internal_date = clock_.now();
      if (GetParam().keep) message.summary = std::string(30'000, 's');
      must(store_->append(kAlice, "INBOX", writer, std::move(message), Quota()));
    }
  }

  std::vector<Uid> there() {
    std::vector<Uid> out;
    for (const Entry& entry : must(store_->entries(kAlice, inbox_, 0, UINT32_MAX, SIZE_MAX, false)))
      out.push_back(entry.uid);
    return out;
  }

  engine::TempDir dir_;
  test::ManualExecutor loop_;
  test::FakeClock clock_;
  test::SeededRandom random_;
  IdSource ids_{clock_, random_};
  std::unique_ptr<engine::Engine> memory_ = engine::make_memory_engine();
  test::EngineWithFaults faults_{*memory_};
  std::optional<MailStore> store_;
  std::optional<mirror::Mirror> mirror_;
  MailboxId inbox_ = 0;
};

TEST_P(Removing, WhereverItStopsTheNextStartRemovesAllOrNone) {
  const bool database = GetParam().format == Format::database;
  const int count = GetParam().keep ? (database ? 600 : 30) : 2'300;
  bool partly = false, none = false;
  for (int good = 0, done = false; !done; ++good) {
    ASSERT_LT(good, 200);
    fill(count - static_cast<int>(there().size()));
    const std::vector<Uid> before = there();
    const std::vector<Uid> staying{before[0], before[before.size() / 2], before.back()};
    std::vector<Uid> going;
    for (const Uid uid : before) {
      if (!std::ranges::binary_search(staying, uid)) going.push_back(uid);
    }
    faults_.transact_fault = Fault{FaultKind::io, "stopped"};
    faults_.transacts_before_fault = good;
    done = loop_.run(store_->remove(kAlice, inbox_, going)).has_value();
    faults_.transact_fault.reset();
    const std::vector<Uid> halfway = there();
    partly = partly || (halfway != before && halfway != staying);
    open();
    must(store_->sweep(true));
    const std::vector<Uid> after = there();
    none = none || after == before;
    if (done) {
      ASSERT_EQ(after, staying);
    } else {
      ASSERT_TRUE(after == before || after == staying) << "after " << good << " transactions";
    }
  }
  EXPECT_TRUE(none);
  EXPECT_TRUE(partly || !database) << "one transaction was enough: nothing was tried";
  EXPECT_EQ(must(store_->check({kAlice}, nullptr)).problems, std::vector<std::string>());
  // Nothing of it is left that could remove anything later.
  fill(2);
  const std::vector<Uid> with_new = there();
  must(store_->sweep(true));
  EXPECT_EQ(there(), with_new);
}

TEST_P(Removing, AFaultInTheMiddleIsMadeGoodByTheNextRemoval) {
  const bool database = GetParam().format == Format::database;
  const int count = GetParam().keep ? (database ? 600 : 30) : 2'300;
  fill(count + 30);
  std::vector<Uid> all = there(), first(all.begin(), all.begin() + count), second;
  faults_.transact_fault = Fault{FaultKind::io, "stopped"};
  faults_.transacts_before_fault = 1;  // it is decided, and nothing went
  EXPECT_FALSE(loop_.run(store_->remove(kAlice, inbox_, first)));
  faults_.transact_fault.reset();
  EXPECT_EQ(there(), all);
  // A few, and again as many as need several transactions.
  must(store_->sweep(false));
  EXPECT_EQ(there().size(), 30u);
}

TEST_P(Removing, NotFromAMailboxWhoseUidsAreOthersNow) {
  const bool database = GetParam().format == Format::database;
  const int count = GetParam().keep ? (database ? 300 : 30) : 1'200;
  fill(count);
  faults_.transact_fault = Fault{FaultKind::io, "stopped"};
  faults_.transacts_before_fault = 1;
  EXPECT_FALSE(loop_.run(store_->remove(kAlice, inbox_, there())));
  faults_.transact_fault.reset();
  must(store_->renew_validity(kAlice));
  must(store_->sweep(true));
  EXPECT_EQ(there().size(), static_cast<size_t>(count));
}

INSTANTIATE_TEST_SUITE_P(Formats, Removing,
                         testing::Values(Kind{Format::database, true}, Kind{Format::database, false},
                                         Kind{Format::maildir, true}, Kind{Format::mbox, true}),
                         [](const auto& test) {
                           return std::string(to_string(test.param.format)) +
                                  (test.param.keep ? "_kept" : "_gone");
                         });

TEST(RemovalRow, Roundtrip) {
  RemovalRow row{7, 9, {}};
  for (const Uid uid : {1u, 2u, 3u, 9u, 4'000'000'000u}) row.uids.append(uid);
  const Result<RemovalRow> read = decode_removal(encode(row));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->mailbox, 7u);
  EXPECT_EQ(read->uid_validity, 9u);
  EXPECT_EQ(read->uids.size(), 5u);
  EXPECT_TRUE(read->uids.contains(4'000'000'000u) && read->uids.contains(2) && !read->uids.contains(4));
  EXPECT_FALSE(decode_removal("junk"));
}

}  // namespace
}  // namespace posthouse::store
