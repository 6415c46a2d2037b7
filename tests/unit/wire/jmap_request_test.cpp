// Requests of JMAP and the references in them (RFC 8620 sections 3.3, 3.6.1 and 3.7).
#include "wire/jmap/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "wire/jmap/limits.h"
#include "wire/jmap/reference.h"
#include "wire/jmap/strict_json.h"

namespace posthouse::wire::jmap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kWhole =
    R"({"using":["urn:ietf:params:jmap:core"],"methodCalls":[["Core/echo",{"a":[1,"x"]},"c1"],["b",{},""]],
 "createdIds":{"k1":"Mabc"},"more":{"is":"ignored"}})";

std::string problem(std::string_view text) {
  const auto request = parse_request(text);
  return request ? "none" : request.error().type;
}

TEST(JmapRequest, IsTakenApart) {
  const auto request = parse_request(kWhole);
  ASSERT_TRUE(request);
  EXPECT_THAT(request->capabilities, ElementsAre("urn:ietf:params:jmap:core"));
  ASSERT_EQ(request->calls.size(), 2u);
  EXPECT_EQ(request->calls[0].name, "Core/echo");
  EXPECT_EQ(json::serialize(request->calls[0].arguments), R"({"a":[1,"x"]})");
  EXPECT_EQ(request->calls[0].id, "c1");
  EXPECT_EQ(request->created_ids->at("k1"), "Mabc");
  EXPECT_FALSE(parse_request(R"({"using":[],"methodCalls":[]})")->created_ids);
  EXPECT_FALSE(parse_request(R"({"using":[],"methodCalls":[],"createdIds":null})")->created_ids);
}

TEST(JmapRequest, WhatIsNoJson) {
  for (const char* text : {"", " ", "{", "{}x", "{'a':1}", "[1,]", "{\"a\":1,}", "nul", "01", "\"\\ud800\"",
                           "\"\xff\"", "\"\t\"", "// c\n{}", "{\"a\":1,\"a\":2}",
                           "{\"b\":{\"a\":1,\"\\u0061\":2}}", "[NaN]", "[1e999999]"}) {
    EXPECT_EQ(problem(text), "notJSON") << text;
  }
  EXPECT_EQ(problem(std::string(kMaxDepth + 1, '[') + std::string(kMaxDepth + 1, ']')), "notJSON");
  std::string many = "[0";
  for (size_t i = 0; i < kMaxValues; ++i) many += ",0";
  EXPECT_EQ(problem(many + "]"), "notJSON");
}

TEST(JmapRequest, NamesMayComeAgainInOtherObjects) {
  EXPECT_TRUE(parse_strict(R"([{"a":{"a":1}},{"a":{"b":1,"a":[{"a":2}]}}] )"));
}

TEST(JmapRequest, WhatIsNoRequest) {
  for (const char* text :
       {"[]", "1", "{}", R"({"using":[]})", R"({"using":{},"methodCalls":[]})",
        R"({"using":[1],"methodCalls":[]})", R"({"using":[],"methodCalls":{}})",
        R"({"using":[],"methodCalls":[[]]})", R"({"using":[],"methodCalls":[["a",{}]]})",
        R"({"using":[],"methodCalls":[["a",{},"b",1]]})", R"({"using":[],"methodCalls":[["a",[],"b"]]})",
        R"({"using":[],"methodCalls":[[1,{},"b"]]})", R"({"using":[],"methodCalls":[["a",{},2]]})",
        R"({"using":[],"methodCalls":[],"createdIds":[]})",
        R"({"using":[],"methodCalls":[],"createdIds":{"a":1}})",
        R"({"using":[],"methodCalls":[],"createdIds":{"a b":"x"}})"}) {
    EXPECT_EQ(problem(text), "notRequest") << text;
  }
}

TEST(JmapRequest, LimitsAreNamed) {
  std::string calls;
  for (size_t i = 0; i <= kMaxCallsInRequest; ++i)
    calls += std::string(i == 0 ? "" : ",") + R"(["a",{},"b"])";
  const auto request = parse_request(R"({"using":[],"methodCalls":[)" + calls + "]}");
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().limit, "maxCallsInRequest");
  EXPECT_THAT(to_json(request.error()),
              HasSubstr(R"("type":"urn:ietf:params:jmap:error:limit","status":400)"));
  EXPECT_EQ(parse_request(std::string(kMaxSizeRequest + 1, ' ')).error().limit, "maxSizeRequest");
}

TEST(JmapRequest, Ids) {
  for (const char* good : {"a", "A-Z_09", "-"}) EXPECT_TRUE(is_id(good));
  for (const char* bad : {"", " ", "a.b", "a/b", "\xc3\xa4", "a\n"}) EXPECT_FALSE(is_id(bad)) << bad;
  EXPECT_TRUE(is_id(std::string(255, 'x')));
  EXPECT_FALSE(is_id(std::string(256, 'x')));
}

std::string pointed(const char* object, const char* path) {
  Copied copied;
  const auto found = point_into(json::parse(object).as_object(), path, copied);
  return found ? json::serialize(*found) : "nowhere";
}

TEST(JmapReference, Pointers) {
  EXPECT_EQ(pointed(R"({"a":[1,2]})", ""), R"({"a":[1,2]})");
  EXPECT_EQ(pointed(R"({"a":[1,2]})", "/a"), "[1,2]");
  EXPECT_EQ(pointed(R"({"a":[1,2]})", "/a/1"), "2");
  EXPECT_EQ(pointed(R"({"":5,"~/":6})", "/"), "5");
  EXPECT_EQ(pointed(R"({"":5,"~/":6})", "/~0~1"), "6");
  EXPECT_EQ(pointed(R"({"list":[{"id":"x"},{"id":"y"}]})", "/list/*/id"), R"(["x","y"])");
  EXPECT_EQ(pointed(R"({"list":[{"ids":["x","z"]},{"ids":["y"]}]})", "/list/*/ids"), R"(["x","z","y"])");
  EXPECT_EQ(pointed(R"({"list":[{"ids":[["x"],["z"]]}]})", "/list/*/ids"), R"([["x"],["z"]])");
  EXPECT_EQ(pointed(R"({"a":[[1,[2]],[3]]})", "/a/*/*"), "[1,2,3]");
  EXPECT_EQ(pointed(R"({"a":[]})", "/a/*/id"), "[]");
  EXPECT_EQ(pointed(R"({"*":7})", "/*"), "7");  // only of an array
  for (const char* path : {"a", "/b", "/a/2", "/a/-", "/a/01", "/a/+1", "/a/1/x", "/~", "/~2", "/a/*/id"}) {
    EXPECT_EQ(pointed(R"({"a":[1,2]})", path), "nowhere") << path;
  }
}

std::vector<Invocation> responses() {
  return {{"Foo/changes", json::parse(R"({"created":["f1","f4"]})").as_object(), "t0"},
          {"Foo/get", json::parse(R"({"list":[{"x":1},{"x":2}]})").as_object(), "t1"},
          {"error", json::parse(R"({"type":"serverFail"})").as_object(), "t2"}};
}

std::string resolved(const char* text, Copied& copied) {
  json::object arguments = json::parse(text).as_object();
  const auto done = resolve_references(arguments, responses(), copied);
  return done ? json::serialize(arguments) : done.error().type;
}

TEST(JmapReference, TakeThePlaceOfTheArgument) {
  Copied copied;
  EXPECT_EQ(resolved(R"({"a":1,"#ids":{"resultOf":"t0","name":"Foo/changes","path":"/created"}})", copied),
            R"({"a":1,"ids":["f1","f4"]})");
  EXPECT_EQ(resolved(R"({"#ids":{"resultOf":"t1","name":"Foo/get","path":"/list/*/x"}})", copied),
            R"({"ids":[1,2]})");
  for (const char* bad :
       {R"({"#ids":1})", R"({"#ids":{}})", R"({"#ids":{"resultOf":"t9","name":"Foo/changes","path":""}})",
        R"({"#ids":{"resultOf":"t1","name":"Foo/changes","path":""}})",
        R"({"#ids":{"resultOf":"t2","name":"Foo/get","path":""}})",
        R"({"#ids":{"resultOf":"t0","name":"Foo/changes","path":"/no"}})",
        R"({"#ids":{"resultOf":"t0","name":"Foo/changes","path":1}})"}) {
    EXPECT_EQ(resolved(bad, copied), "invalidResultReference") << bad;
  }
  EXPECT_EQ(resolved(R"({"ids":null,"#ids":{"resultOf":"t0","name":"Foo/changes","path":""}})", copied),
            "invalidArguments");
}

// Each call could take all of the one before twice, and all requests have 64 calls.
TEST(JmapReference, WhatTheyCopyHasALimit) {
  std::vector<Invocation> done = {{"Core/echo", json::parse(R"({"a":"0123456789"})").as_object(), "c"}};
  Copied copied;
  size_t rounds = 0;
  bool refused = false;
  for (; rounds < kMaxCallsInRequest && !refused; ++rounds) {
    json::object arguments = json::parse(R"({"#a":{"resultOf":"c","name":"Core/echo","path":""},
                                             "#b":{"resultOf":"c","name":"Core/echo","path":""}})")
                                 .as_object();
    refused = !resolve_references(arguments, done, copied);
    done = {{"Core/echo", std::move(arguments), "c"}};
  }
  EXPECT_TRUE(refused);
  EXPECT_LT(rounds, 25u);
}

}  // namespace
}  // namespace posthouse::wire::jmap
