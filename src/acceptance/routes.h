// Where the recipients of a letter lead: each local account once, each remote address once.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "directory/directory.h"
#include "message/address.h"
#include "queue/queue.h"

namespace posthouse::acceptance {

class Routes {
 public:
  // Adds what `recipient` leads to now. One that leads nowhere any more (removed since RCPT) is left out and
  // counted in lost(), and so is one of a foreign domain with `local_only`. `temporary` when there are more
  // than kMaxCopies.
  Task<Result<void>> add(directory::Directory& directory, const message::Address& recipient, bool local_only);

  const std::vector<directory::Resolution::LocalTarget>& local() const { return local_; }
  std::vector<queue::Recipient>& remote() { return remote_; }
  size_t lost() const { return lost_; }
  bool empty() const { return local_.empty() && remote_.empty(); }

 private:
  // `original`: the envelope's recipient if an alias led here, else "".
  void add_remote(std::string address, const std::string& original);
  void add_local(directory::Resolution::LocalTarget target);
  bool knows(directory::AccountId account);

  std::vector<directory::Resolution::LocalTarget> local_;
  std::vector<queue::Recipient> remote_;
  std::set<directory::AccountId> accounts_;  // of local_, once there are many
  std::set<std::string> keys_;               // of remote_
  size_t lost_ = 0;
};

}  // namespace posthouse::acceptance
