// Several sessions in one mailbox do random things. Each client keeps its own picture from what it is told
// alone; after a NOOP every picture must be what a fresh session sees.
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "base/ascii.h"
#include "imap_house.h"

namespace posthouse::access::imap::test {
namespace {

using Flags = std::set<std::string>;

struct Message {
  bool known = false;  // the client knows its flags
  Flags flags;
};

// A client that believes what it is told.
class Watcher {
 public:
  explicit Watcher(std::unique_ptr<Client> client) : client_(std::move(client)) {
    listen(client_->ask("a SELECT INBOX\r\n"), true);
    learn();
  }

  // Sends a command and takes in all answers. `may_expunge`: EXPUNGE may be among them (RFC 3501
  // section 7.4.1).
  void command(const std::string& text, bool may_expunge) {
    begin(text, may_expunge);
    finish();
  }
  // The same in two steps: what is begun by several clients runs at the same time.
  void begin(const std::string& text, bool may_expunge) {
    client_->stream().push("x " + text + "\r\n");
    may_expunge_ = may_expunge;
    idles_ = text == "IDLE";
  }
  void finish() {
    if (idles_) client_->send("DONE\r\n");
    listen(client_->ask(""), may_expunge_);
    learn();
  }

  // A silent STORE: the client works out the flags itself.
  void silent(uint32_t first, uint32_t last, char mode, const Flags& flags) {
    for (uint32_t n = first; n <= last; n++) {
      Message& message = messages.at(n - 1);
      if (mode == '=') message.flags.clear();
      for (const std::string& flag : flags) {
        if (mode == '-') {
          message.flags.erase(flag);
        } else {
          message.flags.insert(flag);
        }
      }
    }
  }

  std::vector<Message> messages;

 private:
  void listen(std::string answer, bool may_expunge) {
    // All bodies are empty: without the headers of their literals every response is one line.
    constexpr std::string_view kEmpty = "{0}\r\n";
    for (size_t n = answer.find(kEmpty); n != std::string::npos; n = answer.find(kEmpty))
      answer.erase(n, kEmpty.size());
    size_t at = 0;
    while (at < answer.size()) {
      const size_t end = answer.find("\r\n", at);
      ASSERT_NE(end, std::string::npos) << answer;
      line(answer.substr(at, end - at), may_expunge);
      at = end + 2;
    }
  }

  void line(const std::string& text, bool may_expunge) {
    ASSERT_EQ(text.find(" BAD "), std::string::npos) << text;
    if (!text.starts_with("* ") || !is_digit(text[2])) return;
    const size_t number = std::stoul(text.substr(2));
    if (text.ends_with(" EXISTS")) {
      ASSERT_GE(number, messages.size()) << "EXISTS must not shrink";
      messages.resize(number);
    } else if (text.ends_with(" EXPUNGE")) {
      ASSERT_TRUE(may_expunge) << text;
      ASSERT_TRUE(number >= 1 && number <= messages.size()) << text;
      messages.erase(messages.begin() + static_cast<ptrdiff_t>(number) - 1);
    } else if (const size_t flags = text.find("FLAGS ("); flags != std::string::npos) {
      ASSERT_TRUE(number >= 1 && number <= messages.size()) << text;
      Message& message = messages[number - 1];
      message.known = true;
      message.flags.clear();
      std::string list = text.substr(flags + 7);
      list.resize(list.find(')'));
      for (std::string_view flag : split(list, ' ')) {
        if (!flag.empty() && flag != "\\Recent") message.flags.insert(std::string(flag));
      }
    }
  }

  // Asks for the flags of messages that are new.
  void learn() {
    for (size_t i = 0; i < messages.size(); i++) {
      if (!messages[i].known) {
        listen(client_->ask("l FETCH " + std::to_string(i + 1) + " (FLAGS)\r\n"), false);
        // Another session may have expunged it; then its flags don't matter, and EXPUNGE is to come.
        if (i < messages.size()) messages[i].known = true;
      }
    }
  }

  std::unique_ptr<Client> client_;
  bool may_expunge_ = false, idles_ = false;
};

class Game {
 public:
  // Every other game has a store that soon forgets what was expunged.
  explicit Game(uint64_t seed) : dice_(seed), house_(seed % 2 == 0 ? store::kKeptExpunges : 1) {
    for (int i = 0; i < 5; i++) house_.deliver(1, "INBOX", "Subject: x\r\n\r\n");
    for (int i = 0; i < 3; i++) watchers_.push_back(std::make_unique<Watcher>(house_.login("alice")));
  }

  void play(int moves) {
    for (int i = 0; i < moves && !testing::Test::HasFailure(); i++) {
      for (size_t who = roll(watchers_.size()); who < watchers_.size(); who++) move(*watchers_[who]);
      house_.run();
      for (Watcher* who : std::exchange(begun_, {})) who->finish();
      if (roll(8) == 0) compare();
    }
    compare();
  }

 private:
  size_t roll(size_t sides) { return dice_() % sides; }

  Flags some_flags() {
    static const std::vector<std::string> kAll = {"\\Seen",     "\\Deleted", "\\Flagged",
                                                  "\\Answered", "work",      "$Junk"};
    Flags flags;
    for (size_t i = roll(3) + 1; i > 0; i--) flags.insert(kAll[roll(kAll.size())]);
    return flags;
  }

  static std::string text(const Flags& flags) {
    std::string out;
    for (const std::string& flag : flags) out += (out.empty() ? "" : " ") + flag;
    return "(" + out + ")";
  }

  void move(Watcher& who) {
    const size_t count = who.messages.size();
    if (count == 0 || roll(6) == 0) {
      house_.deliver(1, "INBOX", "Subject: new\r\n\r\n");
      return;
    }
    const auto first = static_cast<uint32_t>(roll(count) + 1);
    const auto last =
        std::min<uint32_t>(static_cast<uint32_t>(count), first + static_cast<uint32_t>(roll(3)));
    const std::string set = std::to_string(first) + ":" + std::to_string(last);
    switch (roll(11)) {
      case 0:
        return begin(who, "NOOP", true);
      case 1:
        return begin(who, "EXPUNGE", true);
      case 2:
        return begin(who, "FETCH " + set + " (FLAGS)", false);
      case 3:
        return begin(who, "FETCH " + set + " (BODY[TEXT])", false);
      case 4:
        return begin(who, "SEARCH DELETED", false);
      case 5:
        return begin(who, "COPY " + set + " INBOX", true);
      case 6:
        return begin(who, "MOVE " + std::to_string(first) + " INBOX", true);
      case 7:
        return begin(who, "IDLE", true);
      case 8:
        return by_uid(who);
      default:
        return store(who, first, last);
    }
  }

  // The UID forms may tell of expunged messages.
  void by_uid(Watcher& who) {
    const size_t first = roll(60) + 1;
    const std::string set = std::to_string(first) + ":" + std::to_string(first + roll(10));
    const std::string commands[] = {"UID FETCH " + set + " (BODY[TEXT])",
                                    "UID SEARCH UNDELETED",
                                    "UID STORE " + set + " " + "+-"[roll(2)] + "FLAGS " + text(some_flags()),
                                    "UID EXPUNGE " + set,
                                    "UID MOVE " + std::to_string(first) + " INBOX",
                                    "UID COPY " + std::to_string(first) + " Trash"};
    begin(who, commands[roll(6)], true);
  }

  void begin(Watcher& who, const std::string& command, bool may_expunge) {
    who.begin(command, may_expunge);
    begun_.push_back(&who);
  }

  void store(Watcher& who, uint32_t first, uint32_t last) {
    const Flags flags = some_flags();
    const char mode = "+-="[roll(3)];
    const bool silent = roll(2) == 0;
    if (silent) who.silent(first, last, mode, flags);
    begin(who,
          "STORE " + std::to_string(first) + ":" + std::to_string(last) + " " +
              (mode == '=' ? "" : std::string(1, mode)) + (silent ? "FLAGS.SILENT " : "FLAGS ") + text(flags),
          false);
  }

  void compare() {
    Watcher fresh(house_.login("alice"));
    fresh.command("FETCH 1:* (FLAGS)", false);
    for (auto& watcher : watchers_) {
      watcher->command("NOOP", true);
      ASSERT_EQ(watcher->messages.size(), fresh.messages.size());
      for (size_t i = 0; i < fresh.messages.size(); i++) {
        ASSERT_EQ(text(watcher->messages[i].flags), text(fresh.messages[i].flags)) << "message " << i + 1;
      }
    }
  }

  std::mt19937_64 dice_;
  House house_;
  std::vector<std::unique_ptr<Watcher>> watchers_;
  std::vector<Watcher*> begun_;
};

class ImapModel : public testing::TestWithParam<uint64_t> {};

TEST_P(ImapModel, ViewsNeverDisagree) {
  Game(GetParam()).play(250);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ImapModel, testing::Range<uint64_t>(1, 21));

}  // namespace
}  // namespace posthouse::access::imap::test
