// docs/imap.md says exactly what is announced.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "base/ascii.h"
#include "imap_house.h"

namespace posthouse::access::imap::test {
namespace {

std::filesystem::path root() {
  return std::filesystem::path(__FILE__).parent_path().parent_path().parent_path().parent_path();
}

// The names of a CAPABILITY list; of "AUTH=..." and "APPENDLIMIT=..." what stands before the value.
std::set<std::string> names_in(const std::string& answer) {
  const size_t at = answer.find("CAPABILITY ");
  if (at == std::string::npos) return {};
  std::set<std::string> names;
  const size_t end = answer.find_first_of("]\r", at);
  for (std::string_view name : split(std::string_view(answer).substr(at + 11, end - at - 11), ' ')) {
    for (const std::string_view valued : {"AUTH", "APPENDLIMIT", "MESSAGELIMIT", "SAVELIMIT"}) {
      if (name.starts_with(valued) && name.substr(valued.size()).starts_with('=')) name = valued;
    }
    names.insert(std::string(name));
  }
  return names;
}

// What stands between backticks.
std::vector<std::string> quoted_in(std::string_view text) {
  std::vector<std::string> out;
  const std::vector<std::string_view> pieces = split(text, '`');
  for (size_t i = 1; i < pieces.size(); i += 2) out.emplace_back(pieces[i]);
  return out;
}

struct Table {
  std::set<std::string> always, before_login, by_setting;
};

Table read_table() {
  Table table;
  std::ifstream in(root() / "docs" / "imap.md");
  EXPECT_TRUE(in.good());
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("| `")) continue;
    const std::vector<std::string_view> cells = split(line, '|');
    EXPECT_EQ(cells.size(), 6u) << line;
    if (cells.size() != 6) continue;
    const std::string name = quoted_in(cells[1]).at(0);
    const std::string_view status = trim(cells[3]);
    if (status == "yes") table.always.insert(name);
    if (status == "before login") table.before_login.insert(name);
    const bool by_setting = status.starts_with("by setting: `limits.");
    if (by_setting) table.by_setting.insert(name);
    const bool announced = status == "yes" || status == "before login" || by_setting;
    EXPECT_TRUE(announced || status.starts_with("waits")) << line;
    size_t files = 0;
    for (const std::string& file : quoted_in(cells[4])) {
      if (!file.starts_with("src/")) continue;
      files++;
      EXPECT_TRUE(std::filesystem::exists(root() / file)) << line;
    }
    EXPECT_TRUE(!announced || files > 0) << line;
  }
  return table;
}

TEST(ImapTable, IsWhatIsAnnounced) {
  const Table table = read_table();
  EXPECT_GT(table.always.size(), 15u);
  House house;
  auto made = net::make_self_signed({"mail.example.test"});
  ASSERT_TRUE(made.has_value());
  auto context = net::TlsContext::server({*made}, "imap");
  ASSERT_TRUE(context.has_value());
  house.options->tls = *context;
  house.options->allow_plain_login = false;
  std::set<std::string> strangers = names_in(house.connect()->take());
  strangers.merge(names_in(house.connect(0, true)->take()));
  std::set<std::string> both = table.always;
  both.insert(table.before_login.begin(), table.before_login.end());
  EXPECT_EQ(strangers, both);
  auto client = house.connect(0, true);
  client->take();
  EXPECT_EQ(names_in(client->ask("a LOGIN alice demo\r\n")), table.always);
  // RFC 9738 section 3: one of the two
  EXPECT_EQ(table.by_setting, (std::set<std::string>{"MESSAGELIMIT", "SAVELIMIT"}));
  house.options->allow_plain_login = true;
  house.options->save_limit = 2000;
  std::set<std::string> limited = table.always;
  limited.insert("SAVELIMIT");
  EXPECT_EQ(names_in(house.login("alice")->ask("b CAPABILITY\r\n")), limited);
  house.options->message_limit = 1000;
  limited = table.always;
  limited.insert("MESSAGELIMIT");
  EXPECT_EQ(names_in(house.login("alice")->ask("b CAPABILITY\r\n")), limited);
}

}  // namespace
}  // namespace posthouse::access::imap::test
