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

Endpoint at(const char* ip, uint16_t port) {
  return {*IpAddress::parse(ip), port};
}

// A line of /proc/net/tcp or tcp6.
std::string listener(const std::string& address, const std::string& inode) {
  return "   0: " + address +
         ":09DD 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 " + inode + " 1 x\n";
}

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
  EXPECT_EQ(port_holder(at("0.0.0.0", 25), proc_), "exim4 (pid 812)");
}

// 2525 on 127.0.0.11, .12 and .13 and on ::1, each by another program.
TEST_F(PortHolder, IsTheOneOnThatAddress) {
  std::ofstream(proc_ + "/net/tcp", std::ios::app)
      << listener("0B00007F", "11") << listener("0C00007F", "12") << listener("0D00007F", "13");
  std::ofstream(proc_ + "/net/tcp6", std::ios::app) << listener("00000000000000000000000001000000", "14");
  add_process("101", "eleven", "11");
  add_process("102", "twelve", "12");
  add_process("103", "thirteen", "13");
  add_process("104", "six", "14");
  EXPECT_EQ(port_holder(at("127.0.0.12", 2525), proc_), "twelve (pid 102)");
  EXPECT_EQ(port_holder(at("127.0.0.13", 2525), proc_), "thirteen (pid 103)");
  EXPECT_EQ(port_holder(at("127.0.0.14", 2525), proc_), "");
  EXPECT_EQ(port_holder(at("::1", 2525), proc_), "six (pid 104)");
  EXPECT_EQ(port_holder(at("::", 2525), proc_), "six (pid 104)");
  EXPECT_EQ(port_holder(at("0.0.0.0", 2525), proc_),
            "eleven (pid 101) and thirteen (pid 103) and twelve (pid 102)");
}

TEST_F(PortHolder, OnAllAddressesIsInTheWayOfEach) {
  std::ofstream(proc_ + "/net/tcp", std::ios::app) << listener("00000000", "11");
  std::ofstream(proc_ + "/net/tcp6", std::ios::app) << listener("00000000000000000000000000000000", "12");
  add_process("101", "four", "11");
  add_process("102", "six", "12");
  EXPECT_EQ(port_holder(at("127.0.0.12", 2525), proc_), "four (pid 101)");
  EXPECT_EQ(port_holder(at("2001:db8::1", 2525), proc_), "six (pid 102)");
}

TEST_F(PortHolder, OfBothFamiliesIsInTheWayOfIpv4) {
  std::ofstream(proc_ + "/net/tcp6", std::ios::app) << listener("00000000000000000000000000000000", "12");
  add_process("102", "both", "12");
  EXPECT_EQ(port_holder(at("127.0.0.12", 2525), proc_), "both (pid 102)");
  EXPECT_EQ(port_holder(at("0.0.0.0", 2525), proc_), "both (pid 102)");
}

TEST_F(PortHolder, OnAMappedAddressIsInTheWayOfThatAddress) {
  std::ofstream(proc_ + "/net/tcp6", std::ios::app) << listener("0000000000000000FFFF00000C00007F", "12")
                                                    << listener("0000000000000000FFFF00000D00007F", "13");
  add_process("102", "twelve", "12");
  add_process("103", "thirteen", "13");
  EXPECT_EQ(port_holder(at("127.0.0.12", 2525), proc_), "twelve (pid 102)");
}

TEST_F(PortHolder, IsAtLeastSomebodysProcess) {
  EXPECT_EQ(port_holder(at("0.0.0.0", 25), proc_), "a process of user root");
  EXPECT_EQ(port_holder(at("::", 8025), proc_), "a process of user 4000000");
}

TEST_F(PortHolder, IsNobodyWhereNobodyListens) {
  EXPECT_EQ(port_holder(at("0.0.0.0", 26), proc_), "");
  EXPECT_EQ(port_holder(at("0.0.0.0", 27), proc_), "");
  EXPECT_EQ(port_holder(at("0.0.0.0", 25), proc_ + "/nothing"), "");
}

}  // namespace
}  // namespace posthouse::net
