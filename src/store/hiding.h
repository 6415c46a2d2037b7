// Whether many expunged messages are hidden by one row first (store/expunged_row.h), and who removes them
// then; and the same of flags (store/pending_flags.h).
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <set>

#include "store/limits.h"
#include "store/types.h"

namespace posthouse::store {

// Thread-safe but for `wake` and `from`, which are set before all else.
class Hiding {
 public:
  std::function<void(AccountId)> wake;        // none: who expunges removes them itself
  std::function<void(AccountId)> wake_later;  // for flags (store/pending_flags.h); none: `wake`
  size_t from = kHiddenFrom;                  // as many as that are hidden
  std::atomic<bool> ending{false};            // who removes them stops

  bool allowed(AccountId account) const;

  // While it lives nothing is hidden in the account, so that who walks over its messages misses none.
  class Pause {
   public:
    Pause(Hiding& hiding, AccountId account);
    ~Pause();
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;

   private:
    Hiding& hiding_;
    AccountId account_;
  };

 private:
  mutable std::mutex mutex_;
  std::multiset<AccountId> paused_;
};

}  // namespace posthouse::store
