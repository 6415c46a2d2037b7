#include "directory/records.h"

#include <rapidcheck/gtest.h>

#include "directory/limits.h"
#include "engine/record.h"

namespace posthouse::directory {
namespace {

Account some_account() {
  Account account;
  account.id = 77;
  account.address = "alice@example.test";
  account.display_name = "Alice";
  account.admin = true;
  account.quota_bytes = 12345;
  account.created = SystemTime(milliseconds(1767225600123));
  return account;
}

TEST(Records, DomainComesBackAndTheFirstVersionsAreRead) {
  Domain domain;
  domain.name = "a.test";
  domain.quota_messages = 0;
  domain.total_bytes = 5;
  Result<Domain> back = decode_domain(encode(domain));
  ASSERT_TRUE(back);
  EXPECT_FALSE(back->quota_bytes);
  EXPECT_EQ(back->quota_messages, 0u);
  EXPECT_EQ(back->total_bytes, 5u);
  EXPECT_FALSE(back->total_messages);
  EXPECT_EQ(back->store_format, "");
  EXPECT_EQ(encode(domain)[0], 2) << "readable to those who know nothing of formats";
  domain.store_format = "maildir";
  back = decode_domain(encode(domain));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->store_format, "maildir");
  EXPECT_EQ(back->total_bytes, 5u);

  back = decode_domain(engine::RecordWriter(1).bytes("b.test").bytes("").u8(1).varint(9).finish());
  ASSERT_TRUE(back);
  EXPECT_EQ(back->quota_bytes, 9u);
  EXPECT_FALSE(back->total_bytes);
  Result<Account> account = decode_account(
      engine::RecordWriter(1).varint(7).bytes("x@b.test").bytes("X").u8(5).varint(9).varint(3).finish());
  ASSERT_TRUE(account);
  EXPECT_EQ(account->quota_bytes, 9u);
  EXPECT_FALSE(account->quota_messages);
}

TEST(Records, AccountComesBack) {
  Result<Account> back = decode_account(encode(some_account()));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->id, 77u);
  EXPECT_EQ(back->address, "alice@example.test");
  EXPECT_EQ(back->display_name, "Alice");
  EXPECT_TRUE(back->enabled);
  EXPECT_TRUE(back->admin);
  EXPECT_EQ(back->quota_bytes, 12345u);
  EXPECT_EQ(back->created, some_account().created);

  Account plain;
  plain.enabled = false;
  back = decode_account(encode(plain));
  ASSERT_TRUE(back);
  EXPECT_FALSE(back->enabled);
  EXPECT_FALSE(back->quota_bytes);
  EXPECT_FALSE(back->shared);
  EXPECT_EQ(encode(plain)[0], 2) << "what is not shared is written as before";
  plain.shared = true;
  back = decode_account(encode(plain));
  ASSERT_TRUE(back);
  EXPECT_TRUE(back->shared);
  EXPECT_FALSE(back->enabled);
}

RC_GTEST_PROP(Records, NamesComeBack, (uint32_t id, const std::vector<std::string>& targets)) {
  RC_PRE(targets.size() <= kMaxTargets);
  Result<NameRecord> back = decode_name(encode(NameRecord{id, targets}));
  RC_ASSERT(back.has_value());
  RC_ASSERT(back->account == id);
  RC_ASSERT(back->targets == targets);
}

RC_GTEST_PROP(Records, CredentialsComeBack,
              (const std::string& hash, uint32_t iterations, const std::string& key)) {
  Result<Credential> back = decode_credential(encode(Credential{hash, iterations, key, hash, key}));
  RC_ASSERT(back.has_value());
  RC_ASSERT(back->hash == hash && back->iterations == iterations);
  RC_ASSERT(back->salt == key && back->stored_key == hash && back->server_key == key);
}

RC_GTEST_PROP(Records, ForeignBytesAreCorruptNeverACrash, (const std::string& bytes)) {
  RC_ASSERT(!decode_account(bytes) && !decode_name(bytes) && !decode_domain(bytes));
  RC_ASSERT(!decode_credential(bytes) && !decode_number(bytes) && !decode_secret(bytes));
}

TEST(Records, EveryFlippedBitIsNoticed) {
  const std::string good = encode(some_account());
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    Result<Account> back = decode_account(bad);
    ASSERT_FALSE(back) << bit;
    EXPECT_EQ(back.error().kind, FaultKind::corrupt);
  }
}

TEST(Records, ACountBeyondTheLimitIsNotBelieved) {
  std::string record = engine::RecordWriter(1).varint(0).varint(uint64_t{1} << 60).finish();
  Result<NameRecord> name = decode_name(record);
  ASSERT_FALSE(name);
  EXPECT_EQ(name.error().kind, FaultKind::corrupt);
}

TEST(Records, KeysOfADomainLieTogether) {
  std::string first = names_of("example.test");
  std::string last = after(first);
  for (const char* address : {"a@example.test", "zoe@example.test", "\"a b\"@example.test"}) {
    EXPECT_LE(first, name_row(address));
    EXPECT_LT(name_row(address), last);
    EXPECT_EQ(address_of(name_row(address)), address);
  }
  for (const char* address : {"a@example.test.org", "a@example.tes", "a@sub.example.test"}) {
    bool within = first <= name_row(address) && name_row(address) < last;
    EXPECT_FALSE(within) << address;
  }
}

}  // namespace
}  // namespace posthouse::directory
