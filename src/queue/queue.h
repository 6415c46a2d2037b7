// The durable queue of letters that go on to other hosts. Storage and schedule only: transport/ does the
// sending.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/task.h"
#include "engine/blob.h"
#include "engine/engine.h"

namespace posthouse::queue {

using LetterId = uint64_t;  // format_id() of it is the queue id people see

enum class RecipientState : uint8_t { waiting, held, delivered, failed };

struct Recipient {
  std::string address;   // as it goes into RCPT TO
  std::string original;  // ORCPT or the address before alias expansion; "" if the same
  std::string domain;    // lower-case A-label, or literal: the routing key
  RecipientState state = RecipientState::waiting;
  uint32_t attempts = 0;
  SystemTime next_attempt{};
  std::string last_reply;   // of the other side or our own reason, one line, at most 512 bytes
  std::string last_status;  // enhanced code "4.4.1"
  std::string last_host;    // who said so
  bool delay_warned = false;
};

// The envelope and where the bytes are.
struct Letter {
  LetterId id = 0;
  std::string reverse_path;  // "" is the null reverse-path
  engine::BlobId blob = 0;
  uint64_t offset = 0;  // where the letter begins in the blob (Return-Path for local eyes before it)
  uint64_t size = 0;    // from offset on
  SystemTime accepted{};
  SystemTime expires{};
  bool eight_bit = false;   // body needs 8BITMIME
  bool utf8 = false;        // needs SMTPUTF8
  std::string submitter;    // account address, or "" if it came from another host
  std::string envelope_id;  // ENVID
  std::vector<Recipient> recipients;
};

// Selects letters for the operator: all conditions must hold; empty ones do. `recipient`, `domain` and
// `state` must hold for one and the same recipient, and the verbs change only such recipients.
struct Filter {
  std::optional<LetterId> id;
  std::string sender;     // substring of the reverse-path
  std::string recipient;  // substring of an address
  std::string domain;
  std::optional<RecipientState> state;
  size_t most = 1000;  // letters listed or changed at most
};

// Thread-safe; tasks come back on their caller's executor. A record that can't be read is set aside (a row
// kind of its own), logged and counted; it never blocks others.
class Queue {
 public:
  Queue(engine::Engine& engine, const Clock& clock);
  ~Queue();

  // Adds a letter within the transaction that seals its blob with blob_reference(letter.id).
  engine::Step stage(Letter letter);
  static std::string blob_reference(LetterId id);

  // Called (from another thread; only post from it) after something was added or released.
  std::unique_ptr<engine::Watch> watch(std::function<void()> changed);

  // Letters with a recipient due at or before `now`, earliest first, at most `most`; leaves out those in
  // `skip`.
  Task<Result<std::vector<Letter>>> due(SystemTime now, size_t most, std::vector<LetterId> skip);
  // When the next one that is not on lease becomes due; nothing if there is none.
  Task<Result<std::optional<SystemTime>>> next_due();

  // Like due(), for the one who sends: the letters are on lease and are not given out again until
  // give_back(). Leases are in memory only: after a restart every letter is free. One call at a time; costs
  // the rows it returns, however long the queue is and however many rows were there before.
  Task<Result<std::vector<Letter>>> lease(SystemTime now, size_t most);
  // Leases one letter by its id; false if it is on lease already. Does not look whether it exists.
  bool lease_one(LetterId id);
  void give_back(LetterId id);

  // Results of an attempt, in one transaction: rewrites the changed recipients and the schedule; when none is
  // left waiting or held, removes the letter and drops its blob reference. `also` goes into the same
  // transaction (a bounce being accepted). A recipient put on hold meanwhile stays on hold; one that is gone
  // is passed over. Faults: not_found when the letter is gone (then nothing is done, `also` neither),
  // corrupt, what a step says.
  struct Outcome {
    LetterId id = 0;
    std::vector<Recipient> recipients;  // the changed ones, named by address
    std::vector<engine::Step> also;
  };
  Task<Result<void>> record(Outcome outcome);

  Task<Result<std::optional<Letter>>> find(LetterId id);
  Task<Result<std::vector<Letter>>> list(Filter filter);
  // Operator's verbs; the number of letters concerned.
  Task<Result<size_t>> hold(Filter filter);
  Task<Result<size_t>> release(Filter filter);
  Task<Result<size_t>> retry_now(Filter filter);
  Task<Result<size_t>> remove(Filter filter);  // without a bounce

  // `waiting` and `held` count letters: with a recipient that waits, and those where all that is left is
  // held.
  struct Totals {
    uint64_t letters = 0, waiting = 0, held = 0, set_aside = 0;
  };
  Task<Result<Totals>> totals();  // cheap: one row

  // A row that was moved out of the way: it could not be read, or set_aside() was asked for.
  struct SetAside {
    LetterId id = 0;  // 0 if not even the key could be read
    SystemTime when{};
    std::string reason;
    std::string key, value;  // as they were
  };
  // Moves a letter out of the schedule to where the operator sees it; its blob stays.
  Task<Result<void>> set_aside(LetterId id, std::string reason);
  Task<Result<std::vector<SetAside>>> list_set_aside(size_t most);
  Task<Result<std::optional<SetAside>>> find_set_aside(LetterId id);
  // What was set aside as a letter; `corrupt` if it can't be read.
  static Result<Letter> letter_of(const SetAside& row);
  // Puts a set-aside letter that can be read (again) back into the queue, due now. Faults: not_found,
  // corrupt.
  Task<Result<void>> restore(LetterId id);
  // Throws a set-aside row away. Faults: not_found.
  Task<Result<void>> discard(LetterId id);

  // After damaged files were mended (engine::Engine::lost), before anybody sends: a letter without its place
  // in the schedule would wait for ever, and one that its body in `lost` has forgotten could lose it.
  // Repeatable.
  Task<Result<void>> settle(std::vector<engine::PartitionRange> lost);

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace posthouse::queue
