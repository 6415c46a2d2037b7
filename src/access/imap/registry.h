// Which sessions each account has open.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "access/imap/session.h"
#include "access/waker.h"

namespace posthouse::access::imap {

// Thread-safe.
class SessionRegistry {
 public:
  // A session's place; given back by the destructor.
  class Lease {
   public:
    Lease() = default;
    Lease(std::shared_ptr<SessionRegistry> registry, uint64_t account, Waker* ender)
        : registry_(std::move(registry)), account_(account), ender_(ender) {}
    Lease(Lease&& other) noexcept
        : registry_(std::move(other.registry_)), account_(other.account_), ender_(other.ender_) {}
    Lease& operator=(Lease&& other) noexcept {
      std::swap(registry_, other.registry_);
      std::swap(account_, other.account_);
      std::swap(ender_, other.ender_);
      return *this;
    }
    ~Lease();

   private:
    std::shared_ptr<SessionRegistry> registry_;
    uint64_t account_ = 0;
    Waker* ender_ = nullptr;
  };

  // Nothing if the account has `most` sessions already. `ender` outlives the lease; it is signalled when the
  // session shall end.
  static std::optional<Lease> enter(const std::shared_ptr<SessionRegistry>& registry,
                                    const wire::sasl::Identity& who, uint32_t most, Waker& ender);
  // `app_password`: only those that came by it; nothing: all.
  void end(uint64_t account, std::optional<uint32_t> app_password);

 private:
  std::mutex mutex_;
  std::map<uint64_t, std::map<Waker*, uint32_t>> sessions_;  // account -> ender -> app password
};

}  // namespace posthouse::access::imap
