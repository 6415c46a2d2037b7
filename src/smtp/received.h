// The trace line that a server puts in front of every letter it takes (RFC 5321 section 4.4).
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "smtp/server.h"

namespace posthouse::smtp {

struct ReceivedBy {
  std::string_view host;  // our name
  std::string_view id;    // queue id
  SystemTime when{};
  bool disclose_client =
      true;  // false (submission): no "from" clause, neither name nor address of the client
};

// "Received: from ... by ... with ... id ...; date" folded, with CRLF at its end. The recipient is named only
// if it is the only one, so that a blind copy stays blind.
std::string received_field(const SessionFacts& facts, const Envelope& envelope, const ReceivedBy& by);

}  // namespace posthouse::smtp
