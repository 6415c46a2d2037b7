// What an IMAP URL of CATENATE stands for (RFC 4469): octets of a message of the account.
#pragma once

#include <optional>
#include <string>

#include "access/imap/fetch_plan.h"
#include "access/imap/state.h"

namespace posthouse::access::imap {

// Octets [extent.offset, + extent.length) of a message; or those in `fields`, picked from its header.
struct UrlOctets {
  store::AccountId account = 0;  // whose it is
  store::Entry entry;
  Extent extent;
  std::optional<std::string> fields;
  uint64_t size() const { return fields ? fields->size() : extent.length; }
};

// `not_found` if the URL can't be read, or names nothing that is there; other faults are those of the store.
Task<Result<UrlOctets>> find_url(Session& s, std::string url);

}  // namespace posthouse::access::imap
