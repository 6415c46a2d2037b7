// JMAP by HTTP: who may ask, the Session object, requests and their calls (RFC 8620 sections 2 to 4).
#include "access/jmap/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>
#include <fstream>

#include "access/jmap/call.h"
#include "access/object_ids.h"
#include "base/base64.h"
#include "engine/memory_engine.h"
#include "support/seeded_random.h"
#include "unit/access/house_parts.h"

namespace posthouse::access::jmap {
namespace {

namespace json = boost::json;
using posthouse::test::MemoryStream;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const std::string kAlice = "Basic " + base64_encode("alice:demo");

class JmapServer : public testing::Test {
 protected:
  JmapServer()
      : engine_(engine::make_memory_engine()),
        derived_(engine::make_memory_engine()),
        store_(*engine_, clock_, random_),
        catalog_(*derived_, store_, random_),
        sheets_(catalog_, store_, 1 << 20),
        ids_(clock_, random_) {
    options_->allow_plain_login = true;
  }
  ~JmapServer() override {
    if (client_) client_->close();
    executor_.run();
  }

  std::string say(const std::string& octets) {
    if (!client_ || client_->peer_closed()) {
      auto pair = MemoryStream::make_pair(&clock_);
      client_ = std::move(pair.client);
      net::HttpOptions http;
      http.clock = &clock_;
      const Services services{*engine_, store_, catalog_, sheets_, ids_, clock_, accounts_, &uploads_};
      executor_.start(net::serve_http(
          std::move(pair.server), http,
          [this, services](net::HttpExchange& exchange) { return answer(exchange, options_, services); }));
    }
    client_->push(octets);
    executor_.run();
    return client_->drain();
  }
  std::string get(const std::string& path, const std::string& authorization = kAlice) {
    return say("GET " + path + " HTTP/1.1\r\nHost: mail.example.test\r\nAuthorization: " + authorization +
               "\r\n\r\n");
  }
  std::string post(const std::string& text, const std::string& type = "application/json") {
    return say(
        fmt::format("POST /jmap/api HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nContent-Type: {}\r\n"
                    "Content-Length: {}\r\n\r\n{}",
                    kAlice, type, text.size(), text));
  }
  // What follows "methodResponses" in the response to these calls.
  std::string responses(const std::string& calls) {
    const std::string reply = post(R"({"using":["urn:ietf:params:jmap:core"],"methodCalls":)" + calls + "}");
    EXPECT_THAT(reply, StartsWith("HTTP/1.1 200 "));
    const json::value value = json::parse(body(reply));
    EXPECT_EQ(value.at("sessionState"), json::parse(body(get("/jmap/session"))).at("state"));
    return json::serialize(value.at("methodResponses"));
  }
  static std::string body(const std::string& reply) { return reply.substr(reply.find("\r\n\r\n") + 4); }

  posthouse::test::FakeClock clock_;
  posthouse::test::SeededRandom random_;
  posthouse::test::ManualExecutor executor_;
  std::unique_ptr<engine::Engine> engine_, derived_;
  store::MailStore store_;
  catalog::Catalog catalog_;
  catalog::Sheets sheets_;
  IdSource ids_;
  uploads::Uploads uploads_{*derived_, ids_, clock_};
  test::Accounts accounts_;
  std::shared_ptr<ServerOptions> options_ = std::make_shared<ServerOptions>();
  std::unique_ptr<MemoryStream> client_;
};

TEST_F(JmapServer, WhoDoesNotSayWhoHeIsIsAsked) {
  for (const std::string& wrong :
       {std::string("Basic"), std::string("Basic !"), std::string("Bearer x"), std::string("Digest x"),
        "Basic " + base64_encode("alice"), "Basic " + base64_encode("alice@example.test:wrong"),
        "Basic " + std::string(5000, 'A')}) {
    const std::string reply = get("/jmap/session", wrong);
    EXPECT_THAT(reply, StartsWith("HTTP/1.1 401 ")) << wrong;
    EXPECT_THAT(reply, HasSubstr("WWW-Authenticate: Basic realm="));
  }
  EXPECT_THAT(say("GET /jmap/session HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 401 "));
  accounts_.broken = true;
  EXPECT_THAT(get("/jmap/session"), StartsWith("HTTP/1.1 503 "));
}

TEST_F(JmapServer, NoPasswordsWithoutTls) {
  options_->allow_plain_login = false;
  const std::string reply = get("/jmap/session");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 401 "));
  EXPECT_THAT(reply, Not(HasSubstr("Basic")));
}

TEST_F(JmapServer, TheSessionObject) {
  for (const char* path : {"/.well-known/jmap", "/jmap/session"}) {
    const std::string reply = get(path);
    EXPECT_THAT(reply, StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(reply, HasSubstr("Cache-Control: no-cache, no-store, must-revalidate\r\n"));
    const json::value session = json::parse(body(reply));
    EXPECT_EQ(session.at("username"), "alice@example.test");
    EXPECT_EQ(session.at("accounts").at("A1").at("isPersonal"), true);
    EXPECT_EQ(session.at("apiUrl"), "http://mail.example.test/jmap/api");
    EXPECT_GE(
        session.at("capabilities").at("urn:ietf:params:jmap:core").at("maxCallsInRequest").to_number<int>(),
        16);
    for (const char* variable : {"{accountId}", "{blobId}", "{type}", "{name}"})
      EXPECT_THAT(std::string(session.at("downloadUrl").as_string()), HasSubstr(variable));
  }
  EXPECT_THAT(get("/jmap/other"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(get("/jmap/api"), StartsWith("HTTP/1.1 405 "));
}

TEST_F(JmapServer, Echo) {
  EXPECT_EQ(responses(R"([["Core/echo",{"hello":true,"high":5},"b3ff"]])"),
            R"([["Core/echo",{"hello":true,"high":5},"b3ff"]])");
}

TEST_F(JmapServer, CallsAreAnsweredInOrder) {
  EXPECT_EQ(
      responses(R"([["Core/echo",{"a":[1,2]},"c0"],["No/such",{},"c1"],
                          ["Core/echo",{"#b":{"resultOf":"c0","name":"Core/echo","path":"/a/1"}},"c2"],
                          ["Core/echo",{"#b":{"resultOf":"c1","name":"No/such","path":""}},"c3"]])"),
      R"([["Core/echo",{"a":[1,2]},"c0"],["error",{"type":"unknownMethod"},"c1"],["Core/echo",{"b":2},"c2"],)"
      R"(["error",{"type":"invalidResultReference","description":"that response is error"},"c3"]])");
}

TEST_F(JmapServer, WhatIsWrongWithTheWholeRequest) {
  EXPECT_THAT(post("{"), HasSubstr("urn:ietf:params:jmap:error:notJSON"));
  EXPECT_THAT(post("{}", "text/plain"), HasSubstr("urn:ietf:params:jmap:error:notJSON"));
  EXPECT_THAT(post("{}"), HasSubstr("urn:ietf:params:jmap:error:notRequest"));
  const std::string unknown = post(R"({"using":["urn:x"],"methodCalls":[]})");
  EXPECT_THAT(unknown, StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(unknown, HasSubstr("Content-Type: application/problem+json\r\n"));
  EXPECT_THAT(unknown, HasSubstr("urn:ietf:params:jmap:error:unknownCapability"));
  const std::string large =
      say("POST /jmap/api HTTP/1.1\r\nHost: x\r\nAuthorization: " + kAlice +
          "\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 10000001\r\n\r\n");
  EXPECT_THAT(large, HasSubstr(R"("limit":"maxSizeRequest")"));
}

TEST_F(JmapServer, AMethodIsKnownWithItsCapabilityOnly) {
  const std::string reply = post(R"({"using":[],"methodCalls":[["Core/echo",{},"c"]]})");
  EXPECT_THAT(reply, HasSubstr(R"(["error",{"type":"unknownMethod"},"c"])"));
}

TEST_F(JmapServer, CreatedIdsComeBack) {
  const std::string with = post(R"({"using":[],"methodCalls":[],"createdIds":{"k":"M1"}})");
  EXPECT_THAT(with, HasSubstr(R"("createdIds":{"k":"M1"})"));
  EXPECT_THAT(post(R"({"using":[],"methodCalls":[]})"), Not(HasSubstr("createdIds")));
}

// ---- octets that go up and down by themselves (RFC 8620 section 6)

class JmapBlobs : public JmapServer {
 protected:
  JmapBlobs() {
    for (const store::AccountId account : {1, 2}) EXPECT_TRUE(executor_.run(store_.create_account(account)));
  }
  std::string upload(const std::string& octets, const std::string& type, const std::string& account = "A1",
                     const std::string& authorization = kAlice) {
    return say(
        fmt::format("POST /jmap/upload/{}/ HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nContent-Type: {}\r\n"
                    "Content-Length: {}\r\n\r\n{}",
                    account, authorization, type, octets.size(), octets));
  }
  std::string blob_of(const std::string& reply) {
    EXPECT_THAT(reply, StartsWith("HTTP/1.1 201 "));
    return std::string(json::parse(body(reply)).at("blobId").as_string());
  }
  std::string download(const std::string& path, const std::string& more = "",
                       const std::string& authorization = kAlice, const std::string& method = "GET") {
    return say(method + " /jmap/download/" + path +
               " HTTP/1.1\r\nHost: x\r\nAuthorization: " + authorization + "\r\n" + more + "\r\n");
  }
};

TEST_F(JmapBlobs, UpAndDown) {
  const std::string reply = upload("hello", "text/html");
  const json::value made = json::parse(body(reply));
  EXPECT_EQ(made.at("accountId"), "A1");
  EXPECT_EQ(made.at("type"), "text/html");
  EXPECT_EQ(made.at("size"), 5);
  const std::string blob = blob_of(reply);
  const std::string down = download("A1/" + blob + "/a%20b.html?type=text%2Fplain");
  EXPECT_THAT(down, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(down, HasSubstr("Content-Type: text/plain\r\n"));
  EXPECT_THAT(
      down,
      HasSubstr("Content-Disposition: attachment; filename=\"a b.html\"; filename*=utf-8''a%20b.html\r\n"));
  EXPECT_THAT(down, HasSubstr("Cache-Control: private, immutable, max-age="));
  EXPECT_THAT(down, HasSubstr("X-Content-Type-Options: nosniff\r\n"));
  EXPECT_THAT(down, HasSubstr("Content-Security-Policy: sandbox; default-src 'none'\r\n"));
  EXPECT_EQ(body(down), "hello");
  const std::string head = download("A1/" + blob + "/x", "", kAlice, "HEAD");
  EXPECT_THAT(head, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_EQ(body(head), "");
  const std::string same = download("A1/" + blob + "/x", "If-None-Match: \"other\", \"" + blob + "\"\r\n");
  EXPECT_THAT(same, StartsWith("HTTP/1.1 304 "));
  EXPECT_THAT(same, HasSubstr("ETag: \"" + blob + "\"\r\n"));
}

TEST_F(JmapBlobs, Ranges) {
  const std::string blob = blob_of(upload("0123456789", "text/plain"));
  const auto range = [&](const std::string& field) {
    return download("A1/" + blob + "/x", "Range: " + field + "\r\n");
  };
  EXPECT_THAT(range("bytes=2-4"), StartsWith("HTTP/1.1 206 "));
  EXPECT_THAT(range("bytes=2-4"), HasSubstr("Content-Range: bytes 2-4/10\r\n"));
  EXPECT_EQ(body(range("bytes=2-4")), "234");
  EXPECT_EQ(body(range("bytes=7-")), "789");
  EXPECT_EQ(body(range("bytes=-3")), "789");
  EXPECT_EQ(body(range("bytes=-30")), "0123456789");
  EXPECT_THAT(range("bytes=10-"), StartsWith("HTTP/1.1 416 "));
  EXPECT_THAT(range("bytes=-0"), StartsWith("HTTP/1.1 416 "));
  const std::string head = download("A1/" + blob + "/x", "Range: bytes=2-4\r\n", kAlice, "HEAD");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200 "));  // RFC 9110 section 14.2: of GET alone
  for (const char* all : {"bytes=4-2", "bytes=a-b", "bytes=-", "lines=1-2", "bytes=0-1,3-4"})
    EXPECT_THAT(range(all), StartsWith("HTTP/1.1 200 ")) << all;
}

TEST_F(JmapBlobs, EachHasHisOwn) {
  const std::string bob = "Basic " + base64_encode("bob:demo");
  const std::string blob = blob_of(upload("secret", "text/plain"));
  EXPECT_THAT(download("A1/" + blob + "/x", "", bob), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(download("A2/" + blob + "/x", "", bob), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(upload("x", "text/plain", "A1", bob), StartsWith("HTTP/1.1 404 "));
  const std::string text = "Subject: x\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n";
  test::deliver(executor_, *engine_, ids_, store_, 1, "INBOX", text, {}, clock_.now());
  const auto all = executor_.run(catalog_.refresh(1));
  ASSERT_TRUE(all);
  const auto ids = executor_.run(catalog_.all_ids(1));
  const std::string letter = "B" + format_email_id(ids->at(0)).substr(1);
  EXPECT_EQ(body(download("A1/" + letter + "/x")), text);
  EXPECT_EQ(body(download("A1/" + letter + "-1/x")), "hello");
  EXPECT_THAT(download("A1/" + letter + "-2/x"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(download("A2/" + letter + "/x", "", bob), StartsWith("HTTP/1.1 404 "));
}

TEST_F(JmapBlobs, NothingIsInjected) {
  const std::string blob = blob_of(upload("x", "text/plain"));
  for (const char* path : {"/a%0d%0aX-Evil:1", "/x?type=text/html%0d%0aX-Evil:1", "/%22%3b%20x=%22"})
    EXPECT_THAT(download("A1/" + blob + path), Not(HasSubstr("\r\nX-Evil"))) << path;
  for (const char* path : {"", "A1", "A1/", "A1/x/y", "A1/U/y", "A1/B0000000000000/y"})
    EXPECT_THAT(download(path), StartsWith("HTTP/1.1 404 ")) << path;
  EXPECT_THAT(say("GET /jmap/upload/A1 HTTP/1.1\r\nHost: x\r\nAuthorization: " + kAlice + "\r\n\r\n"),
              StartsWith("HTTP/1.1 405 "));
}

TEST_F(JmapBlobs, TooLarge) {
  const std::string reply = say("POST /jmap/upload/A1 HTTP/1.1\r\nHost: x\r\nAuthorization: " + kAlice +
                                "\r\nContent-Length: 50000001\r\n\r\n");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(reply, HasSubstr(R"("limit":"maxSizeUpload")"));
}

// ---- push (RFC 8620 section 7.3)

class JmapEvents : public JmapBlobs {
 protected:
  std::string listen(const std::string& query, const std::string& more = "") {
    return say("GET /jmap/events?" + query + " HTTP/1.1\r\nHost: x\r\nAuthorization: " + kAlice + "\r\n" +
               more + "\r\n");
  }
  std::string after_a_letter(store::AccountId account = 1) {
    test::deliver(executor_, *engine_, ids_, store_, account, "INBOX", "Subject: x\r\n\r\nx\r\n", {},
                  clock_.now());
    executor_.run();
    return client_->drain();
  }
};

TEST_F(JmapEvents, Changes) {
  const std::string head = listen("types=*&closeafter=no&ping=0");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"));
  EXPECT_EQ(body(head), "");
  EXPECT_EQ(after_a_letter(2), "");  // another's
  const std::string event = after_a_letter();
  EXPECT_THAT(event, StartsWith("event: state\nid: "));
  EXPECT_THAT(event, HasSubstr(R"("changed":{"A1":{"Email":")"));
  EXPECT_THAT(event, HasSubstr(R"("Thread":")"));
  EXPECT_THAT(event, HasSubstr(R"("Mailbox":")"));
  EXPECT_TRUE(event.ends_with("\n\n"));
  EXPECT_THAT(after_a_letter(), StartsWith("event: state\n"));
  // Who was away hears what happened meanwhile.
  const std::string id = event.substr(17, event.find('\n', 17) - 17);
  client_->close();
  executor_.run();
  client_.reset();
  EXPECT_THAT(body(listen("types=Email&closeafter=no&ping=0", "Last-Event-ID: " + id + "\r\n")),
              StartsWith("event: state\n"));
}

TEST_F(JmapEvents, OnlyWhatIsAskedFor) {
  listen("types=Mailbox,Other&closeafter=no&ping=0");
  const std::string event = after_a_letter();
  EXPECT_THAT(event, HasSubstr("Mailbox"));
  EXPECT_THAT(event, Not(HasSubstr("Email")));
  EXPECT_TRUE(executor_.run(store_.subscribe(1, "Sent", false)));
  executor_.run();
  EXPECT_THAT(client_->drain(), HasSubstr("Mailbox"));
}

TEST_F(JmapEvents, NothingOfOtherKinds) {
  listen("types=Thread&closeafter=no&ping=0");
  EXPECT_TRUE(executor_.run(store_.subscribe(1, "Sent", false)));
  executor_.run();
  EXPECT_EQ(client_->drain(), "");
}

TEST_F(JmapEvents, OneAndTheEnd) {
  listen("types=*&closeafter=state&ping=0");
  EXPECT_FALSE(client_->peer_closed());
  EXPECT_THAT(after_a_letter(), StartsWith("event: state\n"));
  EXPECT_TRUE(client_->peer_closed());
}

TEST_F(JmapEvents, Pings) {
  listen("types=*&closeafter=no&ping=5");
  clock_.advance(std::chrono::seconds(31));
  executor_.run();
  EXPECT_EQ(client_->drain(), "event: ping\ndata: {\"interval\":30}\n\n");
  clock_.advance(std::chrono::seconds(31));
  executor_.run();
  EXPECT_THAT(client_->drain(), StartsWith("event: ping\n"));
  accounts_.stands = false;  // locked out
  clock_.advance(std::chrono::seconds(31));
  executor_.run();
  EXPECT_EQ(client_->drain(), "");
  EXPECT_TRUE(client_->peer_closed());
}

TEST_F(JmapEvents, WrongVariables) {
  for (const char* query : {"", "types=*", "types=*&closeafter=no", "types=*&closeafter=maybe&ping=0",
                            "types=&closeafter=no&ping=0", "types=*&closeafter=no&ping=-1"})
    EXPECT_THAT(listen(query), StartsWith("HTTP/1.1 400 ")) << query;
}

// docs/jmap.md says which methods there are.
TEST(JmapTable, IsWhatThereIs) {
  namespace fs = std::filesystem;
  std::ifstream in(fs::path(__FILE__).parent_path().parent_path().parent_path().parent_path() / "docs" /
                   "jmap.md");
  std::vector<std::string> told, there;
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("| `")) continue;
    told.push_back(line.substr(3, line.find('`', 3) - 3));
    EXPECT_NE(find_method(told.back()), nullptr) << told.back();
  }
  for (const std::string_view name : method_names()) there.emplace_back(name);
  EXPECT_THAT(told, testing::UnorderedElementsAreArray(there));
  EXPECT_TRUE(std::ranges::is_sorted(there));
}

}  // namespace
}  // namespace posthouse::access::jmap
