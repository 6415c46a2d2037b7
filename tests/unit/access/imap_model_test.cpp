// Several sessions in one mailbox do random things. Each client keeps its own picture from what it is told
// alone; after a NOOP every picture must be what a fresh session sees.
#include <gtest/gtest.h>

#include <tuple>

#include "imap_house.h"
#include "imap_watcher.h"

namespace posthouse::access::imap::test {
namespace {

// What is sent runs when the house runs.
class HouseWire : public Wire {
 public:
  HouseWire(House& house, std::unique_ptr<Client> client) : house_(house), client_(std::move(client)) {}

  void send(std::string_view octets) override { client_->stream().push(octets); }
  std::string rest() override { return client_->take(); }
  std::string until(const std::string& start) override {
    std::string lines;
    house_.executor.run_until([&] {
      lines = take_lines(client_->pending(), start);
      return !lines.empty() || client_->closed();
    });
    if (lines.empty()) throw Disagreement("the server says no more behind: " + client_->pending());
    return lines;
  }

 private:
  House& house_;
  std::unique_ptr<Client> client_;
};

class Game {
 public:
  // Every other game has a store that soon forgets what was expunged.
  Game(uint64_t seed, store::Format format)
      : dice_(seed), house_(seed % 2 == 0 ? store::kKeptExpunges : 1, format) {
    for (int i = 0; i < 5; i++) house_.deliver(1, "INBOX", "Subject: x\r\n\r\n");
    for (const Dialect dialect : kDialects) watchers_.push_back(std::make_unique<Watcher>(wire(), dialect));
  }

  void play(int moves) {
    for (int i = 0; i < moves; i++) {
      std::vector<Watcher*> begun;
      for (size_t who = dice_.roll(watchers_.size()); who < watchers_.size(); who++) {
        watchers_[who]->begin(dice_);
        begun.push_back(watchers_[who].get());
      }
      if (dice_.roll(6) == 0) house_.deliver(1, "INBOX", "Subject: new\r\n\r\n");
      house_.run();
      for (Watcher* who : begun) who->finish();
      if (dice_.roll(8) == 0) compare();
    }
    compare();
    const auto report = house_.executor.run(house_.store.check({1}, nullptr));
    ASSERT_TRUE(report.has_value());
    EXPECT_TRUE(report->problems.empty()) << report->problems.front();
  }

 private:
  std::unique_ptr<Wire> wire() { return std::make_unique<HouseWire>(house_, house_.login("alice")); }

  void compare() {
    const Watcher fresh(wire(), Dialect::rev1);
    for (auto& watcher : watchers_) {
      watcher->command("NOOP", true);
      EXPECT_EQ(watcher->picture(), fresh.picture());
      watcher->check_context();
    }
    if (testing::Test::HasFailure()) throw Disagreement("the pictures differ");
  }

  Dice dice_;
  House house_;
  std::vector<std::unique_ptr<Watcher>> watchers_;
};

class ImapModel : public testing::TestWithParam<std::tuple<store::Format, uint64_t>> {};

TEST_P(ImapModel, ViewsNeverDisagree) {
  const auto [format, seed] = GetParam();
  try {
    Game(seed, format).play(format == store::Format::database ? 250 : 60);
  } catch (const Disagreement& what) {
    ADD_FAILURE() << "seed " << seed << ": " << what.what();
  }
}

std::string name_of(const testing::TestParamInfo<std::tuple<store::Format, uint64_t>>& test) {
  return std::string(to_string(std::get<0>(test.param))) + "_" + std::to_string(std::get<1>(test.param));
}

INSTANTIATE_TEST_SUITE_P(Database, ImapModel,
                         testing::Combine(testing::Values(store::Format::database),
                                          testing::Range<uint64_t>(1, 21)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Files, ImapModel,
                         testing::Combine(testing::Values(store::Format::maildir, store::Format::mbox),
                                          testing::Range<uint64_t>(1, 5)),
                         name_of);

}  // namespace
}  // namespace posthouse::access::imap::test
