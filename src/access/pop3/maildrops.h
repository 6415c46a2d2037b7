// The exclusive lock of RFC 1939 section 4, as a list of who has it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "access/pop3/session.h"

namespace posthouse::access::pop3 {

// Thread-safe. It is only for sessions of POP3: IMAP and deliveries go on beside it, and what they change is
// seen by the next session. It lives with the program, so no crash can leave a maildrop locked.
class Maildrops {
 public:
  // A session's hold on a maildrop; given back by the destructor.
  class Lease {
   public:
    Lease() = default;
    Lease(std::shared_ptr<Maildrops> maildrops, uint64_t account)
        : maildrops_(std::move(maildrops)), account_(account) {}
    Lease(Lease&& other) noexcept
        : maildrops_(std::move(other.maildrops_)), account_(std::exchange(other.account_, 0)) {}
    Lease& operator=(Lease&& other) noexcept {
      std::swap(maildrops_, other.maildrops_);
      std::swap(account_, other.account_);
      return *this;
    }
    ~Lease();
    uint64_t account() const { return account_; }
    // The session has answers to write since then; nothing: it has none any more.
    void note_writing(std::optional<SteadyTime> since);

   private:
    std::shared_ptr<Maildrops> maildrops_;
    uint64_t account_ = 0;
  };

  // Nothing if another session has it. `stream` outlives the lease; it is cancelled when the session shall
  // end: also when it could write nothing for kStalled and its account is back, as clients are that lost
  // their network in the middle of a letter.
  static std::optional<Lease> enter(const std::shared_ptr<Maildrops>& maildrops,
                                    const wire::sasl::Identity& who, net::Stream& stream, SteadyTime now);
  // `app_password`: only if the session came by it.
  void end(uint64_t account, std::optional<uint32_t> app_password);

 private:
  struct Holder {
    net::Stream* stream = nullptr;
    uint32_t app_password = 0;
    std::optional<SteadyTime> writing_since;
  };

  std::mutex mutex_;
  std::map<uint64_t, Holder> sessions_;
};

}  // namespace posthouse::access::pop3
