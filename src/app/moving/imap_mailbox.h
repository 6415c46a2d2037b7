// Reads one mailbox of another server to its end, over as many connections as it takes.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "app/moving/imap_connection.h"
#include "app/moving/known_letters.h"
#include "app/moving/source.h"

namespace posthouse::app::moving {

// The connection that is in use; a new one when that is lost.
class ImapSession {
 public:
  explicit ImapSession(const ImapOptions& options) : options_(options) {}
  Task<Result<ImapConnection*>> get();
  void drop() { now_.reset(); }
  Task<void> end();
  uint64_t broken_letters = 0;  // left out because connections ended at them

 private:
  const ImapOptions& options_;
  std::unique_ptr<ImapConnection> now_;
  bool was_in_ = false;  // logged in once
};

class ImapMailbox {
 public:
  // What to remember the letters of this UIDVALIDITY by; nothing if that can't be.
  using Memory = std::function<KnownLetters*(uint32_t validity)>;
  ImapMailbox(ImapSession& session, const SourceMailbox& mailbox, const Reading& reading, Memory memory,
              bool only_new)
      : session_(session),
        mailbox_(mailbox),
        reading_(reading),
        memory_(std::move(memory)),
        only_new_(only_new) {}

  Task<Result<void>> read();

 private:
  enum class State : uint8_t { waiting, seen, done };  // seen: something was said of it, but no letter came
  struct Letter {
    uint32_t uid = 0;
    uint32_t size = 0;  // as the server tells, at most UINT32_MAX
    State state = State::waiting;
  };
  struct Asked {  // letters_[first..end), those that are not done
    std::string tag;
    size_t first = 0, end = 0;
  };

  Task<Result<void>> attempt();
  Task<Result<void>> examine(ImapConnection& connection);
  Task<Result<void>> list(ImapConnection& connection);
  Task<Result<void>> fetch(ImapConnection& connection);
  Task<Result<void>> ask(ImapConnection& connection, std::deque<Asked>& asked);
  Task<Result<void>> drain(ImapConnection& connection, std::deque<Asked>& asked);
  Task<Result<void>> fetch_alone(ImapConnection& connection, Asked those);
  Task<Result<void>> fetch_one(ImapConnection& connection, Letter& letter);
  void pass_known();
  std::string set_of(size_t first, size_t end) const;
  size_t batch_end(size_t first) const;
  Result<void> take(ImapConnection& connection, wire::imap_client::Fetched& fetched);
  Result<void> give(ImapConnection& connection, wire::imap_client::Fetched& fetched, Letter& letter);
  void bad(Letter& letter, const Fault& fault);
  void finish(Letter& letter);
  Letter* find(uint32_t uid);
  Result<void> leave_out_broken(const Fault& why);
  Task<Result<void>> recover(Fault why);

  ImapSession& session_;
  const SourceMailbox& mailbox_;
  const Reading& reading_;
  Memory memory_;
  const bool only_new_;

  std::optional<uint32_t> validity_;
  uint32_t exists_ = 0;
  bool listed_ = false;
  std::vector<Letter> letters_;               // by UID
  std::map<uint32_t, store::FlagSet> flags_;  // if they are to be compared
  size_t next_ = 0;                           // the first that was not asked for on this connection
  uint64_t passed_ = 0;
  bool refused_ = false;   // EXAMINE was; told
  bool progress_ = false;  // since the connection stands
  int tries_ = 0;          // connections in a row without
  int ended_ = 0;          // of those, such that ended while letters came
  bool fetching_ = false;
  std::optional<Fault> sink_;  // of where the letters go: ends all
};

}  // namespace posthouse::app::moving
