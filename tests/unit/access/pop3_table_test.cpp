// docs/pop3.md says exactly what is announced.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "base/ascii.h"
#include "net/tls.h"
#include "pop3_house.h"

namespace posthouse::access::pop3::test {
namespace {

std::filesystem::path root() {
  return std::filesystem::path(__FILE__).parent_path().parent_path().parent_path().parent_path();
}

struct Table {
  std::set<std::string> always, before_tls;
};

Table read_table() {
  Table table;
  std::ifstream in(root() / "docs" / "pop3.md");
  EXPECT_TRUE(in.good());
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("| `")) continue;
    const std::vector<std::string_view> cells = split(line, '|');
    if (cells.size() != 6) {
      ADD_FAILURE() << line;
      continue;
    }
    const std::string name(split(cells[1], '`').at(1));
    const std::string_view status = trim(cells[3]);
    EXPECT_TRUE(status == "yes" || status == "before TLS") << line;
    (status == "yes" ? table.always : table.before_tls).insert(name);
    size_t files = 0;
    const std::vector<std::string_view> quoted = split(cells[4], '`');
    for (size_t i = 1; i < quoted.size(); i += 2) {
      if (!quoted[i].starts_with("src/")) continue;
      ++files;
      EXPECT_TRUE(std::filesystem::exists(root() / quoted[i])) << line;
    }
    EXPECT_GT(files, 0u) << line;
  }
  return table;
}

std::set<std::string> announced(Client& client) {
  client.send("CAPA\r\n");
  const std::string answer = client.take_until("\r\n.\r\n");
  std::set<std::string> names;
  for (std::string_view line : split(answer, '\n')) {
    line = trim(line);
    if (line.empty() || line.starts_with('+') || line == ".") continue;
    names.emplace(split(line, ' ').at(0));
  }
  return names;
}

TEST(Pop3Table, IsWhatIsAnnounced) {
  const Table table = read_table();
  House house;
  const auto made = net::make_self_signed({"mail.example.test"});
  ASSERT_TRUE(made);
  house.options->tls = net::TlsContext::server({*made}, "pop3").value();
  std::set<std::string> all = table.always;
  all.insert(table.before_tls.begin(), table.before_tls.end());
  std::string line;
  const auto clear = house.connect();
  ASSERT_TRUE(clear->take_line(line));
  EXPECT_EQ(announced(*clear), all);
  const auto secure = house.connect(0, true);
  ASSERT_TRUE(secure->take_line(line));
  EXPECT_EQ(announced(*secure), table.always);
  // And after login (RFC 2449 section 5).
  const auto inside = house.login("alice");
  EXPECT_EQ(announced(*inside), all);
  for (Client* client : {clear.get(), secure.get(), inside.get()}) client->stream().close();
}

}  // namespace
}  // namespace posthouse::access::pop3::test
