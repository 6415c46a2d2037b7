// What was asked of a mailbox before, in memory for when it is asked again.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "store/types.h"

namespace posthouse::access::imap {

struct View;

// One per program, for all sessions; thread-safe. Only what never changes of a letter is kept, so nothing has
// to be taken back: which letters there are and what flags they have is asked anew each time
// (docs/adr/0018). When it is full, what was unused for longest makes room.
class Recall {
 public:
  struct Key {
    store::AccountId account = 0;  // whose mailbox it is
    store::MailboxId mailbox = 0;
    uint32_t uid_validity = 0;
    std::string what;  // was asked
    auto operator<=>(const Key&) const = default;
  };
  static Key key_of(const View& view, std::string what);

  // Never changes once it is kept: who knows more keeps another one.
  struct Kept {
    virtual ~Kept() = default;
  };

  // `most`: octets of all together; 0: nothing is kept.
  explicit Recall(size_t most) : most_(most) {}

  // nullptr if it is not there, or no T.
  template <class T>
  std::shared_ptr<const T> find(const Key& key) {
    return std::dynamic_pointer_cast<const T>(find_any(key));
  }
  // In place of what was kept under the key. `octets`: what it takes, about. What needs more than half of all
  // there is room for is not kept.
  void keep(Key key, std::shared_ptr<const Kept> value, size_t octets);

  size_t octets() const;
  size_t size() const;

 private:
  struct Place {
    Key key;
    std::shared_ptr<const Kept> value;
    size_t octets = 0;
  };
  using Places = std::list<Place>;

  std::shared_ptr<const Kept> find_any(const Key& key);
  void take_out(Places::iterator place, Places& out);

  const size_t most_;
  mutable std::mutex mutex_;  // guards all below
  Places places_;             // most recently used first
  // Strangers choose the keys: no hash. They stand in `places_`.
  struct ByKey {
    bool operator()(const Key* a, const Key* b) const { return *a < *b; }
  };
  std::map<const Key*, Places::iterator, ByKey> by_key_;
  size_t octets_ = 0;
};

}  // namespace posthouse::access::imap
