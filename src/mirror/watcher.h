// Which mailboxes are watched for changes by others: those that sessions looked into lately.
#pragma once

#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "maildir/watch.h"
#include "mirror/limits.h"
#include "store/types.h"

namespace posthouse::mirror {

// Thread-safe. Before open() nothing is watched.
class Watcher {
 public:
  using Which = std::pair<store::AccountId, store::MailboxId>;

  explicit Watcher(const Clock& clock, size_t most = kWatched) : clock_(clock), most_(most) {}

  // A descriptor that is readable when take_changed() has something; the caller closes it.
  Result<int> open();
  // Whether add() is wanted before a look at the mailbox. `by_session`: it counts as looked at now; others'
  // looks don't begin to watch.
  bool wants(const Which& which, bool by_session);
  // Watches all of `paths` (folders, files); what can't be watched is polled. The one that no session looked
  // at for longest is dropped when there are too many.
  void add(const Which& which, const std::vector<std::string>& paths);

  // Those that may have changed. What was replaced is polled until it is added again.
  std::vector<Which> take_changed();
  // Those that have to be looked at without being told.
  std::vector<Which> polled();
  // All that sessions looked into lately; the others are dropped.
  std::vector<Which> all();

 private:
  struct Entry {
    Which which;
    uint64_t key = 0;
    bool polled = false;
    SteadyTime looked{};
  };
  using Entries = std::list<Entry>;  // the latest first
  void drop(Entries::iterator entry);

  const Clock& clock_;
  size_t most_;
  std::mutex mutex_;
  std::optional<maildir::Watch> watch_;
  Entries entries_;
  std::map<Which, Entries::iterator> by_mailbox_;
  std::map<uint64_t, Entries::iterator> by_key_;
  uint64_t last_key_ = 0;
};

}  // namespace posthouse::mirror
