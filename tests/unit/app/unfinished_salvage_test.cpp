#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "../engine/engines.h"
#include "app/moving/source.h"
#include "app/salvage/salvage.h"
#include "app/salvage/unfinished.h"

namespace posthouse::app {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Unfinished : public testing::Test {
 protected:
  void make(const std::string& name) {
    fs::create_directories(to_ + "/" + name);
    std::ofstream(to_ + "/" + name + "/letter") << "x";
  }
  // Begins, makes such things, and is killed.
  void interrupt(const std::vector<std::string>& names) {
    const auto begun = UnfinishedSalvage::begin(to_);
    ASSERT_TRUE(begun) << begun.error().what;
    for (const std::string& name : names) {
      ASSERT_TRUE(begun->note(name));
      make(name);
    }
  }

  engine::TempDir dir_;
  const std::string to_ = dir_.path() + "/out";
};

TEST_F(Unfinished, ARepeatRemovesWhatWasMade) {
  interrupt({"ann@a.test", "bob@a.test"});
  EXPECT_EQ(fs::path(unfinished_salvage_at(to_ + "/ann@a.test/x")), fs::canonical(to_));
  interrupt({"bob@a.test"});
  EXPECT_FALSE(fs::exists(to_ + "/ann@a.test"));
  const auto begun = UnfinishedSalvage::begin(to_);
  ASSERT_TRUE(begun);
  EXPECT_FALSE(fs::exists(to_ + "/bob@a.test"));
  EXPECT_EQ(UnfinishedSalvage::begin(to_).error().kind, FaultKind::temporary) << "another one is at it";
  ASSERT_TRUE(begun->end());
  EXPECT_EQ(unfinished_salvage_at(to_), "");
  EXPECT_TRUE(fs::is_empty(to_));
}

TEST_F(Unfinished, NothingElseIsRemoved) {
  interrupt({"ann@a.test"});
  make("mine");
  EXPECT_THAT(UnfinishedSalvage::begin(to_).error().what, HasSubstr("mine was not made by"));
  EXPECT_TRUE(fs::exists(to_ + "/mine/letter"));
  fs::remove_all(to_ + "/mine");
  // A line that was cut off, and such as lead out of the folder.
  make("../outside");
  std::ofstream(to_ + "/UNFINISHED", std::ios::app) << "../outside\n..\n.\n/\nhalf";
  make("half");
  EXPECT_THAT(UnfinishedSalvage::begin(to_).error().what, HasSubstr("half was not made by"));
  EXPECT_TRUE(fs::exists(dir_.path() + "/outside/letter"));
  // Without our note the folder is somebody's.
  fs::remove_all(to_);
  make("ann@a.test");
  std::ofstream(to_ + "/UNFINISHED") << "symphony\n";
  EXPECT_EQ(UnfinishedSalvage::begin(to_).error().kind, FaultKind::exists);
  EXPECT_TRUE(fs::exists(to_ + "/ann@a.test/letter"));
  EXPECT_EQ(unfinished_salvage_at(to_), "");
}

TEST_F(Unfinished, AnImportOfItIsRefused) {
  interrupt({"ann@a.test/INBOX/cur"});
  for (const char* source : {"", "/ann@a.test", "/ann@a.test/INBOX"}) {
    const auto refused = moving::open_source(to_ + source, "auto");
    ASSERT_FALSE(refused) << source;
    EXPECT_EQ(refused.error().kind, FaultKind::syntax);
    EXPECT_THAT(refused.error().what, HasSubstr("interrupted `store salvage`"));
  }
}

TEST_F(Unfinished, AFolderInsideTheStoreIsNoTarget) {
  const std::string store = dir_.path() + "/store";
  fs::create_directories(store);
  fs::create_directory_symlink(store, dir_.path() + "/link");
  for (const std::string& to : {store, store + "/sv", dir_.path() + "/link/sv", store + "/../store/a/b"}) {
    const auto refused = salvage_store(store, to, 1 << 20, nullptr);
    ASSERT_FALSE(refused) << to;
    EXPECT_THAT(refused.error().what, HasSubstr("is inside the store"));
  }
  EXPECT_TRUE(fs::is_empty(store));
  // Whoever can't begin leaves no note.
  EXPECT_FALSE(salvage_store(dir_.path() + "/none", to_, 1 << 20, nullptr));
  EXPECT_EQ(unfinished_salvage_at(to_), "");
}

}  // namespace
}  // namespace posthouse::app
