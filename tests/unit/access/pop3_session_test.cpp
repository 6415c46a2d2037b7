// What a dialogue can't say well: large letters, readers that stop, damage, random commands against a model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "access/pop3/limits.h"
#include "engine/blob_format.h"
#include "pop3_house.h"

namespace posthouse::access::pop3::test {
namespace {

using testing::StartsWith;

// What a client makes of the answer to RETR.
std::string unstuffed(std::string_view answer) {
  std::string letter;
  answer.remove_prefix(std::min(answer.find("\r\n") + 2, answer.size()));
  EXPECT_TRUE(answer.ends_with("\r\n.\r\n") || answer == ".\r\n");
  answer.remove_suffix(std::min<size_t>(3, answer.size()));
  while (!answer.empty()) {
    const size_t end = std::min(answer.find('\n'), answer.size() - 1);
    std::string_view line = answer.substr(0, end + 1);
    EXPECT_NE(line, ".\r\n");
    answer.remove_prefix(end + 1);
    if (line.starts_with('.')) line.remove_prefix(1);
    letter += line;
  }
  return letter;
}

std::string retrieve(Client& client, int number) {
  client.send("RETR " + std::to_string(number) + "\r\n");
  return client.take_until("\r\n.\r\n");
}

TEST(Pop3Session, DotsAtEveryPlaceOfThePieceBorder) {
  House house;
  std::vector<std::string> letters;
  for (int shift = -6; shift <= 6; ++shift) {
    std::string letter = "Subject: x\r\n\r\n";
    for (int border = 1; border <= 2; ++border) {
      const size_t wanted = border * kLetterPiece + static_cast<size_t>(shift + 6) - 6;
      letter.append(wanted - letter.size() - 2, 'x');
      letter += "\r\n.\r\n..\r\n.a\r\n";
    }
    house.deliver(1, letter);
    letters.push_back(std::move(letter));
  }
  const auto client = house.login("alice");
  for (size_t i = 0; i < letters.size(); ++i) {
    EXPECT_TRUE(unstuffed(retrieve(*client, static_cast<int>(i) + 1)) == letters[i]) << i;
  }
  client->stream().close();
}

TEST(Pop3Session, LongLinesAndOddOctets) {
  House house;
  std::string letter = "Subject: x\r\n\r\n" + std::string(1 << 20, '.') + "\r\n";
  for (int i = 0; i < 256; ++i) letter += static_cast<char>(i);
  letter += "\r\n" + std::string(1 << 20, '\xfe') + "\n.\n\r\r\n" + std::string(3 << 20, '\0');
  house.deliver(1, letter);
  const auto client = house.login("alice");
  std::string expected = letter;
  for (char& c : expected) c = c == '\0' ? '\x80' : c;  // for clients that stop at NUL
  EXPECT_TRUE(unstuffed(retrieve(*client, 1)) == expected + "\r\n");
  client->send("TOP 1 1\r\n");
  EXPECT_EQ(unstuffed(client->take_until("\r\n.\r\n")).size(), 14u + (1 << 20) + 2);
  client->stream().close();
}

TEST(Pop3Session, WhatCannotBeReadIsRefusedAndStopsNoOther) {
  House house;
  house.deliver(1, "Subject: one\r\n\r\n" + std::string(500'000, 'x') + "\r\n");
  house.deliver(1, "Subject: two\r\n\r\n");
  house.deliver(1, "Subject: three\r\n\r\n" + std::string(500'000, 'x') + "\r\n");
  const std::vector<store::Entry> entries = house.inbox(1);
  // Of the one all is lost, of the other the end.
  EXPECT_TRUE(house.executor.run(house.engine->erase_partition(engine::blob_partition(entries[0].blob))));
  std::vector<std::string> keys;
  EXPECT_TRUE(house.engine->scan(engine::blob_partition(entries[2].blob), "", "\xff",
                                 [&](std::string_view key, std::string_view) {
                                   keys.emplace_back(key);
                                   return true;
                                 }));
  ASSERT_GT(keys.size(), 2u);
  std::string last;
  for (const std::string& key : keys) {
    const auto value = house.engine->get(engine::blob_partition(entries[2].blob), key);
    if (value && *value && (*value)->size() > 50'000) last = key;
  }
  std::vector<engine::Step> steps;
  steps.push_back({engine::blob_partition(entries[2].blob), [&](engine::Transaction& rows) -> Result<void> {
                     rows.erase(last);
                     return {};
                   }});
  EXPECT_TRUE(house.executor.run(house.engine->transact(std::move(steps))));
  const auto client = house.login("alice");
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(client->ask("RETR 1\r\n"), StartsWith("-ERR [SYS/TEMP]"));
    EXPECT_THAT(client->ask("TOP 1 0\r\n"), StartsWith("-ERR [SYS/TEMP]"));
    EXPECT_THAT(client->ask("RETR 3\r\n"), StartsWith("-ERR [SYS/TEMP]"));
    EXPECT_EQ(unstuffed(retrieve(*client, 2)), "Subject: two\r\n\r\n");
  }
  // What is not asked for is not looked at.
  EXPECT_THAT(client->ask("TOP 3 0\r\n"), StartsWith("+OK"));
  client->take_until("\r\n.\r\n");
  client->send("LIST\r\n");
  EXPECT_THAT(client->take_until("\r\n.\r\n"), testing::HasSubstr("\r\n1 500018\r\n2 16\r\n3 500020\r\n"));
  // It can be removed.
  EXPECT_THAT(client->ask("DELE 1\r\n"), StartsWith("+OK"));
  EXPECT_THAT(client->ask("QUIT\r\n"), StartsWith("+OK"));
  EXPECT_TRUE(house.wait_until([&] { return house.open_sessions == 0; }));
  EXPECT_EQ(house.inbox(1).size(), 2u);
}

// Of all sizes, small ones mostly; as they come back.
std::vector<std::string> deliver_many(House& house, int count) {
  std::vector<std::string> letters;
  for (int i = 0; i < count; ++i) {
    letters.push_back("Subject: " + std::to_string(i) + "\r\n\r\n" +
                      std::string(i % 7 == 3 ? 200'000 : (i * 997) % 9'000, 'x') + "\r\n");
    house.deliver(1, letters.back());
  }
  return letters;
}

TEST(Pop3Session, ManyAtOnceComeInOrderWhateverIsBetween) {
  House house;
  const std::vector<std::string> letters = deliver_many(house, 120);
  const std::vector<store::Entry> entries = house.inbox(1);
  // One in the middle is lost, and others are taken away between two bursts.
  EXPECT_TRUE(house.executor.run(house.engine->erase_partition(engine::blob_partition(entries[40].blob))));
  const auto client = house.login("alice");
  for (int from : {0, 60}) {
    std::string commands, expected;
    for (int i = from; i < from + 60; ++i) {
      commands += "RETR " + std::to_string(i + 1) + "\r\nNOOP\r\n";
      const bool gone = i == 70 || i == 71;
      if (i == 40) {
        expected += "-ERR [SYS/TEMP] Can't be done now, try again later\r\n";
      } else if (gone) {
        expected += "-ERR No such message\r\n";
      } else {
        expected += "+OK " + std::to_string(letters[i].size()) + " octets\r\n" + letters[i] + ".\r\n";
      }
      expected += "+OK Nothing done\r\n";
    }
    expected += "+OK en English it is\r\n";
    client->send(commands + "LANG en\r\n");
    std::string answers = client->take_until("+OK en English it is\r\n");
    for (size_t at; (at = answers.find(" any more")) != std::string::npos;) answers.erase(at, 9);
    const auto differs = std::ranges::mismatch(answers, expected);
    EXPECT_TRUE(answers == expected) << from << ": " << std::string(differs.in1, answers.end()).substr(0, 100)
                                     << "\ninstead of: "
                                     << std::string(differs.in2, expected.end()).substr(0, 100);
    house.expunge(1, 71);
    house.expunge(1, 71);
  }
  client->stream().close();
}

// So a session reads ahead without being asked for more.
TEST(Pop3Session, OneAfterTheOtherWhateverIsBetween) {
  House house;
  const std::vector<std::string> letters = deliver_many(house, 60);
  const std::vector<store::Entry> entries = house.inbox(1);
  EXPECT_TRUE(house.executor.run(house.engine->erase_partition(engine::blob_partition(entries[40].blob))));
  const auto client = house.login("alice");
  for (uint32_t number = 1; number <= 60; ++number) {
    if (number == 41) {
      EXPECT_THAT(client->ask("RETR 41\r\n"), StartsWith("-ERR [SYS/TEMP]"));
      continue;
    }
    EXPECT_EQ(unstuffed(retrieve(*client, number)), letters[number - 1]) << number;
    if (number % 5 == 0) {
      EXPECT_THAT(client->ask("DELE " + std::to_string(number) + "\r\n"), StartsWith("+OK"));
      EXPECT_THAT(client->ask("RETR " + std::to_string(number) + "\r\n"), StartsWith("-ERR"));
    }
    if (number == 20) {  // back, and on from there
      EXPECT_EQ(unstuffed(retrieve(*client, 7)), letters[6]);
      EXPECT_EQ(unstuffed(retrieve(*client, 8)), letters[7]);
    }
  }
  client->stream().close();
}

TEST(Pop3Session, AStalledSessionGivesWayToAnotherOfItsAccount) {
  House house;
  house.deliver(1, "Subject: x\r\n\r\n" + std::string(1 << 20, 'y') + "\r\n");
  const auto gone = house.login("alice");
  gone->stream().set_capacity(1);
  EXPECT_EQ(gone->pending(), "");
  gone->stream().push("DELE 1\r\nRSET\r\nRETR 1\r\n");
  house.executor.run();
  const auto login = [&] {
    const auto client = house.connect();
    std::string line;
    client->send("USER alice\r\nPASS demo\r\n");
    EXPECT_TRUE(client->take_line(line) && client->take_line(line) && client->take_line(line));
    client->stream().close();
    house.executor.run();
    return line;
  };
  // It may be slow.
  EXPECT_THAT(login(), StartsWith("-ERR [IN-USE]"));
  house.clock.advance(kStalled - seconds(1));
  house.executor.run();
  EXPECT_THAT(login(), StartsWith("-ERR [IN-USE]"));
  house.clock.advance(seconds(1));
  house.executor.run();
  EXPECT_THAT(login(), StartsWith("-ERR [IN-USE]"));  // it ends with that
  EXPECT_THAT(login(), StartsWith("+OK"));
  EXPECT_EQ(house.inbox(1).size(), 1u);
  gone->stream().close();
}

TEST(Pop3Session, AnIdleSessionKeepsItsMaildropAgainstOthers) {
  House house;
  const auto idle = house.login("alice");
  house.clock.advance(seconds(500));
  house.executor.run();
  const auto other = house.connect();
  other->send("USER alice\r\nPASS demo\r\n");
  std::string line;
  EXPECT_TRUE(other->take_line(line) && other->take_line(line) && other->take_line(line));
  EXPECT_THAT(line, StartsWith("-ERR [IN-USE]"));
  EXPECT_EQ(idle->ask("NOOP\r\n"), "+OK Nothing done");
  idle->stream().close();
  other->stream().close();
}

// ---- a model of RFC 1939 sections 4 to 7
struct Letter {
  std::string text;
  store::Uid uid = 0;
  bool marked = false, gone = false, known_gone = false;
};

class Model {
 public:
  explicit Model(uint32_t seed) : random_(seed) {}

  void run() {
    for (int visit = 0; visit < 12; ++visit) {
      while (stored_.size() < 6 || below(3) == 0) deliver();
      visit_once();
    }
  }

 private:
  uint32_t below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }

  void deliver() {
    Letter letter;
    letter.text = "Subject: " + std::to_string(++count_) + "\r\n\r\n";
    for (uint32_t lines = below(5); lines > 0; --lines) letter.text += below(2) == 0 ? ".\r\n" : "text\r\n";
    letter.uid = house_.deliver(1, letter.text).uid;
    stored_[letter.uid] = letter.text;
  }

  // Another program takes a letter away.
  void expunge() {
    if (stored_.empty()) return;
    auto it = std::next(stored_.begin(), below(static_cast<uint32_t>(stored_.size())));
    for (Letter& letter : drop_) letter.gone = letter.gone || letter.uid == it->first;
    house_.expunge(1, static_cast<uint32_t>(std::distance(stored_.begin(), it)) + 1);
    stored_.erase(it);
  }

  void visit_once() {
    drop_.clear();
    for (const auto& [uid, text] : stored_) drop_.push_back({text, uid});
    client_ = house_.login("alice", below(2) == 0 ? 0 : 1 + below(5));
    for (int step = 0; step < 60; ++step) {
      switch (below(10)) {
        case 0:
          deliver();
          break;
        case 1:
          if (below(3) == 0) expunge();
          break;
        case 2:
          EXPECT_EQ(client_->ask("RSET\r\n"), "+OK Nothing is marked any more");
          for (Letter& letter : drop_) letter.marked = false;
          break;
        case 3:
          list();
          break;
        default:
          one();
      }
      if (testing::Test::HasFailure()) break;
    }
    leave();
  }

  // A command about one letter.
  void one() {
    const uint32_t number = below(static_cast<uint32_t>(drop_.size()) + 3);
    const char* const verbs[] = {"RETR ", "DELE ", "TOP ", "LIST ", "UIDL "};
    const uint32_t verb = below(5);
    const uint32_t lines = below(4);
    std::string command = verbs[verb] + std::to_string(number);
    if (verb == 2) command += " " + std::to_string(lines);
    const std::string answer = client_->ask(command + "\r\n");
    Letter* const letter = number >= 1 && number <= drop_.size() ? &drop_[number - 1] : nullptr;
    if (letter == nullptr || letter->marked || letter->known_gone) {
      EXPECT_THAT(answer, StartsWith("-ERR")) << command;
      return;
    }
    // What was read a moment ago may still be told, but no text of a letter that is gone.
    if (letter->gone && verb == 0) {
      EXPECT_THAT(answer, StartsWith("-ERR No such message"));
    }
    if (answer.starts_with("-ERR")) {
      EXPECT_TRUE(letter->gone) << command << ": " << answer;
      letter->known_gone = true;
      return;
    }
    if (verb == 0) {
      EXPECT_EQ(unstuffed("\r\n" + client_->take_until("\r\n.\r\n")), letter->text);
    }
    if (verb == 1) letter->marked = true;
    if (verb == 2) {
      const std::string top = unstuffed("\r\n" + client_->take_until("\r\n.\r\n"));
      EXPECT_EQ(top, letter->text.substr(0, top.size()));
      EXPECT_LE(std::ranges::count(top, '\n'), 2 + lines);
    }
    if (verb == 3) {
      EXPECT_EQ(answer, "+OK " + std::to_string(number) + " " + std::to_string(letter->text.size()));
    }
    if (verb == 4) check_id(answer.substr(4), number, *letter);
  }

  void list() {
    const bool ids = below(2) == 0;
    client_->send(ids ? "UIDL\r\n" : "LIST\r\n");
    const std::string answer = client_->take_until("\r\n.\r\n");
    std::map<uint32_t, std::string> told;
    size_t at = answer.find("\r\n") + 2;
    for (size_t end; !answer.substr(at).starts_with(".\r\n"); at = end + 2) {
      end = answer.find("\r\n", at);
      const std::string line = answer.substr(at, end - at);
      told[static_cast<uint32_t>(std::stoul(line))] = line;
    }
    for (uint32_t number = 1; number <= drop_.size(); ++number) {
      Letter& letter = drop_[number - 1];
      letter.known_gone = letter.known_gone || (letter.gone && !letter.marked);
      EXPECT_EQ(told.contains(number), !letter.marked && !letter.gone) << number << answer;
      if (told.contains(number) && ids) check_id(told[number], number, letter);
      if (told.contains(number) && !ids) {
        EXPECT_EQ(told[number], std::to_string(number) + " " + std::to_string(letter.text.size()));
      }
      told.erase(number);
    }
    EXPECT_TRUE(told.empty());
  }

  // Never another one, and never for another letter.
  void check_id(const std::string& line, uint32_t number, const Letter& letter) {
    const std::string prefix = std::to_string(number) + " ";
    ASSERT_THAT(line, StartsWith(prefix));
    const std::string id = line.substr(prefix.size());
    EXPECT_EQ(ids_.try_emplace(letter.uid, id).first->second, id);
    EXPECT_EQ(uids_.try_emplace(id, letter.uid).first->second, letter.uid);
  }

  void leave() {
    if (below(4) != 0) {
      EXPECT_EQ(client_->ask("QUIT\r\n"), "+OK Goodbye");
      for (const Letter& letter : drop_) {
        if (letter.marked) stored_.erase(letter.uid);
      }
    }
    client_->stream().close();
    EXPECT_TRUE(house_.wait_until([this] { return house_.open_sessions == 0; }));
    std::vector<store::Uid> left, expected;
    for (const store::Entry& entry : house_.inbox(1)) left.push_back(entry.uid);
    for (const auto& [uid, text] : stored_) expected.push_back(uid);
    EXPECT_EQ(left, expected);
  }

  std::mt19937 random_;
  House house_;
  std::unique_ptr<Client> client_;
  std::vector<Letter> drop_;                  // as the session has it
  std::map<store::Uid, std::string> stored_;  // what is in INBOX
  std::map<store::Uid, std::string> ids_;
  std::map<std::string, store::Uid> uids_;
  int count_ = 0;
};

TEST(Pop3Model, RandomVisits) {
  for (uint32_t seed = 1; seed <= 25; ++seed) {
    SCOPED_TRACE(seed);
    Model(seed).run();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace posthouse::access::pop3::test
