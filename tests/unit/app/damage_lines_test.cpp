#include "app/core/damage_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "base/id.h"

namespace posthouse::app {
namespace {

using testing::ElementsAre;

TEST(DamageLines, AccountsAreToldByTheirAddresses) {
  const std::map<uint64_t, std::string> known{{3, "ann@a.test"}, {4, "bob@a.test"}};
  const std::string ann = format_id(3), bob = format_id(4), other = format_id(5);
  const auto told = [&](const std::string& line) { return with_addresses(line, known); };
  EXPECT_EQ(told("account " + ann + ": has no mailboxes"), "account ann@a.test: has no mailboxes");
  EXPECT_EQ(told("the body of account " + bob + " mailbox INBOX message 3 and 2 more; account " + ann),
            "the body of account bob@a.test mailbox INBOX message 3 and 2 more; account ann@a.test");
  EXPECT_EQ(told("account " + other + " has rows"), "account " + other + " has rows");
  EXPECT_EQ(told("blob 77: reference a" + ann + "." + other + " belongs to no message"),
            "blob 77: reference a" + ann + "." + other + " of account ann@a.test belongs to no message");
  EXPECT_EQ(told("blob 77: reference a" + other + ".1 belongs"),
            "blob 77: reference a" + other + ".1 belongs");
  for (const char* line : {"", "account ", "account", "account short", "reference a", "reference a1"})
    EXPECT_EQ(told(line), line);
}

TEST(DamageLines, AsManyOfAKindByAccountAsSomebodyReads) {
  std::vector<std::string> lines;
  for (int i = 0; i < 5; ++i) {
    lines.push_back(fmt::format("account ann@a.test mailbox {} message {}: has no flags", i % 2, i));
    lines.push_back(fmt::format("account bob@a.test mailbox x message {}: has no flags", i));
  }
  lines.emplace_back("account ann@a.test mailbox 0: counts 3 messages and has 2");
  lines.emplace_back("the disk");
  const auto few = shortened(lines, 4);
  EXPECT_THAT(few, ElementsAre(lines[0], lines[1], lines[2], lines[3], lines[4], lines[5], lines[6],
                               "and 1 more like that of ann@a.test", lines[7],
                               "and 1 more like that of bob@a.test", lines[10], lines[11]));
  EXPECT_EQ(shortened(lines, 5), lines);
  EXPECT_TRUE(shortened({}, 4).empty());
  EXPECT_THAT(counted_by_account(lines),
              ElementsAre("of no account: 1 lines", "ann@a.test: 6 lines", "bob@a.test: 5 lines"));
}

}  // namespace
}  // namespace posthouse::app
