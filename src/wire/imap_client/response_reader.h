// Takes a server's octets and gives responses, without any input or output of its own: lines, literals (RFC
// 3501 section 4.3), and the letter of a FETCH as a stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "wire/imap_client/response.h"

namespace posthouse::wire::imap_client {

struct NeedMore {};  // all input was taken; feed more
struct BodyBegins {  // the octets of a letter follow: take_body()
  uint64_t size = 0;
};
struct Broken {  // this is no IMAP, or over a limit: end the connection
  std::string why;
};

using Event = std::variant<NeedMore, BodyBegins, Response, Broken>;

// One per connection. Holds at most kMaxResponse octets. Not thread-safe.
class ResponseReader {
 public:
  // Takes octets off the front of `input` until something is there.
  Event next(std::string_view& input);
  // The next octets of the letter, off the front of `input`; empty when there are none now.
  std::string_view take_body(std::string_view& input);
  uint64_t body_left() const { return state_ == State::body ? left_ : 0; }

 private:
  enum class State : uint8_t { line, literal, body, broken };

  Event on_line(std::string_view& input);
  Event on_literal(std::string_view& input);
  Event line_done();
  Event broken(std::string why);

  State state_ = State::line;
  std::string text_;       // of the response so far
  size_t line_ = 0;        // where its last line begins
  uint64_t left_ = 0;      // of a literal or body
  bool has_body_ = false;  // one came in this response
};

// A whole response, with its line end; a streamed body stands in it as one NUL. Nothing: it is not what the
// grammar has.
std::optional<Response> parse_response(std::string_view text);

}  // namespace posthouse::wire::imap_client
