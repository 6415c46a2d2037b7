// What an authorization server says of a token.
#include "app/server/token_check.h"

#include <rapidcheck/gtest.h>

namespace posthouse::app {
namespace {

const SystemTime kNow{seconds(1'800'000'000)};
const TokenWishes kWishes{"username", "https://id.test", "mail.test", "mail send"};
constexpr std::string_view kGood =
    R"({"active":true,"username":"alice","iss":"https://id.test","aud":["web","mail.test"],)"
    R"("scope":"send openid mail","exp":1800000060})";

// `kGood` with one text in place of another.
FaultKind fault_with(std::string_view there, std::string_view instead) {
  std::string text(kGood);
  text.replace(text.find(there), there.size(), instead);
  const auto facts = read_introspection(text, kWishes, kNow);
  EXPECT_FALSE(facts) << text;
  return facts ? FaultKind::exists : facts.error().kind;
}

TEST(Introspection, AGoodAnswer) {
  const auto facts = read_introspection(kGood, kWishes, kNow);
  ASSERT_TRUE(facts) << facts.error().what;
  EXPECT_EQ(facts->user, "alice");
  EXPECT_EQ(facts->until, kNow + seconds(60));
  const auto bare = read_introspection(R"({"active":true,"sub":"bob"})", {"sub", "", "", ""}, kNow);
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->until, SystemTime::max());
}

TEST(Introspection, WhatDoesNotFit) {
  EXPECT_EQ(fault_with("true", "false"), FaultKind::policy);
  EXPECT_EQ(fault_with("1800000060", "1800000000"), FaultKind::policy);
  EXPECT_EQ(fault_with("1800000060", "-1"), FaultKind::policy);
  EXPECT_EQ(fault_with("1800000060", "1900000000,\"nbf\":1850000000"), FaultKind::policy);
  EXPECT_EQ(fault_with("https://id.test", "https://id.test/"), FaultKind::policy);
  EXPECT_EQ(fault_with("mail.test", "mail.tes"), FaultKind::policy);
  EXPECT_EQ(fault_with("[\"web\",\"mail.test\"]", "{}"), FaultKind::policy);
  EXPECT_EQ(fault_with("send openid", "sender openid"), FaultKind::permanent);
  EXPECT_EQ(fault_with("\"alice\"", "\"\""), FaultKind::policy);
  EXPECT_EQ(fault_with("\"alice\"", "[\"alice\"]"), FaultKind::policy);
  EXPECT_EQ(fault_with("alice", std::string(321, 'a')), FaultKind::policy);
}

TEST(Introspection, WhatIsNoAnswer) {
  EXPECT_EQ(fault_with("true", "\"true\""), FaultKind::temporary);
  EXPECT_EQ(fault_with("true", "1"), FaultKind::temporary);
  for (const std::string& text : {std::string(), std::string("[]"), std::string("{}"), std::string("<html>"),
                                  std::string(kGood) + "x", std::string(10'000, '[')}) {
    EXPECT_EQ(read_introspection(text, kWishes, kNow).error().kind, FaultKind::temporary);
  }
}

RC_GTEST_PROP(Introspections, AnyBytesAreAnAnswerOrAFault, (const std::string& tail)) {
  for (size_t cut : {size_t{0}, kGood.size() / 2, kGood.size() - 2}) {
    const auto facts = read_introspection(std::string(kGood.substr(0, cut)) + tail, kWishes, kNow);
    if (facts) RC_ASSERT(!facts->user.empty());
  }
}

}  // namespace
}  // namespace posthouse::app
