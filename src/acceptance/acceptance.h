// ACCEPT: the one durable commit between "354" and "250". Message bytes, mailbox rows of local recipients and
// queue rows of remote ones go into a single transaction; when it returns, the letter is ours.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/result.h"
#include "base/task.h"
#include "delivery/delivery.h"
#include "directory/directory.h"
#include "engine/blob.h"
#include "engine/engine.h"
#include "message/address.h"
#include "message/summary.h"
#include "queue/queue.h"
#include "store/mail_store.h"

namespace posthouse::acceptance {

struct Options {
  seconds queue_lifetime{5 * 24 * 3600};
  uint32_t max_received = 100;  // loop detection (RFC 5321 section 6.3)
};

// What the sender said and what is known of it.
struct Envelope {
  std::string reverse_path;                  // "" is null
  std::vector<message::Address> recipients;  // each already checked by Acceptance::check
  // What was declared. Whether a queued letter needs 8BITMIME is seen from its bytes; it needs SMTPUTF8 if
  // that was declared and there is a header field or an address that does.
  bool eight_bit = false, utf8 = false;
  // From a stranger: a recipient that is not of our domains when the letter is taken is nobody, even if it
  // was one of ours at RCPT. Aliases may still lead outside.
  bool local_only = false;
  std::string submitter;   // account address for submitted letters
  std::string session_id;  // for the log
};

// How a recipient would fare, for RCPT. `over_quota` and `disabled` only when all that the address leads to
// are: one full or shut mailbox doesn't stop a list.
enum class Verdict { accepted, relay, unknown_user, disabled, over_quota, try_later };

class Letter;

// Thread-safe.
class Acceptance {
 public:
  Acceptance(engine::Engine& engine, directory::Directory& directory, store::MailStore& store,
             delivery::Delivery& delivery, queue::Queue& queue, const Clock& clock, IdSource& ids,
             Options options);
  ~Acceptance();

  // For RCPT, before any byte is sent. `relay` means: not our domain; the caller decides whether that is
  // allowed. `size`: what the sender declared, 0 if nothing.
  Task<Result<Verdict>> check(message::Address recipient, uint64_t size = 0);

  // Whether the disk could take a letter of `size` octets beside what is under way (452 4.3.1 if not). Cheap.
  bool has_room(uint64_t size) const;

  // How a full mailbox is to be told: 552 5.2.2 for good, else 452 4.2.2.
  bool full_is_permanent() const;

  // Starts a letter. Its id (queue id) is known at once, for the Received line, which the caller writes
  // first.
  std::unique_ptr<Letter> begin(Envelope envelope);

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

// A letter on its way in. Holds at most one blob chunk of it. Destroying it before commit() returned success
// leaves nothing behind. The Acceptance outlives it.
//
// What is stored begins with a Return-Path line of ours (RFC 5321 section 4.4); copies that go on to other
// hosts begin behind it (queue::Letter::offset).
class Letter {
 public:
  ~Letter();
  uint64_t id() const;
  std::string queue_id() const;  // format_id(id())
  // Header lines of our own come first, then the bytes as they arrived. `bytes` valid until done.
  Task<Result<void>> write(std::string_view bytes);
  uint64_t size() const;
  // Resolves recipients (aliases, subaddress, catch-all), places local copies, queues remote ones, all in one
  // transaction. Each account gets one copy, each remote address one entry, however many recipients lead
  // there. Faults: policy (loop: too many Received), over_quota, not_found (no recipient is left), no_space,
  // io, temporary.
  Task<Result<void>> commit();

  // The two halves of commit() for a caller with a transaction of its own (a bounce goes in together with the
  // result it tells of): the steps to run, in order, while this letter lives; then, once they are durable,
  // committed() writes the log and counts.
  Task<Result<std::vector<engine::Step>>> prepare();
  void committed();

  struct Impl;

 private:
  friend class Acceptance;
  void tell();
  explicit Letter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace posthouse::acceptance
