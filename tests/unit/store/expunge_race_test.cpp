// An expunge keeps what goes, and for that brings bodies back from the files. Meanwhile others carry out the
// outbox, which gives them back to their files: such a message goes nevertheless.
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/blob.h"
#include "passing_files.h"
#include "store/limits.h"

namespace posthouse::store {
namespace {

// Carries out the outbox once, right before the bytes of one message are read.
class Busy : public PassingFiles {
 public:
  using PassingFiles::PassingFiles;
  Uid at = 0;

  Task<Result<std::string>> read(AccountId account, MailboxId mailbox, Uid uid, uint64_t offset,
                                 uint64_t length) override {
    if (uid == at) {
      at = 0;
      Result<void> done = co_await carry_out(account);
      if (!done) co_return std::unexpected(done.error());
    }
    co_return co_await PassingFiles::read(account, mailbox, uid, offset, length);
  }
};

class ExpungeRace : public WithFiles<Busy> {
 protected:
  MailboxId inbox_ = bed_.id_of(kAlice, "INBOX");
};

TEST_P(ExpungeRace, ALetterWhoseBytesWentBackToItsFileGoesNevertheless) {
  // Too large to be brought back together with the next one.
  std::string large = "Subject: large\r\n\r\n";
  while (large.size() < 2 * engine::kBlobChunk) large += "a line of a long letter\r\n";
  const FlagSet deleted{kDeleted, {}};
  ASSERT_TRUE(bed_.append(kAlice, "INBOX", large, deleted));
  ASSERT_TRUE(bed_.append(kAlice, "INBOX", "Subject: two\r\n\r\n", deleted));
  bed_.must(bed_.mirror->carry_out(kAlice));
  const std::vector<Entry> before = bed_.all(kAlice, inbox_);
  ASSERT_EQ(before.size(), 2u);
  ASSERT_TRUE(std::ranges::all_of(before, [](const Entry& entry) { return entry.blob == 0; }));
  files_->at = before[1].uid;
  EXPECT_EQ(bed_.must(bed_.store.expunge(kAlice, inbox_, {before[0].uid, before[1].uid})),
            (std::vector<Uid>{before[0].uid, before[1].uid}));
  EXPECT_EQ(files_->at, 0u) << "nobody came in between";
  EXPECT_EQ(bed_.uids(kAlice, inbox_), std::vector<Uid>());
  EXPECT_EQ(bed_.must(bed_.store.kept(kAlice, {}, std::nullopt, 10)).size(), 2u);
  EXPECT_EQ(bed_.problems({kAlice}), std::vector<std::string>());
}

INSTANTIATE_TEST_SUITE_P(Formats, ExpungeRace, testing::Values(Format::maildir, Format::mbox),
                         [](const auto& test) { return std::string(to_string(test.param)); });

}  // namespace
}  // namespace posthouse::store
