// COMPRESS=DEFLATE with a client that compresses (RFC 4978), and its end with UNAUTHENTICATE (RFC 8437
// section 3).
#include <gtest/gtest.h>
#include <malloc.h>
#include <zlib.h>

#include "imap_house.h"
#include "net/deflate_stream.h"

namespace posthouse::access::imap::test {
namespace {

class Zip {
 public:
  Zip() {
    EXPECT_EQ(inflateInit2(&in_, -15), Z_OK);
    EXPECT_EQ(deflateInit2(&out_, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
  }
  ~Zip() {
    inflateEnd(&in_);
    deflateEnd(&out_);
  }
  Zip(const Zip&) = delete;
  Zip& operator=(const Zip&) = delete;

  std::string deflated(std::string text, int flush = Z_SYNC_FLUSH) {
    std::string out(text.size() * 2 + 1000, ' ');
    out_.next_in = reinterpret_cast<Bytef*>(text.data());
    out_.avail_in = static_cast<uInt>(text.size());
    out_.next_out = reinterpret_cast<Bytef*>(out.data());
    out_.avail_out = static_cast<uInt>(out.size());
    deflate(&out_, flush);
    out.resize(out.size() - out_.avail_out);
    return out;
  }

  // `ended`: whether the compressed octets came to their end; what is behind it stays in `text`.
  std::string inflated(std::string& text, bool& ended) {
    std::string out(10'000'000, ' ');
    in_.next_in = reinterpret_cast<Bytef*>(text.data());
    in_.avail_in = static_cast<uInt>(text.size());
    in_.next_out = reinterpret_cast<Bytef*>(out.data());
    in_.avail_out = static_cast<uInt>(out.size());
    const int done = inflate(&in_, Z_SYNC_FLUSH);
    EXPECT_TRUE(done == Z_OK || done == Z_BUF_ERROR || done == Z_STREAM_END) << done;
    ended = done == Z_STREAM_END;
    text.erase(0, text.size() - in_.avail_in);
    out.resize(out.size() - in_.avail_out);
    return out;
  }

 private:
  z_stream in_{}, out_{};
};

class ImapCompress : public testing::TestWithParam<size_t> {
 protected:
  void SetUp() override {
    client_ = house_.login("alice", GetParam());
    EXPECT_EQ(client_->ask("c COMPRESS DEFLATE\r\n"), "c OK DEFLATE active\r\n");
  }
  std::string ask(const std::string& text) {
    std::string answer = client_->ask(zip_.deflated(text));
    bool ended = false;
    std::string out = zip_.inflated(answer, ended);
    EXPECT_EQ(answer, "");
    EXPECT_FALSE(ended);
    return out;
  }

  House house_;
  std::unique_ptr<Client> client_;
  Zip zip_;
};

TEST_P(ImapCompress, BothWays) {
  EXPECT_EQ(ask("a NOOP\r\n"), "a OK NOOP done\r\n");
  std::string letter = "Subject: long\r\n\r\n";
  for (int i = 0; i < 30'000; i++) letter += "line " + std::to_string(i * 7919 % 10'007) + "\r\n";
  const std::string size = std::to_string(letter.size());
  EXPECT_TRUE(ask("b APPEND INBOX {" + size + "+}\r\n" + letter + "\r\n").starts_with("b OK [APPENDUID"));
  EXPECT_NE(ask("d SELECT INBOX\r\n").find("\r\nd OK [READ-WRITE]"), std::string::npos);
  EXPECT_EQ(ask("e FETCH 1 BODY.PEEK[]\r\nf NOOP\r\n"),
            "* 1 FETCH (BODY[] {" + size + "}\r\n" + letter + ")\r\ne OK FETCH done\r\nf OK NOOP done\r\n");
  EXPECT_EQ(ask("g COMPRESS DEFLATE\r\n"), "g BAD Compression is active already\r\n");
  EXPECT_TRUE(ask("h IDLE\r\n").starts_with("+"));
  house_.deliver(1, "INBOX", "Subject: new\r\n\r\nx\r\n");
  EXPECT_EQ(ask(""), "* 2 EXISTS\r\n* 2 RECENT\r\n");
  EXPECT_EQ(ask("DONE\r\n"), "h OK IDLE done\r\n");
}

// Clients flush as they like, also after each octet and in part, which leaves some bits of a block for the
// next octet: a command is answered once its end was sent, and its answer can be read to its end.
TEST_P(ImapCompress, HoweverTheClientFlushes) {
  house_.deliver(1, "INBOX", "Subject: x\r\n\r\nbody\r\n");
  const char* const commands[] = {"CAPABILITY",
                                  "NOOP",
                                  "ID NIL",
                                  "NAMESPACE",
                                  "LIST \"\" *",
                                  "STATUS INBOX (MESSAGES)",
                                  "SELECT INBOX",
                                  "CHECK",
                                  "FETCH 1 (FLAGS BODY[])",
                                  "SEARCH ALL",
                                  "SORT (DATE) US-ASCII ALL",
                                  "THREAD REFERENCES US-ASCII ALL",
                                  "COPY 1 INBOX",
                                  "STORE 2 +FLAGS (\\Deleted)",
                                  "EXPUNGE",
                                  "APPEND INBOX {3}\r\nabc",
                                  "IDLE\r\nDONE",
                                  "CLOSE",
                                  "NONSENSE"};
  for (const int flush : {Z_PARTIAL_FLUSH, Z_SYNC_FLUSH, Z_FULL_FLUSH}) {
    for (const std::string command : commands) {
      std::string answer;
      bool ended = false;
      for (const char octet : "x " + command + "\r\n") {
        EXPECT_FALSE(answer.starts_with("x ")) << answer;
        std::string said = client_->ask(zip_.deflated(std::string(1, octet), flush));
        if (!said.empty()) answer += zip_.inflated(said, ended);
      }
      EXPECT_TRUE(answer.starts_with("x ") || answer.find("\nx ") != std::string::npos) << command << answer;
      EXPECT_TRUE(answer.ends_with("\r\n"));
    }
  }
}

TEST_P(ImapCompress, EndsWithTheLogin) {
  std::string answer = client_->ask(zip_.deflated("a UNAUTHENTICATE\r\n", Z_FINISH));
  bool ended = false;
  EXPECT_EQ(zip_.inflated(answer, ended), "a OK Logged out, log in again\r\n");
  EXPECT_TRUE(ended);
  EXPECT_EQ(answer, "");
  EXPECT_TRUE(client_->ask("b LOGIN bob demo\r\n").starts_with("b OK"));
  EXPECT_EQ(client_->ask("c COMPRESS DEFLATE\r\n"), "c OK DEFLATE active\r\n");
  Zip again;
  answer = client_->ask(again.deflated("d NOOP\r\n"));
  EXPECT_EQ(again.inflated(answer, ended), "d OK NOOP done\r\n");
}

// How clients may end their compressed octets: with a flush, with a final block, with both.
TEST_P(ImapCompress, EndsWithTheLoginHoweverTheClientEnds) {
  const std::string command = "a UNAUTHENTICATE\r\n";
  const std::string ends[] = {Zip().deflated(command),
                              Zip().deflated(command, Z_FULL_FLUSH),
                              Zip().deflated(command, Z_FINISH),
                              [&] {
                                Zip zip;
                                const std::string text = zip.deflated(command);
                                return text + zip.deflated("", Z_FINISH);
                              }(),
                              [&] {
                                Zip zip;
                                const std::string text = zip.deflated(command);
                                return text + zip.deflated("", Z_FULL_FLUSH);
                              }(),
                              [&] {  // octet by octet
                                Zip zip;
                                std::string text;
                                for (const char octet : command) text += zip.deflated(std::string(1, octet));
                                return text;
                              }(),
                              [&] {  // not compressed, in a block of its own (RFC 1951 section 3.2.4)
                                const auto size = static_cast<char>(command.size());
                                const std::string text = std::string(1, '\0') + size + '\0' +
                                                         static_cast<char>(~size) + '\xff' + command;
                                return text + std::string("\0\0\0\xff\xff", 5);
                              }()};
  for (const std::string& end : ends) {
    for (const bool at_once : {false, true}) {
      auto client = house_.login("alice", GetParam());
      EXPECT_EQ(client->ask("c COMPRESS DEFLATE\r\n"), "c OK DEFLATE active\r\n");
      const std::string plain = "d NOOP\r\n";
      std::string answer = client->ask(at_once ? end + plain : end);
      bool ended = false;
      EXPECT_EQ(Zip().inflated(answer, ended), "a OK Logged out, log in again\r\n");
      EXPECT_TRUE(ended);
      if (!at_once) {
        EXPECT_EQ(answer, "");
        answer = client->ask(plain);
      }
      EXPECT_EQ(answer, "d OK NOOP done\r\n");
      EXPECT_TRUE(client->ask("b LOGIN bob demo\r\n").starts_with("b OK"));
      EXPECT_FALSE(client->closed());
    }
  }
}

// A client that stops at the CRLF has taken all of our octets by then, or all but the last.
TEST_P(ImapCompress, NothingComesBehindTheLastAnswer) {
  std::string answer = client_->ask(zip_.deflated("a UNAUTHENTICATE\r\n"));
  const std::string text = "a OK Logged out, log in again\r\n";
  bool ended = false;
  std::string taken;
  while (!answer.empty() && !taken.ends_with("\r\n")) {
    std::string octet = answer.substr(0, 1);
    taken += zip_.inflated(octet, ended);
    answer.erase(0, 1);
  }
  EXPECT_EQ(taken, text);
  EXPECT_LE(answer.size(), 1u);
}

TEST_P(ImapCompress, CompressedOctetsBehindTheEnd) {
  std::string octets = zip_.deflated("a UNAUTHENTICATE\r\n");
  octets.resize(octets.size() - 5);  // without the flush
  octets += Zip().deflated(std::string(1, '\0'), Z_NO_FLUSH) + std::string(20, '\xff');
  client_->ask(octets);
  EXPECT_TRUE(client_->closed());
}

TEST_P(ImapCompress, BrokenOctetsEndTheSession) {
  std::string answer = client_->ask(zip_.deflated("a NOOP\r\n") + std::string(100, '\xff'));
  bool ended = false;
  EXPECT_EQ(zip_.inflated(answer, ended), "a OK NOOP done\r\n* BYE Broken compressed octets\r\n");
  EXPECT_TRUE(client_->closed());
}

TEST_P(ImapCompress, BrokenOctetsEndIdle) {
  EXPECT_TRUE(ask("a IDLE\r\n").starts_with("+"));
  std::string answer = client_->ask(std::string(100, '\xff'));
  bool ended = false;
  EXPECT_EQ(zip_.inflated(answer, ended), "* BYE Broken compressed octets\r\n");
  EXPECT_TRUE(client_->closed());
}

TEST_P(ImapCompress, TheEndOfCompressedOctetsIsTheEnd) {
  client_->ask(zip_.deflated("", Z_FINISH));
  EXPECT_TRUE(client_->closed());
}

// What a line without an end may grow to on the other side of 40 KiB on the wire.
TEST_P(ImapCompress, BombsAreReadPieceByPiece) {
  std::string answer = client_->ask(zip_.deflated("a " + std::string(20'000'000, 'x') + "\r\nb NOOP\r\n"));
  bool ended = false;
  EXPECT_EQ(zip_.inflated(answer, ended), "a BAD Command too long\r\nb OK NOOP done\r\n");
}

// RFC 4978 section 3: the client waits for the answer.
TEST(ImapCompressed, NothingMayStandBehindTheCommand) {
  House house;
  auto client = house.login("alice");
  EXPECT_EQ(client->ask("c COMPRESS DEFLATE\r\nd NOOP\r\n"), "c OK DEFLATE active\r\n");
  EXPECT_TRUE(client->closed());
}

TEST(ImapCompressed, CostsWhatIsSaid) {
  constexpr size_t kSessions = 20;
  House house;
  std::vector<std::unique_ptr<Client>> clients;
  for (size_t i = 0; i < kSessions; i++) clients.push_back(house.login("alice"));
  const size_t before = mallinfo2().uordblks;
  for (auto& client : clients) {
    Zip zip;
    client->ask("c COMPRESS DEFLATE\r\n");
    client->ask(zip.deflated("a NOOP\r\n"));
  }
  EXPECT_LE(mallinfo2().uordblks, before + kSessions * net::kDeflateMemory);
}

INSTANTIATE_TEST_SUITE_P(Pieces, ImapCompress, testing::Values(0, 1, 100));

}  // namespace
}  // namespace posthouse::access::imap::test
