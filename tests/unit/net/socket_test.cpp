// Sockets over the loopback interface and on local paths.
#include "net/socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <future>

#include "net/run_blocking.h"
#include "unit/net/net_fixture.h"

namespace posthouse::net {
namespace {

using namespace testing_net;
using testing::HasSubstr;

Task<void> talk() {
  TcpPair pair = co_await tcp_pair();
  EXPECT_EQ(pair.client->peer(), pair.server->local());
  EXPECT_EQ(pair.client->local(), pair.server->peer());
  EXPECT_FALSE(pair.client->tls().active);

  const Result<void> sent = co_await pair.client->write_all("EHLO there\r\n");
  EXPECT_TRUE(sent.has_value());
  const Result<void> readable = co_await pair.server->wait_readable();
  EXPECT_TRUE(readable.has_value());
  const std::string first = co_await read_exactly(*pair.server, 5);
  EXPECT_EQ(first, "EHLO ");
  const std::string rest = co_await read_exactly(*pair.server, 7);
  EXPECT_EQ(rest, "there\r\n");

  pair.client->close();
  char byte = 0;
  const Result<size_t> end = co_await pair.server->read_some({&byte, 1});
  EXPECT_TRUE(end.has_value());
  EXPECT_EQ(end.value_or(1), 0u);
  const Result<size_t> closed = co_await pair.client->read_some({&byte, 1});
  EXPECT_EQ(closed.error().kind, FaultKind::closed);
}

TEST(Socket, CarriesBytesBothWaysAndTheEnd) {
  run_blocking(talk());
}

Task<void> send_then_close(Stream& stream, std::string bytes) {
  const Result<void> sent = co_await stream.write_all(bytes);
  EXPECT_TRUE(sent.has_value());
  stream.close();
}

Task<void> transfer() {
  std::string bytes(8 << 20, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 31 >> 3);
  TcpPair pair = co_await tcp_pair();
  spawn(send_then_close(*pair.client, bytes));  // must wait for the reader again and again
  const std::string got = co_await read_to_end(*pair.server);
  EXPECT_TRUE(got == bytes);
}

TEST(Socket, WritesWaitForASlowReader) {
  run_blocking(transfer());
}

Task<void> expire() {
  TcpPair pair = co_await tcp_pair();
  pair.server->set_deadline(system_clock().steady() + milliseconds(100));
  char byte = 0;
  const SteadyTime begin = system_clock().steady();
  const Result<size_t> late = co_await pair.server->read_some({&byte, 1});
  EXPECT_FALSE(late.has_value());
  EXPECT_EQ(late.error().kind, FaultKind::timeout);
  EXPECT_GE(system_clock().steady() - begin, milliseconds(100));
  const Result<void> still = co_await pair.server->wait_readable();
  EXPECT_EQ(still.error().kind, FaultKind::timeout);

  pair.server->set_deadline(in_seconds(5));  // to say goodbye
  const Result<void> sent = co_await pair.server->write_all("421 too slow\r\n");
  EXPECT_TRUE(sent.has_value());
  pair.server->close();
  const std::string words = co_await read_to_end(*pair.client);
  EXPECT_EQ(words, "421 too slow\r\n");
}

TEST(Socket, DeadlineEndsAReadAndLeavesRoomForAGoodbye) {
  run_blocking(expire());
}

Task<void> expire_write() {
  TcpPair pair = co_await tcp_pair();
  pair.server->set_deadline(system_clock().steady() + milliseconds(100));
  const std::string flood(64 << 20, 'x');
  const Result<void> stuck = co_await pair.server->write_all(flood);
  EXPECT_EQ(stuck.error().kind, FaultKind::timeout);
  pair.server->set_deadline(in_seconds(5));
  const Result<void> after = co_await pair.server->write_all("more");
  EXPECT_EQ(after.error().kind, FaultKind::closed);  // half a reply went out
}

TEST(Socket, WriteThatTimedOutMidwayEndsTheConnection) {
  run_blocking(expire_write());
}

Task<Result<void>> wait_for_input(Stream& stream, std::promise<void>& waiting) {
  waiting.set_value();
  Result<void> readable = co_await stream.wait_readable();
  co_return readable;
}

Task<void> be_cancelled(std::promise<Stream*>& handed, std::promise<FaultKind>& outcome) {
  TcpPair pair = co_await tcp_pair();
  handed.set_value(pair.server.get());
  const Result<void> readable = co_await pair.server->wait_readable();
  const Result<void> again = co_await pair.server->wait_readable();
  EXPECT_FALSE(again.has_value());
  const Result<void> goodbye = co_await pair.server->write_all("421 closing\r\n");  // fits, so it goes out
  EXPECT_TRUE(goodbye.has_value());
  pair.server->close();
  const std::string words = co_await read_to_end(*pair.client);
  EXPECT_EQ(words, "421 closing\r\n");
  outcome.set_value(readable ? FaultKind::io : readable.error().kind);
}

TEST(Socket, IsCancelledFromAnotherThread) {
  for (int round = 0; round < 20; ++round) {  // before, while and after it begins to wait
    std::promise<Stream*> handed;
    std::promise<FaultKind> outcome;
    auto kind = outcome.get_future();
    LoopThread on;
    on.loop().post([&] { spawn(be_cancelled(handed, outcome)); });
    handed.get_future().get()->cancel();
    ASSERT_EQ(kind.wait_for(seconds(20)), std::future_status::ready);
    EXPECT_EQ(kind.get(), FaultKind::closed);
  }
}

Task<void> wait_forever(std::promise<void>& waiting, std::promise<FaultKind>& outcome) {
  TcpPair pair = co_await tcp_pair();
  pair.server->set_deadline(SteadyTime::max());
  const Result<void> readable = co_await wait_for_input(*pair.server, waiting);
  outcome.set_value(readable.error().kind);
}

TEST(Socket, WaitersHearOfTheLoopsEnd) {
  std::promise<void> waiting;
  std::promise<FaultKind> outcome;
  {
    LoopThread on;
    on.loop().post([&] { spawn(wait_forever(waiting, outcome)); });
    waiting.get_future().wait();
  }
  EXPECT_EQ(outcome.get_future().get(), FaultKind::closed);
}

Task<void> swallow(Stream& stream, size_t& total) {
  char chunk[512];
  for (;;) {
    const Result<size_t> got = co_await stream.read_some(chunk);
    if (!got || *got == 0) co_return;
    total += *got;
  }
}

Task<size_t> swallow_while_sleeping() {
  auto socket = ListenSocket::bind_tcp(kLoopback, false);
  Arrivals arrivals;
  const Acceptor acceptor(this_loop(), *socket, arrivals.sink());
  std::atomic<bool> enough{false};
  std::thread hose([to = socket->local(), &enough] {
    RawClient client(to);
    const std::string water(1 << 20, 'w');
    while (!enough) client.send(water);
  });
  Arrivals::Awaiter next = arrivals.next();
  const std::unique_ptr<Stream> stream = co_await next;
  size_t total = 0;
  spawn(swallow(*stream, total));
  for (int i = 0; i < 50; ++i) {
    const Result<void> slept = co_await this_loop().sleep(milliseconds(1));
    EXPECT_TRUE(slept.has_value());
  }
  enough = true;
  stream->close();  // the reader ends with it at the next turn, and the hose breaks
  hose.join();
  const Result<void> slept = co_await this_loop().sleep(milliseconds(1));
  EXPECT_TRUE(slept.has_value());
  co_return total;
}

TEST(Socket, APeerThatNeverStopsSendingDoesNotStarveTheLoop) {
  EXPECT_GT(run_blocking(swallow_while_sleeping()), 0u);
}

constexpr int kLetters = 25;
constexpr milliseconds kDelayedAck{40};

Task<milliseconds> take_letters_in_two_parts() {
  auto socket = ListenSocket::bind_tcp(kLoopback, false);
  Arrivals arrivals;
  const Acceptor acceptor(this_loop(), *socket, arrivals.sink());
  std::thread sender([to = socket->local()] {
    RawClient client(to);  // with Nagle's algorithm, as sockets are made
    for (int i = 0; i < kLetters; ++i) {
      client.send(std::string(1000, 'x'));
      client.send(".");
      client.receive(2);
    }
  });
  Arrivals::Awaiter next = arrivals.next();
  const std::unique_ptr<Stream> stream = co_await next;
  stream->set_deadline(in_seconds(20));
  const SteadyTime begin = system_clock().steady();
  for (int i = 0; i < kLetters; ++i) {
    const std::string letter = co_await read_exactly(*stream, 1001);
    EXPECT_EQ(letter.back(), '.');
    const Result<void> answered = co_await stream->write_all("ok");
    EXPECT_TRUE(answered.has_value());
  }
  const auto took = std::chrono::duration_cast<milliseconds>(system_clock().steady() - begin);
  sender.join();
  co_return took;
}

TEST(Socket, TheEndOfALetterDoesNotWaitForADelayedAcknowledgement) {
  EXPECT_LT(run_blocking(take_letters_in_two_parts()), kLetters * kDelayedAck / 2);
}

Task<Result<std::unique_ptr<Stream>>> connect_to(Endpoint to, seconds patience) {
  auto stream = co_await connect_tcp(to, system_clock().steady() + patience);
  co_return stream;
}

TEST(Socket, ConnectSaysWhyItFailed) {
  Endpoint nobody;
  {
    auto socket = ListenSocket::bind_tcp(kLoopback, false);
    ASSERT_TRUE(socket.has_value());
    nobody = socket->local();
  }
  const auto refused = run_blocking(connect_to(nobody, seconds(5)));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, FaultKind::temporary);
  EXPECT_THAT(refused.error().what, HasSubstr(nobody.to_string()));
  EXPECT_THAT(refused.error().what, HasSubstr("refused"));
}

Task<FaultKind> connect_until_it_fails(Endpoint to) {
  std::vector<std::unique_ptr<Stream>> held;
  for (int i = 0; i < 8; ++i) {
    auto stream = co_await connect_tcp(to, system_clock().steady() + seconds(1));
    if (!stream) co_return stream.error().kind;
    held.push_back(std::move(*stream));
  }
  co_return FaultKind::exists;
}

TEST(Socket, ConnectGivesUpAtItsDeadline) {
  auto socket = ListenSocket::bind_tcp(kLoopback, false);
  ASSERT_TRUE(socket.has_value());
  listen(socket->fd(), 0);  // nobody accepts: the queue is full after one or two
  EXPECT_EQ(run_blocking(connect_until_it_fails(socket->local())), FaultKind::timeout);
}

TEST(ListenSocket, SaysWhoHoldsThePort) {
  auto first = ListenSocket::bind_tcp(kLoopback, false);
  ASSERT_TRUE(first.has_value());
  const auto second = ListenSocket::bind_tcp(first->local(), false);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().kind, FaultKind::exists);
  EXPECT_THAT(second.error().what, HasSubstr("port " + std::to_string(first->local().port)));
  EXPECT_THAT(second.error().what, HasSubstr("(pid " + std::to_string(getpid()) + ")"));
}

TEST(ListenSocket, SharesAPortOnRequest) {
  auto first = ListenSocket::bind_tcp(kLoopback, true);
  ASSERT_TRUE(first.has_value());
  EXPECT_TRUE(ListenSocket::bind_tcp(first->local(), true).has_value());
}

int option(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(getsockopt(fd, level, name, &value, &size), 0);
  return value;
}

// As a service manager makes it: nothing is set that it was not told of.
Result<ListenSocket> adopted_ipv6(int v6only) {
  const int fd = ::socket(AF_INET6, SOCK_STREAM, 0);
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  EXPECT_EQ(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof v6only), 0);
  EXPECT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof any), 0);
  EXPECT_EQ(listen(fd, 1), 0);
  return ListenSocket::adopt(fd);
}

TEST(ListenSocket, ConnectionsOfAnAdoptedOneAreLikeThoseOfOurOwn) {
  const auto own = ListenSocket::bind_tcp(kLoopback, false);
  const auto adopted = adopted_ipv6(1);
  ASSERT_TRUE(own.has_value() && adopted.has_value());
  for (const int fd : {own->fd(), adopted->fd()}) {
    EXPECT_EQ(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
  }
}

TEST(ListenSocket, NoticesGonePeersWithinAMinuteIfAsked) {
  auto socket = ListenSocket::bind_tcp(kLoopback, false);
  ASSERT_TRUE(socket.has_value());
  socket->notice_gone_peers_soon();
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  at.sin_port = htons(socket->local().port);
  ASSERT_EQ(connect(client, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  const int server = accept4(socket->fd(), nullptr, nullptr, SOCK_CLOEXEC);
  ASSERT_GE(server, 0);
  EXPECT_EQ(option(server, SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_LE(option(server, IPPROTO_TCP, TCP_KEEPIDLE) +
                option(server, IPPROTO_TCP, TCP_KEEPINTVL) * option(server, IPPROTO_TCP, TCP_KEEPCNT),
            60);
  close(server);
  close(client);
}

TEST(ListenSocket, KnowsWhetherAnAdoptedOneTakesBothFamilies) {
  const auto both = adopted_ipv6(0), six = adopted_ipv6(1);
  ASSERT_TRUE(both.has_value() && six.has_value());
  EXPECT_TRUE(both->dual_stack());
  EXPECT_FALSE(six->dual_stack());
}

TEST(ListenSocket, AdoptsOnlyListeners) {
  auto socket = ListenSocket::bind_tcp(kLoopback, false);
  ASSERT_TRUE(socket.has_value());
  const auto adopted = ListenSocket::adopt(dup(socket->fd()));
  ASSERT_TRUE(adopted.has_value());
  EXPECT_EQ(adopted->local(), socket->local());
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_FALSE(ListenSocket::adopt(ends[0]).has_value());
  ::close(ends[0]);
  ::close(ends[1]);
}

class UnixSocket : public testing::Test {
 protected:
  UnixSocket() {
    char name[] = "/tmp/posthouse-unix-XXXXXX";
    folder_ = mkdtemp(name);
  }
  ~UnixSocket() override { std::filesystem::remove_all(folder_); }
  std::string path() const { return folder_ + "/s"; }
  std::string folder_;
};

Task<void> talk_locally(std::string path, ListenSocket& socket) {
  Arrivals arrivals;
  const Acceptor acceptor(this_loop(), socket, arrivals.sink());
  auto client = co_await connect_unix(path, in_seconds(5));
  EXPECT_TRUE(client.has_value());
  Arrivals::Awaiter next = arrivals.next();
  std::unique_ptr<Stream> server = co_await next;
  EXPECT_TRUE(server->peer().ip.is_loopback());
  const Result<void> sent = co_await (*client)->write_all("LHLO\r\n");
  EXPECT_TRUE(sent.has_value());
  (*client)->close();
  const std::string got = co_await read_to_end(*server);
  EXPECT_EQ(got, "LHLO\r\n");
}

TEST_F(UnixSocket, CarriesBytesWithTheGivenMode) {
  auto socket = ListenSocket::bind_unix(path(), 0660);
  ASSERT_TRUE(socket.has_value()) << socket.error().what;
  struct stat info{};
  ASSERT_EQ(stat(path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0660u);
  run_blocking(talk_locally(path(), *socket));
}

TEST_F(UnixSocket, ReplacesAStaleFileButNotALiveOne) {
  {
    EXPECT_TRUE(ListenSocket::bind_unix(path(), 0600).has_value());
  }
  auto again = ListenSocket::bind_unix(path(), 0600);  // the file of a listener that went
  ASSERT_TRUE(again.has_value()) << again.error().what;
  const auto third = ListenSocket::bind_unix(path(), 0600);
  ASSERT_FALSE(third.has_value());
  EXPECT_EQ(third.error().kind, FaultKind::exists);
  FILE* const file = fopen((folder_ + "/file").c_str(), "w");
  fclose(file);
  EXPECT_FALSE(ListenSocket::bind_unix(folder_ + "/file", 0600).has_value());
  EXPECT_FALSE(ListenSocket::bind_unix(folder_ + "/" + std::string(200, 'p'), 0600).has_value());
}

// --- running out of descriptors, in a child process ---

Task<void> greet(std::unique_ptr<Stream> stream) {
  const Result<void> sent = co_await stream->write_all("hello\n");
  const Result<void> ended = co_await stream->wait_readable();
  static_cast<void>(sent);
  static_cast<void>(ended);
}

[[noreturn]] void run_starved(ListenSocket& socket) {
  Loop loop;
  auto acceptor = std::make_unique<Acceptor>(
      loop, socket, [](std::unique_ptr<Stream> stream) { spawn(greet(std::move(stream))); }, "busy\n");
  const int next_free = dup(0);
  ::close(next_free);
  const rlimit few{static_cast<rlim_t>(next_free + 4), static_cast<rlim_t>(next_free + 4)};
  setrlimit(RLIMIT_NOFILE, &few);
  loop.run();
  _exit(0);
}

double cpu_seconds_of_children() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

TEST(Acceptor, TurnsAwayWhenDescriptorsRunOutAndRecovers) {
  auto socket = ListenSocket::bind_tcp(kLoopback, false);
  ASSERT_TRUE(socket.has_value());
  const double before = cpu_seconds_of_children();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) run_starved(*socket);

  std::vector<std::unique_ptr<RawClient>> served;
  int turned_away = 0;
  for (int i = 0; i < 10; ++i) {
    auto client = std::make_unique<RawClient>(socket->local());
    const std::string word = client->receive(5);
    if (word == "busy\n") {
      ++turned_away;
      EXPECT_EQ(client->receive_all(), "");  // and closed
    } else {
      EXPECT_EQ(word, "hello");
      served.push_back(std::move(client));
    }
  }
  EXPECT_GE(served.size(), 2u);
  EXPECT_GE(turned_away, 5);

  served.clear();
  std::string word;
  for (int i = 0; i < 20 && word != "hello"; ++i) word = RawClient(socket->local()).receive(5);
  EXPECT_EQ(word, "hello");

  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_LT(cpu_seconds_of_children() - before, 1.0);  // it waited, it did not spin
}

[[noreturn]] void run_short_of_descriptors(ListenSocket& socket, ListenSocket& mending) {
  const rlimit few{128, 128};
  setrlimit(RLIMIT_NOFILE, &few);
  Loop loop;
  const auto begin = [](std::unique_ptr<Stream> stream) { spawn(greet(std::move(stream))); };
  const Acceptor many(loop, socket, begin, "busy\n");
  const Acceptor last(loop, mending, begin, "busy\n", nullptr, Acceptor::Descriptors::take_all);
  loop.run();
  _exit(0);
}

TEST(Acceptor, SomeDescriptorsAreLeftToThoseWhoMendThings) {
  auto socket = ListenSocket::bind_tcp(kLoopback, false);
  auto mending = ListenSocket::bind_tcp(kLoopback, false);
  ASSERT_TRUE(socket.has_value() && mending.has_value());
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) run_short_of_descriptors(*socket, *mending);
  std::vector<std::unique_ptr<RawClient>> served;
  std::string word = "hello";
  while (word == "hello" && served.size() < 128) {
    served.push_back(std::make_unique<RawClient>(socket->local()));
    word = served.back()->receive(5);
  }
  EXPECT_EQ(word, "busy\n");
  EXPECT_EQ(RawClient(mending->local()).receive(5), "hello");
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

// --- handing connections to other loops ---

TEST(Acceptor, HandsConnectionsToTheLoopsItIsTold) {
  auto socket = ListenSocket::bind_tcp(kLoopback, false);
  ASSERT_TRUE(socket.has_value());
  LoopThread others[2];
  auto accepting = std::make_unique<LoopThread>();
  size_t next = 0;
  auto name_of_loop = [&](std::unique_ptr<Stream> stream) {
    Loop* here = &this_loop();
    std::string name = here == &others[0].loop() ? "0" : here == &others[1].loop() ? "1" : "?";
    spawn([](std::unique_ptr<Stream> on, std::string text) -> Task<void> {
      const Result<void> sent = co_await on->write_all(text);
      static_cast<void>(sent);
    }(std::move(stream), std::move(name)));
  };
  auto choose = [&]() -> Loop& { return others[next++ % 2].loop(); };
  auto acceptor = std::make_unique<Acceptor>(accepting->loop(), *socket, name_of_loop, "", choose);
  std::string all;
  for (int i = 0; i < 6; ++i) all += RawClient(socket->local()).receive(1);
  EXPECT_EQ(all, "010101");
  accepting.reset();  // before the acceptor
}

TEST(Acceptor, AConnectionGivenToALoopThatEndedIsClosed) {
  auto socket = ListenSocket::bind_tcp(kLoopback, false);
  ASSERT_TRUE(socket.has_value());
  auto accepting = std::make_unique<LoopThread>();
  auto ended = std::make_unique<Loop>();  // never runs
  std::atomic<bool> chosen{false};
  auto acceptor = std::make_unique<Acceptor>(
      accepting->loop(), *socket, [](std::unique_ptr<Stream>) { FAIL() << "nobody runs that loop"; }, "",
      [&]() -> Loop& {
        chosen = true;
        return *ended;
      });
  RawClient client(socket->local());
  while (!chosen) std::this_thread::yield();
  accepting.reset();  // before the acceptor
  acceptor.reset();
  ended.reset();
  EXPECT_EQ(client.receive_all(), "");
}

}  // namespace
}  // namespace posthouse::net
