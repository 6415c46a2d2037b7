// HTTP/1.1 on the server's side: requests one after another, content and replies in parts, and what is
// refused.
#include "net/http_exchange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "support/fake_clock.h"
#include "support/manual_executor.h"
#include "support/memory_stream.h"

namespace posthouse::net {
namespace {

using test::MemoryStream;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// "/echo" gives the content back, "/small" takes 10 octets of it, "/stream" sends three parts, "/length"
// fewer octets than it told, "/text" 100 KiB, "/throw" throws, "/silent" forgets to answer.
Task<void> echo(HttpExchange& exchange) {
  const bool small = exchange.request().path == "/small";
  auto content = co_await exchange.read_all(small ? 10 : 1 << 20);
  HttpReply reply;
  if (content) {
    reply.body = exchange.request().method + " " + exchange.request().query + " " + *content;
  } else {
    reply = plain_http_reply(content.error().kind == FaultKind::over_quota ? 413 : 400);
  }
  auto sent = co_await exchange.reply(std::move(reply));
  static_cast<void>(sent);
}

Task<void> send_parts(HttpExchange& exchange, std::optional<uint64_t> length) {
  HttpReply head;
  auto sent = co_await exchange.begin(std::move(head), length);
  for (const char* part : {"one ", "two ", "three"}) sent = co_await exchange.write(part);
  sent = co_await exchange.end();
  static_cast<void>(sent);
}

std::string long_text() {
  std::string text;
  while (text.size() < 100 * 1024) text += fmt::format("line {}\n", text.size());
  return text;
}

Task<void> handle(HttpExchange& exchange) {
  const std::string& path = exchange.request().path;
  if (path == "/echo" || path == "/small") co_return co_await echo(exchange);
  if (path == "/stream") co_return co_await send_parts(exchange, std::nullopt);
  if (path == "/length") co_return co_await send_parts(exchange, 1000);
  if (path == "/throw") throw std::runtime_error("as asked");
  if (path == "/silent") co_return;
  HttpReply reply;
  if (path == "/text") reply.body = long_text();
  if (path == "/ignore") reply.body = "did not read";
  auto sent = co_await exchange.reply(std::move(reply));
  static_cast<void>(sent);
}

class Http : public testing::Test {
 protected:
  Http() { options_.clock = &clock_; }
  ~Http() override {
    if (client_) client_->close();
    executor_.run();
  }

  void open() {
    auto pair = MemoryStream::make_pair(&clock_);
    client_ = std::move(pair.client);
    executor_.start(serve_http(std::move(pair.server), options_, handle));
  }
  std::string say(std::string_view octets) {
    if (!client_) open();
    client_->push(octets);
    executor_.run();
    return client_->drain();
  }
  bool ended() const { return client_->peer_closed(); }
  void advance(seconds time) {
    clock_.advance(time);
    executor_.run();
  }

  test::FakeClock clock_;
  test::ManualExecutor executor_;
  HttpOptions options_;
  std::unique_ptr<MemoryStream> client_;
};

std::string body_of(const std::string& reply) {
  return reply.substr(reply.find("\r\n\r\n") + 4);
}

TEST_F(Http, OneRequestAfterAnother) {
  EXPECT_THAT(say("GET /echo?a=1 HTTP/1.1\r\nHost: x\r\n\r\n"), EndsWith("\r\n\r\nGET a=1 "));
  EXPECT_FALSE(ended());
  const std::string got = say("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_THAT(got, StartsWith("HTTP/1.1 200 OK\r\nDate: "));
  EXPECT_THAT(got, HasSubstr("\r\nContent-Length: 11\r\n"));
  EXPECT_THAT(got, EndsWith("\r\n\r\nPOST  hello"));
  EXPECT_FALSE(ended());
}

TEST_F(Http, RequestsInOneSegmentAreAnsweredInOrder) {
  const std::string got = say(
      "POST /echo?1 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab\r\nGET /echo?2 HTTP/1.1\r\nHost: "
      "x\r\n\r\n"
      "GET /echo?3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nGET /echo?4 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_LT(got.find("POST 1 ab"), got.find("GET 2 "));
  EXPECT_LT(got.find("GET 2 "), got.find("GET 3 "));
  EXPECT_THAT(got, Not(HasSubstr("GET 4")));
  EXPECT_THAT(got, HasSubstr("Connection: close\r\n"));
  advance(seconds(3));
  EXPECT_TRUE(ended());
}

TEST_F(Http, OctetByOctet) {
  const std::string_view request =
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4;a=b\r\nwith\r\n1\r\n "
      "\r\n6\r\nchunks\r\n"
      "0\r\nTrailer: t\r\n\r\n";
  std::string got;
  for (const char c : request) got += say(std::string_view(&c, 1));
  EXPECT_THAT(got, EndsWith("POST  with chunks"));
  EXPECT_THAT(say("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"), EndsWith("GET  "));
}

TEST_F(Http, ContinueIsToldToWhoWaitsForIt) {
  const std::string head =
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
  EXPECT_EQ(say(head), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_THAT(say("ok"), EndsWith("POST  ok"));
  EXPECT_FALSE(ended());
}

TEST_F(Http, WhoIsRefusedBeforeItSendsIsNotToldToGoOn) {
  const std::string head =
      "POST /ignore HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
  const std::string got = say(head);
  EXPECT_THAT(got, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(got, HasSubstr("Connection: close\r\n"));  // whether the content comes now nobody knows
}

TEST_F(Http, TooMuchContentIsRefused) {
  EXPECT_THAT(say("POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nhello world"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_FALSE(ended());  // so little was passed over
  EXPECT_THAT(say("POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello "
                  "world\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(say("POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello worl"),
              EndsWith("hello worl"));
  const std::string got = say("POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\nhello");
  EXPECT_THAT(got, StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(got, HasSubstr("Connection: close\r\n"));
}

TEST_F(Http, ContentThatNobodyReadsIsPassedOver) {
  EXPECT_THAT(say("POST /ignore HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\nGET /evil HTTP/1.1\r\n"),
              EndsWith("did not read"));
  EXPECT_THAT(say("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"), EndsWith("GET  "));
}

TEST_F(Http, APartAtATime) {
  const std::string got = say("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(got, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_EQ(body_of(got), "4\r\none \r\n4\r\ntwo \r\n5\r\nthree\r\n0\r\n\r\n");
  EXPECT_THAT(say("HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n"), EndsWith("\r\n\r\n"));
  EXPECT_FALSE(ended());
  const std::string old = say("GET /stream HTTP/1.0\r\n\r\n");  // has no chunks
  EXPECT_EQ(body_of(old), "one two three");
  advance(seconds(3));
  EXPECT_TRUE(ended());
}

TEST_F(Http, AReplyThatFallsShortEndsTheConnection) {
  const std::string got = say("GET /length HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(got, HasSubstr("Content-Length: 1000\r\n"));
  EXPECT_TRUE(ended());
}

TEST_F(Http, AHandlerThatFailsIsAnswered500) {
  EXPECT_THAT(say("GET /throw HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 500 "));
  EXPECT_TRUE(ended());
  client_.reset();
  EXPECT_THAT(say("GET /silent HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 500 "));
}

std::string dechunked(std::string_view text) {
  std::string out;
  while (true) {
    const size_t end = text.find("\r\n");
    const size_t size = std::stoul(std::string(text.substr(0, end)), nullptr, 16);
    if (size == 0) return out;
    out += text.substr(end + 2, size);
    text.remove_prefix(end + 2 + size + 2);
  }
}

std::string unpacked(const std::string& text) {
  z_stream zip{};
  inflateInit2(&zip, 31);
  std::string out(1 << 20, '\0');
  zip.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  zip.avail_in = static_cast<uInt>(text.size());
  zip.next_out = reinterpret_cast<Bytef*>(out.data());
  zip.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&zip, Z_FINISH), Z_STREAM_END);
  out.resize(zip.total_out);
  inflateEnd(&zip);
  return out;
}

TEST_F(Http, BodiesArePackedForWhoTakesIt) {
  const std::string plain = say("GET /text HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip;q=0, br\r\n\r\n");
  EXPECT_EQ(body_of(plain), long_text());
  EXPECT_THAT(plain, HasSubstr("Vary: Accept-Encoding\r\n"));
  const std::string packed = say("GET /text HTTP/1.1\r\nHost: x\r\nAccept-Encoding: br, gzip;q=0.5\r\n\r\n");
  EXPECT_THAT(packed, HasSubstr("Content-Encoding: gzip\r\n"));
  EXPECT_LT(packed.size(), plain.size() / 3);
  EXPECT_EQ(unpacked(dechunked(body_of(packed))), long_text());
}

TEST_F(Http, WhatTwoProgramsCouldReadInTwoWaysIsRefused) {
  const struct {
    const char* request;
    const char* status;
  } cases[] = {
      {"GET / HTTP/1.1\r\n\r\n", "400"},                            // no Host
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},      //
      {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", "505"},                 //
      {"GET no-slash HTTP/1.1\r\nHost: a\r\n\r\n", "400"},          //
      {"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", "400"},              //
      {"G\x01T / HTTP/1.1\r\nHost: a\r\n\r\n", "400"},              //
      {"GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n", "400"},  //
      {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400"},                // a space before the colon
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400"},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", "400"},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na", "400"},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\na", "400"},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\na", "400"},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       "400"},
      {"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501"},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "501"},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", "400"},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n", "400"},
  };
  for (const auto& one : cases) {
    client_.reset();
    EXPECT_THAT(say(one.request), StartsWith(std::string("HTTP/1.1 ") + one.status)) << one.request;
    advance(seconds(3));
    EXPECT_TRUE(ended()) << one.request;
  }
}

TEST_F(Http, LimitsOfTheHeader) {
  const std::string field = "X-Field: " + std::string(20'000, 'x') + "\r\n";
  EXPECT_THAT(say("GET / HTTP/1.1\r\nHost: a\r\n" + field + "\r\n"), StartsWith("HTTP/1.1 431 "));
  client_.reset();
  EXPECT_THAT(say("GET /" + std::string(20'000, 'x')), StartsWith("HTTP/1.1 431 "));
  client_.reset();
  std::string many;
  for (int i = 0; i < 200; ++i) many += "A: b\r\n";
  EXPECT_THAT(say("GET / HTTP/1.1\r\nHost: a\r\n" + many + "\r\n"), StartsWith("HTTP/1.1 431 "));
}

TEST_F(Http, EndlessExtensionsOfChunks) {
  say("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;");
  std::string got;
  for (int i = 0; i < 40 && !ended(); ++i) got += say(std::string(1024, 'x'));
  EXPECT_THAT(got, StartsWith("HTTP/1.1 400 "));
}

TEST_F(Http, WhoSaysNothingIsLeft) {
  open();
  advance(seconds(9));
  EXPECT_FALSE(ended());
  advance(seconds(2));
  EXPECT_TRUE(ended());
  EXPECT_EQ(client_->drain(), "");
}

TEST_F(Http, AHeaderThatDripsIsLeft) {
  say("GET /ec");
  for (int i = 0; i < 12 && !ended(); ++i) {
    advance(seconds(1));
    say("x");
  }
  EXPECT_THAT(client_->drain(), testing::AnyOf("", StartsWith("HTTP/1.1 408 ")));
  advance(seconds(3));
  EXPECT_TRUE(ended());
}

TEST_F(Http, ContentThatDripsIsLeft) {
  say("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
  for (int i = 0; i < 60 && !ended(); ++i) {
    advance(seconds(1));
    say("x");
  }
  EXPECT_TRUE(ended());
}

// A handler that takes its time still gets its reply through; a client that reads nothing does not hold it
// for ever.
TEST_F(Http, AReplyHasItsTimeFromWhenItIsSent) {
  say("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na");
  advance(seconds(29));
  EXPECT_THAT(say("b"), EndsWith("POST  ab"));
  EXPECT_FALSE(ended());
  client_->set_capacity(100);
  client_->push("GET /text HTTP/1.1\r\nHost: x\r\n\r\n");
  executor_.run();
  EXPECT_FALSE(ended());
  advance(seconds(60));
  EXPECT_TRUE(ended());
}

TEST_F(Http, AFewRequestsAConnection) {
  options_.requests = 2;
  EXPECT_THAT(say("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"), Not(HasSubstr("Connection: close")));
  EXPECT_THAT(say("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"), HasSubstr("Connection: close"));
  advance(seconds(3));
  EXPECT_TRUE(ended());
}

TEST_F(Http, TheWholeUrlIsATargetToo) {
  EXPECT_THAT(say("GET http://x/echo?u HTTP/1.1\r\nHost: x\r\n\r\n"), EndsWith("GET u "));
  EXPECT_THAT(say("GET http://x?v HTTP/1.1\r\nHost: x\r\n\r\n"), HasSubstr("Content-Length: 0\r\n"));
}

TEST(HttpMessage, Dates) {
  EXPECT_EQ(http_date(SystemTime(seconds(784111777))), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(http_date(SystemTime(seconds(951782400))), "Tue, 29 Feb 2000 00:00:00 GMT");
}

TEST(HttpMessage, PercentDecoding) {
  EXPECT_EQ(percent_decoded("/a%20b%C3%a4"), "/a b\xc3\xa4");
  EXPECT_EQ(percent_decoded("%2"), std::nullopt);
  EXPECT_EQ(percent_decoded("%zz"), std::nullopt);
  EXPECT_EQ(percent_decoded("%0d%0a"), std::nullopt);
  EXPECT_EQ(percent_decoded("%00"), std::nullopt);
}

}  // namespace
}  // namespace posthouse::net
