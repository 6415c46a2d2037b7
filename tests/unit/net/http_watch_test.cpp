// The operators' HTTP server, and noticing changed files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "net/file_watch.h"
#include "net/http_server.h"
#include "unit/net/net_fixture.h"

namespace posthouse::net {
namespace {

using namespace testing_net;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class HttpTest : public testing::Test {
 protected:
  HttpTest() : socket_(ListenSocket::bind_tcp(kLoopback, false).value()) {
    server_ = make_http_server(on_.loop(), socket_, [](const HttpRequest& request) {
      HttpReply reply;
      reply.status = request.path == "/healthz" ? 200 : 404;
      reply.body = request.path + "|" + request.query + "|" + request.peer.ip.to_string();
      return reply;
    });
  }
  ~HttpTest() override {
    std::promise<void> gone;
    on_.loop().post([&] {
      server_.reset();
      gone.set_value();
    });
    gone.get_future().wait();
  }
  std::string ask(std::string_view request) {
    RawClient client(socket_.local());
    client.send(request);
    return client.receive_all();
  }

  ListenSocket socket_;
  LoopThread on_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpTest, AnswersGetAndHead) {
  const std::string got = ask("GET /healthz?full=1 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(got, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(got, HasSubstr("Content-Length: 25\r\n"));
  EXPECT_THAT(got, EndsWith("\r\n\r\n/healthz|full=1|127.0.0.1"));
  const std::string head = ask("HEAD /other HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_THAT(head, EndsWith("\r\n\r\n"));
}

TEST_F(HttpTest, TakesARequestByteByByte) {
  RawClient client(socket_.local());
  for (const char c : std::string_view("GET /healthz HTTP/1.0\r\n\r\n")) client.send({&c, 1});
  EXPECT_THAT(client.receive_all(), EndsWith("/healthz||127.0.0.1"));
}

TEST_F(HttpTest, RefusesEverythingElse) {
  EXPECT_THAT(ask("POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"),
              StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(ask("EHLO there\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(ask("GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(ask("GET / HTTP/1.1\r\nX: " + std::string(20'000, 'a') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431 "));
}

class FileWatchTest : public testing::Test {
 protected:
  FileWatchTest() {
    char name[] = "/tmp/posthouse-watch-XXXXXX";
    folder_ = mkdtemp(name);
  }
  ~FileWatchTest() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
  }

  std::filesystem::path folder_;
};

TEST_F(FileWatchTest, CallsOnceForChangesThatComeTogether) {
  write("key.pem", "old");
  Loop loop;
  int calls = 0;
  std::string seen;
  const FileWatch watch(loop, {folder_ / "cert.pem", folder_ / "key.pem"}, [&] {
    ++calls;
    std::ifstream file(folder_ / "cert.pem");
    std::getline(file, seen);
    loop.stop();
  });
  loop.post([&] {
    write("unrelated", "x");
    write("key.pem", "new");
    write("new.pem", "renewed");
    std::filesystem::rename(folder_ / "new.pem", folder_ / "cert.pem");
  });
  loop.run();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(seen, "renewed");
}

TEST_F(FileWatchTest, FollowsALinkToItsFolder) {
  std::filesystem::create_directory(folder_ / "live");
  write("live/real.pem", "old");
  std::filesystem::create_symlink(folder_ / "live/real.pem", folder_ / "cert.pem");
  Loop loop;
  int calls = 0;
  const FileWatch watch(loop, {folder_ / "cert.pem"}, [&] {
    ++calls;
    loop.stop();
  });
  loop.post([&] { write("live/real.pem", "new"); });
  loop.run();
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace posthouse::net
