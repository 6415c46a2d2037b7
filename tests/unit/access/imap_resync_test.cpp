// Clients that go away, often in the middle of an answer, and come back with QRESYNC (RFC 7162): what they
// then know is what one that fetches all anew would know.
#include <gtest/gtest.h>

#include <charconv>
#include <random>
#include <set>

#include "base/ascii.h"
#include "imap_house.h"

namespace posthouse::access::imap::test {
namespace {

using Flags = std::set<std::string>;

std::string text(const Flags& flags) {
  std::string out;
  for (const std::string& flag : flags) out += (out.empty() ? "" : " ") + flag;
  return "(" + out + ")";
}

// What stands behind `name`, as a number; 0 if it is not there.
uint64_t number_after(const std::string& line, std::string_view name) {
  const size_t at = line.find(name);
  if (at == std::string::npos) return 0;
  uint64_t value = 0;
  std::from_chars(line.data() + at + name.size(), line.data() + line.size(), value);
  return value;
}

std::vector<uint32_t> uids_in(std::string_view set) {
  std::vector<uint32_t> out;
  for (std::string_view range : split(set, ',')) {
    const size_t colon = range.find(':');
    const auto first = static_cast<uint32_t>(parse_uint(range.substr(0, colon)).value());
    const auto last = colon == std::string_view::npos
                          ? first
                          : static_cast<uint32_t>(parse_uint(range.substr(colon + 1)).value());
    for (uint32_t uid = first; uid <= last; uid++) out.push_back(uid);
  }
  return out;
}

// Keeps what section 6 tells a client to keep.
class Traveller {
 public:
  Traveller(House& house, std::mt19937_64& dice) : house_(house), dice_(dice) {}

  // `patience`: how many lines of an answer it reads before the connection is lost.
  void do_something(size_t patience) {
    patience_ = patience;
    if (!client_) return come_back();
    command(some_command());
    if (client_) learn();
  }
  void go_away() {
    if (client_) client_->stream().shut_write();
    house_.run();
    client_.reset();
  }
  void come_back() {
    client_ = house_.login("alice");
    command("ENABLE QRESYNC");
    if (client_) command("SELECT INBOX" + resync());
    if (client_) learn();
  }
  void catch_up() {
    patience_ = SIZE_MAX;
    if (!client_) {
      come_back();
    } else {
      command("NOOP");
      learn();
    }
  }
  size_t exists() const { return exists_; }

  std::map<uint32_t, Flags> messages;

 private:
  size_t roll(size_t sides) { return dice_() % sides; }

  std::string resync() {
    if (validity_ == 0) return "";
    std::string out = " (QRESYNC (" + std::to_string(validity_) + " " + std::to_string(highest_);
    if (roll(3) != 0 && !messages.empty()) out += " 1:" + std::to_string(messages.rbegin()->first);
    if (roll(2) == 0) out += matches();
    return out + "))";
  }

  // Some message numbers and their UIDs.
  std::string matches() {
    std::string numbers, uids;
    uint32_t number = 0;
    for (const auto& [uid, flags] : messages) {
      number++;
      if (uid > learned_ || roll(2) == 0) continue;
      numbers += (numbers.empty() ? "" : ",") + std::to_string(number);
      uids += (uids.empty() ? "" : ",") + std::to_string(uid);
    }
    return numbers.empty() ? "" : " (" + numbers + " " + uids + ")";
  }

  std::string some_command() {
    static const std::vector<std::string> kFlags = {"\\Seen", "\\Deleted", "\\Flagged", "work"};
    silent_.clear();
    const uint32_t first = static_cast<uint32_t>(roll(learned_ + 1) + 1);
    const std::string set = std::to_string(first) + ":" + std::to_string(first + roll(6));
    switch (roll(9)) {
      case 0:
        return "NOOP";
      case 1:
        return "EXPUNGE";
      case 2:
        return "UID EXPUNGE " + set;
      case 3:
        return "UID MOVE " + set + " INBOX";
      case 4:
        return "UID FETCH " + set + " (BODY[TEXT])";
      case 5:
        return "UID FETCH 1:* (FLAGS) (CHANGEDSINCE " + std::to_string(highest_) + " VANISHED)";
      case 6:
        return "UID FETCH " + set + " (FLAGS MODSEQ)";
      default:
        break;
    }
    silent_ = kFlags[roll(kFlags.size())];
    adds_ = roll(2) == 0;
    const std::string when = roll(2) == 0 ? " (UNCHANGEDSINCE " + std::to_string(highest_) + ")" : "";
    // By message numbers: then nothing may be said of those that are gone.
    if (roll(2) == 0 && exists_ > 0) {
      const std::string n = std::to_string(roll(exists_) + 1);
      return "STORE " + n + when + (adds_ ? " +" : " -") + "FLAGS.SILENT (" + silent_ + ")";
    }
    return "UID STORE " + set + when + (adds_ ? " +" : " -") + "FLAGS.SILENT (" + silent_ + ")";
  }

  void command(const std::string& command) {
    numbers_count_ = command.starts_with("STORE");
    code_.reset();
    seen_ = 0;
    std::string answer = client_->ask("x " + command + "\r\n");
    constexpr std::string_view kEmpty = "{0}\r\n";
    for (size_t n = answer.find(kEmpty); n != std::string::npos; n = answer.find(kEmpty))
      answer.erase(n, kEmpty.size());
    while (!answer.empty()) {
      if (patience_ == 0) return go_away();
      if (patience_ != SIZE_MAX) patience_--;
      const size_t end = answer.find("\r\n");
      ASSERT_NE(end, std::string::npos) << answer;
      line(command, answer.substr(0, end));
      answer.erase(0, end + 2);
    }
  }

  void line(const std::string& command, const std::string& line) {
    ASSERT_EQ(line.find(" BAD "), std::string::npos) << command << "\n" << line;
    ASSERT_EQ(line.find(" EXPUNGE"), line.starts_with("x ") ? line.find(" EXPUNGE") : std::string::npos)
        << line;
    if (const uint64_t code = number_after(line, "[HIGHESTMODSEQ "); code != 0) code_ = code;
    if (line.starts_with("x ")) return tagged();
    if (const uint64_t validity = number_after(line, "[UIDVALIDITY "); validity != 0) validity_ = validity;
    if (line.ends_with(" EXISTS")) exists_ = number_after(line, "* ");
    if (line.starts_with("* VANISHED (EARLIER) ")) {
      for (const uint32_t uid : uids_in(line.substr(21))) messages.erase(uid);
    } else if (line.starts_with("* VANISHED ")) {
      ASSERT_FALSE(numbers_count_) << command << "\n" << line;
      const std::vector<uint32_t> uids = uids_in(line.substr(11));
      ASSERT_LE(uids.size(), exists_);
      exists_ -= uids.size();
      for (const uint32_t uid : uids) messages.erase(uid);
    } else if (line.find(" FETCH (") != std::string::npos) {
      fetched(command, line);
    }
  }

  void fetched(const std::string& command, const std::string& line) {
    const auto uid = static_cast<uint32_t>(number_after(line, "UID "));
    ASSERT_NE(uid, 0u) << command << "\n" << line;
    seen_ = std::max(seen_, number_after(line, "MODSEQ ("));
    const size_t flags = line.find("FLAGS (");
    if (flags == std::string::npos) {
      // The answer to a silent STORE: the client works out the flags itself.
      if (silent_.empty() || !messages.contains(uid)) return;
      if (adds_) {
        messages[uid].insert(silent_);
      } else {
        messages[uid].erase(silent_);
      }
      return;
    }
    Flags now;
    std::string list = line.substr(flags + 7);
    list.resize(list.find(')'));
    for (std::string_view flag : split(list, ' ')) {
      if (!flag.empty() && flag != "\\Recent") now.insert(std::string(flag));
    }
    messages[uid] = std::move(now);
  }

  void tagged() {
    highest_ = code_ ? *code_ : std::max(highest_, seen_);
    code_.reset();
    seen_ = 0;
  }

  // Asks for what is new.
  void learn() {
    silent_.clear();
    const uint32_t from = learned_ + 1;
    command("UID FETCH " + std::to_string(from) + ":* (FLAGS)");
    if (client_ && !messages.empty()) learned_ = std::max(learned_, messages.rbegin()->first);
  }

  House& house_;
  std::mt19937_64& dice_;
  std::unique_ptr<Client> client_;
  size_t patience_ = SIZE_MAX;
  uint64_t validity_ = 0, highest_ = 0, seen_ = 0;
  std::optional<uint64_t> code_;
  size_t exists_ = 0;
  uint32_t learned_ = 0;  // all messages up to this UID were asked for
  std::string silent_;
  bool adds_ = false, numbers_count_ = false;
};

class Journey {
 public:
  // Every other one has a store that soon forgets what was expunged.
  explicit Journey(uint64_t seed) : dice_(seed), house_(seed % 2 == 0 ? store::kKeptExpunges : 1) {
    for (int i = 0; i < 6; i++) house_.deliver(1, "INBOX", "Subject: x\r\n\r\n");
    for (int i = 0; i < 3; i++) travellers_.push_back(std::make_unique<Traveller>(house_, dice_));
    other_ = house_.login("alice");
    other_->ask("a SELECT INBOX\r\n");
  }

  void go(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFailure(); i++) {
      Traveller& who = *travellers_[dice_() % travellers_.size()];
      switch (dice_() % 8) {
        case 0:
          who.go_away();
          break;
        case 1:
          house_.deliver(1, "INBOX", "Subject: new\r\n\r\n");
          break;
        case 2:
        case 3:
          disturb();
          break;
        case 4:
          who.do_something(dice_() % 20);
          break;
        default:
          who.do_something(SIZE_MAX);
      }
      if (dice_() % 15 == 0) compare();
    }
    compare();
  }

 private:
  // Something that another client does.
  void disturb() {
    const std::string uid = std::to_string(dice_() % 40 + 1);
    const std::string commands[] = {"UID STORE " + uid + " +FLAGS (\\Deleted)", "EXPUNGE",
                                    "UID STORE " + uid + " FLAGS (work)", "UID MOVE " + uid + " Trash",
                                    "UID COPY " + uid + " INBOX"};
    other_->ask("a " + commands[dice_() % 5] + "\r\n");
  }

  void compare() {
    Traveller fresh(house_, dice_);
    fresh.catch_up();
    for (auto& who : travellers_) {
      if (dice_() % 2 == 0) who->go_away();
      who->catch_up();
      ASSERT_EQ(who->exists(), fresh.exists());
      ASSERT_EQ(who->messages.size(), fresh.messages.size());
      for (const auto& [uid, flags] : fresh.messages) {
        ASSERT_TRUE(who->messages.contains(uid)) << uid;
        ASSERT_EQ(text(who->messages[uid]), text(flags)) << uid;
      }
    }
    ASSERT_EQ(fresh.messages.size(), fresh.exists());
  }

  std::mt19937_64 dice_;
  House house_;
  std::vector<std::unique_ptr<Traveller>> travellers_;
  std::unique_ptr<Client> other_;
};

class ImapResync : public testing::TestWithParam<uint64_t> {};

TEST_P(ImapResync, ComesBackToWhatIsThere) {
  Journey(GetParam()).go(200);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ImapResync, testing::Range<uint64_t>(1, 31));

}  // namespace
}  // namespace posthouse::access::imap::test
