#include <filesystem>

#include "app/cli/shell.h"
#include "app/setup/dkim_key.h"
#include "app/setup/dns_records.h"
#include "app/setup/own_addresses.h"
#include "app/setup/undo.h"

namespace posthouse::app {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(DkimKey, RsaHas2048Bits) {
  auto key = make_rsa_key();
  ASSERT_TRUE(key);
  EXPECT_THAT(key->private_pem, StartsWith("-----BEGIN PRIVATE KEY-----"));
  EXPECT_THAT(key->record, StartsWith("v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A"));
}

TEST(DkimKey, Ed25519IsTheBareKey) {
  auto key = make_ed25519_key();
  ASSERT_TRUE(key);
  // 32 bytes in base64 are 44 characters.
  EXPECT_EQ(key->record.size(), std::string("v=DKIM1; k=ed25519; p=").size() + 44);
}

TEST(DnsRecords, LongTextIsCutIntoStrings) {
  EXPECT_EQ(txt_value("abc"), "\"abc\"");
  EXPECT_EQ(txt_value(""), "\"\"");
  std::string value = txt_value(std::string(300, 'x'));
  EXPECT_EQ(value, "\"" + std::string(255, 'x') + "\" \"" + std::string(45, 'x') + "\"");
}

TEST(DnsRecords, AllThatOthersAskFor) {
  DnsFacts facts{"example.org",
                 "mail.example.org",
                 "rsa1",
                 "v=DKIM1; k=rsa; p=A",
                 "ed1",
                 "v=DKIM1; k=ed25519; p=B",
                 SystemTime(milliseconds(1'795'468'453'000)),
                 {*IpAddress::parse("198.51.100.7")}};
  std::string zone;
  for (const DnsRecord& record : dns_records(facts)) {
    zone += fmt::format("{} {} {}\n", record.name, record.type, record.value.value_or("?"));
  }
  EXPECT_THAT(zone, HasSubstr("mail.example.org A 198.51.100.7\nmail.example.org AAAA ?\n"));
  EXPECT_THAT(zone, HasSubstr("example.org MX 10 mail.example.org.\n"));
  EXPECT_THAT(zone, HasSubstr("example.org TXT \"v=spf1 mx -all\"\n"));
  EXPECT_THAT(zone, HasSubstr("rsa1._domainkey.example.org TXT \"v=DKIM1; k=rsa; p=A\"\n"));
  EXPECT_THAT(zone, HasSubstr("_dmarc.example.org TXT \"v=DMARC1;"));
  EXPECT_THAT(zone, HasSubstr("_mta-sts.example.org TXT \"v=STSv1; id=20261123211413;\"\n"));
  EXPECT_THAT(zone, HasSubstr("_smtp._tls.example.org TXT \"v=TLSRPTv1;"));
  EXPECT_THAT(mta_sts_policy(facts), HasSubstr("mx: mail.example.org\n"));
}

TEST(OwnAddresses, OnlyPublicOnes) {
  for (const char* yes : {"1.1.1.1", "8.8.8.8", "198.17.255.255", "2606:4700::1", "2a00::1"}) {
    EXPECT_TRUE(is_public(*IpAddress::parse(yes))) << yes;
  }
  for (const char* no :
       {"127.0.0.1", "10.1.2.3",     "172.16.0.1",  "192.168.1.1", "100.64.0.1", "169.254.1.1",     "0.0.0.0",
        "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.19.0.1",  "224.0.0.1",  "255.255.255.255", "::1",
        "::",        "fe80::1",      "fd00::1",     "2001:db8::1", "ff02::1",    "64:ff9b::1"}) {
    EXPECT_FALSE(is_public(*IpAddress::parse(no))) << no;
  }
  for (const IpAddress& ip : own_public_addresses()) EXPECT_TRUE(is_public(ip)) << ip.to_string();
}

class UndoTest : public testing::Test {
 protected:
  UndoTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "posthouse-undo-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~UndoTest() override { std::filesystem::remove_all(folder_); }
  void make(Undo& undo, const std::string& path) {
    undo.will_make(folder_ + path);
    std::filesystem::create_directories(folder_ + path);
  }
  std::string folder_;
};

TEST_F(UndoTest, RemovesOnlyWhatWasNotThere) {
  std::filesystem::create_directories(folder_ + "/old");
  {
    Undo undo;
    make(undo, "/old");
    make(undo, "/old/new");
    make(undo, "/a/b/c");
  }
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/old"));
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/old/new"));
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/a"));
}

TEST_F(UndoTest, KeepsWhatWasFinished) {
  {
    Undo undo;
    make(undo, "/a");
    undo.keep();
  }
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/a"));
}

TEST(Shell, WordsAreQuotedWhereTheyMustBe) {
  EXPECT_EQ(shell_word("a-b_c@d.test:x/y"), "a-b_c@d.test:x/y");
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("a b"), "'a b'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_word("$HOME;x"), "'$HOME;x'");
}

}  // namespace
}  // namespace posthouse::app
