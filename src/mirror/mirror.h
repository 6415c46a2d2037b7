// Accounts that keep their mail in files: index and files in step (store/files.h).
//
// What we change is in the index first, with a row in the account's outbox; carry_out() does it in the files
// and takes the row away, again after a crash. What others change is found by look(). Both take turns,
// account by account.
#pragma once

#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/random.h"
#include "base/result.h"
#include "base/task.h"
#include "engine/engine.h"
#include "store/files.h"

namespace posthouse::net {
class Loop;
}

namespace posthouse::mirror {

struct Options {
  size_t threads = 8;  // for work on files; half of them may wait for locks of other programs
};

// Thread-safe.
class Mirror : public store::Files {
 public:
  Mirror(engine::Engine& engine, const Clock& clock, Random& random, IdSource& ids, Options options = {});
  ~Mirror() override;

  // Learns which accounts are kept in files. Before any other call.
  Task<Result<void>> start();
  // While a server runs: tries again what could not be done in the files (at once, and now and then), and
  // looks into mailboxes that sessions read when others change them. Ends when the loop stops.
  Task<void> attend(net::Loop& loop);
  // Before that loop stops, on its thread: returns when what was told as done is in the files, or was tried,
  // or at `until`: the next start does the rest. Nobody waits for the locks of others from then on.
  Task<void> finish(SteadyTime until);

  bool keeps(store::AccountId account) const override;
  // All of them, in no order.
  std::vector<store::AccountId> kept() const;
  Result<void> check_name(store::Format format, const std::string& mailbox) const override;
  void adopt(store::AccountId account) override;
  Task<Result<void>> leave(store::AccountId account, std::function<Task<Result<void>>()> last) override;
  Task<Result<void>> carry_out(store::AccountId account) override;
  Task<Result<void>> follow(store::AccountId account, size_t changes) override;
  void carry_out_soon(store::AccountId account) override;
  Task<Result<store::PlacesToBe>> places_to_be(store::AccountId account, store::MailboxId mailbox,
                                               std::vector<store::Uid> uids) override;
  Task<Result<void>> look(store::AccountId account) override;
  Task<Result<void>> look(store::AccountId account, store::MailboxId mailbox) override;
  // At the mailboxes and into each of them, whatever is watched.
  Task<Result<void>> look_into_all(store::AccountId account);
  Task<Result<std::string>> read(store::AccountId account, store::MailboxId mailbox, store::Uid uid,
                                 uint64_t offset, uint64_t length) override;
  Task<Result<std::vector<std::string>>> read_beginnings(store::AccountId account, store::MailboxId mailbox,
                                                         std::vector<store::Uid> uids,
                                                         uint64_t most) override;

  struct Impl;

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace posthouse::mirror
