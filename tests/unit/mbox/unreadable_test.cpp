// Parts of a file that can't be read: they cost what lies in them, and nothing else; nothing is written over
// them.
#include <gtest/gtest.h>

#include "support.h"

namespace posthouse::mbox {
namespace {

// Some octets can't be read.
class BadSectors : public Disk {
 public:
  BadSectors(uint64_t from, uint64_t to) : from_(from), to_(to) {}
  Result<std::string> read(int fd, uint64_t offset, size_t length) override {
    if (offset < to_ && offset + length > from_) return disk_fault("bad sector", EIO);
    return Disk::read(fd, offset, length);
  }

 private:
  uint64_t from_, to_;
};

struct Box {
  TempFolder folder;
  std::string path = folder / "box";
  std::string text;
  std::vector<Record> records;
  std::vector<std::string> messages;

  explicit Box(size_t letters) {
    spill(path, "");
    const File file(path);
    for (uint32_t uid = 1; uid <= letters; ++uid) {
      std::string letter = "Subject: " + std::to_string(uid) + "\r\n\r\n";
      while (letter.size() < 20'000) letter += "line " + std::to_string(letter.size()) + "\r\n";
      EXPECT_TRUE(append_one(file, {"a@b.example", 1606564800, {{}, {}, uid}, Base{77, uid, {}}}, letter));
    }
    text = slurp(path);
    auto held = file.open(Access::read);
    records = scan_all(*held);
    for (const Record& record : records) messages.push_back(read_message(*held, record));
  }
  File file(Disk& disk) const {
    FileOptions options;
    options.disk = &disk;
    return File(path, options);
  }
};

Result<std::string> read_all(Held& held, const Record& record) {
  auto reader = held.reader(record);
  if (!reader) return std::unexpected(reader.error());
  return reader->read(0, SIZE_MAX / 2);
}

TEST(MboxUnreadable, TheOtherMessagesAreFoundAndRead) {
  const Box box(4);
  ASSERT_EQ(box.records.size(), 4U);
  // The middle of the second; and the From_ line of the third, which the second then seems to go on with.
  for (const uint64_t at : {box.records[1].offset + 9000, box.records[2].offset + 2}) {
    BadSectors disk(at, at + 100);
    auto held = box.file(disk).open(Access::read);
    ASSERT_TRUE(held);
    EXPECT_EQ(held->scan([](Record&&) {}).error().kind, FaultKind::io);
    std::vector<Record> found;
    ASSERT_TRUE(held->scan_around([&](Record&& record) { found.push_back(std::move(record)); }));
    const auto of = [&](size_t i) {
      return std::ranges::find_if(found, [&](const Record& r) { return r.digest == box.records[i].digest; });
    };
    for (const size_t i : {0, 3}) {
      ASSERT_NE(of(i), found.end()) << i;
      EXPECT_EQ(of(i)->metadata.uid, i + 1);
      EXPECT_EQ(read_all(*held, *of(i)).value(), box.messages[i]);
    }
    EXPECT_EQ(of(1), found.end());
    EXPECT_EQ(read_all(*held, box.records[1]).has_value(), at > box.records[1].next);
  }
}

TEST(MboxUnreadable, NothingIsWrittenOverIt) {
  const Box box(3);
  const uint64_t at = box.records[1].offset + 9000;
  BadSectors disk(at, at + 100);
  const auto change = [&](size_t i, bool remove) {
    auto held = box.file(disk).open(Access::write);
    EXPECT_TRUE(held);
    Change one{box.records[i].offset, box.records[i].next, remove, box.records[i].metadata};
    one.metadata.flags.seen = true;
    return held->rewrite(std::vector<Change>{one}).has_value();
  };
  EXPECT_FALSE(change(0, true));  // all that is behind would move
  EXPECT_EQ(slurp(box.path), box.text);
  EXPECT_FALSE(std::filesystem::exists(box.path + ".posthouse-journal"));
  EXPECT_TRUE(change(2, false));  // in its place
  EXPECT_TRUE(append_one(box.file(disk), {"a@b.example", 1606564800, {{}, {}, 4}, {}}, "Subject: 4\r\n\r\n"));
  const auto second = [&](const std::string& text) {
    return text.substr(box.records[1].offset, box.records[2].offset - box.records[1].offset);
  };
  EXPECT_EQ(second(slurp(box.path)), second(box.text));
}

// Each read of a series of changes fails, once or from then on: as if the change had not been, or was done.
class FailingRead : public Disk {
 public:
  FailingRead(int at, bool for_good) : at_(at), for_good_(for_good) {}
  bool came_to_it() const { return count_ >= at_; }
  Result<std::string> read(int fd, uint64_t offset, size_t length) override {
    ++count_;
    if (count_ == at_ || (for_good_ && count_ > at_)) return disk_fault("bad sector", EIO);
    return Disk::read(fd, offset, length);
  }

 private:
  int at_, count_ = 0;
  bool for_good_;
};

TEST(MboxUnreadable, AReadThatFailsAtAnyPlaceLosesNothing) {
  for (const bool for_good : {false, true}) {
    bool more = true;
    for (int at = 1; more; ++at) {
      const Box box(3);
      FailingRead disk(at, for_good);
      const File file = box.file(disk);
      bool added = false, removed = false;
      {
        added = append_one(file, {"a@b.example", 1606564800, {{}, {}, 4}, {}}, "Subject: 4\r\n\r\nx\r\n")
                    .has_value();
        auto held = file.open(Access::write);
        if (held) {
          const Change drop{box.records[0].offset, box.records[0].next, true, {}};
          removed = held->rewrite(std::vector<Change>{drop}).has_value();
        }
      }
      more = disk.came_to_it();
      auto held = File(box.path).open(Access::write);
      ASSERT_TRUE(held) << held.error().what;
      std::vector<std::string> now;
      for (const Record& record : scan_all(*held)) now.push_back(read_message(*held, record));
      const auto count = [&](const std::string& text) { return std::ranges::count(now, text); };
      EXPECT_EQ(count(box.messages[1]), 1) << at;
      EXPECT_EQ(count(box.messages[2]), 1) << at;
      EXPECT_LE(count(box.messages[0]), 1) << at;
      if (removed) {
        EXPECT_EQ(count(box.messages[0]), 0) << at;
      }
      if (added) {
        EXPECT_EQ(count("Subject: 4\r\n\r\nx\r\n"), 1) << at;
      }
      EXPECT_LE(now.size(), 4U) << at;
    }
  }
}

}  // namespace
}  // namespace posthouse::mbox
