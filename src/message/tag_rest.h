// What stands behind the name in a tag of HTML or XML.
#pragma once

#include <cstddef>
#include <string_view>

namespace posthouse::message {

// Finds the ">" that ends the tag: one in a quoted value of an attribute does not. Holds nothing but the
// quote.
class TagRest {
 public:
  // How many octets at the start of `text` belong to the tag: all, or those up to and with its ">" (`ends`).
  size_t pass(std::string_view text, bool& ends) {
    for (size_t at = 0;; ++at) {
      at = quote_ != 0 ? text.find(quote_, at) : text.find_first_of("\"'>", at);
      ends = at != text.npos && quote_ == 0 && text[at] == '>';
      if (at == text.npos) return text.size();
      if (ends) return at + 1;
      quote_ = quote_ != 0 ? 0 : text[at];
    }
  }

 private:
  char quote_ = 0;  // of the value that is open
};

}  // namespace posthouse::message
