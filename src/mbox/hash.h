// Running checksums of what a file holds: XXH3, as the storage engine uses. Not against forgery.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

namespace posthouse::mbox {

using Digest = std::array<uint64_t, 2>;

class Hash {
 public:
  Hash();
  ~Hash();
  Hash(Hash&&) noexcept;
  Hash& operator=(Hash&&) noexcept;
  void reset();
  void update(std::string_view bytes);
  Digest digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace posthouse::mbox
