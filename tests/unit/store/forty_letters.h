// An account with forty letters in its INBOX.
#pragma once

#include <numeric>
#include <string>
#include <vector>

#include "store_bed.h"

namespace posthouse::store {

inline constexpr AccountId kAlice = 11;
inline constexpr Uid kCount = 40;

class FortyLetters {
 protected:
  // `keep`: whether expunged messages may come back.
  explicit FortyLetters(bool keep) : bed_("memory", kKeptExpunges, keep) {}

  // Once the store is set up.
  void fill() {
    bed_.must(store_.create_account(kAlice, "example.test", bed_.place(kAlice)));
    inbox_ = bed_.id_of(kAlice, "INBOX");
    for (Uid uid = 1; uid <= kCount; ++uid)
      bed_.must_append(kAlice, "INBOX", "letter " + std::to_string(uid));
  }
  static std::vector<Uid> range(Uid first, Uid last) {
    std::vector<Uid> uids(last - first + 1);
    std::iota(uids.begin(), uids.end(), first);
    return uids;
  }
  std::vector<std::string> problems() { return bed_.problems({kAlice}); }

  StoreBed bed_;
  MailStore& store_ = bed_.store;
  MailboxId inbox_ = 0;
  std::vector<AccountId> woken_;  // who was to be finished
};

}  // namespace posthouse::store
