// The delivery agent: puts a letter into the mailboxes of local recipients. Sieve will decide the mailbox
// here.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "directory/directory.h"
#include "engine/engine.h"
#include "message/summary.h"
#include "store/mail_store.h"

namespace posthouse::delivery {

struct Options {
  bool over_quota_is_permanent = false;  // else 4.2.2: the sender tries again
  uint64_t default_quota_bytes = 0;      // 0: none, as the next ones
  uint64_t default_quota_messages = 0;
  uint64_t default_domain_bytes = 0;  // of a domain's accounts together
  uint64_t default_domain_messages = 0;
  bool subaddress_to_mailbox = false;  // user+Lists@ goes to mailbox "Lists" where it exists
};

// What an account may keep. Where neither it nor its domain says, the options do.
store::Quota quota_of(const directory::Standing& standing, const Options& options);

// Steps to go into the acceptance transaction, and the blob references they rely on.
struct Plan {
  std::vector<engine::Step> steps;
  std::vector<std::string> blob_references;
  std::shared_ptr<std::vector<store::Placed>> placed;  // filled when the transaction is done
};

// Thread-safe.
class Delivery {
 public:
  Delivery(directory::Directory& directory, store::MailStore& store, Options options);
  ~Delivery();

  // Whether the account and its domain could take a letter of `size` octets (0: not known) now; faults
  // over_quota (for a postmaster only beyond kPostmasterBytes), policy (disabled), not_found.
  Task<Result<void>> check(directory::Resolution::LocalTarget target, uint64_t size);

  // `message` carries blob id, size, summary and date; the id of each delivery comes from `delivery_ids`, one
  // for each target. Disabled accounts and those that are gone are left out while another target remains.
  //
  // Quota: `enforce_quota` lets the transaction fail when a mailbox would pass its quota. It is for a letter
  // with one recipient only. A letter has one reply for all its recipients (RFC 5321 section 4.1.1.4), and
  // each was checked at RCPT; with several, one full mailbox must not cost the others their copy, so a letter
  // may overshoot. Who gets it as postmaster gets it past his quota, as far as kPostmasterBytes
  // and kPostmasterMessages go.
  Task<Result<Plan>> plan(std::vector<directory::Resolution::LocalTarget> targets, store::NewMessage message,
                          std::vector<uint64_t> delivery_ids, bool enforce_quota);

  const Options& options() const;

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace posthouse::delivery
