// Which letters of a backup an account still has.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "app/control/admin.h"
#include "store/types.h"

namespace posthouse::app::backup {

class PresentLetters {
 public:
  explicit PresentLetters(std::unordered_set<uint64_t> deliveries_of_backup)
      : in_backup_(std::move(deliveries_of_backup)) {}

  // What the account has in a mailbox, which may not be there.
  Result<void> add(control::Admin& admin, const std::string& address, const std::string& mailbox);

  // Whether a letter of the backup is there; one that came since the backup is used up by it. `checksum` is
  // asked only when needed.
  Result<bool> take(control::Admin& admin, const std::string& address, const store::Entry& letter,
                    const std::function<Result<uint64_t>()>& checksum);

 private:
  struct Later {  // came since the backup
    std::string mailbox;
    store::Uid uid = 0;
    int64_t date = 0;  // milliseconds since 1970
    bool used = false;
  };
  using Shape = std::pair<uint64_t, int64_t>;  // size, date in whole seconds

  Result<bool> same_bytes(control::Admin& admin, const std::string& address, const Later& later,
                          uint64_t checksum) const;

  std::unordered_set<uint64_t> in_backup_, deliveries_;
  std::vector<Later> later_;
  std::unordered_multimap<uint64_t, size_t> by_blob_;
  std::multimap<Shape, size_t> by_shape_;
};

}  // namespace posthouse::app::backup
