#include "app/setup/dkim_key.h"
#include "app/setup/dns_records.h"

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
                 SystemTime(milliseconds(1'795'468'453'000))};
  std::string zone;
  for (const DnsRecord& record : dns_records(facts)) {
    zone += fmt::format("{} {} {}\n", record.name, record.type, record.value);
  }
  EXPECT_THAT(zone, HasSubstr("example.org MX 10 mail.example.org.\n"));
  EXPECT_THAT(zone, HasSubstr("example.org TXT \"v=spf1 mx -all\"\n"));
  EXPECT_THAT(zone, HasSubstr("rsa1._domainkey.example.org TXT \"v=DKIM1; k=rsa; p=A\"\n"));
  EXPECT_THAT(zone, HasSubstr("_dmarc.example.org TXT \"v=DMARC1;"));
  EXPECT_THAT(zone, HasSubstr("_mta-sts.example.org TXT \"v=STSv1; id=20261123211413;\"\n"));
  EXPECT_THAT(zone, HasSubstr("_smtp._tls.example.org TXT \"v=TLSRPTv1;"));
  EXPECT_THAT(mta_sts_policy(facts), HasSubstr("mx: mail.example.org\n"));
}

}  // namespace
}  // namespace posthouse::app
