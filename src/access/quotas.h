// What an account may keep, as its directory entry says.
#pragma once

#include "base/result.h"
#include "base/task.h"
#include "store/mail_store.h"

namespace posthouse::access {

// Thread-safe.
class Quotas {
 public:
  virtual ~Quotas() = default;
  virtual Task<Result<store::Quota>> quota_of(uint64_t account) = 0;
};

}  // namespace posthouse::access
