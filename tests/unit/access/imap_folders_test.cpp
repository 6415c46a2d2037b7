// "Creating a folder swaps or hides another": four sessions create, rename, delete and fill folders at
// random. After every move the listing is what a model says, and no folder ever shows a message of another.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "imap_house.h"
#include "store/names.h"

namespace posthouse::access::imap::test {
namespace {

using Folder = std::vector<std::string>;  // the marks of its messages
using Folders = std::map<std::string, Folder>;

bool is_below(const std::string& name, const std::string& above) {
  return name.starts_with(above + "/");
}

bool has_below(const Folders& folders, const std::string& above) {
  const auto next = folders.upper_bound(above + "/");
  return next != folders.end() && is_below(next->first, above);
}

void add_with_superiors(Folders& folders, const std::string& name) {
  for (const std::string& above : store::superiors(name)) folders.try_emplace(above);
  folders.try_emplace(name);
}

// False if it can't be done (RFC 3501 section 6.3.5).
bool rename(Folders& folders, const std::string& from, const std::string& to) {
  const bool there = folders.contains(from);
  if (folders.contains(to) || is_below(to, from) || (!there && !has_below(folders, from))) return false;
  if (!there && has_below(folders, to)) return false;
  Folders after, moved;
  for (auto& [name, folder] : folders) {
    const bool in_tree = name == from || is_below(name, from);
    (in_tree ? moved : after)[in_tree ? to + name.substr(from.size()) : name] = folder;
  }
  for (const auto& [name, folder] : moved) {
    if (after.contains(name)) return false;
  }
  after.merge(moved);
  for (const std::string& above : store::superiors(to)) after.try_emplace(above);
  folders = std::move(after);
  return true;
}

// The quoted name at the end of a LIST line.
std::string listed_name(const std::string& line) {
  const size_t at = line.find("\"/\" ") + 4;
  std::string name = line.substr(at);
  if (name.starts_with('"')) name = name.substr(1, name.size() - 2);
  return name;
}

class FolderGame {
 public:
  explicit FolderGame(uint64_t seed) : dice_(seed) {
    for (int i = 0; i < 4; i++) clients_.push_back(house_.login("alice"));
    for (const char* name : {"Archive", "Drafts", "INBOX", "Junk", "Sent", "Trash"}) folders_[name];
  }

  void play(int moves) {
    for (int i = 1; i <= moves && !testing::Test::HasFailure(); i++) {
      move(*clients_[roll(4)]);
      compare_names(*clients_[roll(4)]);
      compare_one(*clients_[roll(4)], any_folder());
      if (i % 200 == 0) compare_all();
    }
    compare_all();
    const auto report = house_.executor.run(house_.store.check({1}, nullptr));
    ASSERT_TRUE(report.has_value());
    EXPECT_TRUE(report->problems.empty()) << report->problems.front();
  }

 private:
  size_t roll(size_t sides) { return dice_() % sides; }
  std::string any_name() {
    static const char* const kLevels[] = {"a", "b", "ab", "A&-B", "&2D3c6A-", "c d"};
    std::string name = kLevels[roll(6)];
    while (name.size() < 60 && roll(3) == 0) name += std::string("/") + kLevels[roll(6)];
    return name;
  }
  std::string any_folder() {
    auto at = folders_.begin();
    std::advance(at, roll(folders_.size()));
    return at->first;
  }
  // A name that is there, mostly.
  std::string some_name() { return roll(4) == 0 ? any_name() : any_folder(); }
  static std::string quoted(const std::string& name) { return "\"" + name + "\""; }

  bool tell(Client& who, const std::string& command) {
    const std::string answer = who.ask("x " + command + "\r\n");
    const bool good = answer.find("x OK") != std::string::npos;
    EXPECT_TRUE(good || answer.find("x NO") != std::string::npos) << command << "\n" << answer;
    last_ = command;
    return good;
  }

  void move(Client& who) {
    switch (roll(8)) {
      case 0:
      case 1: {
        const std::string name = any_name();
        const bool possible = !folders_.contains(name);
        ASSERT_EQ(tell(who, "CREATE " + quoted(name)), possible) << name;
        if (possible) add_with_superiors(folders_, name);
        return;
      }
      case 2: {
        const std::string name = some_name();
        const bool possible = name != "INBOX" && folders_.contains(name);
        ASSERT_EQ(tell(who, "DELETE " + quoted(name)), possible) << name;
        if (possible) folders_.erase(name);
        return;
      }
      case 3:
      case 4:
        return rename_one(who, some_name(), any_name());
      default: {
        const std::string name = some_name();
        const std::string mark = "m" + std::to_string(++marks_);
        const std::string size = std::to_string(mark.size() + 2);
        ASSERT_EQ(tell(who, "APPEND " + quoted(name) + " {" + size + "+}\r\n\r\n" + mark),
                  folders_.contains(name));
        if (folders_.contains(name)) folders_[name].push_back(mark);
      }
    }
  }

  void rename_one(Client& who, const std::string& from, const std::string& to) {
    bool possible = false;
    if (from == "INBOX") {
      possible = !folders_.contains(to);
      if (possible) {
        add_with_superiors(folders_, to);
        folders_[to] = std::exchange(folders_["INBOX"], Folder());
      }
    } else {
      possible = rename(folders_, from, to);
    }
    ASSERT_EQ(tell(who, "RENAME " + quoted(from) + " " + quoted(to)), possible) << from << " to " << to;
  }

  void compare_names(Client& who) {
    std::set<std::string> listed;
    who.send("l LIST \"\" *\r\n");
    for (std::string line; who.take_line(line) && !line.starts_with("l ");) {
      if (line.find("\\Noselect") != std::string::npos) continue;
      ASSERT_TRUE(listed.insert(listed_name(line)).second) << "twice: " << line;
    }
    who.take();
    std::set<std::string> expected;
    for (const auto& [name, folder] : folders_) expected.insert(name);
    ASSERT_EQ(listed, expected) << last_;
  }

  void compare_one(Client& who, const std::string& name) {
    const std::string opened = who.ask("s EXAMINE " + quoted(name) + "\r\n");
    ASSERT_NE(opened.find("s OK"), std::string::npos) << name << "\n" << opened << last_;
    const std::string answer = who.ask("f FETCH 1:* (BODY.PEEK[TEXT])\r\nu UNSELECT\r\n");
    Folder found;
    for (size_t at = answer.find("}\r\n"); at != std::string::npos; at = answer.find("}\r\n", at + 1)) {
      found.push_back(answer.substr(at + 3, answer.find(')', at) - at - 3));
    }
    ASSERT_EQ(found, folders_.at(name)) << name << " after " << last_;
  }

  void compare_all() {
    for (const auto& [name, folder] : folders_) compare_one(*clients_[roll(4)], name);
  }

  std::mt19937_64 dice_;
  House house_;
  std::vector<std::unique_ptr<Client>> clients_;
  Folders folders_;
  std::string last_;
  int marks_ = 0;
};

class ImapFolders : public testing::TestWithParam<uint64_t> {};

TEST_P(ImapFolders, NoneIsSwappedOrHidden) {
  // FOLDER_MOVES=100000 is the long form.
  const char* moves = std::getenv("FOLDER_MOVES");
  FolderGame(GetParam()).play(moves != nullptr ? std::atoi(moves) : 1'500);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ImapFolders, testing::Range<uint64_t>(1, 5));

}  // namespace
}  // namespace posthouse::access::imap::test
