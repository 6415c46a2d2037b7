// What is wrong with the files of accounts, for the log: each trouble when it begins, hourly while it lasts,
// and when it is over, however often somebody runs into it.
#pragma once

#include <list>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>

#include "base/clock.h"
#include "mirror/limits.h"
#include "store/types.h"

namespace posthouse::mirror {

// Thread-safe.
class Troubles {
 public:
  explicit Troubles(const Clock& clock, size_t most = kTroubles) : clock_(clock), most_(most) {}

  struct Which {
    store::AccountId account = 0;
    store::MailboxId mailbox = 0;  // 0: of the account as a whole
    std::string_view event;        // of the log: a literal
  };
  // `name` of the mailbox, or ""; `what` goes into the line, and is no part of what tells troubles apart.
  // `many`: how many letters have it; from twice as many on it is told again. True: a line was written.
  bool tell(const Which& which, const std::string& name, const std::string& what, size_t many = 1);
  // Writes a line if that was told. True: one was written.
  bool over(const Which& which, const std::string& name);
  // The account left, or the mailbox: no line.
  void forget(store::AccountId account);

 private:
  using Key = std::tuple<store::AccountId, store::MailboxId, std::string_view>;
  struct Entry {
    SteadyTime since{}, told{};
    size_t many = 0;
    size_t untold = 0;
    std::list<Key>::iterator place{};
  };

  const Clock& clock_;
  size_t most_;
  std::mutex mutex_;
  std::map<Key, Entry> entries_;
  std::list<Key> order_;  // the one that was told last goes last
};

}  // namespace posthouse::mirror
