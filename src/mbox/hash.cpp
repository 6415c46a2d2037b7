#include "mbox/hash.h"

#include <xxhash.h>

namespace posthouse::mbox {

struct Hash::State {
  XXH3_state_t* xxh = XXH3_createState();
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { XXH3_freeState(xxh); }
};

Hash::Hash() : state_(std::make_unique<State>()) {
  reset();
}
Hash::~Hash() = default;
Hash::Hash(Hash&&) noexcept = default;
Hash& Hash::operator=(Hash&&) noexcept = default;

void Hash::reset() {
  XXH3_128bits_reset(state_->xxh);
}

void Hash::update(std::string_view bytes) {
  if (!bytes.empty()) XXH3_128bits_update(state_->xxh, bytes.data(), bytes.size());
}

Digest Hash::digest() const {
  const XXH128_hash_t value = XXH3_128bits_digest(state_->xxh);
  return {value.low64, value.high64};
}

}  // namespace posthouse::mbox
