// Which sessions each account has logged in.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "net/stream.h"
#include "wire/sasl/server.h"

namespace posthouse::smtp {

// Thread-safe. One per program.
class Logins {
 public:
  // A session's place; given back by the destructor.
  class Lease {
   public:
    Lease() = default;
    Lease(std::shared_ptr<Logins> logins, uint64_t account, net::Stream* stream)
        : logins_(std::move(logins)), account_(account), stream_(stream) {}
    Lease(Lease&& other) noexcept { swap(other); }
    Lease& operator=(Lease&& other) noexcept {
      swap(other);
      return *this;
    }
    ~Lease();
    // Whether end() was called for it.
    bool ended() const;

   private:
    void swap(Lease& other) {
      std::swap(logins_, other.logins_);
      std::swap(account_, other.account_);
      std::swap(stream_, other.stream_);
    }
    std::shared_ptr<Logins> logins_;
    uint64_t account_ = 0;
    net::Stream* stream_ = nullptr;
  };

  // Nothing if the account has `most` sessions already. `stream` outlives the lease; it is cancelled when the
  // session shall end.
  static std::optional<Lease> enter(const std::shared_ptr<Logins>& logins, const wire::sasl::Identity& who,
                                    uint32_t most, net::Stream& stream);
  // Ends the sessions that the account has now; with `app_password` only those that came by it. From any
  // thread; they end soon after, with 421.
  void end(uint64_t account, std::optional<uint32_t> app_password = std::nullopt);

 private:
  struct Session {
    uint32_t app_password = 0;
    bool ended = false;
  };

  mutable std::mutex mutex_;
  std::map<uint64_t, std::map<net::Stream*, Session>> sessions_;
};

}  // namespace posthouse::smtp
