// A client that believes what it is told of one mailbox, and nothing else: what it thinks is there must be
// what a fresh session sees. With random things for it to do there.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace posthouse::access::imap::test {

// The server said what can't be, or said nothing.
struct Disagreement : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The way to a session that is logged in.
class Wire {
 public:
  virtual ~Wire() = default;
  virtual void send(std::string_view octets) = 0;
  // All lines up to the first that begins with `start`, that one included. Waits for it.
  virtual std::string until(const std::string& start) = 0;
  // What came and nobody took.
  virtual std::string rest() = 0;
};

// The lines of `text` up to the first that begins with `start`; nothing if it is not there yet.
std::string take_lines(std::string& text, std::string_view start);

class Dice {
 public:
  explicit Dice(uint64_t seed) : engine_(seed) {}
  size_t roll(size_t sides) { return engine_() % sides; }

 private:
  std::mt19937_64 engine_;
};

// What a client speaks: it is told of expunges by EXPUNGE, or (RFC 7162) by VANISHED; of everything but them
// at any time (RFC 5465, SELECTED-DELAYED); and it may know no message numbers at all (RFC 9586).
enum class Dialect : uint8_t { rev1, rev2, qresync, notify, uid_only };
inline constexpr Dialect kDialects[] = {Dialect::rev1, Dialect::rev2, Dialect::qresync, Dialect::notify,
                                        Dialect::uid_only};

// Its methods throw Disagreement, with the last lines of the dialogue.
class Watcher {
 public:
  using Flags = std::set<std::string>;

  // Selects INBOX.
  Watcher(std::unique_ptr<Wire> wire, Dialect dialect);

  // Sends something random; finish() takes in what the server says to it. What several begin runs at the same
  // time.
  void begin(Dice& dice);
  void finish();
  void command(const std::string& text, bool may_expunge);

  // What it thinks is there, a line a message. After a NOOP.
  std::string picture() const;
  // Throws if what its search that is kept up to date (RFC 5267) has found is not what is there. After a
  // NOOP.
  void check_context() const;

 private:
  struct Message {
    uint32_t uid = 0;  // 0: it was gone before the client could ask
    std::optional<Flags> flags;
    bool asked = false;
  };

  // `may_expunge`: messages may go while this is answered (RFC 9051 section 7.5.1).
  void start(const std::string& text, bool may_expunge, const std::string& tag = "x");
  void start_by_uid(Dice& dice);
  void start_context(Dice& dice);
  // What came and nobody asked for.
  void take_stray();
  void start_store(Dice& dice, uint32_t first, uint32_t last);
  void select_again(Dice& dice);
  // A silent STORE: the client works out the flags itself.
  void change(uint32_t first, uint32_t last, char mode, const Flags& flags);
  // Asks for what it does not know of new messages.
  void learn();
  void learn_by_uid();

  void listen(std::string answer);
  void take_line(const std::string& line);
  void take_tagged(const std::string& line);
  void take_numbers(std::string_view list);
  void take_numbered(const std::string& line);
  void take_fetch(const std::string& line, Message& message);
  Message& message_of(uint32_t uid);
  void take_context(std::string_view answer);
  void take_vanished(std::string_view uids);
  void vanish(uint32_t uid);

  void note(std::string line);
  [[noreturn]] void disagree(const std::string& what) const;

  std::unique_ptr<Wire> wire_;
  Dialect dialect_;
  std::vector<Message> messages_;
  std::optional<std::set<uint32_t>> undeleted_;  // what the search that is kept up to date has found
  std::deque<std::string> dialogue_;             // its last lines
  std::string tag_;                              // of the command under way
  Message unknown_;                              // a new one, until it is asked for
  bool learns_ = false;
  bool may_expunge_ = false;
  bool idles_ = false;
  bool examined_ = false;
};

}  // namespace posthouse::access::imap::test
