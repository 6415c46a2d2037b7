// Takes one HTTP/1.1 request from octets (RFC 9112). No I/O.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "net/http_message.h"

namespace posthouse::net {

// One request. The octets that were used go from the front of `in`; what is left is the next request's.
class HttpRequestReader {
 public:
  explicit HttpRequestReader(size_t header_limit);
  ~HttpRequestReader();

  // Whether the header is whole; if not, more octets are needed. A fault is the end of the connection, and
  // refusal() is what to answer: 400, 431, 501 or 505.
  Result<bool> take_header(std::string& in);
  int refusal() const;

  // Of a whole header. `peer` and `tls` are the caller's to fill.
  HttpRequest& request() { return request_; }
  bool is_current() const;                         // HTTP/1.1 or later, which has chunks
  bool keeps_alive() const;                        // RFC 9112 section 9.3
  bool waits_for_continue() const;                 // RFC 9110 section 10.1.1
  std::optional<uint64_t> content_length() const;  // nothing: it comes in chunks, or there is none

  // The next octets of the content: how many were put into `out` (not empty). 0: it has ended, if ended(),
  // else more are needed.
  Result<size_t> take_content(std::string& in, std::span<char> out);
  bool ended() const;

 private:
  Result<void> check_header();
  Result<void> take_target(std::string_view target);
  std::unexpected<Fault> refuse(int status, std::string why);

  struct Parser;
  std::unique_ptr<Parser> parser_;
  HttpRequest request_;
  size_t header_limit_;
  int refusal_ = 400;
  std::string broken_;  // what is wrong with the content behind what was given of it
};

}  // namespace posthouse::net
