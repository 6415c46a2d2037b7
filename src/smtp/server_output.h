// Replies on their way out, collected so that a pipelined batch is answered with one write (RFC 2920
// section 3.2).
#pragma once

#include <string>

#include "net/stream.h"
#include "smtp/server.h"

namespace posthouse::smtp {

// Writes to `stream`, which outlives it. One flush at a time. Holds no memory while it is empty.
class ServerOutput {
 public:
  explicit ServerOutput(net::Stream& stream) : stream_(stream) {}

  // Adds a reply; an enhanced status that is missing is filled in (RFC 2034 section 4: every 2xx, 4xx and
  // 5xx).
  void add(const Reply& reply);
  // Adds one of the replies that carry none: the greeting, those to HELO and EHLO, 3xx.
  void add_plain(int code, std::string_view text);

  bool empty() const { return pending_.empty(); }
  bool full() const;
  // Sends what was added.
  Task<Result<void>> flush();
  // Forgets it: the connection is no longer to be trusted.
  void discard() { pending_.clear(); }

 private:
  net::Stream& stream_;
  std::string pending_;
};

}  // namespace posthouse::smtp
