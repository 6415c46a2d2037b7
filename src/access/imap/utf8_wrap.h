// Messages inside of the UTF8 data item of RFC 6855 section 4, all of which is in the literal.
//
// Python's imaplib, before it was mended (python/cpython#78319), sends "{N}" and as the literal "UTF8 (", the
// message, ")" once UTF8=ACCEPT is enabled, where "UTF8 (~{N}", the message, ")" belongs. No header begins
// so.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace posthouse::access::imap {

// Takes a literal as it comes in, however it is cut, and gives the octets of the message. Holds none.
class Utf8Wrap {
 public:
  // `possible`: a literal may be like that. `size`: its octets.
  Utf8Wrap(bool possible, uint64_t size) : size_(size), state_(possible ? State::begins : State::none) {}

  // What of `piece`, the next octets, is the message's: the second behind the first; either may be empty.
  std::array<std::string_view, 2> take(std::string_view piece);
  // It began so, and ended otherwise: what came is no message.
  bool broken() const { return state_ == State::broken; }

 private:
  enum class State : uint8_t { begins, none, inside, broken };

  uint64_t size_;
  uint64_t seen_ = 0;
  State state_;
};

}  // namespace posthouse::access::imap
