// Grooms the header of a submitted letter (RFC 6409 section 8): completes what the client left out and takes
// out what is not for others. Fields that need nothing stay byte for byte. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "message/address.h"

namespace posthouse::submission {

// What the added fields are made of.
struct Groomer {
  std::string default_domain;  // behind addresses without one
  std::string login;           // the account's address, for a missing From
  std::string display_name;    // beside it; may be ""
  std::string message_id_domain;
  std::string message_id_token;  // unique characters for a missing Message-ID
  SystemTime now{};
};

struct Groomed {
  std::string header;                     // with the empty line that ends it
  std::vector<message::Address> authors;  // all addresses of From
  std::vector<message::Address> senders;  // of Sender
};

// `block`: the header with its empty line if it has one, and perhaps some of the body. `body_begin` tells
// where the body begins in `block`. Fails with `syntax` (with a text for the client) for a header without
// usable From, several From or Sender fields, or too many authors.
Result<Groomed> groom(std::string_view block, const Groomer& groomer, size_t& body_begin);

}  // namespace posthouse::submission
