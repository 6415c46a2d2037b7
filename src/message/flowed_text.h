// Text whose paragraphs were broken into lines by its sender: text/plain; format=flowed (RFC 3676).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "message/summary.h"

namespace posthouse::message {

// Whether a part is such text, and whether the blank at the end of a flowed line is to go (DelSp=yes).
bool is_flowed(const Part& part);
bool deletes_spaces(const Part& part);

// Streaming, in UTF-8, with CRLF or LF: paragraphs come out as one line each, ended with LF, quoted ones
// behind as many ">" as they had and a blank; space-stuffing is undone. Never fails, and holds a few octets.
class FlowedText {
 public:
  explicit FlowedText(bool delete_spaces) : delete_spaces_(delete_spaces) {}
  void feed(std::string_view text, std::string& out);
  void finish(std::string& out);

 private:
  enum class At { quote, content };
  void take(char c, std::string& out);
  void begin_content(std::string& out);
  void take_content(char c, std::string& out);
  void end_line(std::string& out);

  bool delete_spaces_;
  At at_ = At::quote;
  size_t depth_ = 0;            // of ">" before this line
  size_t paragraph_depth_ = 0;  // before the paragraph that goes on
  bool goes_on_ = false;        // the line before was flowed
  bool after_cr_ = false;
  bool space_held_ = false;  // a blank that may be the last of the line
  std::string start_;        // of the line's content, while it can be a signature's
  bool can_be_signature_ = true;
};

}  // namespace posthouse::message
