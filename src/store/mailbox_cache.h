// What is remembered of mailboxes: those that were asked for last.
#pragma once

#include <list>
#include <map>
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
    const auto one = places_.find({account, mailbox});
    if (one == places_.end()) return nullptr;
    used_.splice(used_.begin(), used_, one->second);
    return one->second->value;
  }

  // `value` is true as of `modseq`: who was slower than another keeps the newer one.
  void keep(AccountId account, MailboxId mailbox, uint32_t uid_validity, ModSeq modseq,
            std::shared_ptr<const T> value, size_t weight) {
    const std::lock_guard lock(mutex_);
    const auto one = places_.find({account, mailbox});
    if (one != places_.end()) {
      const One& known = *one->second;
      if (known.uid_validity == uid_validity && known.modseq > modseq) return;
      drop(one->second);
    }
    if (weight > heaviest_) return;
    used_.push_front({account, mailbox, uid_validity, modseq, std::move(value), weight});
    places_.emplace(std::pair(account, mailbox), used_.begin());
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

  void drop(Place one) {
    weight_ -= one->weight;
    places_.erase({one->account, one->mailbox});
    used_.erase(one);
  }

  const size_t most_, heaviest_;
  std::mutex mutex_;
  std::list<One> used_;  // the latest first
  std::map<std::pair<AccountId, MailboxId>, Place> places_;
  size_t weight_ = 0;  // of all of them
};

}  // namespace posthouse::store
