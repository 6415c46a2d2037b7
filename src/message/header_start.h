// Where a letter begins without a header, the trace fields in front of it would swallow its text: an empty
// line has to stand between them.
#pragma once

#include <string>
#include <string_view>

namespace posthouse::message {

// Looks at the first line of a letter as it comes, however it is cut. Holds back at most 998 octets.
class HeaderStart {
 public:
  // What may go on: nothing, while the first line does not tell; then all that was held back, behind an empty
  // line if it is no header field (RFC 5322 section 2.2, with the white space before the colon of
  // section 4.5) nor the separator of an mbox.
  std::string feed(std::string_view bytes);
  // What is held back at the letter's end, behind an empty line: also a letter without a single octet has a
  // body.
  std::string finish();
  // All that comes now goes on as it is.
  bool decided() const { return decided_; }

 private:
  std::string held_;
  bool decided_ = false;
};

}  // namespace posthouse::message
