// Naming who has a port, also where /proc hides other people's processes.
#include "net/port_holder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace posthouse::net {
namespace {

namespace fs = std::filesystem;

class PortHolder : public testing::Test {
 protected:
  PortHolder() {
    std::string pattern = (fs::temp_directory_path() / "posthouse-proc-XXXXXX").string();
    proc_ = mkdtemp(pattern.data());
    fs::create_directories(proc_ + "/net");
    // Port 25 belongs to root, 8025 to a user without a name; 26 is a connection, not a listener.
    std::ofstream(proc_ + "/net/tcp") << "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when "
                                         "retrnsmt   uid  timeout inode\n"
                                         "   0: 00000000:0019 00000000:0000 0A 00000000:00000000 00:00000000 "
                                         "00000000     0        0 111 1 x\n"
                                         "   1: 0100007F:001A 0100007F:1234 01 00000000:00000000 00:00000000 "
                                         "00000000     0        0 222 1 x\n";
    std::ofstream(proc_ + "/net/tcp6") << "  sl  local_address rem_address   st tx_queue rx_queue tr "
                                          "tm->when retrnsmt   uid  timeout inode\n"
                                          "   0: 00000000000000000000000000000000:1F59 "
                                          "00000000000000000000000000000000:0000 0A 00000000:00000000 "
                                          "00:00000000 00000000 4000000        0 333 1 x\n";
  }
  ~PortHolder() override { fs::remove_all(proc_); }

  void add_process(const std::string& pid, const std::string& name, const std::string& socket) {
    fs::create_directories(proc_ + "/" + pid + "/fd");
    std::ofstream(proc_ + "/" + pid + "/comm") << name << "\n";
    fs::create_symlink("socket:[" + socket + "]", proc_ + "/" + pid + "/fd/3");
  }

  std::string proc_;
};

TEST_F(PortHolder, IsNamedWithItsProcess) {
  add_process("812", "exim4", "111");
  add_process("813", "other", "999");
  EXPECT_EQ(port_holder(25, proc_), "exim4 (pid 812)");
}

TEST_F(PortHolder, IsAtLeastSomebodysProcess) {
  EXPECT_EQ(port_holder(25, proc_), "a process of user root");
  EXPECT_EQ(port_holder(8025, proc_), "a process of user 4000000");
}

TEST_F(PortHolder, IsNobodyWhereNobodyListens) {
  EXPECT_EQ(port_holder(26, proc_), "");
  EXPECT_EQ(port_holder(27, proc_), "");
  EXPECT_EQ(port_holder(25, proc_ + "/nothing"), "");
}

}  // namespace
}  // namespace posthouse::net
