// How many sessions each account has open.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "access/imap/session.h"

namespace posthouse::access::imap {

// Thread-safe.
class SessionRegistry {
 public:
  // A session's place; given back by the destructor.
  class Lease {
   public:
    Lease() = default;
    Lease(std::shared_ptr<SessionRegistry> registry, uint64_t account)
        : registry_(std::move(registry)), account_(account) {}
    Lease(Lease&& other) noexcept : registry_(std::move(other.registry_)), account_(other.account_) {}
    Lease& operator=(Lease&& other) noexcept {
      std::swap(registry_, other.registry_);
      std::swap(account_, other.account_);
      return *this;
    }
    ~Lease();

   private:
    std::shared_ptr<SessionRegistry> registry_;
    uint64_t account_ = 0;
  };

  // Nothing if the account has `most` sessions already.
  static std::optional<Lease> enter(const std::shared_ptr<SessionRegistry>& registry, uint64_t account,
                                    uint32_t most);

 private:
  std::mutex mutex_;
  std::map<uint64_t, uint32_t> sessions_;
};

}  // namespace posthouse::access::imap
