// What dialogue scripts can't say: injection around STARTTLS, slow readers, shutdown, limits, cost of idle
// sessions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>

#include "engine/blob_format.h"
#include "imap_house.h"
#include "net/tls.h"
#include "wire/imap/limits.h"

namespace posthouse::access::imap::test {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::shared_ptr<const net::TlsContext> any_tls() {
  auto made = net::make_self_signed({"mail.example.test"});
  auto context = net::TlsContext::server({*made}, "imap");
  return *context;
}

// RFC 3501 section 6.2.1: octets behind STARTTLS in the same piece are somebody else's.
TEST(ImapSession, InputBehindStartTlsEndsTheConnection) {
  House house;
  house.options->tls = any_tls();
  auto client = house.connect();
  client->take();
  const std::string answer = client->ask("a STARTTLS\r\nb LOGIN alice demo\r\n");
  EXPECT_THAT(answer, Not(HasSubstr("b ")));
  EXPECT_THAT(answer, Not(HasSubstr("a OK")));
  EXPECT_TRUE(client->closed());
}

TEST(ImapSession, BrokenDirectoryIsTemporary) {
  House house;
  house.accounts.broken = true;
  auto client = house.connect();
  client->take();
  EXPECT_THAT(client->ask("a LOGIN alice demo\r\n"), HasSubstr("a NO [UNAVAILABLE]"));
}

TEST(ImapSession, TooManyErrorsEndTheSession) {
  House house;
  house.options->max_bad_commands = 3;
  auto client = house.connect();
  client->take();
  EXPECT_THAT(client->ask("x\r\nx\r\nx\r\nx\r\nx\r\n"), EndsWith("* BYE Too many errors\r\n"));
  EXPECT_TRUE(client->closed());
}

// Clients stay connected for weeks: only errors in a row count, and before login all do.
TEST(ImapSession, AFewErrorsADayAreForgiven) {
  House house;
  house.options->max_bad_commands = 3;
  auto client = house.login("alice");
  for (int i = 0; i < 20; i++) {
    EXPECT_THAT(client->ask("x NONSENSE\r\ny UID NONSENSE\r\nz NOOP\r\n"), EndsWith("z OK NOOP done\r\n"));
  }
  EXPECT_THAT(client->ask("x\r\nx\r\nx\r\nx\r\n"), EndsWith("* BYE Too many errors\r\n"));
  auto stranger = house.connect();
  stranger->take();
  EXPECT_THAT(stranger->ask("a X\r\nb NOOP\r\nc X\r\nd NOOP\r\ne X\r\nf NOOP\r\ng X\r\n"),
              EndsWith("* BYE Too many errors\r\n"));
}

TEST(ImapSession, EndlessLineEndsTheSession) {
  House house;
  auto client = house.connect();
  client->take();
  for (int i = 0; i < 20 && !client->closed(); i++) client->send(std::string(10'000, 'x'));
  EXPECT_THAT(client->take(), HasSubstr("* BYE"));
  EXPECT_TRUE(client->closed());
}

TEST(ImapSession, ClientThatLeavesInTheMiddle) {
  for (const char* last :
       {"a LOG", "a LOGIN {5}\r\nal", "a LOGIN alice demo\r\nb APPEND INBOX {100}\r\nonly a part",
        "a LOGIN alice demo\r\nb SELECT INBOX\r\nc IDLE\r\n", "a AUTHENTICATE PLAIN\r\n"}) {
    House house;
    auto client = house.connect();
    client->send(last);
    client->stream().close();
    house.run();
    EXPECT_TRUE(client->closed()) << last;
    Result<store::MailboxInfo> inbox = house.executor.run(house.store.mailbox(1, std::string("INBOX")));
    EXPECT_EQ(inbox->exists, 0u);
  }
}

// A large message goes through in pieces, whatever the reader's pace, and comes out as it went in.
TEST(ImapSession, LargeMessageInAndOutWithASlowReader) {
  House house;
  std::string message = "Subject: large\r\n\r\n";
  for (int i = 0; message.size() < 3'000'000; i++) message += "line " + std::to_string(i) + "\r\n";
  auto client = house.login("alice");
  EXPECT_THAT(client->ask("a APPEND INBOX {" + std::to_string(message.size()) + "}\r\n"), HasSubstr("+ "));
  for (size_t at = 0; at < message.size(); at += 50'000)
    client->send(std::string_view(message).substr(at, 50'000));
  EXPECT_THAT(client->ask("\r\n"), HasSubstr("a OK [APPENDUID"));
  EXPECT_THAT(client->ask("b SELECT INBOX\r\n"), HasSubstr("b OK"));
  client->stream().set_capacity(10'000);
  const std::string answer = client->ask("c FETCH 1 (RFC822.SIZE BODY.PEEK[])\r\n");
  const std::string size = std::to_string(message.size());
  EXPECT_TRUE(answer == "* 1 FETCH (RFC822.SIZE " + size + " BODY[] {" + size + "}\r\n" + message +
                            ")\r\nc OK FETCH done\r\n");
  const std::string piece = client->ask("d FETCH 1 BODY.PEEK[]<2000000.200000>\r\n");
  EXPECT_THAT(piece,
              HasSubstr("BODY[]<2000000> {200000}\r\n" + message.substr(2'000'000, 200'000) + ")\r\nd OK"));
}

// RFC 3501 section 9: CHAR8 has no NUL.
TEST(ImapSession, NulNeverLeaves) {
  House house;
  std::string message = "Subject: x\r\n\r\na";
  message += '\0';
  message += "b\r\n";
  house.deliver(1, "INBOX", message);
  auto client = house.login("alice");
  const std::string answer = client->ask("a SELECT INBOX\r\nb FETCH 1 BODY[]\r\n");
  EXPECT_EQ(answer.find('\0'), std::string::npos);
  EXPECT_THAT(answer, HasSubstr("{19}\r\nSubject: x\r\n\r\na\x80"
                                "b\r\n"));
}

TEST(ImapSession, ManyPipelinedPairsOfStoreAndExpunge) {
  House house;
  constexpr int kMessages = 1'000;
  for (int i = 0; i < kMessages; i++) house.deliver(1, "INBOX", "Subject: x\r\n\r\n");
  auto client = house.login("alice");
  std::string commands = "a SELECT INBOX\r\n";
  for (int i = 0; i < kMessages; i++) {
    commands += "s STORE 1 +FLAGS.SILENT (\\Deleted)\r\ne EXPUNGE\r\n";
  }
  const std::string answer = client->ask(commands);
  EXPECT_THAT(answer, Not(HasSubstr(" BAD ")));
  EXPECT_THAT(answer, Not(HasSubstr(" NO ")));
  Result<store::MailboxInfo> inbox = house.executor.run(house.store.mailbox(1, std::string("INBOX")));
  EXPECT_EQ(inbox->exists, 0u);
}

TEST(ImapSession, AnExpungeOfMostLeavesTheOthers) {
  House house;
  constexpr int kMessages = 600;
  for (int i = 0; i < kMessages; i++) house.deliver(1, "INBOX", "Subject: x\r\n\r\n");
  auto client = house.login("alice");
  client->ask("a SELECT INBOX\r\nb STORE 1:2,4:400,590 +FLAGS.SILENT (\\Deleted)\r\n");
  const std::string answer = client->ask("c EXPUNGE\r\n");
  EXPECT_THAT(answer, EndsWith("c OK EXPUNGE done\r\n"));
  EXPECT_EQ(std::ranges::count(answer, '\n'), 401);
  EXPECT_THAT(client->ask("d UID SEARCH ALL\r\n"), StartsWith("* SEARCH 3 401 402"));
  EXPECT_THAT(client->ask("e UID SEARCH UID 588:592\r\n"), StartsWith("* SEARCH 588 589 591 592\r\n"));
}

// More messages than one batch has: every one is told once and in order.
TEST(ImapSession, BatchesJoinWithoutSeam) {
  House house;
  constexpr int kMessages = 1'100;
  for (int i = 0; i < kMessages; i++)
    house.deliver(1, "INBOX", "Subject: n" + std::to_string(i + 1) + "\r\n\r\n");
  auto client = house.login("alice");
  EXPECT_THAT(client->ask("a STATUS INBOX (RECENT)\r\n"), HasSubstr("(RECENT 1100)"));
  EXPECT_THAT(client->ask("a SELECT INBOX\r\n"), HasSubstr("* 1100 EXISTS"));
  for (const char* items : {"(FLAGS)", "(ENVELOPE)", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])"}) {
    std::string answer = client->ask("b FETCH 1:* " + std::string(items) + "\r\n");
    size_t at = 0;
    for (int i = 1; i <= kMessages; i++) {
      at = answer.find("* " + std::to_string(i) + " FETCH (", at);
      ASSERT_NE(at, std::string::npos) << items << " " << i;
    }
    EXPECT_THAT(answer, EndsWith("b OK FETCH done\r\n"));
  }
  // Every second one: a set of many short ranges.
  std::string set = "1";
  for (int i = 3; i <= kMessages; i += 2) set += "," + std::to_string(i);
  const std::string odd = client->ask("c UID FETCH " + set + " (ENVELOPE)\r\n");
  EXPECT_THAT(odd, HasSubstr("* 1099 FETCH (UID 1099 ENVELOPE (NIL \"n1099\""));
  EXPECT_THAT(odd, Not(HasSubstr("* 1098 FETCH")));
  const std::string found = client->ask("d SEARCH SUBJECT n10 NOT SEEN\r\n");
  EXPECT_THAT(found, HasSubstr("* SEARCH 10 100 101 102"));
  EXPECT_THAT(found, HasSubstr(" 1099\r\n"));
  EXPECT_THAT(client->ask("e STORE 1:* +FLAGS.SILENT (\\Deleted)\r\nf EXPUNGE\r\n"), HasSubstr("f OK"));
}

// Those that are read ahead, those that are too large for it, and one that is lost between them.
TEST(ImapSession, BodiesOfManyBatchesComeInOrder) {
  House house;
  constexpr int kMessages = 300;
  constexpr int kLost = 140;
  std::vector<std::string> bodies;
  for (int i = 0; i < kMessages; i++) {
    const auto size = static_cast<size_t>(i % 50 == 17 ? 40'000 : (i * 997) % 9'000);
    bodies.push_back(std::to_string(i) + std::string(size, 'x') + "\r\n");
    const store::Placed placed = house.deliver(1, "INBOX", "Subject: x\r\n\r\n" + bodies.back());
    if (i + 1 != kLost) continue;
    const auto entries = house.executor.run(house.store.entries(1, placed.mailbox, {placed.uid}, false));
    ASSERT_TRUE(entries);
    EXPECT_TRUE(
        house.executor.run(house.engine->erase_partition(engine::blob_partition(entries->front().blob))));
  }
  auto client = house.login("alice");
  client->ask("a SELECT INBOX\r\n");
  const std::string header = "Subject: x\r\n\r\n";
  for (const std::string item : {"BODY[]", "BODY[1]", "BODY[]<0.100>"}) {
    std::string expected;
    for (int i = 0; i < kMessages; i++) {
      if (i + 1 == kLost) continue;
      std::string octets = item == "BODY[1]" ? bodies[i] : header + bodies[i];
      std::string label = item;
      if (item == "BODY[]<0.100>") {
        octets.resize(std::min(octets.size(), size_t{100}));
        label = "BODY[]<0>";
      }
      expected += "* " + std::to_string(i + 1) + " FETCH (" + label + " {" + std::to_string(octets.size()) +
                  "}\r\n" + octets + ")\r\n";
    }
    const std::string peek = "BODY.PEEK" + item.substr(4);
    const std::string answer = client->ask("b FETCH 1:* (" + peek + ")\r\n");
    const auto differs = std::ranges::mismatch(answer, expected);
    EXPECT_TRUE(answer.starts_with(expected))
        << item << ": " << std::string(differs.in1, answer.end()).substr(0, 100)
        << "\ninstead of: " << std::string(differs.in2, expected.end()).substr(0, 100);
    EXPECT_THAT(answer.substr(std::min(expected.size(), answer.size())), StartsWith("b NO [SERVERBUG]"));
  }
}

// Two sessions, one message moved away while the other FETCHes it by its old number: no other message is
// shown.
TEST(ImapSession, NumbersNeverShiftUnderAFetch) {
  House house;
  for (int i = 1; i <= 3; i++) house.deliver(1, "INBOX", "Subject: n" + std::to_string(i) + "\r\n\r\n");
  auto a = house.login("alice");
  auto b = house.login("alice");
  a->ask("a SELECT INBOX\r\n");
  b->ask("a SELECT INBOX\r\n");
  b->ask("b MOVE 1 Trash\r\n");
  EXPECT_THAT(a->ask("b FETCH 2 BODY.PEEK[HEADER]\r\n"), HasSubstr("Subject: n2"));
  EXPECT_THAT(a->ask("c FETCH 1 BODY.PEEK[HEADER]\r\n"), HasSubstr("c NO [EXPUNGEISSUED]"));
  EXPECT_THAT(a->ask("d NOOP\r\n"), HasSubstr("* 1 EXPUNGE\r\n"));
  EXPECT_THAT(a->ask("e FETCH 1 BODY.PEEK[HEADER]\r\n"), HasSubstr("Subject: n2"));
}

// As after damage to the store: the message is there, its octets are not.
TEST(ImapSession, ABodyThatIsLostIsNoExpunge) {
  House house;
  const store::Placed lost = house.deliver(1, "INBOX", "Subject: lost\r\n\r\n");
  house.deliver(1, "INBOX", "Subject: there\r\n\r\n");
  const auto entries = house.executor.run(house.store.entries(1, lost.mailbox, {lost.uid}, false));
  ASSERT_TRUE(entries);
  std::vector<engine::Step> steps;
  steps.push_back({engine::blob_partition(entries->front().blob), [](engine::Transaction& rows) {
                     rows.erase(engine::kHeadKey);
                     return Result<void>();
                   }});
  ASSERT_TRUE(house.executor.run(house.engine->transact(std::move(steps))));
  auto client = house.login("alice");
  client->ask("a SELECT INBOX\r\n");
  const std::string told = client->ask("b FETCH 1:2 (UID BODY.PEEK[])\r\n");
  EXPECT_THAT(told, HasSubstr("Subject: there"));
  EXPECT_THAT(told, HasSubstr("b NO [SERVERBUG]"));
}

// The same of one in the middle of a large message: nothing is announced that can't be sent, and the session
// goes on behind it.
TEST(ImapSession, APieceThatIsLostEndsNoSession) {
  for (const uint32_t chunk : {1u, 5u}) {  // among those that are kept from the check, and behind
    House house;
    const std::string body(6 * engine::kBlobChunk, 'x');
    const store::Placed lost = house.deliver(1, "INBOX", "Subject: lost\r\n\r\n" + body);
    house.deliver(1, "INBOX", "Subject: there\r\n\r\n" + body);
    const auto entries = house.executor.run(house.store.entries(1, lost.mailbox, {lost.uid}, false));
    ASSERT_TRUE(entries);
    std::vector<engine::Step> steps;
    steps.push_back({engine::blob_partition(entries->front().blob), [chunk](engine::Transaction& rows) {
                       rows.erase(engine::chunk_key(chunk));
                       return Result<void>();
                     }});
    ASSERT_TRUE(house.executor.run(house.engine->transact(std::move(steps))));
    auto client = house.login("alice");
    client->ask("a SELECT INBOX\r\n");
    for (const char* item :
         {"BODY.PEEK[]", "BODY.PEEK[TEXT]", "BODY.PEEK[1]", "BINARY.PEEK[1]", "BODY.PEEK[]<100.786000>"}) {
      const std::string told = client->ask("b FETCH 1:2 (UID " + std::string(item) + ")\r\n");
      EXPECT_THAT(told, Not(HasSubstr("* 1 FETCH (UID 1 B"))) << item;
      EXPECT_THAT(told, HasSubstr("* 2 FETCH (UID 2")) << item;
      EXPECT_THAT(told, HasSubstr("b NO [SERVERBUG]")) << item;
      EXPECT_GT(told.size(), 6 * engine::kBlobChunk - 1000) << item;
    }
    EXPECT_THAT(client->ask("c FETCH 1 BODY.PEEK[]<0.1000>\r\n"), HasSubstr("c OK"));
    EXPECT_FALSE(client->closed());
  }
}

// What is kept from that check is not read again.
TEST(ImapSession, MostLettersAreReadOnce) {
  House house;
  const std::string letter = "Subject: x\r\n\r\n" + std::string(3 * engine::kBlobChunk, 'x');
  house.deliver(1, "INBOX", letter);
  auto client = house.login("alice");
  client->ask("a SELECT INBOX\r\n");
  house.faults.blob_reads = 0;
  EXPECT_THAT(client->ask("b FETCH 1 BODY.PEEK[]\r\n"), HasSubstr(letter));
  EXPECT_LE(house.faults.blob_reads, 4u * 3);  // of each piece: reference, head, chunk
}

// Disabling an account ends what it has open, whatever that waits for, and nobody else's.
TEST(ImapSession, SessionsOfAnAccountCanBeEnded) {
  House house;
  house.options->max_sessions_per_account = 4;
  auto waiting = house.login("alice");
  auto idle = house.login("alice");
  auto appending = house.login("alice");
  auto bob = house.login("bob");
  idle->ask("a SELECT INBOX\r\nb IDLE\r\n");
  EXPECT_THAT(appending->ask("a APPEND INBOX {100}\r\nhalf"), HasSubstr("+ "));
  end_sessions(*house.registry, 1);
  house.run();
  for (Client* client : {waiting.get(), idle.get(), appending.get()}) {
    EXPECT_THAT(client->take(), EndsWith("* BYE This account may not stay logged in\r\n"));
    EXPECT_TRUE(client->closed());
  }
  EXPECT_THAT(bob->ask("a NOOP\r\n"), HasSubstr("a OK"));
  // Their places are free again, and no message came of the half one.
  for (int i = 0; i < 4; i++) {
    auto again = house.login("alice");
    EXPECT_THAT(again->ask("a STATUS INBOX (MESSAGES)\r\nb LOGOUT\r\n"), HasSubstr("MESSAGES 0"));
  }
  end_sessions(*house.registry, 1);
  end_sessions(*house.registry, 77);
}

// A disk that is full lets nothing be changed, and everything be read.
// Lists are made of what was noted when the letters came in: their bytes are not read, let alone parsed.
TEST(ImapSession, ListsDoNotReadLetters) {
  House house;
  const std::string head =
      "From: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>\r\nTo: a@example.org, Group: b@example.org;\r\n"
      "Date: Mon, 23 Nov 2026 22:14:10 +0100\r\nSubject: Re: lists\r\n";
  house.deliver(1, "INBOX", head + "\r\nplain\r\n");
  house.deliver(1, "INBOX",
                head +
                    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n"
                    "Content-Type: message/rfc822\r\n\r\nSubject: inside\r\n\r\nx\r\n--b--\r\n");
  house.deliver(1, "INBOX", "no header at all");
  auto client = house.login("alice");
  client->ask("a SELECT INBOX\r\n");
  house.faults.blob_reads = 0;
  for (const char* command :
       {"FETCH 1:* ALL", "FETCH 1:* FULL",
        "UID FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)", "SEARCH SUBJECT lists",
        "SEARCH CHARSET UTF-8 FROM \"J\303\266rg\" TO b@example.org", "SEARCH SENTSINCE 1-Nov-2026 LARGER 10",
        "STATUS INBOX (MESSAGES UNSEEN)"}) {
    EXPECT_THAT(client->ask(std::string("b ") + command + "\r\n"), HasSubstr("b OK")) << command;
    EXPECT_EQ(house.faults.blob_reads, 0u) << command;
  }
  client->ask("c FETCH 1 BODY.PEEK[TEXT]\r\n");
  EXPECT_GT(house.faults.blob_reads, 0u);
}

TEST(ImapSession, WhatCannotBeWrittenIsRefusedAndMailCanBeRead) {
  House house;
  store::FlagSet deleted;
  deleted.system = store::kDeleted;
  house.deliver(1, "INBOX", "Subject: one\r\n\r\nbody\r\n");
  house.deliver(1, "INBOX", "Subject: two\r\n\r\n", deleted);
  auto client = house.login("alice");
  house.faults.transact_fault = Fault{FaultKind::no_space, "full"};
  EXPECT_THAT(client->ask("a SELECT INBOX\r\n"), HasSubstr("a OK [READ-WRITE]"));
  for (const char* command :
       {"STORE 1 +FLAGS (\\Seen)", "EXPUNGE", "UID EXPUNGE 1:*", "COPY 1 Trash", "MOVE 1 Trash", "CREATE x",
        "DELETE Junk", "RENAME Junk y", "SUBSCRIBE x", "APPEND INBOX {12+}\r\nSubject: x\r\n"}) {
    EXPECT_THAT(client->ask(std::string("b ") + command + "\r\n"), HasSubstr("b NO [UNAVAILABLE]"))
        << command;
  }
  EXPECT_EQ(client->ask("c FETCH 1 (FLAGS BODY[TEXT])\r\n"),
            "* 1 FETCH (FLAGS () BODY[TEXT] {6}\r\nbody\r\n)\r\nc OK FETCH done\r\n");
  EXPECT_THAT(client->ask("d SEARCH TEXT body\r\n"), HasSubstr("* SEARCH 1\r\nd OK"));
  // RFC 3501 section 6.4.2 knows no failure of CLOSE.
  EXPECT_EQ(client->ask("e CLOSE\r\nf NOOP\r\n"),
            "* NO [UNAVAILABLE] The server has no room now\r\ne OK CLOSE done\r\nf OK NOOP done\r\n");
  EXPECT_THAT(client->ask("g FETCH 1 FLAGS\r\n"), HasSubstr("g BAD Select a mailbox first"));
  house.faults.transact_fault.reset();
  EXPECT_THAT(
      client->ask("h SELECT INBOX\r\ni FETCH 1 BODY[TEXT]\r\nj CLOSE\r\nk STATUS INBOX (MESSAGES)\r\n"),
      HasSubstr("FLAGS (\\Seen"));
}

TEST(ImapSession, AnEndlessAnswerToAChallengeEndsTheSession) {
  House house;
  auto client = house.connect();
  client->take();
  EXPECT_EQ(client->ask("a AUTHENTICATE PLAIN\r\n"), "+ \r\n");
  client->send(std::string(13'000, 'A'));
  EXPECT_THAT(client->take(), HasSubstr("* BYE Line too long"));
  EXPECT_TRUE(client->closed());
}

// A line over the limit is answered as soon as it is, and its end need not come.
TEST(ImapSession, ALineWithoutAnEndIsRefusedAtTheLimit) {
  House house;
  auto client = house.login("alice");
  const std::string limit(wire::imap::kMaxCommand, 'x');
  EXPECT_EQ(client->ask("a SEARCH TEXT "), "");
  EXPECT_EQ(client->ask(limit.substr(0, limit.size() / 2)), "");
  EXPECT_EQ(client->ask(limit), "a BAD Command too long\r\n");
  for (int i = 0; i < 200; i++) EXPECT_EQ(client->ask(limit), "");
  EXPECT_EQ(client->ask("\r\nb NOOP\r\n"), "b OK NOOP done\r\n");
  EXPECT_FALSE(client->closed());
}

// The store has forgotten the expunges by the time the session asks: it still tells every one.
TEST(ImapSession, ExpungesThatAreForgottenAreToldAllTheSame) {
  House house(5);
  for (int i = 1; i <= 40; i++) house.deliver(1, "INBOX", "Subject: n" + std::to_string(i) + "\r\n\r\n");
  auto a = house.login("alice");
  auto b = house.login("alice");
  a->ask("a SELECT INBOX\r\n");
  b->ask("a SELECT INBOX\r\n");
  for (int i = 0; i < 30; i++) b->ask("b STORE 2 +FLAGS.SILENT (\\Deleted)\r\nc EXPUNGE\r\n");
  EXPECT_THAT(a->ask("b FETCH 1,32 (UID)\r\n"), HasSubstr("* 32 FETCH (UID 32)"));
  std::string all;
  for (int i = 0; i < 30; i++) all += "* 2 EXPUNGE\r\n";
  EXPECT_EQ(a->ask("c NOOP\r\n"), all + "c OK NOOP done\r\n");
  EXPECT_THAT(a->ask("d FETCH 2 (UID)\r\n"), HasSubstr("* 2 FETCH (UID 32)"));
}

TEST(ImapSession, SpecialNamesGoRoundTrip) {
  House house;
  auto client = house.login("alice");
  for (const char* name :
       {"a&-b", "&2D3c6A-", "x&AOQ-y", "100%", "st*r", "quo\\\"te", "back\\\\slash", "&AN8-/&AN8-"}) {
    const std::string quoted = "\"" + std::string(name) + "\"";
    EXPECT_THAT(client->ask("a CREATE " + quoted + "\r\n"), HasSubstr("a OK")) << name;
    EXPECT_THAT(client->ask("b LIST \"\" *\r\n"), HasSubstr(name));
    EXPECT_THAT(client->ask("c SELECT " + quoted + "\r\n"), HasSubstr("c OK")) << name;
    EXPECT_THAT(client->ask("d UNSELECT\r\n"), HasSubstr("d OK"));
  }
}

// An idle session keeps no buffers. What is counted here includes both ends of the stream in memory.
TEST(ImapSession, IdleSessionsAreSmall) {
  House house;
  house.options->max_sessions_per_account = 10'000;
  house.deliver(1, "INBOX", "Subject: x\r\n\r\n");
  constexpr size_t kSessions = 200;
  std::vector<std::unique_ptr<Client>> clients;
  clients.reserve(kSessions);
  const size_t before = mallinfo2().uordblks;
  for (size_t i = 0; i < kSessions; i++) {
    clients.push_back(house.login("alice"));
    clients.back()->ask("a SELECT INBOX\r\nb FETCH 1 (ENVELOPE BODY.PEEK[])\r\nc IDLE\r\n");
  }
  const size_t after = mallinfo2().uordblks;
  const size_t each = (after - std::min(before, after)) / kSessions;
  RecordProperty("octets_per_session", static_cast<int>(each));
  // Unoptimised coroutine frames are larger than those of a release.
  EXPECT_LT(each, 12u * 1024);
}

}  // namespace
}  // namespace posthouse::access::imap::test
