// An append or a rewrite that is stopped at any operation: nothing that was told to be durable is lost,
// nothing is there by half.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <map>
#include <random>

#include "scripted_disk.h"

namespace posthouse::mbox {
namespace {

struct Seen {
  std::string text;
  Metadata metadata;
  bool operator==(const Seen&) const = default;
};
using Step = std::function<Result<void>(const File&)>;

struct Sent {
  uint32_t uid;
  size_t size;
  Letter letter() const { return {"a@b.example", 1606564800, {{}, {}, uid}, Base{77, uid, {}}}; }
  std::string text() const {
    std::string text = "Subject: " + std::to_string(uid) + "\r\n\r\n";
    while (text.size() < size) text += "From here to line " + std::to_string(text.size()) + "\r\n\r\n";
    return text;
  }
};

Source source_of(std::string text) {
  return [text = std::move(text), told = std::make_shared<bool>(false)]() -> Result<std::string_view> {
    return std::exchange(*told, true) ? std::string_view() : std::string_view(text);
  };
}

Result<void> add(const File& file, uint32_t uid, size_t size) {
  const Sent sent{uid, size};
  auto held = file.open(Access::write);
  if (!held) return std::unexpected(held.error());
  const auto record = held->append(sent.letter(), source_of(sent.text()));
  if (!record) return std::unexpected(record.error());
  // What is told as done before the flush is done behind it; here all wait.
  if (const auto settled = uid % 2 == 0 ? held->settle() : Result<void>(); !settled) return settled;
  return held->commit();
}

const std::map<size_t, Sent> kAdded = {
    {0, {1, 3000}}, {1, {2, 200}}, {3, {3, 70000}}, {6, {4, 10}}};  // by step

// Changes what `choose` says about each record.
Result<void> alter(const File& file, const std::function<std::optional<Change>(const Record&)>& choose) {
  auto held = file.open(Access::write);
  if (!held) return std::unexpected(held.error());
  std::vector<Change> changes;
  const auto scanned = held->scan([&](Record&& record) {
    if (auto change = choose(record)) changes.push_back(*change);
  });
  if (!scanned) return std::unexpected(scanned.error());
  const auto moved = held->rewrite(changes);
  return moved ? Result<void>() : std::unexpected(moved.error());
}

std::vector<Step> steps() {
  const auto flag = [](const File& file) {
    return alter(file, [](const Record& record) {
      Change change{record.offset, record.next, false, record.metadata};
      change.metadata.flags.seen = change.metadata.flags.flagged = true;
      return std::optional<Change>(change);
    });
  };
  const auto grow = [](const File& file) {
    return alter(file, [](const Record& record) -> std::optional<Change> {
      if (record.metadata.uid != 2) return std::nullopt;
      Change change{record.offset, record.next, false, record.metadata};
      for (int i = 0; i < 20; ++i) change.metadata.keywords.push_back("keyword" + std::to_string(i));
      return change;
    });
  };
  const auto drop = [](uint32_t uid) {
    return [uid](const File& file) {
      return alter(file, [&](const Record& record) -> std::optional<Change> {
        if (record.metadata.uid != uid) return std::nullopt;
        return Change{record.offset, record.next, true, {}};
      });
    };
  };
  const auto put = [](size_t step) {
    return [sent = kAdded.at(step)](const File& file) { return add(file, sent.uid, sent.size); };
  };
  return {put(0), put(1), flag, put(3), grow, drop(1), put(6), drop(3), drop(4)};
}

// `claimed`: a UID counts though the file's own data, written before it, got lost.
std::vector<Seen> look(const File& file, bool claimed = false) {
  auto held = file.open(Access::write);
  EXPECT_TRUE(held.has_value()) << held.error().what;
  std::vector<Seen> seen;
  if (!held) return seen;
  for (const Record& record : scan_all(*held)) {
    seen.push_back({read_message(*held, record), record.metadata});
    if (claimed) seen.back().metadata.uid = record.claimed_uid;
  }
  return seen;
}

// After every step, when nothing goes wrong.
std::vector<std::vector<Seen>> expected() {
  TempFolder folder;
  spill(folder / "box", "");
  const File file(folder / "box");
  std::vector<std::vector<Seen>> states = {look(file)};
  for (const Step& step : steps()) {
    EXPECT_TRUE(step(file).has_value());
    states.push_back(look(file));
  }
  EXPECT_EQ(states.back().size(), 1U);
  EXPECT_EQ(states.back()[0].metadata.keywords.size(), 20U);
  return states;
}

// Before or after; of flags changed in place each may be either.
bool is_one_of(const std::vector<Seen>& now, const std::vector<Seen>& before,
               const std::vector<Seen>& after) {
  if (now == before || now == after) return true;
  if (now.size() != before.size() || now.size() != after.size()) return false;
  for (size_t i = 0; i < now.size(); ++i) {
    if (now[i].text != before[i].text || before[i].text != after[i].text) return false;
    const Metadata& m = now[i].metadata;
    if (m.uid != before[i].metadata.uid || m.keywords != before[i].metadata.keywords ||
        m.keywords != after[i].metadata.keywords) {
      return false;
    }
  }
  return true;
}

enum class Appends { announced, unannounced, with_kept_journal };

FileOptions options_with(Disk& disk, Appends appends = Appends::announced) {
  FileOptions options;
  options.announce_appends = appends == Appends::announced;
  options.keep_journal = appends == Appends::with_kept_journal;
  options.disk = &disk;
  return options;
}

// Runs all steps; gives how many were told to be done.
size_t run(const File& file, const std::function<void(size_t)>& done = {}) {
  size_t count = 0;
  for (const Step& step : steps()) {
    if (!step(file)) return count;
    ++count;
    if (done) done(count);
  }
  return count;
}

int operations(Appends appends = Appends::announced) {
  TempFolder folder;
  spill(folder / "box", "");
  ScriptedDisk disk(ScriptedDisk::End::none, 0);
  EXPECT_EQ(run(File(folder / "box", options_with(disk, appends))), steps().size());
  return disk.count();
}

void kill_everywhere(Appends appends) {
  const auto states = expected();
  auto* done = static_cast<std::atomic<size_t>*>(::mmap(
      nullptr, sizeof(std::atomic<size_t>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(static_cast<void*>(done), MAP_FAILED);
  const int all = operations(appends);
  ASSERT_GT(all, 50);
  for (int at = 1; at <= all; ++at) {
    TempFolder folder;
    spill(folder / "box", "");
    *done = 0;
    const pid_t child = ::fork();
    if (child == 0) {
      ScriptedDisk disk(ScriptedDisk::End::kill, at);
      run(File(folder / "box", options_with(disk, appends)), [&](size_t n) { *done = n; });
      ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << at;
    const auto now = look(File(folder / "box", options_with(system_disk(), appends)));
    const size_t n = *done;
    EXPECT_TRUE(is_one_of(now, states[n], states[std::min(n + 1, states.size() - 1)]))
        << "killed at operation " << at << ", step " << n << ", " << now.size() << " messages";
    // Only the mbox is left, no lock and no journal, or one that is kept and says nothing.
    for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
      const bool kept = appends == Appends::with_kept_journal &&
                        entry.path().filename() == "box.posthouse-journal" && entry.file_size() == 0;
      EXPECT_TRUE(kept || entry.path().filename() == "box") << at << entry.path();
    }
  }
  ::munmap(done, sizeof *done);
}

TEST(MboxCrash, SigkillAtEveryOperationLosesNothing) {
  kill_everywhere(Appends::announced);
}

TEST(MboxCrash, SigkillAtEveryOperationWithUnannouncedAppends) {
  kill_everywhere(Appends::unannounced);
}

TEST(MboxCrash, SigkillAtEveryOperationWithAJournalThatIsKept) {
  kill_everywhere(Appends::with_kept_journal);
}

// Also once it was told: others have not seen it change, as it was locked.
TEST(MboxCrash, WhatCanNotBeFlushedIsTakenBack) {
  TempFolder folder;
  ASSERT_TRUE(add(File(folder / "box"), 1, 100).has_value());
  const auto before = look(File(folder / "box"));
  ScriptedDisk disk(ScriptedDisk::End::once, 5);  // head, letter, last UID, end of the journal, flush
  {
    spill(folder / "box.posthouse-journal", "");
    auto held = File(folder / "box", options_with(disk, Appends::with_kept_journal)).open(Access::write);
    ASSERT_TRUE(held.has_value());
    const Sent sent{2, 3000};
    ASSERT_TRUE(held->append(sent.letter(), source_of(sent.text())).has_value());
    ASSERT_TRUE(held->settle().has_value());
    EXPECT_NE(slurp(folder / "box").find("Subject: 2"), std::string::npos);
    EXPECT_EQ(std::filesystem::file_size(folder / "box.posthouse-journal"), 0U);
    EXPECT_FALSE(held->commit());
  }
  EXPECT_EQ(look(File(folder / "box", options_with(disk, Appends::with_kept_journal))), before);
}

// Settled letters that a killed process left are whole, but nobody knows whether they are on disk.
TEST(MboxCrash, WhatMayNotBeFlushedIsFlushedWhenInDoubt) {
  TempFolder folder;
  ASSERT_TRUE(add(File(folder / "box"), 1, 100).has_value());
  ScriptedDisk disk(ScriptedDisk::End::once, 2);  // the flush: looking for a journal comes first
  auto held = File(folder / "box", options_with(disk, Appends::unannounced)).open(Access::write);
  ASSERT_TRUE(held && held->commit()) << "nothing to flush";
  held->doubt();
  ASSERT_TRUE(held->settle());
  EXPECT_FALSE(held->commit()) << "the flush failed";
  EXPECT_TRUE(held->commit());
}

// All or none, and the file's own data covers what is there.
TEST(MboxCrash, LettersOfOneCommitComeTogether) {
  const std::vector<Sent> sent = {{1, 100}, {2, 3000}, {3, 70000}, {5, 10}};
  const auto append = [&](Disk& disk, const std::string& path) {
    auto held = File(path, options_with(disk, Appends::unannounced)).open(Access::write);
    for (size_t i = 1; held && i < sent.size(); ++i) {
      Letter letter = sent[i].letter();
      if (i == 2) letter.metadata.keywords = {"work"};
      ASSERT_TRUE(held->append(letter, source_of(sent[i].text())).has_value());
    }
    ASSERT_TRUE(held && held->commit());
  };
  int all = 1;
  for (int at = 0; at <= all; ++at) {
    TempFolder folder;
    ASSERT_TRUE(add(File(folder / "box"), sent[0].uid, sent[0].size).has_value());
    if (at == 0) {
      ScriptedDisk disk(ScriptedDisk::End::none, 0);
      append(disk, folder / "box");
      all = disk.count();
    } else if (const pid_t child = ::fork(); child == 0) {
      ScriptedDisk disk(ScriptedDisk::End::kill, at);
      append(disk, folder / "box");
      ::_exit(0);
    } else {
      int status = 0;
      ASSERT_EQ(::waitpid(child, &status, 0), child);
    }
    const auto now = look(File(folder / "box"));
    ASSERT_TRUE(now.size() == 1 || now.size() == sent.size()) << at;
    EXPECT_TRUE(at != 0 || now.size() == sent.size());
    for (size_t i = 0; i < now.size(); ++i) {
      EXPECT_EQ(now[i].text, sent[i].text()) << at;
      EXPECT_EQ(now[i].metadata.uid, sent[i].uid) << at;
    }
  }
  EXPECT_GT(all, 8);
}

// Another program delivers before we come back.
TEST(MboxCrash, WhatOthersAddAfterwardsStays) {
  const auto states = expected();
  const int all = operations();
  const std::string other = "From o@example Sat Nov 28 12:00:00 2020\nSubject: other\n\nFrom nobody\n\n";
  for (int at = 1; at <= all; ++at) {
    TempFolder folder;
    spill(folder / "box", "");
    const pid_t child = ::fork();
    if (child == 0) {
      ScriptedDisk disk(ScriptedDisk::End::kill, at);
      run(File(folder / "box", options_with(disk)));
      ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    std::ofstream(folder / "box", std::ios::binary | std::ios::app) << other;
    const std::string found = slurp(folder / "box");
    const auto now = look(File(folder / "box"));
    ASSERT_FALSE(now.empty()) << at << found;
    EXPECT_EQ(now.back().text, "Subject: other\r\n\r\nFrom nobody\r\n") << at;
    std::vector<std::string> texts;
    for (size_t i = 0; i + 1 < now.size(); ++i) texts.push_back(now[i].text);
    const bool known = std::any_of(states.begin(), states.end(), [&](const std::vector<Seen>& state) {
      return std::equal(state.begin(), state.end(), texts.begin(), texts.end(),
                        [](const Seen& seen, const std::string& text) { return seen.text == text; });
    });
    EXPECT_TRUE(known) << "killed at operation " << at << ": " << texts.size() << " messages";
  }
}

TEST(MboxCrash, NoSpaceAtAnyOperationLeavesTheOldContent) {
  const auto states = expected();
  const int all = operations();
  for (const auto end : {ScriptedDisk::End::no_space, ScriptedDisk::End::once}) {
    for (int at = 1; at <= all; ++at) {
      TempFolder folder;
      spill(folder / "box", "");
      ScriptedDisk disk(end, at);
      const size_t done = run(File(folder / "box", options_with(disk)));
      if (done == states.size() - 1) continue;  // what failed was of no consequence
      const auto now = look(File(folder / "box"));
      EXPECT_TRUE(is_one_of(now, states[done], states[done + 1])) << "operation " << at << ", step " << done;
      // A write that had no room changed nothing, except what was to be finished by a journal.
      EXPECT_TRUE(add(File(folder / "box"), 9, 50).has_value());
    }
  }
}

// What those do who know which letter they were about to append.
void cut_torn(const File& file, const Sent& sent, bool& cut) {
  auto held = file.open(Access::write);
  ASSERT_TRUE(held) << held.error().what;
  const Result<bool> done = held->cut_torn(sent.letter(), [&] { return source_of(sent.text()); });
  ASSERT_TRUE(done) << done.error().what;
  cut = cut || *done;
  const Result<bool> again = held->cut_torn(sent.letter(), [&] { return source_of(sent.text()); });
  EXPECT_TRUE(again && !*again);
}

// One on a machine that does not tell when it started.
class TimelessDisk : public ForgetfulDisk {
 public:
  using ForgetfulDisk::ForgetfulDisk;
  std::string boot_id() override { return {}; }
};

template <class SomeDisk>
void lose_power_everywhere(Appends appends, bool& cut) {
  const bool announce = appends == Appends::announced;
  const auto states = expected();
  std::mt19937 random(20201128);
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  for (int at = 1;; ++at) {
    bool off = false;
    for (int round = 0; round < POWER_CUTS; ++round) {
      TempFolder folder;
      spill(folder / "box", "");
      SomeDisk disk(folder / "box", at);
      const size_t done = run(File(folder / "box", options_with(disk, appends)));
      off = disk.is_off();
      if (!off) break;
      disk.restore(below);
      const auto sent = kAdded.find(done);
      if (!announce && sent != kAdded.end()) cut_torn(File(folder / "box"), sent->second, cut);
      const auto now = look(File(folder / "box"), !announce);
      EXPECT_TRUE(is_one_of(now, states[done], states[std::min(done + 1, states.size() - 1)]))
          << "power off at " << at << ", step " << done << ", " << now.size() << " messages";
    }
    if (!off) break;
  }
}

TEST(MboxCrash, ADiskThatForgetsWhatWasNotFlushed) {
  bool cut = false;
  lose_power_everywhere<ForgetfulDisk>(Appends::announced, cut);
}

TEST(MboxCrash, WhereNobodyKnowsWhenTheMachineStartedAllAppendsAreAnnounced) {
  bool cut = false;
  lose_power_everywhere<TimelessDisk>(Appends::unannounced, cut);
  EXPECT_FALSE(cut);
  lose_power_everywhere<TimelessDisk>(Appends::with_kept_journal, cut);
  EXPECT_FALSE(cut);
}

TEST(MboxCrash, ADiskThatForgetsUnannouncedAppends) {
  bool cut = false;
  lose_power_everywhere<ForgetfulDisk>(Appends::unannounced, cut);
  EXPECT_TRUE(cut);
}

TEST(MboxCrash, ADiskThatForgetsUnannouncedAppendsOfAJournalThatIsKept) {
  bool cut = false;
  lose_power_everywhere<ForgetfulDisk>(Appends::with_kept_journal, cut);
  EXPECT_TRUE(cut);
}

TEST(MboxCrash, OnlyWhatIsTornIsCutOff) {
  const Sent sent{7, 3000};
  TempFolder folder;
  const std::string box = folder / "box";
  spill(box, "");
  ASSERT_TRUE(add(File(box), 1, 100));
  const std::string before = slurp(box);
  ASSERT_TRUE(add(File(box), sent.uid, sent.size));
  const std::string whole = slurp(box);
  std::string marked = whole.substr(0, whole.size() - 700);
  marked.replace(marked.rfind("\nStatus:   "), 11, "\nStatus: RO");
  const std::string other = "From o@example Sat Nov 28 12:00:00 2020\nSubject: o\n\nx\n\n";
  for (const std::string& good :
       {before, whole, marked, whole.substr(0, whole.size() - 700) + "\n\n" + other}) {
    spill(box, good);
    auto held = File(box).open(Access::write);
    ASSERT_TRUE(held);
    const Result<bool> cut = held->cut_torn(sent.letter(), [&] { return source_of(sent.text()); });
    EXPECT_TRUE(cut && !*cut);
    EXPECT_EQ(slurp(box), good);
  }
  std::string holed = whole;
  const size_t record = before.size();
  holed.replace(record, 512, 512, '\0');
  std::vector<std::string> torn = {holed, whole.substr(0, record) + std::string(900, '\0')};
  for (size_t size = record + 1; size < whole.size(); size += 97) torn.push_back(whole.substr(0, size));
  for (const std::string& bad : torn) {
    spill(box, bad);
    auto held = File(box).open(Access::write);
    ASSERT_TRUE(held);
    const Result<bool> cut = held->cut_torn(sent.letter(), [&] { return source_of(sent.text()); });
    EXPECT_TRUE(cut && *cut) << bad.size() - record;
    EXPECT_EQ(slurp(box), whole.substr(0, record));
  }
}

}  // namespace
}  // namespace posthouse::mbox
