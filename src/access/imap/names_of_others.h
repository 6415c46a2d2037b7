// What is to know of a mailbox of somebody else from its name alone, and of one that may not be read.
#pragma once

#include <cstddef>
#include <string_view>

#include "access/imap/located.h"

namespace posthouse::access::imap {

// Of a name in the namespaces (access/imap/sharing.h), the octets before the one that the owner knows it by;
// else 0.
size_t size_of_prefix(std::string_view name);

// A level is "." or "..". Programs that keep mailboxes as folders take such a name for an attack and give up
// on the whole account. So clients make no new ones, and LIST tells of those of nobody else; what is there
// already, or comes from elsewhere (import, restore, files), stays its owner's.
bool has_dot_level(std::string_view name);

// APPENDUID and COPYUID tell of a mailbox what only who may SELECT it may know (RFC 9051 sections 6.3.12,
// 6.4.7 and 11.4).
inline bool may_know_uids(const Located& mailbox) {
  return (mailbox.rights & store::kMayRead) != 0;
}

}  // namespace posthouse::access::imap
