// DNSSEC: answers below a trust anchor are believed only if their signatures are right (RFC 4035
// section 4.3).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>

#include "base/base64.h"
#include "net/run_blocking.h"
#include "net/unbound_resolver.h"
#include "unit/net/name_server.h"

namespace posthouse::net {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

constexpr int kTtl = 300;
constexpr int kEd25519 = 15;  // RFC 8080
constexpr std::string_view kZone = "signed.test";

std::string be32(uint32_t n) {
  return be16(static_cast<int>(n >> 16)) + be16(static_cast<int>(n & 0xffff));
}

// A zone's key, and what is signed with it.
class ZoneKey {
 public:
  ZoneKey() : key_(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free) {
    unsigned char bytes[32];
    size_t size = sizeof bytes;
    EVP_PKEY_get_raw_public_key(key_.get(), bytes, &size);
    public_.assign(reinterpret_cast<const char*>(bytes), size);
  }

  // RFC 4034 section 2.1: a zone key and secure entry point.
  std::string dnskey() const { return be16(257) + '\3' + static_cast<char>(kEd25519) + public_; }
  std::string as_anchor() const {
    return fmt::format("{}. {} IN DNSKEY 257 3 {} {}\n", kZone, kTtl, kEd25519, base64_encode(public_));
  }

  // RFC 4034 section 3.1.8.1. `rdata`: of all the records of that name and type, in canonical form.
  std::string rrsig(const std::string& name, int type, std::vector<std::string> rdata) const {
    const auto now = static_cast<uint32_t>(std::time(nullptr));
    const auto labels = static_cast<char>(1 + std::count(name.begin(), name.end(), '.'));
    const std::string fixed = be16(type) + static_cast<char>(kEd25519) + labels + be32(kTtl) +
                              be32(now + 86'400) + be32(now - 86'400) + be16(tag()) + wire_name(kZone);
    std::string signed_text = fixed;
    std::sort(rdata.begin(), rdata.end());
    for (const std::string& record : rdata) {
      signed_text += wire_name(name) + be16(type) + be16(1) + be32(kTtl) +
                     be16(static_cast<int>(record.size())) + record;
    }
    return fixed + signature_of(signed_text);
  }

 private:
  // RFC 4034 appendix B.
  int tag() const {
    uint32_t sum = 0;
    const std::string rdata = dnskey();
    for (size_t i = 0; i < rdata.size(); ++i) {
      const auto byte = static_cast<unsigned char>(rdata[i]);
      sum += i % 2 == 0 ? uint32_t{byte} << 8 : byte;
    }
    return static_cast<int>((sum + (sum >> 16)) & 0xffff);
  }

  std::string signature_of(const std::string& text) const {
    const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    unsigned char bytes[64];
    size_t size = sizeof bytes;
    EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get());
    EVP_DigestSign(context.get(), bytes, &size, reinterpret_cast<const unsigned char*>(text.data()),
                   text.size());
    return {reinterpret_cast<const char*>(bytes), size};
  }

  std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key_;
  std::string public_;
};

class DnssecTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "posthouse-dnssec-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    anchor_ = folder_ / "anchor.key";
    std::ofstream(anchor_) << key_.as_anchor();
    add_signed(std::string(kZone), kDnskey, key_.dnskey());
  }
  void TearDown() override {
    resolver_.reset();
    std::filesystem::remove_all(folder_);
  }

  void add_signed(const std::string& name, int type, const std::string& rdata) {
    server_.add(name, type, rdata);
    server_.sign(name, type, key_.rrsig(name, type, {rdata}));
  }

  void start() {
    server_.start();
    UnboundOptions options;
    options.servers = {server_.address()};
    options.trust_anchor_file = anchor_;
    options.timeout = seconds(10);
    auto made = make_unbound_resolver(options);
    ASSERT_TRUE(made.has_value()) << made.error().what;
    resolver_ = std::move(*made);
  }

  const std::string mx_ = be16(10) + wire_name("mx.signed.test");
  ZoneKey key_;
  NameServer server_;
  std::filesystem::path folder_, anchor_;
  std::unique_ptr<Resolver> resolver_;
};

TEST_F(DnssecTest, RightSignaturesAreSecure) {
  add_signed("signed.test", kMx, mx_);
  add_signed("mx.signed.test", kA, std::string("\xc0\0\x02\x01", 4));
  add_signed("mx.signed.test", kAaaa, std::string("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16));
  start();
  const auto mx = run_blocking(resolver_->mx("signed.test"));
  EXPECT_EQ(mx.status, DnsStatus::ok);
  EXPECT_TRUE(mx.secure);
  EXPECT_THAT(mx.records, SizeIs(1));
  const auto addresses = run_blocking(resolver_->addresses("mx.signed.test"));
  EXPECT_EQ(addresses.status, DnsStatus::ok);
  EXPECT_TRUE(addresses.secure);
  EXPECT_THAT(addresses.records, SizeIs(2));
}

TEST_F(DnssecTest, NamesOutsideTheAnchorAreUsedAndNotSecure) {
  server_.add("plain.test", kMx, be16(10) + wire_name("mx.plain.test"));
  start();
  const auto mx = run_blocking(resolver_->mx("plain.test"));
  EXPECT_EQ(mx.status, DnsStatus::ok);
  EXPECT_FALSE(mx.secure);
  EXPECT_THAT(mx.records, SizeIs(1));
}

TEST_F(DnssecTest, BogusAnswersAreNeverUsed) {
  // Of another record, of another key, none at all; and a denial that nobody signed.
  server_.add("forged.signed.test", kMx, be16(10) + wire_name("mx.attacker.test"));
  server_.sign("forged.signed.test", kMx, key_.rrsig("forged.signed.test", kMx, {mx_}));
  server_.add("other.signed.test", kMx, mx_);
  server_.sign("other.signed.test", kMx, ZoneKey().rrsig("other.signed.test", kMx, {mx_}));
  server_.add("stripped.signed.test", kMx, mx_);
  start();
  for (const char* name : {"forged", "other", "stripped", "denied"}) {
    const auto mx = run_blocking(resolver_->mx(std::string(name) + ".signed.test"));
    EXPECT_EQ(mx.status, DnsStatus::servfail) << name;  // to be asked again later
    EXPECT_FALSE(mx.secure) << name;
    EXPECT_TRUE(mx.records.empty()) << name;
  }
}

TEST_F(DnssecTest, AForgedAddressIsNotUsedBesideARightOne) {
  add_signed("half.signed.test", kA, std::string("\xc0\0\x02\x01", 4));
  server_.add("half.signed.test", kAaaa, std::string(16, '\x66'));
  start();
  const auto addresses = run_blocking(resolver_->addresses("half.signed.test"));
  EXPECT_EQ(addresses.status, DnsStatus::ok);
  EXPECT_FALSE(addresses.secure);
  ASSERT_THAT(addresses.records, SizeIs(1));
  EXPECT_EQ(addresses.records[0].to_string(), "192.0.2.1");
}

TEST_F(DnssecTest, AnAnchorThatCannotBeReadIsNoResolver) {
  UnboundOptions options;
  options.servers = {server_.address()};
  options.trust_anchor_file = folder_ / "missing.key";
  EXPECT_FALSE(make_unbound_resolver(options).has_value());
  options.trust_anchor_file = folder_;
  EXPECT_FALSE(make_unbound_resolver(options).has_value());
}

TEST_F(DnssecTest, AnAnchorWithoutAKeyIsNoResolver) {
  for (const char* text :
       {"", "; . IN DS 20326 8 2 E06D\n", "nonsense\n", "signed.test. IN DNSKEY nonsense\n"}) {
    std::ofstream(anchor_) << text;
    for (const bool recursive : {false, true}) {
      UnboundOptions options;
      if (!recursive) options.servers = {server_.address()};
      options.recursive = recursive;
      options.trust_anchor_file = anchor_;
      const auto made = make_unbound_resolver(options);
      ASSERT_FALSE(made.has_value()) << text << recursive;
      EXPECT_THAT(made.error().what, HasSubstr(anchor_.string()));
    }
  }
}

}  // namespace
}  // namespace posthouse::net
