// The sending side of section 4.5.2 of RFC 5321: dots doubled, the end mark added.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace posthouse::wire::smtp {

// Takes text in pieces of any size and appends what goes on the wire to a string of the caller's. What leaves
// here can't be read as two letters by anyone: a LF without CR and a CR without LF go out as CRLF, so a
// letter that came in some other way than SMTP can't smuggle an end mark.
class DotStuffer {
 public:
  // Appends at most 2 * text.size() + 1 bytes.
  void add(std::string_view text, std::string& out);
  // Ends the last line if it has no end, and appends the end mark. At most 5 bytes.
  void finish(std::string& out);
  // Line ends that had to be mended.
  uint64_t mended() const { return mended_; }

 private:
  void mend_pending_cr(std::string& out);
  size_t add_line(std::string_view text, size_t at, std::string& out);

  bool line_start_ = true;
  bool cr_ = false;  // a CR at the end of the last piece, not sent yet
  uint64_t mended_ = 0;
};

}  // namespace posthouse::wire::smtp
