// Stores of earlier versions (tests/fixtures): each row of each letter is still what it was. What clients see
// of them is looked at by e2e.fixture.
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "app/config/load.h"
#include "app/core/core.h"
#include "app/core/folders.h"
#include "base/log.h"
#include "net/run_blocking.h"
#include "store/account_view.h"

namespace posthouse::app {
namespace {

namespace fs = std::filesystem;

class FrozenStore : public testing::Test {
 protected:
  FrozenStore() {
    log::configure(log::Level::error, "", "text");
    std::string pattern = (fs::temp_directory_path() / "posthouse-frozen-XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
    config_ = default_config();
    config_.server.data_directory = directory_ + "/data";
    config_.store.memory = 16 << 20;
  }
  ~FrozenStore() override { fs::remove_all(directory_); }

  void unpack(const std::string& name) {
    const std::string command =
        fmt::format("tar --warning=no-timestamp -xJf {}/{}.tar.xz -C {}", FIXTURES, name, directory_);
    ASSERT_EQ(std::system(command.c_str()), 0);
  }

  // A line for each row, in the order of the store.
  std::string rows(Core& core) {
    std::ostringstream out;
    auto accounts = net::run_blocking(core.directory.accounts(""));
    EXPECT_TRUE(accounts) << accounts.error().what;
    for (const directory::Account& account : *accounts) {
      std::function<Result<void>(const engine::Reader&)> look =
          [&](const engine::Reader& reader) -> Result<void> {
        const store::AccountView view(reader, account.id);
        const auto head = view.head();
        if (!head) return std::unexpected(head.error());
        out << fmt::format("{} {} {} {} {}\n", account.address, head->modseq, head->messages, head->bytes,
                           head->kept_messages);
        auto mailboxes = view.mailboxes();
        if (!mailboxes) return std::unexpected(mailboxes.error());
        for (const store::MailboxInfo& mailbox : *mailboxes) {
          out << fmt::format(" {} {} {} {} {} {} {}\n", mailbox.id, mailbox.name,
                             static_cast<int>(mailbox.role), mailbox.uid_validity, mailbox.uid_next,
                             mailbox.highest_modseq, mailbox.subscribed);
          auto listed =
              view.for_each(mailbox.id, 0, UINT32_MAX, [&](store::Uid uid, const store::FlagRow& row) {
                out << fmt::format(
                    "  {} {} {} {} {} {} {} {} {} {}\n", uid, row.created, row.modseq, row.system,
                    fmt::join(row.keywords, ","), row.size, row.internal_date.time_since_epoch().count(),
                    row.saved.time_since_epoch().count(), row.email, row.blob == 0 ? "file" : "blob");
                return true;
              });
          if (!listed) return listed;
        }
        const auto hidden = view.unfinished_expunges();
        if (!hidden) return std::unexpected(hidden.error());
        for (const auto& [mailbox, row] : *hidden) {
          for (const auto& part : row.parts) {
            out << fmt::format(" {} expunged {} from {} to {}, {}\n", mailbox, part.uids.size(),
                               part.uids.at(1), part.uids.last(), part.keep ? "kept" : "for good");
          }
        }
        return {};
      };
      auto done = net::run_blocking(core.engine.read(std::move(look)));
      EXPECT_TRUE(done) << done.error().what;
    }
    return out.str();
  }

  std::string directory_;
  Config config_;
};

TEST_F(FrozenStore, HasEachRowAsItWas) {
  size_t found = 0;
  for (const auto& entry : fs::directory_iterator(FIXTURES)) {
    const std::string file = entry.path().filename().string();
    if (!file.ends_with(".tar.xz")) continue;
    const std::string name = file.substr(0, file.size() - std::string_view(".tar.xz").size());
    ASSERT_NO_FATAL_FAILURE(unpack(name));
    auto core = Core::open(config_, Core::Store::read_only);
    ASSERT_TRUE(core) << core.error().what;
    const std::string now = rows(**core);
    const std::string expected = fmt::format("{}/{}.rows", FIXTURES, name);
    if (!fs::exists(expected) && std::getenv("POSTHOUSE_NEW_FIXTURE") != nullptr)
      std::ofstream(expected) << now;
    std::ostringstream then;
    then << std::ifstream(expected).rdbuf();
    EXPECT_EQ(now, then.str()) << name;
    EXPECT_THAT(now, testing::HasSubstr("file"));
    EXPECT_THAT(now, testing::HasSubstr("blob"));
    core->reset();
    fs::remove_all(directory_ + "/data");
    ++found;
  }
  EXPECT_GE(found, 2u);
}

}  // namespace
}  // namespace posthouse::app
