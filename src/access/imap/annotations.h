// Annotations as clients see them (RFC 5464): those in the store, and those that are worked out.
#pragma once

#include <string>
#include <vector>

#include "access/imap/sharing.h"
#include "access/imap/state.h"
#include "wire/imap/command.h"

namespace posthouse::access::imap {

// The special use of a mailbox (RFC 6154 section 4).
inline constexpr std::string_view kSpecialUseEntry = "/private/specialuse";
// How to reach who runs the server.
inline constexpr std::string_view kAdminEntry = "/shared/admin";

// RFC 5464 section 3.3. To change what all see, one has to be allowed to change something.
inline constexpr Need kReadsAnnotations{store::kMayLookUp, store::kMayRead | store::kMaySetSeen |
                                                               store::kMayWrite | store::kMayInsert |
                                                               store::kMayPost};
inline constexpr Need kWritesAnnotations{store::kMayLookUp | store::kMayWrite};

// Writes METADATA of those that `c` asks for, of a mailbox or (nothing) the server. `longest`: of the values
// that are left out because of MAXSIZE; it grows. The private ones of a mailbox are its owner's.
Task<Result<void>> tell_annotations(Session& s, const Located* mailbox, const wire::imap::GetMetadata& c,
                                    uint64_t& longest);

}  // namespace posthouse::access::imap
