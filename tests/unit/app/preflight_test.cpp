#include "app/preflight/preflight.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "app/preflight/usable.h"
#include "app/privileges/user.h"
#include "net/socket.h"
#include "net/tls.h"

namespace posthouse::app {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

// A folder that everybody may enter, with a configuration file for whoever may serve here.
class PreflightTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "posthouse-preflight-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
  }
  void TearDown() override {
    ::chmod(path("dark").c_str(), 0700);  // else only root could
    std::filesystem::remove_all(folder_);
  }

  std::string path(std::string_view name) const { return fmt::format("{}/{}", folder_, name); }
  std::string file(std::string_view name, std::string_view text) const {
    std::ofstream(path(name)) << text;
    return path(name);
  }
  std::string folder(std::string_view name, unsigned mode) const {
    ::mkdir(path(name).c_str(), 0700);
    ::chmod(path(name).c_str(), mode);
    return path(name);
  }

  // What stands in every file of these tests takes the first five lines.
  std::string text(const std::string& more, const std::string& data) const {
    return fmt::format("[server]\nuser = \"{}\"\ndata_directory = \"{}\"\n[log]\nlevel = \"info\"\n{}",
                       is_root() ? "nobody" : "", data, more);
  }
  std::string problems(const std::string& text) const {
    Loaded loaded = parse_config(text, path("p.toml"));
    EXPECT_THAT(loaded.problems, IsEmpty());
    check_surroundings(loaded);
    check_user(loaded);
    check_addresses(loaded);
    std::string out;
    for (const ConfigProblem& problem : loaded.problems) {
      out += problem.to_string().substr(problem.file.size()) + "\n";
    }
    return out;
  }
  std::string with(const std::string& more) const { return problems(text(kNoPorts + more, path("data"))); }
  std::string with_data(const std::string& data) const { return problems(text(kNoPorts, data)); }

  // Fixed ports may be others' here.
  const std::string kNoPorts =
      "[listen]\nsmtp = \"off\"\nsubmission = \"off\"\nsubmissions = \"off\"\nimap = \"off\"\nimaps = "
      "\"off\"\n"
      "metrics = \"off\"\n";
  static constexpr int kNextLine = 13;

  std::string folder_;
};

TEST_F(PreflightTest, WhatIsYetToBeMadeIsGood) {
  ::chmod(folder_.c_str(), 0777);
  EXPECT_EQ(with(""), "");
  EXPECT_EQ(with_data(path("no/such/parent")), "");
}

TEST_F(PreflightTest, NothingIsMade) {
  ::chmod(folder_.c_str(), 0777);
  EXPECT_EQ(with(fmt::format("[tls]\nca_file = \"{}\"\n", path("no.pem"))).empty(), false);
  EXPECT_EQ(with_data(path("deep/data")), "");
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(PreflightTest, DataDirectoriesThatCannotBeUsed) {
  std::filesystem::create_symlink("/does/not/exist", path("dangling"));
  const std::string a_file = file("file", "");
  const std::string whole = folder("whole", 0777);
  std::ofstream(whole + "/store") << "a file";
  for (const auto& [data, why] :
       {std::pair{a_file, a_file + " is no folder"},
        {a_file + "/below", a_file + "/below: Not a directory"},
        {"/proc/1", "/proc/1 is no place for files"},
        {"/proc/nope", "/proc is no place for files"},
        {path("dangling"), path("dangling") + " is a link to nothing"},
        {folder("closed", 0555), "/closed can't be read and written: Permission denied"},
        {folder("dark", 0) + "/below", "/dark/below: Permission denied"},
        {whole, whole + "/store is no folder"}}) {
    EXPECT_THAT(with_data(data), HasSubstr(":3: server.data_directory: expected a folder to work in, but "))
        << data;
    EXPECT_THAT(with_data(data), HasSubstr(why));
  }
}

TEST_F(PreflightTest, FilesThatAreOfNoUse) {
  ::chmod(folder_.c_str(), 0777);
  const std::string junk = file("junk", "junk\n"), empty = file("empty", ""), dark = file("dark", "secret\n");
  ::chmod(dark.c_str(), 0);
  for (const char* key : {"tls.ca_file", "resolver.trust_anchor"}) {
    std::string section = std::string(key).substr(0, std::string(key).find('.'));
    std::string name = std::string(key).substr(section.size() + 1);
    for (const std::string& value : {junk, empty, dark, folder_, path("missing")}) {
      EXPECT_THAT(
          with(fmt::format("[{}]\n{} = \"{}\"\n", section, name, value)),
          testing::AllOf(HasSubstr(fmt::format(":{}: {}: expected ", kNextLine + 1, key)), HasSubstr(value)));
    }
  }
  for (const std::string& value : {empty, dark, folder_, path("missing")}) {
    EXPECT_THAT(
        with(fmt::format("[smarthost]\nhost = \"h.test\"\nuser = \"u\"\npassword_file = \"{}\"\n", value)),
        testing::AllOf(HasSubstr(fmt::format(":{}: smarthost.password_file: expected a file with a password",
                                             kNextLine + 3)),
                       HasSubstr(value)));
  }
  for (const std::string& value : {junk, dark, folder_, path("missing")}) {
    EXPECT_THAT(
        with(fmt::format("[tls]\ncertificates = [{{ chain = \"{}\", key = \"{}\" }}]\n", value, value)),
        testing::AllOf(HasSubstr(fmt::format(":{}: tls.certificates: expected certificates", kNextLine + 1)),
                       HasSubstr(value)));
  }
}

TEST_F(PreflightTest, APasswordThatEverybodyCanReadIsAWarning) {
  ::chmod(folder_.c_str(), 0777);
  const std::string secret = file("secret", "pass\n");
  const std::string with_secret =
      fmt::format("[smarthost]\nhost = \"h.test\"\nuser = \"u\"\npassword_file = \"{}\"\n", secret);
  for (const unsigned mode : {0644u, 0640u, 0600u}) {
    ::chmod(secret.c_str(), mode);
    Loaded loaded = parse_config(text(kNoPorts + with_secret, path("data")), path("p.toml"));
    check_surroundings(loaded);
    if (mode != 0644u) {
      EXPECT_THAT(loaded.warnings, IsEmpty()) << mode;
      continue;
    }
    EXPECT_THAT(loaded.problems, IsEmpty());
    ASSERT_EQ(loaded.warnings.size(), 1u);
    EXPECT_EQ(loaded.warnings[0].line, static_cast<uint32_t>(kNextLine + 3));
    EXPECT_EQ(loaded.warnings[0].key, "smarthost.password_file");
    EXPECT_THAT(loaded.warnings[0].what, HasSubstr("everybody can read " + secret));
  }
}

TEST_F(PreflightTest, AStoreThatIsNotThereIsAWarning) {
  Loaded loaded = parse_config(text(kNoPorts, path("mnt/mail")), path("p.toml"));
  check_store(loaded);
  ASSERT_EQ(loaded.warnings.size(), 1u);
  EXPECT_EQ(loaded.warnings[0].line, 3u);
  EXPECT_THAT(loaded.warnings[0].what,
              HasSubstr(fmt::format("there is no store in {}", path("mnt/mail/store"))));
  EXPECT_THAT(loaded.problems, IsEmpty());
  std::filesystem::create_directories(path("mnt/mail/store"));
  file("mnt/mail/store/CURRENT", "MANIFEST-000001\n");
  loaded.warnings.clear();
  check_store(loaded);
  EXPECT_THAT(loaded.warnings, IsEmpty());
}

TEST_F(PreflightTest, FilesThatAreOfUse) {
  ::chmod(folder_.c_str(), 0777);
  auto made = net::make_self_signed({"mail.example.test"});
  ASSERT_TRUE(made);
  std::string chain = file("chain.pem", made->chain_pem), key = file("key.pem", made->key_pem);
  std::string anchor =
      file("anchor",
           ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D ; a key\n");
  EXPECT_EQ(
      with(fmt::format("[tls]\nca_file = \"{0}\"\ncertificates = [{{ chain = \"{0}\", key = \"{1}\" }}]\n"
                       "[resolver]\ntrust_anchor = \"{2}\"\n"
                       "[smarthost]\nhost = \"h.test\"\nuser = \"u\"\npassword_file = \"{2}\"\n",
                       chain, key, anchor)),
      "");
}

TEST_F(PreflightTest, WhereToWriteTheLog) {
  auto log_to = [&](const std::string& where) {
    std::string all = text(kNoPorts, folder("data", 0777));
    return problems(all.replace(all.find("level"), 5, fmt::format("file = \"{}\"\nlevel", where)));
  };
  EXPECT_EQ(log_to(path("data/log/posthouse.log")), "");
  EXPECT_EQ(log_to("/dev/null"), "");
  for (const std::string& bad : {folder_, folder("closed", 0555) + "/log", folder("dark", 0) + "/log"}) {
    EXPECT_THAT(log_to(bad),
                HasSubstr(":5: log.file: expected a file to write to, but " + bad.substr(0, folder_.size())));
  }
}

TEST_F(PreflightTest, WhereToMakeTheControlSocket) {
  auto socket_at = [&](const std::string& where) {
    std::string all = text(kNoPorts, folder("data", 0777));
    return problems(all.replace(0, 9, fmt::format("[server]\ncontrol_socket = \"{}\"\n", where)));
  };
  EXPECT_EQ(socket_at(path("data/s")), "");
  EXPECT_EQ(socket_at(path("data/run/s")), "");  // made at the start
  for (const std::string& bad :
       {file("data/file", ""), path("data/missing/s"), folder("closed", 0555) + "/s", folder_}) {
    EXPECT_THAT(socket_at(bad), HasSubstr(":2: server.control_socket: expected a place for a socket, but "))
        << bad;
  }
}

TEST_F(PreflightTest, UsersAndGroups) {
  ::chmod(folder_.c_str(), 0777);
  auto as = [&](const std::string& user, const std::string& group) {
    return problems(fmt::format("[server]\nuser = \"{}\"\ngroup = \"{}\"\ndata_directory = \"{}\"\n{}", user,
                                group, path("data"), kNoPorts));
  };
  EXPECT_THAT(as("nosuchuser", ""),
              HasSubstr(":2: server.user: there is no user \"nosuchuser\"; make it with: "));
  EXPECT_THAT(as("root", ""), HasSubstr(":2: server.user: expected a user other than root"));
  EXPECT_EQ(as("nobody", "nosuchgroup"), ":3: server.group: there is no group \"nosuchgroup\"\n");
  EXPECT_EQ(as("nobody", ""), "");
  EXPECT_EQ(as("", ""),
            is_root() ? ":2: server.user: expected the user to run as, for this is started as root\n" : "");
}

TEST_F(PreflightTest, MoreReserveThanDisk) {
  ::chmod(folder_.c_str(), 0777);
  const std::string told = with("[store]\nreserve = \"1TiB\"\n");  // no setting is larger
  if (disk_size(folder_) > 1ull << 40) {
    EXPECT_EQ(told, "");
  } else {
    EXPECT_THAT(told, HasSubstr(":14: store.reserve: expected less than the "));
  }
}

TEST_F(PreflightTest, AddressesOfOthers) {
  ::chmod(folder_.c_str(), 0777);
  auto holder = net::ListenSocket::bind_tcp({IpAddress::from_v4(0x7f000001), 0}, false);
  ASSERT_TRUE(holder);
  auto smtp = [&](const std::string& at) {
    return problems(
        text(std::string(kNoPorts).replace(std::string("[listen]\nsmtp = ").size(), 5, "[\"" + at + "\"]"),
             path("data")));
  };
  EXPECT_EQ(smtp("203.0.113.7:2525"),  // RFC 5737: nobody's
            ":7: listen.smtp: listen on 203.0.113.7:2525: this machine does not have that address\n");
  EXPECT_EQ(smtp(holder->local().to_string()), "");  // perhaps the running server
}

TEST(Blame, FaultsFindTheirPlace) {
  Loaded loaded = parse_config("[log]\nfile = \"/x\"\n[server]\ndata_directory = \"/d\"\n", "/etc/p.toml");
  EXPECT_EQ(loaded.told({FaultKind::io, "log.file: no"}), "/etc/p.toml:2: log.file: no");
  EXPECT_EQ(loaded.told({FaultKind::io, "server.control_socket: no"}),
            "/etc/p.toml:4: server.control_socket: no");
  EXPECT_EQ(loaded.told({FaultKind::io, "/x: Permission denied"}), "/x: Permission denied");
  EXPECT_EQ(loaded.told({FaultKind::io, "no"}), "no");
  EXPECT_EQ(loaded.problem_of({FaultKind::io, "nonsense.key: no"}), std::nullopt);
}

}  // namespace
}  // namespace posthouse::app
