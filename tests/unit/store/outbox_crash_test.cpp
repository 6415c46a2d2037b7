// The process dies while it carries out the outbox, after any of its transactions: what is in the files
// already is found there by the next one, and nothing is done twice.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "engine/blob.h"
#include "passing_files.h"
#include "store/file_rows.h"
#include "support/engine_with_faults.h"

namespace posthouse::store {
namespace {

// Nothing reaches the files by itself.
class NoFiles : public PassingFiles {
 public:
  using PassingFiles::PassingFiles;
  Task<Result<void>> carry_out(AccountId) override { co_return fail(FaultKind::io, "away"); }
  Task<Result<void>> look(AccountId) override { co_return Result<void>(); }
  Task<Result<void>> look(AccountId, MailboxId) override { co_return Result<void>(); }
};

class DyingEngine : public test::EngineWithFaults {
 public:
  using EngineWithFaults::EngineWithFaults;
  int left = 0;  // transactions before the end

  Task<Result<void>> transact(std::vector<engine::Step> all) override {
    if (left == 0) co_return fail(FaultKind::io, "dead");
    --left;
    co_return co_await EngineWithFaults::transact(std::move(all));
  }
};

using Letters = std::multimap<std::string, std::string>;  // by mailbox: what they are about

// An account whose files lag behind, and a crash while they are brought up.
class Crash {
 public:
  static constexpr AccountId kAlice = 1;

  explicit Crash(Format format) {
    if (!bed_.mirror) bed_.mirror.emplace(*bed_.engine, bed_.clock, bed_.random, bed_.ids);
    FilePlace place;
    place.format = format;
    place.inbox = bed_.dir.path() + "/alice/inbox";
    if (format == Format::mbox) place.folders = bed_.dir.path() + "/alice/folders";
    bed_.store.use_files(&*bed_.mirror);
    bed_.must(bed_.store.create_account(kAlice, "", place));
    files_.emplace(*bed_.mirror);
  }

  StoreBed& bed() { return bed_; }
  void stop_files() { bed_.store.use_files(&*files_); }
  void append(const std::string& mailbox, const std::string& what) {
    ASSERT_TRUE(bed_.append(kAlice, mailbox, "Subject: " + what + "\r\n\r\n" + what + "\r\n"));
  }
  // But for the usual mailboxes, which are empty.
  Letters letters() {
    Letters out;
    for (const MailboxInfo& mailbox : bed_.must(bed_.store.mailboxes(kAlice))) {
      for (const Entry& entry : bed_.all(kAlice, mailbox.id)) {
        const std::string text = bed_.must(bed_.store.read(kAlice, entry, 0, UINT64_MAX));
        const size_t begin = text.find("\r\n\r\n") + 4;
        out.emplace(mailbox.name, text.substr(begin, text.size() - begin - 2));
      }
    }
    return out;
  }
  // True: it came to its end before it died.
  bool carry_out(int transactions) {
    DyingEngine dying(*bed_.engine);
    dying.left = transactions;
    mirror::Mirror first(dying, bed_.clock, bed_.random, bed_.ids);
    bed_.must(first.start());
    return bed_.run(first.carry_out(kAlice)).has_value();
  }
  void start_anew() {
    bed_.mirror.emplace(*bed_.engine, bed_.clock, bed_.random, bed_.ids);
    bed_.must(bed_.mirror->start());
    bed_.store.use_files(&*bed_.mirror);
    bed_.must(bed_.mirror->look_into_all(kAlice));
  }
  size_t outbox() {
    size_t rows = 0;
    EXPECT_TRUE(bed_.engine->scan(account_partition(kAlice), kEffectPrefix,
                                  prefix_end(std::string(kEffectPrefix)),
                                  [&](std::string_view, std::string_view) { return ++rows > 0; }));
    return rows;
  }

 private:
  StoreBed bed_{"memory", kKeptExpunges, true};
  std::optional<NoFiles> files_;
};

class OutboxCrash : public testing::TestWithParam<Format> {
 protected:
  using Act = std::function<void(Crash&)>;
  // Does `before` with the files at hand, `meanwhile` without, dies after each transaction in turn, and does
  // `unnoticed` before what is in the files was found.
  void die_everywhere(
      const Act& before, const Act& meanwhile, const Letters& wanted, const Act& unnoticed = [](Crash&) {}) {
    bool whole = false;
    for (int at = 0; !whole; ++at) {
      ASSERT_LT(at, 200);
      Crash crash(GetParam());
      before(crash);
      crash.stop_files();
      meanwhile(crash);
      whole = crash.carry_out(at);
      unnoticed(crash);
      crash.start_anew();
      EXPECT_EQ(crash.letters(), wanted) << "died after " << at << " transactions";
      EXPECT_EQ(crash.outbox(), 0u) << "died after " << at << " transactions";
      EXPECT_EQ(crash.bed().problems({Crash::kAlice}), std::vector<std::string>());
      if (testing::Test::HasFailure()) return;
    }
  }
};

TEST_P(OutboxCrash, RenamedAndMadeAgain) {
  die_everywhere(
      [](Crash& crash) {
        crash.bed().must(crash.bed().store.create_mailbox(Crash::kAlice, "a"));
        crash.append("a", "one");
      },
      [](Crash& crash) {
        MailStore& store = crash.bed().store;
        crash.append("a", "two");
        crash.bed().must(store.rename_mailbox(Crash::kAlice, "a", "b"));
        crash.bed().must(store.create_mailbox(Crash::kAlice, "a"));
        crash.append("a", "three");
        crash.append("b", "four");
        crash.bed().must(store.rename_mailbox(Crash::kAlice, "a", "c/d"));
        crash.bed().must(store.create_mailbox(Crash::kAlice, "a"));
        crash.append("a", "five");
      },
      {{"b", "one"}, {"b", "two"}, {"c/d", "three"}, {"b", "four"}, {"a", "five"}});
}

TEST_P(OutboxCrash, RenamedWithWhatIsBelowAndInACircle) {
  die_everywhere(
      [](Crash& crash) {
        for (const char* name : {"a", "a/x", "a/x/y", "b"}) {
          crash.bed().must(crash.bed().store.create_mailbox(Crash::kAlice, name));
          crash.append(name, std::string("in ") + name);
        }
      },
      [](Crash& crash) {
        MailStore& store = crash.bed().store;
        crash.bed().must(store.rename_mailbox(Crash::kAlice, "a", "c"));
        crash.bed().must(store.rename_mailbox(Crash::kAlice, "b", "a"));
        crash.bed().must(store.rename_mailbox(Crash::kAlice, "c", "b"));
        crash.append("a", "to a");
        crash.append("b", "to b");
        crash.append("b/x", "to b/x");
      },
      {{"b", "in a"},
       {"b/x", "in a/x"},
       {"b/x/y", "in a/x/y"},
       {"a", "in b"},
       {"a", "to a"},
       {"b", "to b"},
       {"b/x", "to b/x"}});
}

TEST_P(OutboxCrash, RemovedAndMadeAgain) {
  die_everywhere(
      [](Crash& crash) {
        crash.bed().must(crash.bed().store.create_mailbox(Crash::kAlice, "a"));
        crash.append("a", "one");
      },
      [](Crash& crash) {
        MailStore& store = crash.bed().store;
        crash.append("a", "two");
        crash.bed().must(store.delete_mailbox(Crash::kAlice, "a"));
        crash.bed().must(store.create_mailbox(Crash::kAlice, "a"));
        crash.append("a", "three");
        crash.bed().must(store.delete_mailbox(Crash::kAlice, "a"));
        crash.bed().must(store.create_mailbox(Crash::kAlice, "a"));
        crash.append("a", "four");
      },
      {{"a", "four"}});
}

// They were on their way into the files when the process died, or in them already, and nobody had noted that.
TEST_P(OutboxCrash, ExpungedAndMovedOnTheirWay) {
  die_everywhere(
      [](Crash& crash) {
        crash.bed().must(crash.bed().store.create_mailbox(Crash::kAlice, "a"));
        crash.bed().must(crash.bed().store.create_mailbox(Crash::kAlice, "b"));
        crash.append("a", "zero");
      },
      [](Crash& crash) {
        for (const char* what : {"one", "two", "three", "twin", "twin", "four"}) crash.append("a", what);
      },
      {{"a", "zero"}, {"a", "twin"}, {"a", "four"}, {"a", "three"}, {"b", "two"}},
      [](Crash& crash) {
        MailStore& store = crash.bed().store;
        const MailboxId a = crash.bed().id_of(Crash::kAlice, "a"), b = crash.bed().id_of(Crash::kAlice, "b");
        const FlagUpdate deleted{FlagChange::add, {kDeleted, {}}, {}, {}};
        crash.bed().must(store.update_flags(Crash::kAlice, a, {2, 5}, deleted));
        crash.bed().must(store.expunge(Crash::kAlice, a, {2, 5}));
        crash.bed().must(store.move(Crash::kAlice, a, {3}, "b"));
        crash.bed().must(store.move(Crash::kAlice, a, {4}, "b"));
        crash.bed().must(store.move(Crash::kAlice, b, {2}, "a"));
      });
}

// A draft that is saved again and again (RFC 8508).
TEST_P(OutboxCrash, ReplacedOnItsWay) {
  die_everywhere(
      [](Crash& crash) {
        crash.bed().must(crash.bed().store.create_mailbox(Crash::kAlice, "a"));
        crash.append("a", "zero");
      },
      [](Crash& crash) {
        for (const char* what : {"one", "draft"}) crash.append("a", what);
      },
      {{"a", "zero"}, {"a", "one"}, {"a", "final"}},
      [](Crash& crash) {
        engine::BlobWriter writer(*crash.bed().engine, crash.bed().ids.next());
        crash.bed().must(writer.append("Subject: final\r\n\r\nfinal\r\n"));
        MailStore::Arriving arriving;
        arriving.writer = &writer;
        arriving.message.internal_date = crash.bed().clock.now();
        const MailboxId a = crash.bed().id_of(Crash::kAlice, "a");
        MailStore::Target to{Crash::kAlice, "a", {}};
        bool gone = false;
        crash.bed().must(
            crash.bed().store.replace(Crash::kAlice, a, 3, std::move(to), std::move(arriving), {}, gone));
      });
}

INSTANTIATE_TEST_SUITE_P(Formats, OutboxCrash, testing::Values(Format::maildir, Format::mbox),
                         [](const auto& test) { return std::string(to_string(test.param)); });

// What the files have no room for is not asked of them: its letters would be in a file that nobody finds.
using OutboxNames = WithFiles<PassingFiles>;

TEST_P(OutboxNames, ARenameThatTheFilesHaveNoRoomForIsRefused) {
  bed_.must(bed_.store.create_mailbox(kAlice, "a/b"));
  ASSERT_TRUE(bed_.append(kAlice, "a/b", "Subject: one\r\n\r\n"));
  std::string wide;
  for (int i = 0; i < 120; ++i) wide += "ü";
  const std::string bad = GetParam() == Format::mbox ? "a/b.lock" : wide;
  EXPECT_EQ(bed_.fault(bed_.store.rename_mailbox(kAlice, "a/b", bad)), FaultKind::policy);
  const std::string above = std::string(GetParam() == Format::mbox ? 201 : 253, 'x');
  EXPECT_EQ(bed_.fault(bed_.store.rename_mailbox(kAlice, "a", above)), FaultKind::policy);
  EXPECT_EQ(bed_.all(kAlice, bed_.id_of(kAlice, "a/b")).size(), 1u);
  // One that is in the index only may get a name for which there is room.
  const std::string only = GetParam() == Format::mbox ? "x.lock" : std::string(255, 'x');
  bed_.must(bed_.store.create_mailbox(kAlice, only));
  ASSERT_TRUE(bed_.append(kAlice, only, "Subject: two\r\n\r\n"));
  bed_.must(bed_.store.rename_mailbox(kAlice, only, "c"));
  ASSERT_TRUE(bed_.append(kAlice, "c", "Subject: three\r\n\r\n"));
  bed_.must(bed_.mirror->look_into_all(kAlice));
  EXPECT_EQ(bed_.all(kAlice, bed_.id_of(kAlice, "c")).size(), 2u);
  EXPECT_EQ(bed_.problems({kAlice}), std::vector<std::string>());
}

INSTANTIATE_TEST_SUITE_P(Formats, OutboxNames, testing::Values(Format::maildir, Format::mbox),
                         [](const auto& test) { return std::string(to_string(test.param)); });

}  // namespace
}  // namespace posthouse::store
