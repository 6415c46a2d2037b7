#include "access/imap/utf8_wrap.h"

#include <algorithm>

namespace posthouse::access::imap {

namespace {
constexpr std::string_view kOpen = "UTF8 (";
}

std::array<std::string_view, 2> Utf8Wrap::take(std::string_view piece) {
  std::string_view held;
  if (state_ == State::begins) {
    const std::string_view wanted = kOpen.substr(static_cast<size_t>(seen_));
    const size_t same = std::min(wanted.size(), piece.size());
    if (piece.substr(0, same) != wanted.substr(0, same)) {
      state_ = State::none;
      held = kOpen.substr(0, static_cast<size_t>(seen_));
    } else {
      seen_ += same;
      piece.remove_prefix(same);
      if (same == wanted.size()) state_ = State::inside;
    }
  }
  if (state_ == State::begins) {
    // A literal that ends here was no more than a beginning.
    if (seen_ == size_) held = kOpen.substr(0, static_cast<size_t>(seen_));
    return {held, std::string_view()};
  }
  seen_ += piece.size();
  if (state_ == State::inside && seen_ == size_) {
    if (piece.ends_with(')')) {
      piece.remove_suffix(1);
    } else {
      state_ = State::broken;
    }
  }
  return {held, piece};
}

}  // namespace posthouse::access::imap
