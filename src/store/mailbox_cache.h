// What is remembered of mailboxes: those that were asked for last.
#pragma once

#include <algorithm>
#include <list>
#include <memory>
#include <mutex>
#include <utility>

#include "store/types.h"

namespace posthouse::store {

// T never changes. Thread-safe.
template <class T>
class MailboxCache {
 public:
  // How many at most, and how much they may weigh together.
  MailboxCache(size_t most, size_t weight) : most_(most), heaviest_(weight) {}

  // nullptr: not remembered.
  std::shared_ptr<const T> find(AccountId account, MailboxId mailbox) {
    const std::lock_guard lock(mutex_);
    const auto one = place_of(account, mailbox);
    if (one == used_.end()) return nullptr;
    used_.splice(used_.begin(), used_, one);
    return one->value;
  }

  // `value` is true as of `modseq`: who was slower than another keeps the newer one.
  void keep(AccountId account, MailboxId mailbox, uint32_t uid_validity, ModSeq modseq,
            std::shared_ptr<const T> value, size_t weight) {
    const std::lock_guard lock(mutex_);
    const auto one = place_of(account, mailbox);
    if (one != used_.end()) {
      if (one->uid_validity == uid_validity && one->modseq > modseq) return;
      drop(one);
    }
    if (weight > heaviest_) return;
    used_.push_front({account, mailbox, uid_validity, modseq, std::move(value), weight});
    weight_ += weight;
    while (weight_ > heaviest_ || used_.size() > most_) drop(std::prev(used_.end()));
  }

 private:
  struct One {
    AccountId account = 0;
    MailboxId mailbox = 0;
    uint32_t uid_validity = 0;
    ModSeq modseq = 0;
    std::shared_ptr<const T> value;
    size_t weight = 0;
  };
  using Place = typename std::list<One>::iterator;

  Place place_of(AccountId account, MailboxId mailbox) {
    return std::ranges::find_if(
        used_, [&](const One& known) { return known.account == account && known.mailbox == mailbox; });
  }
  void drop(Place one) {
    weight_ -= one->weight;
    used_.erase(one);
  }

  const size_t most_, heaviest_;
  std::mutex mutex_;
  std::list<One> used_;  // the latest first
  size_t weight_ = 0;    // of all of them
};

}  // namespace posthouse::store
