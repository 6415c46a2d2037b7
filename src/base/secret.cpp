#include "base/secret.h"

#include <openssl/crypto.h>
#include <string.h>  // explicit_bzero

namespace posthouse {

// The whole capacity: a short string that was moved or cut leaves its bytes behind the end.
void Secret::wipe() {
  explicit_bzero(value_.data(), value_.capacity());
}

Secret::~Secret() {
  wipe();
}

Secret::Secret(Secret&& other) noexcept : value_(std::move(other.value_)) {
  other.wipe_and_clear();
}

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) {
    wipe();
    value_ = other.value_;
  }
  return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    value_ = std::move(other.value_);
    other.wipe_and_clear();
  }
  return *this;
}

void Secret::wipe_and_clear() {
  wipe();
  value_.clear();
}

bool constant_time_equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace posthouse
