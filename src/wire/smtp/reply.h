// Replies (RFC 5321 section 4.2) with enhanced status codes (RFC 2034, RFC 3463): written by the server, read
// by the client.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace posthouse::wire::smtp {

// Appends a reply to `out`: one line for each line (\n) of `text`, each with the code and, if not "", the
// status. Control characters become "?", lines longer than RFC 5321 section 4.5.3.1.5 allows are cut: text
// from elsewhere can't make a reply of its own.
void format_reply(std::string& out, int code, std::string_view status, std::string_view text);

// A reply as it was received.
struct ReceivedReply {
  int code = 0;        // 200 to 599
  std::string status;  // "5.1.1", or "" if the server sent none that fits the code
  std::string text;    // printable ASCII; lines separated by \n, without the status
};

// Whether `text` begins with a status code whose class fits `code`; its length, or 0.
size_t status_length(int code, std::string_view text);

// Puts the lines of one reply together. After a fault or a complete reply it starts over.
class ReplyParser {
 public:
  // `line` with its line end (CRLF; LF alone is forgiven here). The reply when it is complete, nothing when
  // more lines follow. Fails with `syntax` on what is no reply and beyond the limits of limits.h.
  Result<std::optional<ReceivedReply>> add_line(std::string_view line);

 private:
  Result<std::optional<ReceivedReply>> fault(const char* what);

  ReceivedReply reply_;
  size_t lines_ = 0;
};

}  // namespace posthouse::wire::smtp
